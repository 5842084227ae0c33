/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Exceptions from EL1 and EL0 of domains: class to handler to verdict. */
#pragma once
#include "hyp/vcpu.h"

/**
 * Quick ways from vectors.S for what neither kills, switches nor takes long; x19..x29 are not saved. NULL: nothing was done (an
 * interrupt stays in core.irq), take the other way. Quick: a read of the emulated GIC; an interrupt of v that it had before.
 */
struct vcpu *trap_quick_read(struct vcpu *v, uint64_t esr);
struct vcpu *trap_quick_irq(struct vcpu *v);
/** Entries from vectors.S; each returns the vCPU to run. */
struct vcpu *trap_sync(struct vcpu *v);
struct vcpu *trap_irq(struct vcpu *v);
struct vcpu *trap_serror(struct vcpu *v);
_Noreturn void trap_own_fault(uint64_t kind, uint64_t pc, uint64_t sp);

/** Acknowledges and hands out physical interrupts, at most 16 a call. Context: EL2, interrupts masked. */
void trap_take_interrupts(void);
/** The entry being handled is hypercall n (for HYP_STAT_LONGEST_SYNDROME: EC of HVC and the number). */
void trap_note_hypercall(uint64_t n);
/** Declares who owns a physical line (boot). */
void trap_line_owner(uint32_t pintid, struct domain *d, uint32_t vintid, bool edge);
