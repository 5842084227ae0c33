/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Hang detection: a deadline only while somebody waits, no false hang, no way around it. */
// LINK: hyp/link.c hyp/link_mmio.c hyp/link_server.c hyp/watchdog.c hyp/trace.c tests/fake/hyp.c tests/fake/link_rig.c
// LINK: lib/string.c
#include "lib/test.h"
#include "tests/fake/link_rig.h"

#define DEADLINE (RIG_DEADLINE_MS * RIG_MS)
#define SLOW     (RIG_SLOW_MS * RIG_MS)

static void post(uint16_t avail)
{
    rig_avail(0, avail);
    rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
}

static void answer(uint16_t used)
{
    rig_used(0, used);
    EXPECT_OK(rig_server_write(LINK_SRV_INTERRUPT, 1));
}

/* Lets EL2's timer ring as it would until `until`. */
static void pass_time(uint64_t until)
{
    while (watchdog_next() <= until) {
        fake.now_ticks = MAX(fake.now_ticks, watchdog_next());
        watchdog_expire(fake.now_ticks);
    }
    fake.now_ticks = until;
}

TEST(watchdog, idle_link_arms_nothing)
{
    rig_up(true, 1);
    EXPECT_EQ(UINT64_MAX, watchdog_next());
    watchdog_look_all(fake.now_ticks);
    EXPECT_EQ(UINT64_MAX, watchdog_next());
    post(1);
    EXPECT_EQ(fake.now_ticks + DEADLINE, watchdog_next());
    answer(1);
    EXPECT_EQ(UINT64_MAX, watchdog_next());
    EXPECT_EQ(1, rig.link->served);
}

TEST(watchdog, a_sleeping_server_is_a_hang)
{
    rig_up(true, 1);
    post(1);
    uint64_t due = fake.now_ticks + DEADLINE;
    pass_time(due - 1);
    EXPECT_EQ(0, fake.kills);
    pass_time(due);
    EXPECT_EQ(1, fake.kills);
    EXPECT_EQ(CAUSE_HANG, rig.server->death.cause);
    EXPECT_EQ(0, rig.server->death.detail);
    EXPECT_EQ(1, rig.server->death.info);
    EXPECT_EQ(UINT64_MAX, watchdog_next());
}

TEST(watchdog, more_doorbells_do_not_move_the_deadline_away)
{
    rig_up(true, 1);
    post(1);
    uint64_t due = fake.now_ticks + DEADLINE;
    for (uint16_t i = 2; i < 12; i++) {
        pass_time(fake.now_ticks + DEADLINE / 20);
        post(i);
        EXPECT_OK(rig_server_write(LINK_SRV_INTERRUPT, 1)); /* noise without progress */
    }
    pass_time(due);
    EXPECT_EQ(1, fake.kills);
}

TEST(watchdog, hundred_thousand_requests_with_a_never_empty_queue_are_no_hang)
{
    rig_up(true, 1);
    uint16_t avail = 8, used = 0;
    post(avail);
    for (uint32_t i = 0; i < 100000; i++) {
        pass_time(fake.now_ticks + DEADLINE * 9 / 10);
        rig_used(0, ++used); /* silently: seen only when EL2 looks by itself */
        if (i % 3 == 0) answer(used);
        rig_avail(0, ++avail);
        if (i % 5 != 0) rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    }
    EXPECT_EQ(0, fake.kills);
    watchdog_look(rig.link, fake.now_ticks);
    EXPECT_EQ(100000, rig.link->served);
    EXPECT_NE(UINT64_MAX, watchdog_next());
}

TEST(watchdog, progress_is_seen_at_expiry_first)
{
    rig_up(true, 1);
    post(2);
    uint64_t start = fake.now_ticks;
    fake.now_ticks = start + DEADLINE;
    rig_used(0, 1);
    watchdog_expire(fake.now_ticks);
    EXPECT_EQ(0, fake.kills);
    EXPECT_EQ(start + 2 * DEADLINE, watchdog_next());
    pass_time(start + 2 * DEADLINE);
    EXPECT_EQ(1, fake.kills);
}

TEST(watchdog, unwatched_queues_have_no_deadline)
{
    rig_up(true, 2); /* watch_mask is queue 0 */
    rig_avail(1, 5);
    rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 1);
    EXPECT_EQ(UINT64_MAX, watchdog_next());
    rig_used(1, 5);
    EXPECT_OK(rig_server_write(LINK_SRV_INTERRUPT, 1));
    EXPECT_EQ(5, rig.link->served);
}

TEST(watchdog, one_busy_queue_does_not_hide_a_hung_one)
{
    rig_start(true, 2);
    rig.conf.watch_mask = 3;
    EXPECT_OK(rig_publish(RIG_F_SERVER, 7));
    (void)rig_negotiate(RIG_F_ALWAYS);
    EXPECT_EQ(1, rig_queue_own(0, 16));
    EXPECT_EQ(1, rig_queue_own(1, 16));
    rig_write(VIRTIO_MMIO_STATUS, RIG_OK);
    post(1);
    uint64_t due = fake.now_ticks + DEADLINE;
    for (uint16_t i = 1; i < 20 && fake.kills == 0; i++) {
        rig_avail(1, (uint16_t)(i + 1));
        rig_used(1, i);
        rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 1);
        pass_time(fake.now_ticks + DEADLINE / 10);
    }
    EXPECT_EQ(1, fake.kills);
    EXPECT_EQ(1, rig.server->death.info);
    EXPECT_LE(due + DEADLINE / 10, fake.now_ticks);
}

TEST(watchdog, a_declared_slow_request_gets_the_second_deadline_and_no_more)
{
    rig_up(true, 1);
    post(2);
    uint64_t start = fake.now_ticks;
    EXPECT_OK(rig_server_write(LINK_SRV_SLOW, 1));
    pass_time(start + SLOW - 1);
    EXPECT_EQ(0, fake.kills);
    EXPECT_OK(rig_server_write(LINK_SRV_SLOW, 1)); /* saying it again buys nothing */
    pass_time(start + SLOW);
    EXPECT_EQ(1, fake.kills);
}

TEST(watchdog, slow_ends_with_its_request)
{
    rig_up(true, 1);
    post(2);
    EXPECT_OK(rig_server_write(LINK_SRV_SLOW, 1));
    pass_time(fake.now_ticks + 5 * DEADLINE);
    answer(1);
    uint64_t now = fake.now_ticks;
    pass_time(now + DEADLINE);
    EXPECT_EQ(1, fake.kills);
    rig_up(true, 1);
    EXPECT_OK(rig_server_write(LINK_SRV_SLOW, 1)); /* nobody waits: not kept for later */
    post(1);
    pass_time(fake.now_ticks + DEADLINE);
    EXPECT_EQ(1, fake.kills);
}

TEST(watchdog, a_server_that_never_publishes_is_a_hang)
{
    rig_start(true, 1);
    pass_time(fake.now_ticks + DEADLINE - 1);
    EXPECT_EQ(0, fake.kills);
    pass_time(fake.now_ticks + 1);
    EXPECT_EQ(1, fake.kills);
    EXPECT_EQ(CAUSE_HANG, rig.server->death.cause);
    EXPECT_EQ(HANG_NO_PUBLISH, rig.server->death.info);
    rig_start(true, 1);
    EXPECT_OK(rig_publish(RIG_F_SERVER, 7));
    EXPECT_EQ(UINT64_MAX, watchdog_next());
}

TEST(watchdog, a_reborn_server_that_never_publishes_is_a_hang)
{
    rig_up(true, 1);
    rig_die();
    rig_quiesce();
    EXPECT_EQ(UINT64_MAX, watchdog_next()); /* the dead have no deadline */
    rig_reborn();
    EXPECT_EQ(fake.now_ticks + DEADLINE, watchdog_next());
    pass_time(fake.now_ticks + DEADLINE);
    EXPECT_EQ(2, fake.kills);
    EXPECT_EQ(HANG_NO_PUBLISH, rig.server->death.info);
}

TEST(watchdog, clients_reset_during_start_keeps_the_publish_deadline)
{
    rig_start(true, 1);
    rig_write(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
    rig_write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_NE(UINT64_MAX, watchdog_next());
}

TEST(watchdog, an_unacknowledged_reset_is_a_hang)
{
    rig_up(true, 1);
    rig_write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_EQ(fake.now_ticks + DEADLINE, watchdog_next());
    pass_time(fake.now_ticks + DEADLINE);
    EXPECT_EQ(CAUSE_HANG, rig.server->death.cause);
    EXPECT_EQ(HANG_NO_ACK, rig.server->death.info);
}

TEST(watchdog, a_client_that_needs_reset_waits_for_nobody)
{
    rig_up(true, 1);
    post(1);
    EXPECT_OK(rig_server_write(LINK_SRV_NEEDS_RESET, 1));
    EXPECT_EQ(UINT64_MAX, watchdog_next());
}

TEST(watchdog, used_index_that_cannot_be_true_kills_an_own_clients_server)
{
    static const struct {
        uint16_t avail, used;
        bool lies;
    } row[] = {
        { 3, 3, false }, { 3, 4, true }, { 3, 0xffff, true }, { 0, 1, true }, { 3, 0x8000, true },
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        for (int from_client = 0; from_client < 2; from_client++) {
            test_row((int64_t)(2 * i) + from_client);
            rig_up(true, 1);
            rig_avail(0, row[i].avail);
            rig_used(0, row[i].used);
            if (from_client) {
                rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
            } else {
                (void)rig_server_write(LINK_SRV_INTERRUPT, 1);
            }
            EXPECT_EQ(row[i].lies, fake.kills);
            if (!row[i].lies) continue;
            EXPECT_EQ(CAUSE_PROTOCOL, rig.server->death.cause);
            EXPECT_EQ(0, rig.server->death.detail);
            EXPECT_EQ(0, rig.link->served);
            EXPECT_EQ(0, rig_read(VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_VRING);
            EXPECT_EQ(0, fake.raised[1]); /* the dead get no doorbell */
        }
    }
}

TEST(watchdog, used_index_that_goes_back_is_a_lie)
{
    rig_up(true, 1);
    post(5);
    answer(4);
    rig_used(0, 3);
    (void)rig_server_write(LINK_SRV_INTERRUPT, 1);
    EXPECT_EQ(1, fake.kills);
    EXPECT_EQ(4, rig.link->served);
}

TEST(watchdog, a_hostile_guest_cannot_kill_its_server_with_indices)
{
    rig_up(false, 1);
    post(5);
    answer(5);
    rig_avail(0, 2); /* takes its own index back: looks like a server that ran ahead */
    rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    EXPECT_EQ(0, fake.kills);
    rig_used(0, 6);
    rig_avail(0, 5);
    rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    EXPECT_EQ(0, fake.kills);
    EXPECT_TRUE(rig_read(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
    EXPECT_TRUE(rig_server_get(LINK_SRV_EVENTS) & LINK_EV_STATUS);
    EXPECT_EQ(UINT64_MAX, watchdog_next());
}

TEST(watchdog, more_outstanding_than_the_queue_holds_is_the_clients_nonsense)
{
    rig_up(true, 1);
    rig_avail(0, 17); /* of 16 */
    rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    pass_time(fake.now_ticks + 100 * DEADLINE);
    EXPECT_EQ(0, fake.kills);
    rig_up(true, 1);
    rig_avail(0, 16);
    rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    pass_time(fake.now_ticks + DEADLINE);
    EXPECT_EQ(1, fake.kills);
}

TEST(watchdog, a_starved_server_is_given_its_next_period)
{
    rig_up(true, 1);
    rig.server->vcpu[0].cpu.budget_ticks = 1000;
    fake.refill_ticks[1] = fake.now_ticks + 3 * DEADLINE;
    fake.out_of_budget[1] = true;
    uint64_t start = fake.now_ticks;
    post(1);
    pass_time(start + DEADLINE);
    EXPECT_EQ(0, fake.kills);
    EXPECT_EQ(start + 4 * DEADLINE, watchdog_next());
    /* It ran a full budget and is out of it again: no second excuse. */
    rig.server->vcpu[0].cpu.run_ticks += 1000;
    fake.refill_ticks[1] = start + 6 * DEADLINE;
    pass_time(start + 4 * DEADLINE);
    EXPECT_EQ(1, fake.kills);
}

TEST(watchdog, burning_the_budget_is_no_excuse)
{
    rig_up(true, 1);
    rig.server->vcpu[0].cpu.budget_ticks = 1000;
    post(1);
    rig.server->vcpu[0].cpu.run_ticks = 1000;
    fake.out_of_budget[1] = true;
    pass_time(fake.now_ticks + DEADLINE);
    EXPECT_EQ(1, fake.kills);
}

TEST(watchdog, rearming_costs_no_timer_programming_here)
{
    rig_up(true, 1);
    for (uint16_t i = 1; i < 1000; i++) {
        post(i);
        answer(i);
    }
    EXPECT_EQ(0, fake.timer_writes);
}

TEST(watchdog, what_was_answered_in_silence_disarms_at_expiry)
{
    rig_up(true, 1);
    post(1);
    rig_used(0, 1);
    pass_time(fake.now_ticks + DEADLINE);
    EXPECT_EQ(0, fake.kills);
    EXPECT_EQ(0, rig.link->deadline_ticks);
}

TEST(watchdog, a_stock_client_that_was_told_not_to_kick_is_seen_when_its_server_sleeps)
{
    rig_up(false, 1);
    rig_avail(0, 1);
    EXPECT_EQ(UINT64_MAX, watchdog_next());
    watchdog_look_all(fake.now_ticks); /* WFI or switch-away of the server */
    EXPECT_EQ(fake.now_ticks + DEADLINE, watchdog_next());
    pass_time(fake.now_ticks + DEADLINE);
    EXPECT_EQ(1, fake.kills);
}

TEST(watchdog, silent_progress_is_seen_when_the_server_sleeps)
{
    rig_up(true, 1);
    post(1);
    rig_used(0, 1);
    watchdog_look_all(fake.now_ticks);
    EXPECT_EQ(UINT64_MAX, watchdog_next());
    EXPECT_EQ(1, rig.link->served);
}
