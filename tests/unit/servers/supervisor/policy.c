/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Restart policy and event ring. */
// LINK: servers/supervisor/policy.c servers/supervisor/events.c lib/format.c lib/string.c
#include "servers/supervisor/policy.h"

#include <string.h>

#include "lib/test.h"
#include "servers/supervisor/events.h"

#define SECOND UINT64_C(1000000000)

static struct policy_verdict judge(struct policy *p, enum death_cause cause, uint64_t served,
                                   uint64_t now_ns, uint32_t busy_links)
{
    const struct policy_death death = { cause, served, now_ns, busy_links };
    return policy_judge(p, &death);
}

TEST(supervisor_policy, kills_by_the_operator_never_count)
{
    struct policy p = { 0 };
    for (uint64_t i = 0; i < 50; i++) {
        struct policy_verdict v = judge(&p, CAUSE_KILLED, 0, i * 1000, 1);
        EXPECT_EQ(false, v.counts);
        EXPECT_EQ(false, v.give_up);
        EXPECT_EQ(0, v.delay_ns);
    }
}

TEST(supervisor_policy, deaths_after_64_requests_do_not_count)
{
    struct policy p = { 0 };
    for (uint64_t i = 0; i < 50; i++) {
        EXPECT_EQ(false, judge(&p, CAUSE_HANG, 64, i, 1).counts);
    }
    EXPECT_EQ(true, judge(&p, CAUSE_HANG, 63, 50, 1).counts);
}

TEST(supervisor_policy, backs_off_from_the_third_counted_death)
{
    static const uint64_t want_ns[] = { 0, 0, 10000000, 100000000, SECOND, SECOND, SECOND, SECOND };
    struct policy p = { 0 };
    for (uint64_t i = 0; i < ARRAY_COUNT(want_ns); i++) {
        struct policy_verdict v = judge(&p, CAUSE_FAULT, 0, i * 5 * SECOND, 1);
        test_row((int64_t)i);
        EXPECT_EQ(want_ns[i], v.delay_ns);
        EXPECT_EQ(false, v.give_up);
    }
}

TEST(supervisor_policy, a_healthy_incarnation_ends_the_back_off)
{
    struct policy p = { 0 };
    for (uint64_t i = 0; i < 4; i++) (void)judge(&p, CAUSE_FAULT, 0, i * 5 * SECOND, 1);
    (void)judge(&p, CAUSE_FAULT, 1000, 25 * SECOND, 1);
    EXPECT_EQ(0, judge(&p, CAUSE_FAULT, 0, 30 * SECOND, 1).delay_ns);
}

TEST(supervisor_policy, gives_up_at_the_fifth_counted_death_in_ten_seconds)
{
    struct policy p = { 0 };
    for (uint64_t i = 0; i < 4; i++) {
        EXPECT_EQ(false, judge(&p, CAUSE_FAULT, 0, i * 2 * SECOND, 1).give_up);
    }
    EXPECT_EQ(true, judge(&p, CAUSE_FAULT, 0, 10 * SECOND, 1).give_up);
    EXPECT_EQ(true, judge(&p, CAUSE_KILLED, 0, 100 * SECOND, 1).give_up); /* stays so */
    policy_clear(&p);
    EXPECT_EQ(false, judge(&p, CAUSE_FAULT, 0, 101 * SECOND, 1).give_up);
}

TEST(supervisor_policy, five_deaths_in_more_than_ten_seconds_go_on)
{
    struct policy p = { 0 };
    for (uint64_t i = 0; i < 4; i++) (void)judge(&p, CAUSE_FAULT, 0, i * SECOND, 1);
    EXPECT_EQ(false, judge(&p, CAUSE_FAULT, 0, 10 * SECOND + 1, 1).give_up);
    EXPECT_EQ(true, judge(&p, CAUSE_FAULT, 0, 10 * SECOND + 2, 1).give_up);
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

/* Three deaths with requests of every link in hand: nobody is to blame yet. */
static struct policy shared_until_trial(uint32_t links)
{
    struct policy p = { .served_links = links };
    for (uint64_t i = 0; i < 2; i++) {
        EXPECT_EQ(false, judge(&p, CAUSE_PANIC, 0, i, links).begins_trial);
    }
    EXPECT_EQ(true, judge(&p, CAUSE_PANIC, 0, 2, links).begins_trial);
    return p;
}

TEST(supervisor_policy, a_server_of_several_links_that_keeps_dying_gets_one_at_a_time)
{
    struct policy p = shared_until_trial(0x1a);
    static const uint32_t alone[] = { 0x02, 0x08, 0x10 };
    for (size_t i = 0; i < ARRAY_COUNT(alone); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(alone[i], p.on_trial);
        EXPECT_EQ(0x1a & ~alone[i], policy_held_links(&p));
        policy_next_trial(&p);
    }
    EXPECT_EQ(0, p.on_trial);
    EXPECT_EQ(0, policy_held_links(&p));
    EXPECT_EQ(0, p.detached);
}

TEST(supervisor_policy, the_link_that_kills_it_twice_alone_is_detached)
{
    struct policy p = shared_until_trial(3);
    policy_next_trial(&p);
    EXPECT_EQ(
            0,
            judge(&p, CAUSE_FAULT, 5000, 3, 2).detach); /* how much it served before is no excuse */
    EXPECT_EQ(2, p.on_trial);
    struct policy_verdict v = judge(&p, CAUSE_FAULT, 0, 4, 2);
    EXPECT_EQ(2, v.detach);
    EXPECT_EQ(false, v.give_up);
    EXPECT_EQ(false, v.counts);
    EXPECT_EQ(2, p.detached);
    EXPECT_EQ(0, policy_held_links(&p)); /* the other one goes on */
    for (uint64_t i = 5; i < 8; i++) {
        EXPECT_EQ(false, judge(&p, CAUSE_FAULT, 0, i, 1).begins_trial); /* one link is no trial */
    }
}

TEST(supervisor_policy, a_death_without_requests_of_the_one_link_counts_as_ever)
{
    struct policy p = shared_until_trial(3);
    for (uint64_t i = 0; i < 4; i++) {
        struct policy_verdict v = judge(&p, CAUSE_FAULT, 0, i, 0);
        EXPECT_EQ(true, v.counts);
        EXPECT_EQ(0, v.detach);
        EXPECT_EQ(false, v.give_up);
    }
    EXPECT_EQ(true, judge(&p, CAUSE_FAULT, 0, 5, 0).give_up);
    EXPECT_EQ(0, p.detached);
}

TEST(supervisor_policy, healthy_incarnations_that_die_five_times_in_ten_seconds_go_on_trial_too)
{
    struct policy p = { .served_links = 3 };
    for (uint64_t i = 0; i < 4; i++) {
        EXPECT_EQ(false, judge(&p, CAUSE_FAULT, 1000, i * SECOND, 3).begins_trial);
    }
    struct policy_verdict v = judge(&p, CAUSE_FAULT, 1000, 4 * SECOND, 3);
    EXPECT_EQ(true, v.begins_trial);
    EXPECT_EQ(false, v.give_up);
    p = (struct policy){ .served_links = 3 };
    for (uint64_t i = 0; i < 40; i++) {
        EXPECT_EQ(false, judge(&p, CAUSE_FAULT, 1000, i * 3 * SECOND, 3).begins_trial);
    }
}

TEST(supervisor_policy, a_server_whose_links_are_all_detached_is_given_up_and_cleared_by_hand)
{
    struct policy p = shared_until_trial(3);
    for (uint32_t i = 0; i < 2; i++) (void)judge(&p, CAUSE_FAULT, 0, 10 + i, 1);
    EXPECT_EQ(1, p.detached);
    p.on_trial = 2;
    (void)judge(&p, CAUSE_FAULT, 0, 20, 2);
    EXPECT_EQ(true, judge(&p, CAUSE_FAULT, 0, 21, 2).give_up);
    policy_clear(&p);
    EXPECT_EQ(0, p.detached);
    EXPECT_EQ(3, p.served_links);
    EXPECT_EQ(false, judge(&p, CAUSE_FAULT, 0, 22, 2).give_up);
}

TEST(supervisor_policy, kills_by_the_operator_blame_no_link)
{
    struct policy p = shared_until_trial(3);
    for (uint32_t i = 0; i < 5; i++) EXPECT_EQ(0, judge(&p, CAUSE_KILLED, 0, i, 1).detach);
    EXPECT_EQ(1, p.on_trial);
}

TEST(supervisor_policy, a_guest_may_switch_itself_off_a_server_may_not)
{
    struct policy guest = { 0 }, server = { .served_links = 1 };
    EXPECT_EQ(false, judge(&guest, CAUSE_OFF, 0, 0, 0).counts);
    EXPECT_EQ(true, judge(&server, CAUSE_OFF, 0, 0, 1).counts);
}
