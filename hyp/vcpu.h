/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A virtual CPU: saved registers, interrupt state, accounting. */
#pragma once
#include "hyp/vgic.h"
#include "lib/base.h"

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
    uint64_t cntv_ctl, cntv_cval, cntp_ctl, cntp_cval, mdscr, csselr, actlr;
    uint64_t pmcr, pmuserenr, pmcntenset, pmevtyper0, pmccfiltr, pmselr; /* only with `pmu` */
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
    bool fp_owned;                                /* the FP registers hold this vCPU's values */
    uint64_t fp[66] __attribute__((aligned(16))); /* q0..q31, fpsr, fpcr */
    struct {
        uint64_t budget_ticks, period_ticks; /* 0, 0: unlimited */
        uint64_t left_ticks;
        uint64_t period_end_ticks;     /* replenished lazily when looked at after this */
        uint64_t run_ticks, el2_ticks; /* totals */
    } cpu;
};

/** Makes the vCPU runnable if it waits: an interrupt became deliverable. Context: EL2. */
void vcpu_wake(struct vcpu *v);
/** Takes it out for good (until vcpu_reset). The caller reschedules. */
void vcpu_park(struct vcpu *v);
/** Copies the EL1 registers into the struct when they are loaded: for the dump. */
void vcpu_store_sysregs(struct vcpu *v);
/** Reset state for a fresh incarnation: pc = entry, x0 = arg, all else architectural reset values. */
void vcpu_reset(struct vcpu *v, ipa_t entry, uint64_t arg);
/** True while the vCPU has budget in its current period (always for unlimited ones). */
bool vcpu_has_budget(struct vcpu *v, uint64_t now_ticks);
