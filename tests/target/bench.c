/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Micro-benchmarks of EL2, in instructions at all levels: median of 4,096, net of the loop (docs/testing.md). Run under icount. */
#include "lib/mmio.h"
#include "rt/blk.h"

#define ROUNDS 4096
#define WARM   64

static uint32_t sample[ROUNDS];

static uint32_t median(void)
{
    for (size_t gap = ROUNDS / 2; gap > 0; gap /= 2) {
        for (size_t i = gap; i < ROUNDS; i++) {
            uint32_t x = sample[i];
            size_t k = i;
            for (; k >= gap && sample[k - gap] > x; k -= gap) sample[k] = sample[k - gap];
            sample[k] = x;
        }
    }
    return sample[ROUNDS / 2];
}

/* What two back-to-back readings of the counter cost. */
static uint32_t empty(void)
{
    for (size_t i = 0; i < ROUNDS; i++) {
        uint64_t start = rt_instructions();
        sample[i] = (uint32_t)(rt_instructions() - start);
    }
    return median();
}

static void row(const char *name, uint32_t gross, uint32_t loop)
{
    rt_print("bench %s %u (min %u max %u loop %u)", name, gross - loop, sample[0] - loop,
             sample[ROUNDS - 1] - loop, loop);
}

static void bench_hypercall(uint32_t loop)
{
    for (int i = -WARM; i < ROUNDS; i++) {
        register uint64_t x0 __asm__("x0") = HVC_VERSION;
        uint64_t start = rt_instructions();
        __asm__ volatile("hvc #0" : "+r"(x0)::"x1", "x2", "x3", "x4", "x5", "x6", "memory");
        uint64_t took = rt_instructions() - start;
        if (i >= 0) sample[i] = (uint32_t)took;
    }
    row("null_hypercall", median(), loop);
}

static void bench_gicd(uint32_t loop)
{
    const volatile void *typer = (const volatile void *)(rt_boot()->gicd_ipa + 4);
    for (int i = -WARM; i < ROUNDS; i++) {
        uint64_t start = rt_instructions();
        (void)mmio_read32(typer);
        uint64_t took = rt_instructions() - start;
        if (i >= 0) sample[i] = (uint32_t)took;
    }
    row("gicd_read_trap", median(), loop);
}

/* Notify -> the server's interrupt -> its handler rings back -> our interrupt: both wait in WFI in between. */
static void bench_doorbell(uint32_t loop)
{
    const struct boot_link *l = &rt_boot()->link[0];
    rt_gic_start();
    rt_gic_enable(l->intid);
    if (!link_start()) {
        rt_print("bench doorbell_round_trip null (the link did not start)");
        return;
    }
    for (int i = -WARM; i < ROUNDS; i++) {
        uint64_t start = rt_instructions();
        link_reg(R_QUEUE_NOTIFY, 0);
        uint32_t intid = rt_gic_wait();
        link_reg(R_INTERRUPT_ACK, 3);
        uint64_t took = rt_instructions() - start;
        if (intid != l->intid) rt_print("bench: interrupt %u instead of %u", intid, l->intid);
        if (i >= 0) sample[i] = (uint32_t)took;
    }
    row("doorbell_round_trip", median(), loop);
}

void image_main(const struct bootinfo *boot)
{
    uint64_t x[7];
    rt_pmu_start();
    if (rt_call(HVC_STATS, HYP_STAT_BOOT_TICKS, 0, 0, x) == OK)
        rt_print("bench boot_ticks %lu", x[1]);
    uint32_t loop = empty();
    bench_hypercall(loop);
    bench_gicd(loop);
    if (boot->link_count) bench_doorbell(loop);
    rt_print("bench done");
    rt_poweroff();
}
