/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The seam: all that kernel/ asks of the CPU. kernel/aarch64/ has the real one, tests/unit/kernel/fake.c one for the host. */
#pragma once
#include "lib/base.h"

struct thread;

/** Memory of the direct map: the kernel's address of a physical page and back. */
void *arch_ptr(pa_t pa);
pa_t arch_pa(const void *ptr);

/** Fills one page with zeros. */
void arch_page_zero(void *page);
/** Makes freshly written bytes of a page good for instruction fetch. */
void arch_page_sync_code(void *page);

/** CNTVCT_EL0 and its frequency in Hz. */
uint64_t arch_ticks(void);
uint64_t arch_freq_hz(void);
/** Programs the virtual timer to fire at this tick; ARCH_TIMER_NEVER disarms it. */
#define ARCH_TIMER_NEVER UINT64_MAX
void arch_timer_set(uint64_t at_ticks);

/** Sleeps until an interrupt is pending; interrupts stay masked, so it is not taken. */
void arch_wait_for_interrupt(void);

/** Drops every translation of an address-space number; those of one page of it. */
void arch_tlb_flush_asid(uint16_t asid);
void arch_tlb_flush_page(uint16_t asid, uint64_t va);
/** Makes table writes visible to the walker. */
void arch_table_publish(void);
/** The TTBR0 value of a table root and address-space number. */
uint64_t arch_ttbr(pa_t root, uint16_t asid);
/** Puts an empty table in the place of this TTBR0 value if it is the one in use: its tables are about to go. */
void arch_user_table_drop(uint64_t ttbr0);

/** The kernel's one lock, for stays outside vectors.S. */
void arch_lock(void);
void arch_unlock(void);
/** Returns when another core has set the word to 0. */
void arch_wait_zero(const _Atomic uint32_t *word);
/** Switches a core on: it takes the lock and goes to the scheduler. ERR_IO: refused. */
struct cpu;
err_t arch_cpu_start(struct cpu *c) MUST_CHECK;
/** Gives the lock up and switches this core off. */
_Noreturn void arch_cpu_stop(void);
/** Interrupts another core. */
void arch_cpu_kick(uint32_t index);
/** TTBR0 of this core translates nothing from here on. */
void arch_user_leave(void);
/** The FP/SIMD registers of this core, which are somebody's, go back to him. */
void arch_fp_leave(void);

/** Interrupt controller. complete = priority drop; deactivate = it may come again. */
void arch_irq_enable(uint32_t intid, bool edge);
void arch_irq_disable(uint32_t intid);
uint32_t arch_irq_claim(void); /* >= 1020: none */
void arch_irq_complete(uint32_t intid);
void arch_irq_deactivate(uint32_t intid);

/** Forgets the FP/SIMD registers of a thread that ends. */
void arch_fp_drop(const struct thread *t);

/* x0 = function, results from x0 on. */
struct hvc_regs {
    uint64_t x[7];
};
/** `hvc #0`. Context: any. */
void arch_hvc(struct hvc_regs *regs);
/** Stops this machine for good when PSCI did not. */
_Noreturn void arch_halt(void);
