/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the test images run on: output, hypercalls, faults, interrupts, counters. EL1, MMU off, one vCPU. */
#pragma once
#include "abi/bootinfo.h"
#include "abi/hypercall.h"
#include "lib/test.h"

/* Filled by the vectors; `resume` is where the next fault goes on (0: after the instruction). Layout known to start.S. */
struct rt_fault {
    uint64_t count, esr, far, elr, resume;
};
extern volatile struct rt_fault rt_fault;

/** The image's own part: called once, with the bootinfo that EL2 gave. Main images mostly call rt_run_tests. */
void image_main(const struct bootinfo *boot);

/** Runs every TEST of the image, prints `PASS suite.name` or `FAIL suite.name`, then `N passed, N failed`. */
void rt_run_tests(void);
const struct bootinfo *rt_boot(void);

/** Prints through the UART where this domain has one, else as a line of EL2's log. */
void rt_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** Waits for one character on the UART. */
int rt_getc(void);
_Noreturn void rt_poweroff(void);

void rt_hvc(uint64_t x[7]);
/** One hypercall, results x1.. in out[1..6] when out is not NULL; returns x0. */
uint64_t rt_call(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3, uint64_t out[7]);
/** Prints what EL2's log holds from *position on. Main only. */
void rt_print_log(uint64_t *position);

/** One access of 1, 2, 4 or 8 bytes. True when it went through; *value in or out. Its fault is in rt_fault. */
bool rt_read(uint64_t address, unsigned size_bytes, uint64_t *value);
bool rt_write(uint64_t address, unsigned size_bytes, uint64_t value);
/** Jumps there. True when it came back without a fault. */
bool rt_execute(uint64_t address);

/** Distributor, redistributor and CPU interface on; no interrupt enabled yet. */
void rt_gic_start(void);
void rt_gic_enable(uint32_t intid);
/** The next interrupt, acknowledged and ended; waits in WFI. Interrupts stay masked: the handler is the caller. */
uint32_t rt_gic_wait(void);
/** As rt_gic_wait, but gives up after so many ticks of the virtual counter: 1023. */
uint32_t rt_gic_wait_until(uint64_t ticks);
/** 1023 when nothing is pending. */
uint32_t rt_gic_poll(void);
void rt_gic_end(uint32_t intid);

uint64_t rt_ticks(void);
void rt_wait_ticks(uint64_t ticks);

/** Event counter 0 = retired instructions at every level (PMU event 8; counts under icount only). */
void rt_pmu_start(void);
static inline uint64_t rt_instructions(void)
{
    uint64_t value;
    __asm__ volatile("isb\n mrs %0, pmevcntr0_el0" : "=r"(value)::"memory");
    return value;
}

/**
 * Stores value to *store_to (not to NULL), then reads event counter 0 over and over with interrupts on.
 * Returns: the counter at the first instruction of the interrupt's handler less the last reading before it came. The interrupt is
 * neither acknowledged nor ended, and masked again.
 */
uint64_t rt_irq_latency(volatile void *store_to, uint32_t value);

void rt_fp_fill(uint64_t seed);
uint64_t rt_fp_same(uint64_t seed);

const struct boot_device *rt_device(const char *name);
