/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who runs on the core: fixed priority with budget, FIFO among equals; and when EL2's timer must ring. */
#pragma once
#include "hyp/vcpu.h"

/** The vCPU whose system registers are loaded; NULL before the first. */
struct vcpu *sched_current(void);
/** Marks that another vCPU may deserve the core; sched_exit looks before returning to EL1. */
void sched_request(void);
/** Adds a vCPU at boot. */
void sched_add(struct vcpu *v);
/**
 * Decides who goes on, switches to it, sleeps while nobody can run. Every trap ends here.
 * Returns the vCPU whose system registers are loaded and list registers filled.
 */
struct vcpu *sched_exit(void);
/** Guest WFI: the loaded vCPU waits unless something is deliverable. */
void sched_wait(struct vcpu *v);
/** EL2's timer rang: budgets, guest timers of vCPUs off the core, watched queues. */
void sched_timer(void);
/** Entry to EL2 at this time: start of the stretch that HYP_STAT_LONGEST_TICKS measures. */
void sched_enter(uint64_t now_ticks);
/** Drops the boot map and runs the first vCPU; resident code calls it last. */
_Noreturn void sched_start(void);
