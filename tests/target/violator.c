/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A driver domain that does, once in each incarnation, the forbidden thing that main asks for. */
#include "lib/mmio.h"
#include "rt/rt.h"
#include "violations.h"

static const uint64_t in_rodata[512] __attribute__((aligned(4096))) = { 0xd65f03c0 }; /* ret */
static uint64_t in_data[512] __attribute__((aligned(4096))) = { 0xd65f03c0 };
static uint64_t in_bss[4096];

static volatile struct violation_box *box(const struct bootinfo *b)
{
    return (volatile struct violation_box *)(b->link[0].window_ipa + BOX_OFF);
}

static void pair_to_gicd(uint64_t at)
{
    __asm__ volatile("stp xzr, xzr, [%0]" ::"r"(at) : "memory");
}

static void writeback_to_gicd(uint64_t at)
{
    __asm__ volatile("str wzr, [%0], #4" : "+r"(at)::"memory");
}

static void foreign_lines(const struct bootinfo *b, volatile struct violation_box *out)
{
    uint64_t stuck = 0, value = 0;
    for (uint32_t w = 1; w < 9; w++) {
        uint32_t mine = 0;
        for (uint32_t i = 0; i < b->device_count; i++) {
            if (b->device[i].intid / 32 == w) mine |= (uint32_t)BIT(b->device[i].intid % 32);
        }
        for (uint32_t i = 0; i < b->link_count; i++) {
            if (b->link[i].intid / 32 == w) mine |= (uint32_t)BIT(b->link[i].intid % 32);
        }
        for (uint64_t file = 0x100; file <= 0x300; file += 0x100) {
            (void)rt_write(b->gicd_ipa + file + 4 * w, 4, ~mine);
            (void)rt_read(b->gicd_ipa + file + 4 * w, 4, &value);
            stuck |= (uint32_t)value & ~mine;
        }
    }
    out->value[0] = stuck;
}

static void main_only_calls(volatile struct violation_box *out)
{
    static const uint64_t calls[] = { HVC_LOG_READ,    HVC_DOMAIN_INFO, HVC_DOMAIN_KILL,
                                      HVC_DOMAIN_STEP, HVC_DOMAIN_DUMP, HVC_TRACE_READ,
                                      HVC_STATS };
    uint64_t refused = 0;
    for (size_t i = 0; i < ARRAY_COUNT(calls); i++) {
        if (rt_call(calls[i], 0, 0, 0, NULL) == ERR_RIGHTS) refused++;
    }
    out->value[0] = refused;
    out->value[1] = ARRAY_COUNT(calls);
    out->value[2] = rt_call(HVC_DMA_ENABLE, 7, 0, 0, NULL);
    out->value[3] = rt_call(HVC_DMA_ENABLE, UINT64_MAX, 0, 0, NULL);
    out->value[4] = rt_call(HVC_LOG_WRITE, 41, 0, 0, NULL);
}

/* The timer fires, is acknowledged and never ended. */
static void timer_never_ended(void)
{
    rt_gic_start();
    rt_gic_enable(27);
    __asm__ volatile("msr cntv_tval_el0, %0\n msr cntv_ctl_el0, %1\n isb" ::"r"(UINT64_C(1000)),
                     "r"(UINT64_C(1)));
    while (rt_gic_poll() != 27) __asm__ volatile("wfi");
}

static void log_flood(void)
{
    for (int i = 0; i < 20000; i++)
        (void)rt_call(HVC_LOG_WRITE, 40, 0x6f6f6f6f6f6f6f6f, 0x1b1b1b1b, NULL);
}

static void survive(const struct bootinfo *b, uint64_t command, volatile struct violation_box *out)
{
    switch (command) {
    case V_CLEAN_FP:
        out->value[0] = rt_fp_same(UINT64_MAX); /* all zero? */
        rt_fp_fill(FP_SECRET);
        break;
    case V_CLEAN_MEMORY: {
        uint64_t dirty = 0;
        for (size_t i = 0; i < ARRAY_COUNT(in_bss); i++)
            dirty += ((volatile uint64_t *)in_bss)[i] != 0;
        uint64_t free_start = b->image_ipa + ALIGN_UP(b->image_bytes, 4096) + 0x10000;
        uint64_t end = b->range[0].ipa + b->range[0].size_bytes - 4096;
        for (uint64_t at = free_start; at + 8 <= end; at += 8) {
            dirty += mmio_read64((const volatile void *)at) != 0;
            mmio_write64((volatile void *)at, MEM_SECRET);
        }
        for (size_t i = 0; i < ARRAY_COUNT(in_bss); i++)
            ((volatile uint64_t *)in_bss)[i] = MEM_SECRET;
        out->value[0] = dirty;
        out->value[1] = end - free_start;
        break;
    }
    case V_MAIN_ONLY_CALLS:
        main_only_calls(out);
        break;
    case V_FOREIGN_LINES:
        foreign_lines(b, out);
        break;
    case V_SPIN:
        for (;;) out->value[0]++;
    case V_TIMER_NEVER_ENDED:
        timer_never_ended();
        break;
    case V_LOG_FLOOD:
        log_flood();
        break;
    case V_BOOTINFO:
        out->value[0] = b->magic;
        out->value[1] = b->generation;
        out->value[2] =
                b->pack_ipa | b->manifest_ipa | b->fdt_ipa | b->domain_count | b->event_intid;
        out->value[3] = b->range_count;
        out->value[4] = b->range[0].ipa;
        break;
    default:
        break;
    }
}

static void violate_memory(const struct bootinfo *b, uint64_t command)
{
    uint64_t value = 0, ram_end = b->range[0].ipa + b->range[0].size_bytes,
             window = b->link[0].window_ipa;
    switch (command) {
    case V_READ_EL2:
        (void)rt_read(0x40200000, 4, &value);
        break;
    case V_WRITE_EL2:
        (void)rt_write(0x40200000, 4, 0);
        break;
    case V_READ_UART:
        (void)rt_read(0x09000018, 4, &value);
        break;
    case V_READ_ECAM:
        (void)rt_read(0x4010000000, 4, &value);
        break;
    case V_READ_BEYOND_RAM:
        (void)rt_read(ram_end, 4, &value);
        break;
    case V_WRITE_OWN_CODE:
        (void)rt_write(b->image_ipa, 4, 0);
        break;
    case V_WRITE_OWN_RODATA:
        (void)rt_write((uint64_t)in_rodata, 4, 0);
        break;
    case V_EXEC_OWN_DATA:
        (void)rt_execute((uint64_t)in_data);
        break;
    case V_EXEC_WINDOW:
        (void)rt_execute(window + LINK_DATA_OFF(1));
        break;
    case V_EXEC_RODATA:
        (void)rt_execute((uint64_t)in_rodata);
        break;
    case V_WRITE_CLIENT_RINGS:
        (void)rt_write(window + LINK_DESC_OFF(0), 4, 1);
        break;
    case V_READ_BEYOND_WINDOW:
        (void)rt_read(window + b->link[0].window_bytes, 4, &value);
        break;
    case V_PAIR_TO_GICD:
        pair_to_gicd(b->gicd_ipa + 0x100);
        break;
    case V_WRITEBACK_TO_GICD:
        writeback_to_gicd(b->gicd_ipa + 0x100);
        break;
    default:
        break;
    }
}

static void violate(const struct bootinfo *b, uint64_t command)
{
    uint64_t value = 0, link = b->link[0].regs_ipa;
    switch (command) {
    case V_WRITE_ACTLR:
        __asm__ volatile("msr actlr_el1, xzr");
        break;
    case V_CACHE_BY_SET_WAY:
        __asm__ volatile("dc cisw, xzr");
        break;
    case V_READ_PMU:
        __asm__ volatile("mrs %0, pmcr_el0" : "=r"(value));
        break;
    case V_WRITE_DEBUG:
        __asm__ volatile("msr dbgbvr0_el1, xzr");
        break;
    case V_LINK_64_BIT:
        (void)rt_read(link, 8, &value);
        break;
    case V_LINK_8_BIT:
        (void)rt_write(link + LINK_SRV_INTERRUPT, 1, 1);
        break;
    case V_LINK_UNALIGNED:
        (void)rt_read(link + 2, 4, &value);
        break;
    case V_LINK_PUBLISH_OTHER:
        mmio_write32((volatile void *)(link + LINK_SRV_FEATURES_LO), (uint32_t)(b->generation + 1)
                                                                             << 8);
        mmio_write32((volatile void *)(link + LINK_SRV_PUBLISH), 1);
        break;
    case V_POWER_OFF:
        (void)rt_call(0x84000008, 0, 0, 0, NULL);
        break;
    default:
        violate_memory(b, command);
        break;
    }
}

void image_main(const struct bootinfo *b)
{
    volatile struct violation_box *out = box(b);
    uint64_t command = out->command;
    if (command == V_PANIC || command >= V_COUNT) {
        uint64_t x[7] = { HVC_PANIC, 8, 0x746120656d6f73 };
        rt_hvc(x);
    }
    if (command < V_SURVIVORS) {
        violate(b, command);
    } else {
        survive(b, command, out);
    }
    out->answer = ANSWER_DONE; /* main reads it when the domain waits */
    __asm__ volatile("dsb sy" ::: "memory");
    for (;;) __asm__ volatile("wfi");
}
