/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Micro-benchmarks of EL2, in instructions at all levels: median of 4,096, net of the loop (docs/testing.md). Run under icount. */
#include "bench.h"
#include "lib/mmio.h"
#include "rt/blk.h"

#define UART_IMSC   0x38 /* PL011 */
#define UART_TX     0x20
#define TIMER       27
#define TIMER_TICKS 40 /* enough to reach the loop that waits */

static void bench_hypercall(uint32_t loop)
{
    for (int i = -BENCH_WARM; i < BENCH_ROUNDS; i++) {
        register uint64_t x0 __asm__("x0") = HVC_VERSION;
        uint64_t start = rt_instructions();
        __asm__ volatile("hvc #0" : "+r"(x0)::"x1", "x2", "x3", "x4", "x5", "x6", "memory");
        bench_note(i, rt_instructions() - start);
    }
    bench_row("null_hypercall", loop);
}

static void bench_gicd(uint32_t loop)
{
    const volatile void *typer = (const volatile void *)(rt_boot()->gicd_ipa + 4);
    for (int i = -BENCH_WARM; i < BENCH_ROUNDS; i++) {
        uint64_t start = rt_instructions();
        (void)mmio_read32(typer);
        bench_note(i, rt_instructions() - start);
    }
    bench_row("gicd_read_trap", loop);
}

/* HVC_LINK_KICK: as kernel/link.c rings. */
static inline void kick(uint64_t link)
{
    register uint64_t x0 __asm__("x0") = HVC_LINK_KICK;
    register uint64_t x1 __asm__("x1") = link;
    register uint64_t x2 __asm__("x2") = 0;
    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2)::"x3", "x4", "x5", "x6", "memory");
}

/* Doorbell -> the server comes out of its wait and rings back -> our interrupt, acknowledged: both sleep in between. */
static void bench_doorbell(uint32_t loop)
{
    const struct boot_link *l = &rt_boot()->link[0];
    rt_gic_enable(l->intid);
    if (!link_start()) {
        rt_print("bench doorbell_round_trip null (the link did not start)");
        return;
    }
    for (int i = -BENCH_WARM; i < BENCH_ROUNDS; i++) {
        uint64_t start = rt_instructions();
        kick(l->id);
        uint32_t intid = rt_gic_wait();
        uint64_t took = rt_instructions() - start;
        if (intid != l->intid) rt_print("bench: interrupt %u instead of %u", intid, l->intid);
        bench_note(i, took);
    }
    bench_row("doorbell_round_trip", loop);
}

static void interrupt_end(uint32_t want)
{
    uint32_t intid = rt_gic_poll();
    if (intid != want) rt_print("bench: interrupt %u instead of %u", intid, want);
    rt_gic_end(intid);
}

/* Main's own timer (a PPI) and a device's line (an SPI): from the last instruction before it until the handler's first. */
static void bench_interrupt(uint32_t loop)
{
    const struct boot_device *uart = rt_device("uart0");
    volatile uint8_t *imsc = (volatile uint8_t *)uart->mmio_ipa + UART_IMSC;
    rt_gic_enable(TIMER);
    for (int i = -BENCH_WARM; i < BENCH_ROUNDS; i++) {
        __asm__ volatile(
                "msr cntv_tval_el0, %0\n msr cntv_ctl_el0, %1\n isb" ::"r"(UINT64_C(TIMER_TICKS)),
                "r"(UINT64_C(1)));
        bench_note(i, rt_irq_latency(NULL, 0));
        __asm__ volatile("msr cntv_ctl_el0, xzr\n isb");
        interrupt_end(TIMER);
    }
    bench_row("irq_to_domain", loop);
    rt_gic_enable(uart->intid);
    for (int i = -BENCH_WARM; i < BENCH_ROUNDS; i++) {
        bench_note(i, rt_irq_latency(imsc, UART_TX));
        mmio_write32(imsc, 0);
        interrupt_end(uart->intid);
    }
    bench_row("irq_to_domain_spi", loop);
}

void image_main(const struct bootinfo *boot)
{
    uint64_t x[7];
    rt_pmu_start();
    rt_gic_start();
    if (rt_call(HVC_STATS, HYP_STAT_BOOT_TICKS, 0, 0, x) == OK)
        rt_print("bench boot_ticks %lu", x[1]);
    uint32_t loop = bench_empty();
    bench_hypercall(loop);
    bench_gicd(loop);
    bench_interrupt(loop);
    if (boot->link_count) bench_doorbell(loop);
    rt_print("bench done");
    rt_poweroff();
}
