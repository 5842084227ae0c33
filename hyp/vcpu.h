/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A virtual CPU: saved registers, interrupt state, accounting. */
#pragma once
#include "hyp/vgic.h"
#include "lib/base.h"

#define VCPU_CHUNK_MAX 8 /* pieces in which a budget comes back */

struct domain;

/* Stored and loaded by vectors.S; offsets are in aarch64/offsets there and pinned below. */
struct vcpu_regs {
    uint64_t x[31];
    uint64_t pc;     /* 248 */
    uint64_t pstate; /* 256 */
};
STATIC_ASSERT(offsetof(struct vcpu_regs, pc) == 248, "vectors.S");
STATIC_ASSERT(offsetof(struct vcpu_regs, pstate) == 256, "vectors.S");

/* EL1 state of a vCPU that is not on a core. */
struct vcpu_sysregs {
    uint64_t sp_el0, sp_el1, elr_el1, spsr_el1, sctlr, cpacr, ttbr0, ttbr1, tcr, mair, amair, vbar;
    uint64_t esr, far, afsr0, afsr1, contextidr, tpidr_el0, tpidrro_el0, tpidr_el1, par, cntkctl;
    uint64_t cntv_ctl, cntv_cval, cntp_ctl, cntp_cval, mdscr, csselr;
    bool has_cntp; /* it has touched its physical timer: from then on that is switched, too */
};

enum vcpu_state {
    VCPU_OFF = 0, /* never runs: domain not started, dead */
    VCPU_READY,
    VCPU_WAITING /* in WFI with no deliverable interrupt */
};

struct vcpu {
    struct vcpu_regs regs; /* must be first: TPIDR_EL2 points here */
    struct vcpu_sysregs sys;
    struct vgic vgic;
    struct domain *domain; /* borrowed: the struct that embeds this one */
    uint32_t index;        /* in domain->vcpu[] */
    uint32_t core;         /* the core it is pinned to: index of hyp/core.h */
    enum vcpu_state state;
    uint32_t priority;
    uint64_t fp[66] __attribute__((aligned(16))); /* q0..q31, fpsr, fpcr */
    uint64_t turn;                                /* who waits longer has the lower one */
    struct {
        uint64_t budget_ticks, period_ticks; /* 0, 0: unlimited */
        uint64_t left_ticks;                 /* left_ticks + all chunks = budget_ticks */
        uint64_t run_ticks, el2_ticks;       /* totals */
        uint64_t until_ticks;                /* it last ran until then */
        uint32_t chunk_first, chunk_count;
        struct {
            uint64_t at_ticks, amount_ticks; /* used up, comes back then */
        } chunk[VCPU_CHUNK_MAX];
    } cpu;
};

/** Makes the vCPU runnable if it waits: an interrupt became deliverable. Context: EL2, lock held, any core. */
void vcpu_wake(struct vcpu *v);
/** Its core comes through EL2 soon, so that what was changed in memory takes effect. Nothing to do when it is loaded here, or nowhere. */
void vcpu_kick(struct vcpu *v);
/** Takes it out for good (until vcpu_reset). The core it is loaded on lets go of it soon: vcpu_is_loaded. */
void vcpu_park(struct vcpu *v);
/** True while some core has its registers. */
bool vcpu_is_loaded(const struct vcpu *v);
/** Copies the EL1 registers into the struct when they are loaded here: for the dump. */
void vcpu_store_sysregs(struct vcpu *v);
/** Reset state for a fresh start: pc = entry, x0 = arg, all else architectural reset values, budget full. It must not be loaded. */
void vcpu_reset(struct vcpu *v, ipa_t entry, uint64_t arg);
/** True while the vCPU has budget now (always for unlimited ones). Takes back what is due. */
bool vcpu_has_budget(struct vcpu *v, uint64_t now_ticks);
/** When a vCPU without budget has some again. */
uint64_t vcpu_refill_ticks(const struct vcpu *v);
