/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The trace ring of the core: the newest 1,024 records. */
#include "hyp/trace.h"

#include "hyp/arch.h"

#define RING_COUNT 1024 /* a power of two */

static struct {
    struct trace_rec rec[RING_COUNT];
    uint64_t next; /* free-running sequence number of the next record */
} ring;

void trace(enum trace_event event, uint32_t domain, uint64_t arg0, uint64_t arg1)
{
    struct trace_rec *r = &ring.rec[ring.next++ & (RING_COUNT - 1)];
    r->ticks = arch_ticks();
    r->event = (uint16_t)event;
    r->cpu = 0;
    r->domain = domain;
    r->arg[0] = arg0;
    r->arg[1] = arg1;
}

uint64_t trace_read(uint64_t sequence, struct trace_rec *out)
{
    uint64_t oldest = ring.next > RING_COUNT ? ring.next - RING_COUNT : 0;
    if (sequence < oldest) sequence = oldest;
    if (sequence >= ring.next) return 0;
    *out = ring.rec[sequence & (RING_COUNT - 1)];
    return sequence + 1;
}
