/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A recording arch seam and the neighbours of links, watchdog and rebirth: for host tests. */
#pragma once
#include "hyp/core.h"
#include "hyp/domain.h"

#define FAKE_LOG_BYTES 65536

struct fake {
    uint64_t now_ticks; /* arch_ticks; 1 tick = 1 ns */
    struct domain domain[DOMAIN_MAX];
    uint32_t domain_count;

    uint32_t raised[DOMAIN_MAX]; /* calls of vgic_raise */
    uint32_t last_intid[DOMAIN_MAX];
    uint32_t kills; /* calls of domain_kill for a running domain */
    bool out_of_budget[DOMAIN_MAX];
    uint64_t refill_ticks[DOMAIN_MAX]; /* vcpu_refill_ticks */
    bool loaded[DOMAIN_MAX];           /* some core has a vCPU of it */
    struct core core[CORE_MAX];
    uint32_t pokes[CORE_MAX];
    err_t core_on_result;
    bool is_deliverable;        /* sched_wait finds an interrupt pending */
    uint32_t peeks, peek_limit; /* mapped now; how many may be */
    uint32_t timer_writes;
    err_t smmu_close_result, smmu_flush_result;
    uint32_t guard_moves;              /* guard_is_still says false so often, less one */
    void (*on_kill)(struct domain *d); /* what domain_kill tells the links */

    bool is_logging;          /* calls below go to the log, one line each */
    char log[FAKE_LOG_BYTES]; /* "name args\n" */
    uint64_t work;            /* instructions that the zeroing and copying of EL2 would have cost */
    uint64_t bytes_zeroed, bytes_copied;
    uint32_t bad_chunks; /* arch_mem_* calls that hyp/aarch64/mmu.c refuses */
};

extern struct fake fake;

/** Forgets everything: `count` running domains, each with its index and vCPU, plenty of peeks. */
void fake_start(uint32_t count);
/** Adds a line to the log when logging is on. */
void fake_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
