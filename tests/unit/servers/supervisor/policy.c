/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Restart policy and event ring. */
// LINK: servers/supervisor/policy.c servers/supervisor/events.c lib/format.c lib/string.c
#include "servers/supervisor/policy.h"

#include <string.h>

#include "lib/test.h"
#include "servers/supervisor/events.h"

#define SECOND UINT64_C(1000000000)

TEST(supervisor_policy, kills_by_the_operator_never_count)
{
    struct policy p = { 0 };
    for (uint64_t i = 0; i < 50; i++) {
        struct policy_verdict v = policy_judge(&p, CAUSE_KILLED, 0, i * 1000);
        EXPECT_EQ(false, v.counts);
        EXPECT_EQ(false, v.give_up);
        EXPECT_EQ(0, v.delay_ns);
    }
}

TEST(supervisor_policy, deaths_after_64_requests_do_not_count)
{
    struct policy p = { 0 };
    for (uint64_t i = 0; i < 50; i++) {
        EXPECT_EQ(false, policy_judge(&p, CAUSE_HANG, 64, i).counts);
    }
    EXPECT_EQ(true, policy_judge(&p, CAUSE_HANG, 63, 50).counts);
}

TEST(supervisor_policy, backs_off_from_the_third_counted_death)
{
    static const uint64_t want_ns[] = { 0, 0, 10000000, 100000000, SECOND, SECOND, SECOND, SECOND };
    struct policy p = { 0 };
    for (uint64_t i = 0; i < ARRAY_COUNT(want_ns); i++) {
        struct policy_verdict v = policy_judge(&p, CAUSE_FAULT, 0, i * 5 * SECOND);
        test_row((int64_t)i);
        EXPECT_EQ(want_ns[i], v.delay_ns);
        EXPECT_EQ(false, v.give_up);
    }
}

TEST(supervisor_policy, a_healthy_incarnation_ends_the_back_off)
{
    struct policy p = { 0 };
    for (uint64_t i = 0; i < 4; i++) (void)policy_judge(&p, CAUSE_FAULT, 0, i * 5 * SECOND);
    (void)policy_judge(&p, CAUSE_FAULT, 1000, 25 * SECOND);
    EXPECT_EQ(0, policy_judge(&p, CAUSE_FAULT, 0, 30 * SECOND).delay_ns);
}

TEST(supervisor_policy, gives_up_at_the_fifth_counted_death_in_ten_seconds)
{
    struct policy p = { 0 };
    for (uint64_t i = 0; i < 4; i++) {
        EXPECT_EQ(false, policy_judge(&p, CAUSE_FAULT, 0, i * 2 * SECOND).give_up);
    }
    EXPECT_EQ(true, policy_judge(&p, CAUSE_FAULT, 0, 10 * SECOND).give_up);
    EXPECT_EQ(true, policy_judge(&p, CAUSE_KILLED, 0, 100 * SECOND).give_up); /* stays so */
    policy_clear(&p);
    EXPECT_EQ(false, policy_judge(&p, CAUSE_FAULT, 0, 101 * SECOND).give_up);
}

TEST(supervisor_policy, five_deaths_in_more_than_ten_seconds_go_on)
{
    struct policy p = { 0 };
    for (uint64_t i = 0; i < 4; i++) (void)policy_judge(&p, CAUSE_FAULT, 0, i * SECOND);
    EXPECT_EQ(false, policy_judge(&p, CAUSE_FAULT, 0, 10 * SECOND + 1).give_up);
    EXPECT_EQ(true, policy_judge(&p, CAUSE_FAULT, 0, 10 * SECOND + 2).give_up);
}

TEST(supervisor_events, are_read_in_order_and_old_ones_fall_out)
{
    static struct events e;
    char out[4096], text[16];
    uint64_t from = 0;
    events_init(&e);
    EXPECT_EQ(0, events_read(&e, &from, out, sizeof(out)));
    EXPECT_EQ(1, from);
    events_add(&e, 12345 * UINT64_C(1000000), "one\x1b[2J");
    size_t bytes = events_read(&e, &from, out, sizeof(out));
    out[bytes] = '\0';
    EXPECT_STR("[  12.345] one?[2J\n", out);
    EXPECT_EQ(0, events_read(&e, &from, out, sizeof(out)));
    for (int i = 0; i < EVENT_COUNT + 3; i++) {
        text[0] = (char)('a' + i % 26);
        text[1] = '\0';
        events_add(&e, 0, text);
    }
    from = 0;
    bytes = events_read(&e, &from, out, 30);
    out[bytes] = '\0';
    EXPECT_STR("[   0.000] d\n[   0.000] e\n", out);
    EXPECT_EQ(7, from);
}

TEST(supervisor_events, a_long_text_is_cut)
{
    static struct events e;
    char text[2 * EVENT_BYTES], out[EVENT_BYTES + 1];
    uint64_t from = 0;
    events_init(&e);
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    events_add(&e, 0, text);
    EXPECT_EQ(EVENT_BYTES, events_read(&e, &from, out, sizeof(out)));
    EXPECT_EQ('\n', out[EVENT_BYTES - 1]);
}

TEST(supervisor_events, durations_have_three_digits)
{
    static const struct {
        uint64_t ns;
        const char *want;
    } rows[] = {
        { 0, "0 ns" },           { 999, "999 ns" },           { 1299999, "1.29 ms" },
        { 12345678, "12.3 ms" }, { 123456789, "123 ms" },     { 2 * SECOND, "2.00 s" },
        { 1500, "1.50 us" },     { 4000 * SECOND, "4000 s" },
    };
    char out[24];
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        text_duration(out, sizeof(out), rows[i].ns);
        EXPECT_STR(rows[i].want, out);
    }
}
