/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Two driver domains of one priority hand the core to each other by HVC_YIELD: the first measures A -> B -> A, full context both ways. */
#include "bench.h"

#define WAIT_TICKS 6250000 /* 100 ms */

static void yield(void)
{
    register uint64_t x0 __asm__("x0") = HVC_YIELD;
    __asm__ volatile("hvc #0" : "+r"(x0)::"x1", "x2", "x3", "x4", "x5", "x6", "memory");
}

static void measure(void)
{
    rt_pmu_start();
    uint32_t loop = bench_empty();
    for (int i = -BENCH_WARM; i < BENCH_ROUNDS; i++) {
        uint64_t start = rt_instructions();
        yield();
        bench_note(i, rt_instructions() - start);
    }
    bench_row("switch_round_trip", loop);
    for (;;) __asm__ volatile("wfi");
}

/* Main shows what they logged, and that they really took turns. */
static void watch(void)
{
    uint64_t x[7] = { 0 }, position = 0;
    rt_wait_ticks(WAIT_TICKS);
    rt_print_log(&position);
    (void)rt_call(HVC_STATS, HYP_STAT_SWITCHES, 0, 0, x);
    rt_print("bench %s", x[1] >= 2 * BENCH_ROUNDS ? "done" : "void: they did not switch");
    rt_poweroff();
}

void image_main(const struct bootinfo *boot)
{
    if (boot->pmu) measure();
    if (rt_device("uart0")) watch();
    for (;;) yield();
}
