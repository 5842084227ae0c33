/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The queue of deadlines. */
#include "kernel/deadline.h"

#include "lib/test.h"

#define COUNT 200

static struct deadline node[COUNT];

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static void clear_all(void)
{
    for (size_t i = 0; i < COUNT; i++) deadline_clear(&node[i]);
}

TEST(deadline, comes_out_in_order_of_time)
{
    uint32_t seed = 1;
    for (size_t i = 0; i < COUNT; i++) (void)deadline_set(&node[i], next_random(&seed) % 1000);
    uint64_t last = 0;
    size_t count = 0;
    for (struct deadline *d = deadline_first(); d; d = deadline_first()) {
        EXPECT_LE(d->at_ticks, last);
        last = d->at_ticks;
        deadline_clear(d);
        count++;
    }
    EXPECT_EQ(COUNT, count);
}

TEST(deadline, any_one_may_leave_or_move)
{
    uint32_t seed = 7;
    clear_all();
    for (size_t round = 0; round < 5000; round++) {
        struct deadline *d = &node[next_random(&seed) % COUNT];
        if (next_random(&seed) % 3 == 0) {
            deadline_clear(d);
        } else {
            (void)deadline_set(d, next_random(&seed) % 500);
        }
        uint64_t least = UINT64_MAX;
        for (size_t i = 0; i < COUNT; i++) {
            if (node[i].is_queued && node[i].at_ticks < least) least = node[i].at_ticks;
        }
        const struct deadline *first = deadline_first();
        EXPECT_EQ(least, first ? first->at_ticks : UINT64_MAX);
    }
    clear_all();
    EXPECT_TRUE(deadline_first() == NULL);
}

TEST(deadline, says_when_it_is_the_nearest)
{
    clear_all();
    EXPECT_TRUE(deadline_set(&node[0], 50));
    EXPECT_FALSE(deadline_set(&node[1], 60));
    EXPECT_TRUE(deadline_set(&node[2], 40));
    deadline_clear(&node[2]);
    EXPECT_TRUE(deadline_first() == &node[0]);
    deadline_clear(&node[2]); /* twice does no harm */
    clear_all();
}
