/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Main under the storms of a driver domain that stands above it with a budget of 2 ms in every 10.
 * Oracle, under icount: what main computes in 6 periods is at least 95 % of (1 - budget / period) of what it computes in the same
 * time beside an idle driver, and the driver ran no more than its budget; a storm that is a violation ends in a death with its cause
 * and leaves main 95 % of all.
 */
#include "storm.h"
#include "driver.h"

#define PERIODS      6
#define PERIOD_TICKS 625000UL /* 10 ms, as in the manifest */
#define BUDGET_TICKS 125000UL /* 2 ms */
#define GUARD_TICKS \
    12500UL /* what a replenishment may lie beside the window of time that is measured */

static struct {
    uint64_t quiet
            [2]; /* units of work beside an idle driver: without and with FP registers; 0: not measured yet */
    bool wants_fp; /* main uses the FP registers while it works */
    uint64_t ran;  /* ticks that the driver was charged with in the last storm */
    uint64_t turns;
} t;

static volatile struct storm_box *box(void)
{
    return (volatile struct storm_box *)(rt_boot()->link[0].window_ipa + STORM_BOX_OFF);
}

static uint64_t charged(void)
{
    uint64_t x[7] = { 0 };
    EXPECT_OK(rt_call(HVC_DOMAIN_INFO, DRIVER, DOMAIN_ITEM_CPU, 0, x));
    return x[1];
}

/* Units of work done in that many periods. */
static uint64_t work(void)
{
    uint64_t units = 0, end = rt_ticks() + PERIODS * PERIOD_TICKS;
    while (rt_ticks() < end) {
        if (t.wants_fp && (units & 15) == 0) rt_fp_fill(units);
        for (int i = 0; i < 20; i++) __asm__ volatile("nop");
        units++;
    }
    return units;
}

static bool begin(enum storm storm)
{
    driver_kill_if_alive();
    box()->command = (uint64_t)storm;
    box()->turns = 0;
    __asm__ volatile("dsb sy" ::: "memory");
    return driver_rebirth();
}

static uint64_t measure(enum storm storm)
{
    if (!begin(storm)) return 0;
    uint64_t before = charged();
    uint64_t units = work();
    t.ran = charged() - before;
    t.turns = box()->turns;
    return units;
}

static uint64_t quiet(void)
{
    uint64_t *units = &t.quiet[t.wants_fp];
    if (*units == 0) *units = measure(STORM_NONE);
    EXPECT_GE(1000, *units);
    return *units;
}

static void expect_throttled(enum storm storm)
{
    uint64_t all = quiet(), units = measure(storm);
    rt_print("storm %u: main %lu of %lu units, driver %lu of %lu ticks, %lu turns", (unsigned)storm,
             units, all, t.ran, PERIODS * BUDGET_TICKS, t.turns);
    EXPECT_GE(all * (PERIOD_TICKS - BUDGET_TICKS) / PERIOD_TICKS * 95 / 100, units);
    EXPECT_LE((PERIODS + 1) * BUDGET_TICKS + GUARD_TICKS, t.ran);
    EXPECT_GE(100, t.turns);
    EXPECT_EQ(DOMAIN_RUNNING, driver_look().state);
}

static void expect_dead(enum storm storm, enum death_cause cause)
{
    uint64_t all = quiet(), units = measure(storm);
    struct driver_state s = driver_look();
    EXPECT_EQ(DOMAIN_DEAD, s.state);
    EXPECT_EQ(cause, s.cause);
    EXPECT_GE(all * 95 / 100, units);
}

#define STORM_TEST(storm_, name_) \
    TEST(storm, name_)            \
    {                             \
        expect_throttled(storm_); \
    }
#define DEATH_TEST(storm_, name_, cause_) \
    TEST(storm, name_)                    \
    {                                     \
        expect_dead(storm_, cause_);      \
    }

TEST(storm, an_idle_driver_takes_nothing_of_its_budget)
{
    (void)measure(STORM_NONE);
    EXPECT_LE(GUARD_TICKS, t.ran);
}

STORM_TEST(STORM_SPIN, budget_of_a_spinning_driver_is_all_it_takes)
STORM_TEST(STORM_NULL_CALL, hypercall_storm_stays_in_its_budget)
STORM_TEST(STORM_BAD_CALL, hypercall_storm_of_unknown_ids_stays_in_its_budget)
STORM_TEST(STORM_YIELD, yield_storm_stays_in_its_budget)
STORM_TEST(STORM_LOG, log_storm_stays_in_its_budget)
STORM_TEST(STORM_TRAP, trap_storm_stays_in_its_budget)
STORM_TEST(STORM_WFI, wfi_storm_with_a_pending_timer_stays_in_its_budget)
STORM_TEST(STORM_SGI, self_interrupt_storm_stays_in_its_budget)
STORM_TEST(STORM_DOORBELL, doorbell_storm_stays_in_its_budget)
STORM_TEST(STORM_LINE, interrupt_storm_of_a_level_line_stays_in_its_budget)
STORM_TEST(STORM_TIMER, interrupt_storm_of_its_timer_stays_in_its_budget)
STORM_TEST(STORM_WAKE, wake_storm_stays_in_its_budget)
STORM_TEST(STORM_EVENTS, doorbell_and_wake_storm_stays_in_its_budget)

TEST(storm, fp_register_storm_stays_in_its_budget)
{
    t.wants_fp = true;
    expect_throttled(STORM_FP);
    t.wants_fp = false;
}

DEATH_TEST(STORM_FAULT, stage_2_fault_storm_is_one_death, CAUSE_FAULT)
DEATH_TEST(STORM_FORBIDDEN, forbidden_register_storm_is_one_death, CAUSE_FORBIDDEN)
DEATH_TEST(STORM_DMA, smmu_event_storm_is_one_death, CAUSE_DMA)

/* Main does what nothing stops it from doing: it revives a domain that dies at once, again and again. */
TEST(storm, stage_2_fault_storm_across_rebirths_is_counted)
{
    driver_kill_if_alive();
    uint64_t deaths = driver_look().deaths;
    for (int i = 0; i < 10; i++) {
        if (!begin(STORM_FAULT)) return;
        EXPECT_EQ(CAUSE_FAULT, driver_look().cause);
    }
    EXPECT_EQ(deaths + 10, driver_look().deaths);
}

TEST(storm, longest_stretch_at_el2_in_the_storms_is_reported)
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
