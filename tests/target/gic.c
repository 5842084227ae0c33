/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The emulated GICv3 under a real core's virtual CPU interface: SGIs, both timers, nesting, both EOI modes, four vCPUs. */
#include "lib/mmio.h"
#include "rt/rt.h"

#define GICD(offset) (rt_boot()->gicd_ipa + (offset))
#define SGI_FRAME(k) (rt_boot()->gicr_ipa + (k)*0x20000 + 0x10000)
#define ISENABLER    0x100
#define ISPENDR      0x200
#define ICPENDR      0x280
#define ISACTIVER    0x300
#define ICACTIVER    0x380
#define IPRIORITYR   0x400
#define NONE         1023
#define EOIMODE      2
#define MS_TICKS     62500

#define READ(reg)                                                  \
    __extension__({                                                \
        uint64_t value_;                                           \
        __asm__ volatile("mrs %0, " reg : "=r"(value_)::"memory"); \
        value_;                                                    \
    })
#define WRITE(reg, value) \
    __asm__ volatile("msr " reg ", %0\n isb" ::"r"((uint64_t)(value)) : "memory")
#define ICC_SGI1R "S3_0_C12_C11_5"
#define ICC_DIR   "S3_0_C12_C11_1"
#define ICC_CTLR  "S3_0_C12_C12_4"

static void put(uint64_t at, uint32_t value)
{
    mmio_write32((volatile void *)at, value);
}

static uint32_t get(uint64_t at)
{
    return mmio_read32((const volatile void *)at);
}

static void begin(uint32_t eoimode)
{
    rt_gic_start();
    put(SGI_FRAME(0) + ICPENDR, UINT32_MAX);
    put(SGI_FRAME(0) + ISENABLER, 0xffff);
    for (uint32_t i = 0; i < 16; i++) {
        mmio_write8((volatile void *)(SGI_FRAME(0) + IPRIORITYR + i), (uint8_t)(0xf0 - 8 * i));
    }
    WRITE(ICC_CTLR, eoimode);
}

static void send(uint32_t intid, uint64_t list)
{
    WRITE(ICC_SGI1R, (uint64_t)intid << 24 | list);
}

TEST(gic, an_sgi_to_itself_comes_once)
{
    begin(0);
    send(5, 1);
    EXPECT_EQ(5, rt_gic_poll());
    EXPECT_EQ(NONE, rt_gic_poll());
    rt_gic_end(5);
    EXPECT_EQ(NONE, rt_gic_poll());
}

static void nest(bool split)
{
    begin(split ? EOIMODE : 0);
    for (uint32_t i = 0; i < 12; i++) {
        test_row(i);
        send(i, 1);
        EXPECT_EQ(i, rt_gic_poll()); /* each preempts the one before */
    }
    EXPECT_EQ(0xfff, get(SGI_FRAME(0) + ISACTIVER));
    for (uint32_t i = 12; i-- > 0;) {
        test_row(i);
        rt_gic_end(i);
        if (split) EXPECT_EQ(0xfff >> (11 - i), get(SGI_FRAME(0) + ISACTIVER));
        if (split) WRITE(ICC_DIR, i);
        EXPECT_EQ(i ? 0xfff >> (12 - i) : 0, get(SGI_FRAME(0) + ISACTIVER));
    }
    EXPECT_EQ(NONE, rt_gic_poll());
}

TEST(gic, twelve_nested_handlers_end_in_eoimode_0)
{
    nest(false);
}

TEST(gic, twelve_nested_handlers_end_in_eoimode_1)
{
    nest(true);
}

TEST(gic, nested_handlers_end_without_a_trap_in_between)
{
    begin(0);
    for (uint32_t i = 0; i < 12; i++) {
        send(i, 1);
        EXPECT_EQ(i, rt_gic_poll());
    }
    for (uint32_t i = 12; i-- > 0;) rt_gic_end(i);
    EXPECT_EQ(0, get(SGI_FRAME(0) + ISACTIVER));
    send(3, 1);
    EXPECT_EQ(3, rt_gic_poll());
    rt_gic_end(3);
}

TEST(gic, sixteen_pending_come_by_priority)
{
    begin(0);
    put(SGI_FRAME(0) + ISPENDR, 0xffff);
    for (uint32_t i = 16; i-- > 0;) {
        EXPECT_EQ(i, rt_gic_poll());
        rt_gic_end(i);
    }
    EXPECT_EQ(NONE, rt_gic_poll());
}

TEST(gic, dropped_and_not_deactivated_ones_hold_up_no_other)
{
    begin(EOIMODE);
    for (uint32_t i = 16; i-- > 0;) {
        send(i, 1);
        EXPECT_EQ(i, rt_gic_poll());
        rt_gic_end(i);
    }
    EXPECT_EQ(0xffff, get(SGI_FRAME(0) + ISACTIVER));
    for (uint32_t i = 0; i < 16; i++) WRITE(ICC_DIR, i);
    EXPECT_EQ(0, get(SGI_FRAME(0) + ISACTIVER));
}

TEST(gic, pending_and_active_bits_can_be_written)
{
    begin(0);
    put(SGI_FRAME(0) + ISACTIVER, BIT(4));
    send(4, 1);
    EXPECT_EQ(NONE, rt_gic_poll());
    EXPECT_EQ(BIT(4), get(SGI_FRAME(0) + ISPENDR));
    put(SGI_FRAME(0) + ICACTIVER, BIT(4));
    EXPECT_EQ(4, rt_gic_poll());
    put(SGI_FRAME(0) + ICACTIVER, BIT(4));
    EXPECT_EQ(0, get(SGI_FRAME(0) + ISACTIVER));
    rt_gic_end(4);
    send(6, 1);
    put(SGI_FRAME(0) + ICPENDR, BIT(6));
    EXPECT_EQ(NONE, rt_gic_poll());
}

#define EXPECT_TIMER(reg, intid)                                                       \
    do {                                                                               \
        begin(0);                                                                      \
        rt_gic_enable(intid);                                                          \
        for (int i = 0; i < 3; i++) {                                                  \
            uint64_t start = rt_ticks();                                               \
            WRITE(reg "_tval_el0", MS_TICKS);                                          \
            WRITE(reg "_ctl_el0", 1);                                                  \
            while (rt_gic_poll() != (intid) && rt_ticks() - start < 1000 * MS_TICKS) { \
                __asm__ volatile("wfi");                                               \
            }                                                                          \
            EXPECT_GE(MS_TICKS, rt_ticks() - start);                                   \
            EXPECT_LE(900 * MS_TICKS, rt_ticks() - start);                             \
            EXPECT_EQ(5, READ(reg "_ctl_el0"));                                        \
            WRITE(reg "_ctl_el0", 0);                                                  \
            rt_gic_end(intid);                                                         \
            EXPECT_EQ(NONE, rt_gic_poll());                                            \
        }                                                                              \
    } while (0)

TEST(gic, the_virtual_timer_is_private_interrupt_27)
{
    EXPECT_TIMER("cntv", 27);
}

TEST(gic, the_physical_timer_is_private_interrupt_30)
{
    EXPECT_TIMER("cntp", 30);
}

TEST(gic, a_timer_that_is_disabled_at_the_gic_does_not_come_and_its_bit_can_be_read)
{
    begin(0);
    put(SGI_FRAME(0) + 0x180, BIT(30));
    WRITE("cntp_tval_el0", 0);
    WRITE("cntp_ctl_el0", 1);
    EXPECT_EQ(NONE, rt_gic_wait_until(MS_TICKS));
    WRITE("cntp_ctl_el0", 0);
    rt_gic_enable(30);
    EXPECT_EQ(NONE, rt_gic_wait_until(MS_TICKS)); /* it fell meanwhile */
}

/* ---- the other vCPUs: each acknowledges SGIs and echoes SGI 8 + its number ---- */

#define VCPUS  4
#define CPU_ON 0xc4000003UL
#define ROUNDS 50
static uint8_t stacks[VCPUS][4096] __attribute__((aligned(16)));
static volatile uint64_t came[VCPUS], bad[VCPUS];

_Noreturn void second_main(uint64_t k);
_Noreturn void second_main(uint64_t k)
{
    put(SGI_FRAME(k) - 0x10000 + 0x14, 0);
    put(SGI_FRAME(k) + ISENABLER, 0xffff);
    __asm__ volatile("msr S3_0_C12_C12_5, %0\n isb" ::"r"(UINT64_C(7)));
    WRITE("S3_0_C4_C6_0", 0xff);
    WRITE("S3_0_C12_C12_7", 1);
    came[k] = 1;
    for (;;) {
        uint32_t intid = rt_gic_poll();
        if (intid >= 1020) {
            __asm__ volatile("wfi" ::: "memory");
            continue;
        }
        rt_gic_end(intid);
        if (intid != 1) bad[k]++;
        came[k]++;
        send((uint32_t)(8 + k), 1);
    }
}

/* x0 = top of its stack */
void second_entry(void);
__asm__(".text\n"
        "second_entry: mov sp, x0\n"
        " mrs x0, mpidr_el1\n"
        " and x0, x0, #0xff\n"
        " b second_main\n");

TEST(gic, sgis_travel_between_four_vcpus)
{
    begin(0);
    for (uint64_t k = 1; k < VCPUS; k++) {
        uint64_t x[7] = { CPU_ON, k, (uint64_t)second_entry,
                          (uint64_t)(stacks[k] + sizeof stacks[k]) };
        rt_hvc(x);
        EXPECT_EQ(0, x[0]);
        uint64_t end = rt_ticks() + 1000 * MS_TICKS;
        while (!came[k] && rt_ticks() < end) __asm__ volatile("yield");
        EXPECT_EQ(1, came[k]);
    }
    for (int round = 0; round < ROUNDS; round++) {
        WRITE(ICC_SGI1R, (uint64_t)1 << 24 | (round & 1 ? BIT(40) : 0xe));
        uint32_t seen = 0;
        uint64_t end = rt_ticks() + 1000 * MS_TICKS;
        while (seen != 0xe && rt_ticks() < end) {
            uint32_t intid = rt_gic_poll();
            if (intid < 16) {
                rt_gic_end(intid);
                seen |= (uint32_t)BIT(intid - 8);
            } else {
                __asm__ volatile("wfi");
            }
        }
        EXPECT_EQ(0xe, seen);
        if (seen != 0xe) break;
    }
    for (uint32_t k = 1; k < VCPUS; k++) {
        EXPECT_EQ(ROUNDS + 1, came[k]);
        EXPECT_EQ(0, bad[k]);
    }
}

void image_main(const struct bootinfo *boot)
{
    (void)boot;
    rt_run_tests();
    rt_poweroff();
}
