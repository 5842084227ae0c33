/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Trace records: 32 bytes, always on, in a per-core ring at EL2. scripts/trace.py turns them into a timeline. */
#pragma once
#include <stdint.h>

struct trace_rec {
    uint64_t ticks; /* CNTPCT_EL0 */
    uint16_t event; /* enum trace_event */
    uint16_t cpu;
    uint32_t domain; /* index */
    uint64_t arg[2];
};
_Static_assert(sizeof(struct trace_rec) == 32, "scripts/trace.py reads 32-byte records");

enum trace_event {
    TRACE_NONE = 0,
    TRACE_BOOT,        /* arg0 phase */
    TRACE_SWITCH,      /* domain = the one that runs now; arg0 = the one before */
    TRACE_TRAP,        /* arg0 ESR, arg1 ELR; only traps off the fast path */
    TRACE_IRQ,         /* arg0 INTID */
    TRACE_DOORBELL,    /* arg0 link, arg1 0 = client to server, 1 = back */
    TRACE_DEATH,       /* arg0 cause, arg1 detail */
    TRACE_STEP,        /* arg0 step of the rebirth sequence, arg1 progress */
    TRACE_START,       /* arg0 generation */
    TRACE_PUBLISH,     /* arg0 link */
    TRACE_LINK_STATUS, /* arg0 link, arg1 Status */
    TRACE_DMA_EVENT,   /* arg0 stream, arg1 address */
    TRACE_DEADLINE,    /* arg0 link: armed; arg1 ticks, 0 = expired */
    TRACE_LIMIT,       /* arg0 INTID: masked until arg1 ticks, it came too often */
    TRACE_EVENT_COUNT
};
