/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The interrupt limiter: a storm of an edge line is masked for the rest of the budget period, nobody else notices. */
// LINK: hyp/limit.c hyp/trace.c tests/fake/hyp.c lib/string.c
#include "hyp/limit.h"

#include "hyp/aarch64/gicv3.h"
#include "lib/test.h"
#include "tests/fake/hyp.h"

#define LINE    79
#define OTHER   80
#define VINTID  33
#define PERIOD  10000000UL
#define GUESTS  3
#define STORMER (&fake.domain[1])
#define SECOND  (&fake.domain[2])

static bool is_on[128];
static bool is_wanted;

void gic_enable(uint32_t intid, bool on)
{
    is_on[intid] = on;
}

bool vgic_is_enabled(const struct vcpu *v, uint32_t intid)
{
    (void)v;
    return intid == VINTID && is_wanted;
}

static void start(void)
{
    limit_expire(UINT64_MAX); /* nothing is left of the last test */
    fake_start(GUESTS);
    fake.now_ticks = 5 * PERIOD;
    is_wanted = is_on[LINE] = is_on[OTHER] = true;
    for (uint32_t i = 1; i < GUESTS; i++) {
        struct domain *d = &fake.domain[i];
        d->device_count = 1;
        d->device[0] = (struct domain_device){ .pintid = i == 1 ? LINE : OTHER, .vintid = VINTID };
        d->vcpu[0].cpu.period_ticks = PERIOD;
    }
}

static void ring(struct domain *d, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) limit_line(d, d->device[0].pintid);
}

TEST(limit, a_storm_is_masked_until_the_budget_period_ends)
{
    start();
    uint64_t end = fake.now_ticks + PERIOD;
    ring(STORMER, LIMIT_ACKS_MAX - 1);
    EXPECT_TRUE(is_on[LINE]);
    EXPECT_EQ(UINT64_MAX, limit_next());
    ring(STORMER, 1);
    EXPECT_FALSE(is_on[LINE]);
    EXPECT_TRUE(is_on[OTHER]);
    EXPECT_EQ(end, limit_next());
    limit_expire(end - 1);
    EXPECT_FALSE(is_on[LINE]);
    limit_expire(end);
    EXPECT_TRUE(is_on[LINE]);
    EXPECT_EQ(UINT64_MAX, limit_next());
}

TEST(limit, switching_the_line_on_again_wins_one_interrupt)
{
    start();
    ring(STORMER, LIMIT_ACKS_MAX);
    is_on[LINE] = true; /* as the guest may, by a trap that it pays */
    ring(STORMER, 1);
    EXPECT_FALSE(is_on[LINE]);
}

TEST(limit, a_line_at_a_bearable_rate_is_never_masked)
{
    start();
    for (int i = 0; i < 8; i++) {
        ring(STORMER, LIMIT_ACKS_MAX - 1);
        EXPECT_TRUE(is_on[LINE]);
        fake.now_ticks += PERIOD;
    }
    EXPECT_EQ(UINT64_MAX, limit_next());
}

TEST(limit, each_mask_ends_at_its_own_time)
{
    start();
    uint64_t first = fake.now_ticks + PERIOD;
    ring(STORMER, LIMIT_ACKS_MAX);
    fake.now_ticks += PERIOD / 2;
    ring(SECOND, LIMIT_ACKS_MAX);
    limit_expire(first);
    EXPECT_TRUE(is_on[LINE]);
    EXPECT_FALSE(is_on[OTHER]);
    EXPECT_EQ(first + PERIOD / 2, limit_next());
    limit_expire(first + PERIOD / 2);
    EXPECT_TRUE(is_on[OTHER]);
}

TEST(limit, a_line_that_its_guest_switched_off_stays_off)
{
    start();
    ring(STORMER, LIMIT_ACKS_MAX);
    is_wanted = false;
    limit_expire(limit_next());
    EXPECT_FALSE(is_on[LINE]);
}

TEST(limit, the_line_of_a_dead_domain_stays_off)
{
    start();
    ring(STORMER, LIMIT_ACKS_MAX);
    STORMER->state = DOMAIN_DEAD;
    limit_expire(limit_next());
    EXPECT_FALSE(is_on[LINE]);
}
