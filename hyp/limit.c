/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The interrupt limiter, without a tick: it costs one look when a mask ends. */
#include "hyp/limit.h"

#include "abi/trace.h"
#include "hyp/aarch64/gicv3.h"
#include "hyp/arch.h"
#include "hyp/sched.h"
#include "hyp/trace.h"

static uint64_t next_ticks; /* the first end of a mask, 0: none; under the lock */

void limit_line(struct domain *d, uint32_t pintid)
{
    uint64_t now = arch_ticks(), period = d->vcpu[0].cpu.period_ticks;
    for (uint32_t i = 0; i < d->device_count && period; i++) {
        struct domain_device *dev = &d->device[i];
        if (dev->pintid != pintid) continue;
        if (now >= dev->limit_end_ticks) {
            dev->acks = 0;
            dev->limit_end_ticks = now + period;
        }
        if (++dev->acks < LIMIT_ACKS_MAX) return; /* guards: T-400 */
        gic_enable(pintid, false);
        trace(TRACE_LIMIT, d->index, pintid, dev->limit_end_ticks);
        if (!next_ticks || dev->limit_end_ticks < next_ticks) next_ticks = dev->limit_end_ticks;
        sched_request(); /* the end of the mask is a reason to ring */
    }
}

uint64_t limit_next(void)
{
    return next_ticks ? next_ticks : UINT64_MAX;
}

void limit_expire(uint64_t now_ticks)
{
    if (now_ticks < limit_next()) return;
    next_ticks = 0;
    for (uint32_t n = 0; n < domain_count(); n++) {
        struct domain *d = domain_at(n);
        for (uint32_t i = 0; i < d->device_count; i++) {
            struct domain_device *dev = &d->device[i];
            if (dev->acks < LIMIT_ACKS_MAX) continue;
            if (now_ticks < dev->limit_end_ticks) {
                next_ticks = MIN(limit_next(), dev->limit_end_ticks);
                continue;
            }
            dev->acks = 0;
            if (d->state != DOMAIN_RUNNING) continue; /* guards: T-401 */
            if (vgic_is_enabled(&d->vcpu[0], dev->vintid)) gic_enable(dev->pintid, true);
        }
    }
}
