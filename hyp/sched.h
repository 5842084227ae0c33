/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who runs on a core: fixed priority with budget (sporadic server), FIFO among equals; and when EL2's timer must ring. */
#pragma once
#include "hyp/vcpu.h"

/** The vCPU whose system registers this core has loaded; NULL: nobody's. */
struct vcpu *sched_current(void);
/** Marks that another vCPU may deserve this core; sched_exit looks before returning to EL1. */
void sched_request(void);
/** The loaded vCPU goes behind its equals. */
void sched_yield(struct vcpu *v);
/** Adds a vCPU to the core it is pinned to (v->core). Context: EL2 boot. */
void sched_add(struct vcpu *v);
/**
 * Decides who goes on, switches to it, sleeps while nobody can run. Every trap ends here, with EL2's lock given up.
 * Returns the vCPU whose system registers are loaded and list registers filled.
 */
struct vcpu *sched_exit(void);
/** Guest WFI: the loaded vCPU waits unless something is deliverable. */
void sched_wait(struct vcpu *v);
/** EL2's timer rang: budgets, guest timers of vCPUs off the core, watched queues. */
void sched_timer(void);
/** Entry to EL2 at this time: start of the stretch that HYP_STAT_LONGEST_TICKS measures. Takes EL2's lock. */
void sched_enter(uint64_t now_ticks);
/** The rest of this stay in EL2 is charged to v instead of the vCPU that was interrupted: it caused it. */
void sched_charge_to(struct vcpu *v);
/** Drops the boot map and runs the first vCPU of this core; resident code calls it last. */
_Noreturn void sched_start(void);
