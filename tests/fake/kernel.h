/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A machine for kernel/ on the host: RAM in an array, a clock that tests move, interrupts that tests raise. */
#pragma once
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"

#define FAKE_RAM_PA    UINT64_C(0x40000000)
#define FAKE_RAM_PAGES 2048

struct fake_kernel {
    uint64_t now_ticks;
    uint64_t timer_ticks; /* what the kernel programmed last */
    uint32_t timer_writes;
    uint32_t tlb_flushes; /* whole address spaces */
    uint32_t page_flushes;
    uint32_t pending[16]; /* INTIDs to be claimed, oldest first */
    uint32_t pending_count;
    uint32_t enabled[8], enabled_count;
    uint32_t deactivated[32], deactivated_count;
    int lock_depth;
    uint32_t started; /* bit: core */
    err_t cpu_start_result;
    uint32_t kicks[CPU_MAX];
    uint64_t hvc_x[7]; /* of the latest hypercall but log writes */
    uint32_t hvc_count;
    uint64_t hvc_result[7]; /* answer to it */
    char log[4096];
    uint32_t log_bytes;
};
extern struct fake_kernel fake;

/** Fresh RAM and counters, once for each test program; later calls only clear the counters. */
void fake_start(void);
/** A running process with one thread that is the current one now. Its x registers are the caller's to set. */
struct thread *fake_process(const char *name);
/** Makes a runnable thread the current one. */
void fake_run(struct thread *t);
/**
 * One system call of t, which becomes the current thread; x0..x5 as given. Then all that follows, up to the thread that runs next.
 * Returns x0 of t as it stands then; t may wait (t->state).
 */
err_t fake_call(struct thread *t, uint64_t number, uint64_t x0, uint64_t x1, uint64_t x2,
                uint64_t x3, uint64_t x4, uint64_t x5);
/** The same with the registers of t as they are. */
err_t fake_call_raw(struct thread *t, uint64_t number);
/** What vectors.S does on the way out: work put aside, choice of the next thread. Returns it, or NULL when nobody can run. */
struct thread *fake_settle(void);
/** Moves the clock and lets the timer fire when it is due. */
void fake_time(uint64_t now_ticks);
/** Takes one interrupt. */
void fake_interrupt(uint32_t intid);
/** Ends every process that is left, so that the next case starts clean. */
void fake_end_all(void);
