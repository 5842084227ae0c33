/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the fault builds share. */
#include "domains/faults/fault.h"

#include "domains/rt/hvc.h"
#include "domains/rt/rt.h"
#include "domains/rt/sysreg.h"

static struct {
    uint64_t count;
} fault;

bool fault_due(void)
{
    uint64_t gens = rt_param("gens", 1);
    if (gens != 0 && rt_bootinfo()->generation >= gens) return false;
    if (++fault.count != rt_param("after", FAULT_AFTER_DEFAULT)) return false;
    hvc_log("fault build: now");
    return true;
}

bool fault_is_of_link(const struct virtq_device *q)
{
    const struct bootinfo *boot = rt_bootinfo();
    uint64_t link = rt_param("link", UINT64_MAX);
    for (uint32_t i = 0; i < boot->link_count; i++) {
        if (boot->link[i].client_window_ipa == q->window.client_base) {
            return link == UINT64_MAX || boot->link[i].id == link;
        }
    }
    return false;
}

uint64_t fault_addr(void)
{
    return rt_param("addr", FAULT_ADDR_DEFAULT);
}

void fault_unmapped(void)
{
    SYSREG_WRITE(sctlr_el1, SYSREG_READ(sctlr_el1) & ~UINT64_C(1));
    isb();
}
