/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Time: ticks of CNTVCT_EL0, nanoseconds, the wall clock. */
#pragma once
#include <stdint.h>

static inline uint64_t time_now_ticks(void)
{
    uint64_t v;
    __asm__ volatile("isb\n mrs %0, cntvct_el0" : "=r"(v)::"memory");
    return v;
}

static inline uint64_t time_freq_hz(void)
{
    uint64_t v;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(v));
    return v;
}

/** ticks of ns nanoseconds, rounded up. Exact below 2^63 ns. Context: any. */
uint64_t time_ticks_from_ns(uint64_t ns);
uint64_t time_ns_from_ticks(uint64_t ticks);

/** Deadline ns from now, for system calls. Never DEADLINE_NEVER or DEADLINE_NOW. Context: any. */
uint64_t time_deadline_ns(uint64_t ns);

/** Ends after ns nanoseconds. Context: any thread. */
void time_sleep_ns(uint64_t ns);

/**
 * Seconds since 1970 from the clock "rtc0" (PL031) when the parent gave one, else since a fixed day.
 * Context: any thread; the first call maps the clock.
 */
uint64_t time_wall_s(void);
