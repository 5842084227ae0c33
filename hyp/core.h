/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A physical core: what EL2 keeps for each, and the one lock that all of EL2 runs under. */
#pragma once
#include "lib/base.h"

#define CORE_MAX      4
#define CORE_VCPU_MAX 32 /* vCPUs pinned to one core */

struct vcpu;
struct platform;

struct core {
    struct vcpu *current;             /* whose system registers are loaded; NULL: nobody's */
    struct vcpu *list[CORE_VCPU_MAX]; /* pinned here */
    uint32_t count, index;
    bool wanted;                       /* somebody else may be due */
    bool online;                       /* it runs EL2, or is on its way */
    uint64_t mpidr;                    /* affinity fields only */
    struct vcpu *payer;                /* who pays for this stay in EL2; NULL: current */
    struct vcpu *fp_owner;             /* whose values are in q0..q31; NULL: nobody's */
    uint64_t since_ticks;              /* current runs since; 0 while idle */
    uint64_t entry_ticks;              /* this stay in EL2 began */
    uint64_t slice_end_ticks;          /* an unlimited current goes behind its equals then */
    uint64_t alarm_ticks, timer_ticks; /* next look planned; EL2's timer as programmed */
    uint32_t irq;                      /* acknowledged by the quick path and left to the other */
    uint64_t syndrome;                 /* ESR of the last trap, 0: an interrupt */
};
/** The core that executes this, from the stack pointer. */
struct core *this_core(void);
/** Core by index, NULL past the last. */
struct core *core_at(uint32_t index);
uint32_t core_count(void);
/** The machine's cores; the one that boots is core 0. Context: EL2 boot. */
void cores_start(const struct platform *p);
/**
 * Switches a core on when it is off (PSCI CPU_ON of the firmware); it enters the scheduler on its own.
 * Returns OK | ERR_NO_ENTRY: no such core | ERR_IO: the firmware refused
 */
err_t core_power_on(uint32_t index) MUST_CHECK;
/** Switches this core off; it comes back through core_power_on. Context: lock held, nothing loaded. */
_Noreturn void core_power_off(void);
/** Logs what looks like return addresses on this core's stack, as offsets in hyp.elf: scripts/backtrace.py names them. Context: panic. */
void core_backtrace(void);
/** Makes the core come through EL2 and look who is due. Context: lock held. */
void core_poke(struct core *c);

/*
 * The one lock of EL2: taken at each entry but the null hypercall, given up before the return to EL1 and while the core sleeps.
 * A ticket lock: cores get it in the order in which they asked. Acquire and release: what one stay wrote, the next one sees.
 */
void core_lock(void);
void core_unlock(void);
