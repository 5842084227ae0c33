/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The sporadic server: no window of one period ever holds more than one budget. */
// LINK: hyp/budget.c
#include "hyp/budget.h"

#include <stdlib.h>
#include <string.h>

#include "lib/test.h"

#define BUDGET 1000
#define PERIOD 10000

static struct vcpu v;

static void start(void)
{
    memset(&v, 0, sizeof v);
    v.cpu.budget_ticks = BUDGET;
    v.cpu.period_ticks = PERIOD;
    budget_fill(&v);
}

TEST(budget, an_unlimited_vcpu_always_has_some)
{
    memset(&v, 0, sizeof v);
    budget_use(&v, 0, 1000000);
    EXPECT_TRUE(vcpu_has_budget(&v, 5));
    EXPECT_EQ(1000000, v.cpu.run_ticks);
}

TEST(budget, comes_back_one_period_after_its_use_began)
{
    start();
    budget_use(&v, 100, BUDGET);
    EXPECT_FALSE(vcpu_has_budget(&v, 100 + PERIOD - 1));
    EXPECT_EQ(100 + PERIOD, vcpu_refill_ticks(&v));
    EXPECT_TRUE(vcpu_has_budget(&v, 100 + PERIOD));
    EXPECT_EQ(BUDGET, v.cpu.left_ticks);
}

TEST(budget, pieces_come_back_one_by_one)
{
    start();
    budget_use(&v, 0, 400);
    budget_use(&v, 5000, 600);
    EXPECT_FALSE(vcpu_has_budget(&v, PERIOD - 1));
    EXPECT_TRUE(vcpu_has_budget(&v, PERIOD));
    EXPECT_EQ(400, v.cpu.left_ticks);
    EXPECT_TRUE(vcpu_has_budget(&v, 5000 + PERIOD));
    EXPECT_EQ(BUDGET, v.cpu.left_ticks);
}

TEST(budget, one_run_looked_at_often_is_one_piece)
{
    start();
    for (uint64_t i = 0; i < 20; i++) budget_use(&v, i * 10, 10);
    EXPECT_EQ(1, v.cpu.chunk_count);
    EXPECT_EQ(BUDGET - 200, v.cpu.left_ticks);
}

TEST(budget, more_pieces_than_room_come_later_never_sooner)
{
    start();
    for (uint64_t i = 0; i < 20; i++) budget_use(&v, i * 100, 10);
    EXPECT_EQ(VCPU_CHUNK_MAX, v.cpu.chunk_count);
    EXPECT_TRUE(vcpu_has_budget(&v, 1900 + PERIOD - 1));
    EXPECT_EQ(BUDGET - 130,
              v.cpu.left_ticks); /* the last 13 share one piece, at the last one's time */
    EXPECT_TRUE(vcpu_has_budget(&v, 1900 + PERIOD));
    EXPECT_EQ(BUDGET, v.cpu.left_ticks);
}

TEST(budget, overrun_takes_what_is_left_and_no_more)
{
    start();
    budget_use(&v, 0, BUDGET + 77);
    EXPECT_EQ(0, v.cpu.left_ticks);
    EXPECT_EQ(BUDGET, v.cpu.chunk[v.cpu.chunk_first].amount_ticks);
    EXPECT_TRUE(vcpu_has_budget(&v, PERIOD));
    EXPECT_EQ(BUDGET, v.cpu.left_ticks);
}

/* What ran in (end - PERIOD, end], with each stretch counted whole where it began. */
TEST(budget, no_period_holds_more_than_one_budget)
{
    static struct {
        uint64_t at, ran;
    } use[4000];
    srand(7);
    start();
    uint64_t now = 0;
    uint32_t count = 0;
    while (count < 4000) {
        now += 1 + (uint64_t)rand() % 700;
        if (!vcpu_has_budget(&v, now)) continue;
        uint64_t ran = 1 + (uint64_t)rand() % 300;
        ran = MIN(ran, v.cpu.left_ticks); /* EL2's timer sees to that */
        budget_use(&v, now, ran);
        use[count].at = now;
        use[count++].ran = ran;
        now += ran;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t sum = 0;
        for (uint32_t k = i; k < count && use[k].at < use[i].at + PERIOD; k++) sum += use[k].ran;
        EXPECT_TRUE(sum <= BUDGET);
    }
}
