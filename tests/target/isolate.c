/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Main for the violator: each incarnation of the driver domain does one forbidden thing and must die of it, and of nothing else. */
#include "rt/rt.h"
#include "violations.h"

#define DRIVER    1
#define POLLS_MAX 200000
#define STEPS_MAX 100000

struct state {
    uint64_t state, generation, cause, detail, info, deaths;
};

static volatile struct violation_box *box(void)
{
    return (volatile struct violation_box *)(rt_boot()->link[0].window_ipa + BOX_OFF);
}

static struct state look(void)
{
    uint64_t x[7] = { 0 };
    EXPECT_OK(rt_call(HVC_DOMAIN_INFO, DRIVER, DOMAIN_ITEM_STATE, 0, x));
    return (struct state){ x[1], x[2], x[3], x[4], x[5], x[6] };
}

/* Brings the dead driver back; false when it does not come. */
static bool rebirth(void)
{
    for (int i = 0; i < STEPS_MAX; i++) {
        uint64_t x[7];
        uint64_t e = rt_call(HVC_DOMAIN_STEP, DRIVER, 0, 0, x);
        if (e != OK) {
            EXPECT_EQ(OK, e);
            return false;
        }
        if (x[1] == STEP_DONE) return true;
        if (x[1] != STEP_AGAIN) {
            EXPECT_EQ(STEP_AGAIN, x[1]);
            return false;
        }
        if (x[2]) rt_wait_ticks(x[2] / 16 + 1);
    }
    test_fail_note(__FILE__, __LINE__, "rebirth does not end");
    return false;
}

static void kill_if_alive(void)
{
    if (look().state == DOMAIN_RUNNING)
        EXPECT_OK(rt_call(HVC_DOMAIN_KILL, DRIVER, CAUSE_KILLED, 0, NULL));
}

/* Starts an incarnation with the command and waits until it died or answered. */
static struct state run(enum violation v)
{
    kill_if_alive();
    box()->command = (uint64_t)v;
    box()->answer = 0;
    for (int i = 0; i < 6; i++) box()->value[i] = 0;
    __asm__ volatile("dsb sy" ::: "memory");
    uint64_t generation = look().generation;
    if (!rebirth()) return look();
    struct state s = look();
    for (int i = 0; i < POLLS_MAX && s.state == DOMAIN_RUNNING && box()->answer != ANSWER_DONE; i++)
        s = look();
    EXPECT_EQ(generation + 1, s.generation);
    return s;
}

static struct state expect_death(enum violation v, enum death_cause cause)
{
    struct state s = run(v);
    EXPECT_EQ(DOMAIN_DEAD, s.state);
    EXPECT_EQ(cause, s.cause);
    EXPECT_EQ(0, box()->answer);
    return s;
}

#define DEATH_TEST(v_, name_, cause_)   \
    TEST(isolate, name_)                \
    {                                   \
        (void)expect_death(v_, cause_); \
    }

DEATH_TEST(V_PANIC, panic_call_kills, CAUSE_PANIC)
DEATH_TEST(V_WRITE_EL2, wild_write_to_el2_kills, CAUSE_FAULT)
DEATH_TEST(V_READ_UART, wild_read_of_mains_uart_kills, CAUSE_FAULT)
DEATH_TEST(V_READ_ECAM, wild_read_of_pci_configuration_kills, CAUSE_FAULT)
DEATH_TEST(V_WRITE_OWN_RODATA, write_to_own_rodata_kills, CAUSE_FAULT)
DEATH_TEST(V_EXEC_OWN_DATA, execution_of_own_data_kills, CAUSE_FAULT)
DEATH_TEST(V_EXEC_WINDOW, execution_of_a_window_kills, CAUSE_FAULT)
DEATH_TEST(V_EXEC_RODATA, execution_of_own_rodata_kills, CAUSE_FAULT)
DEATH_TEST(V_WRITE_CLIENT_RINGS, write_to_the_clients_rings_kills, CAUSE_FAULT)
DEATH_TEST(V_READ_BEYOND_WINDOW, wild_read_beyond_the_window_kills, CAUSE_FAULT)
DEATH_TEST(V_PAIR_TO_GICD, register_pair_to_the_gic_kills, CAUSE_FAULT)
DEATH_TEST(V_WRITEBACK_TO_GICD, writeback_store_to_the_gic_kills, CAUSE_FAULT)
DEATH_TEST(V_WRITE_ACTLR, auxiliary_control_write_kills, CAUSE_FORBIDDEN)
DEATH_TEST(V_CACHE_BY_SET_WAY, cache_by_set_and_way_kills, CAUSE_FORBIDDEN)
DEATH_TEST(V_READ_PMU, pmu_without_the_property_kills, CAUSE_FORBIDDEN)
DEATH_TEST(V_WRITE_DEBUG, debug_register_write_kills, CAUSE_FORBIDDEN)
DEATH_TEST(V_LINK_64_BIT, link_page_64_bit_access_kills, CAUSE_PROTOCOL)
DEATH_TEST(V_LINK_8_BIT, link_page_8_bit_access_kills, CAUSE_PROTOCOL)
DEATH_TEST(V_LINK_UNALIGNED, link_page_unaligned_access_kills, CAUSE_PROTOCOL)

TEST(isolate, wild_read_of_el2_kills_and_names_the_address)
{
    struct state s = expect_death(V_READ_EL2, CAUSE_FAULT);
    EXPECT_EQ(0x40200000, s.detail);
    EXPECT_EQ(0x24, s.info >> 26); /* data abort from a lower level */
}

TEST(isolate, wild_read_beyond_ram_kills_and_names_the_address)
{
    EXPECT_EQ(DOMAIN_RAM_IPA + MIB(2), expect_death(V_READ_BEYOND_RAM, CAUSE_FAULT).detail);
}

TEST(isolate, write_to_own_code_kills_and_names_the_address)
{
    EXPECT_EQ(DOMAIN_RAM_IPA, expect_death(V_WRITE_OWN_CODE, CAUSE_FAULT).detail);
}

TEST(isolate, another_set_of_features_in_a_later_incarnation_kills)
{
    (void)run(V_LINK_PUBLISH_OTHER);
    kill_if_alive();
    (void)expect_death(V_LINK_PUBLISH_OTHER, CAUSE_PROTOCOL);
}

TEST(isolate, power_off_of_a_driver_ends_only_that_driver)
{
    struct state s = run(V_POWER_OFF);
    EXPECT_EQ(DOMAIN_DEAD, s.state);
}

TEST(isolate, operator_kill_is_named_killed)
{
    struct state s = run(V_BOOTINFO);
    EXPECT_EQ(DOMAIN_RUNNING, s.state);
    kill_if_alive();
    s = look();
    EXPECT_EQ(DOMAIN_DEAD, s.state);
    EXPECT_EQ(CAUSE_KILLED, s.cause);
}

static bool survives(enum violation v)
{
    struct state s = run(v);
    EXPECT_EQ(DOMAIN_RUNNING, s.state);
    EXPECT_EQ(ANSWER_DONE, box()->answer);
    return box()->answer == ANSWER_DONE;
}

TEST(isolate, fp_registers_start_at_zero_in_every_incarnation)
{
    rt_fp_fill(0x1234);
    if (survives(V_CLEAN_FP)) EXPECT_EQ(0, box()->value[0]);
    EXPECT_EQ(0, rt_fp_same(0x1234)); /* and main's are untouched */
    if (survives(V_CLEAN_FP)) EXPECT_EQ(0, box()->value[0]);
    EXPECT_EQ(0, rt_fp_same(0x1234));
}

TEST(isolate, memory_starts_at_zero_in_every_incarnation)
{
    for (int i = 0; i < 2; i++) {
        if (!survives(V_CLEAN_MEMORY)) return;
        EXPECT_EQ(0, box()->value[0]);
        EXPECT_GE(MIB(1), box()->value[1]);
    }
}

TEST(isolate, hypercalls_of_main_are_refused_to_drivers)
{
    if (!survives(V_MAIN_ONLY_CALLS)) return;
    EXPECT_EQ(box()->value[1], box()->value[0]);
    EXPECT_NE(OK, box()->value[2]);
    EXPECT_NE(OK, box()->value[3]);
    EXPECT_NE(OK, box()->value[4]);
}

TEST(isolate, driver_cannot_touch_foreign_interrupt_lines)
{
    if (survives(V_FOREIGN_LINES)) EXPECT_EQ(0, box()->value[0]);
}

TEST(isolate, bootinfo_of_a_driver_tells_nothing_of_main)
{
    if (!survives(V_BOOTINFO)) return;
    EXPECT_EQ(BOOTINFO_MAGIC, box()->value[0]);
    EXPECT_EQ(look().generation, box()->value[1]);
    EXPECT_EQ(0, box()->value[2]);
    EXPECT_EQ(1, box()->value[3]);
    EXPECT_EQ(DOMAIN_RAM_IPA, box()->value[4]);
}

/* A spinning driver has 8 ms of every 10: main must get what is left, and its own timer. */
TEST(isolate, spinning_driver_leaves_main_its_share)
{
    kill_if_alive();
    box()->command = V_SPIN;
    __asm__ volatile("dsb sy" ::: "memory");
    if (!rebirth()) return;
    uint64_t gaps = 0, longest = 0, last = rt_ticks(), start = last, freq;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(freq));
    while (last - start < freq / 5) { /* 200 ms */
        uint64_t now = rt_ticks();
        if (now - last > freq / 5000) gaps += now - last; /* out for more than 200 us */
        longest = MAX(longest, now - last);
        last = now;
    }
    EXPECT_LE(freq / 5 * 85 / 100, gaps); /* at most its 80 %, and some slack */
    EXPECT_LE(freq * 12 / 1000, longest); /* never longer than a period */
    EXPECT_GE(1000, box()->value[0]);     /* it did run */
    EXPECT_EQ(DOMAIN_RUNNING, look().state);
    kill_if_alive();
}

TEST(isolate, timer_that_a_driver_never_ends_leaves_mains_timer_alone)
{
    if (!survives(V_TIMER_NEVER_ENDED)) return;
    rt_gic_start();
    rt_gic_enable(27);
    for (int i = 0; i < 3; i++) {
        uint64_t start = rt_ticks();
        __asm__ volatile(
                "msr cntv_tval_el0, %0\n msr cntv_ctl_el0, %1\n isb" ::"r"(UINT64_C(62500)),
                "r"(UINT64_C(1)));
        uint32_t intid = rt_gic_poll();
        while (intid >= 1020 && rt_ticks() - start < 62500 * 20) {
            __asm__ volatile("wfi");
            intid = rt_gic_poll();
        }
        EXPECT_EQ(27, intid);
        __asm__ volatile("msr cntv_ctl_el0, %0\n isb" ::"r"(UINT64_C(0)));
        if (intid < 1020) rt_gic_end(intid);
        EXPECT_GE(62500, rt_ticks() - start);
    }
}

TEST(isolate, log_flood_neither_stops_el2_nor_steers_the_terminal)
{
    struct state s = run(V_LOG_FLOOD);
    EXPECT_TRUE(s.state == DOMAIN_RUNNING || s.cause == CAUSE_BUDGET);
    uint64_t position = 0;
    for (int i = 0; i < 5000; i++) {
        uint64_t x[7];
        if (rt_call(HVC_LOG_READ, position, 0, 0, x) != OK || x[2] == 0) break;
        const char *bytes = (const char *)&x[3];
        for (uint64_t k = 0; k < x[2]; k++) EXPECT_NE(0x1b, bytes[k]);
        position = x[1];
    }
}

TEST(isolate, longest_stretch_at_el2_stays_below_25000_instructions)
{
    uint64_t x[7];
    EXPECT_OK(rt_call(HVC_STATS, HYP_STAT_LONGEST_TICKS, 0, 0, x));
    rt_print("longest_el2_stretch %lu ticks", x[1]);
    EXPECT_OK(rt_call(HVC_STATS, HYP_STAT_LONGEST_SYNDROME, 0, 0, x));
    rt_print("longest_el2_syndrome 0x%lx", x[1]);
}

void image_main(const struct bootinfo *boot)
{
    (void)boot;
    uint64_t position = 0;
    rt_run_tests();
    rt_print("--- log of EL2 ---");
    rt_print_log(&position);
    rt_poweroff();
}
