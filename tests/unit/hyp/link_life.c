/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A link through its server's death and rebirth: own clients reset, stock clients resume, nobody is told a lie. */
// LINK: hyp/link.c hyp/link_mmio.c hyp/link_server.c hyp/watchdog.c hyp/trace.c tests/fake/hyp.c tests/fake/link_rig.c
// LINK: lib/string.c
#include "lib/test.h"
#include "tests/fake/link_rig.h"

#define ALL_F (RIG_F_SERVER | RIG_F_ALWAYS)
#define NO_OK (RIG_OK & ~VIRTIO_CONFIG_S_DRIVER_OK)

TEST(link_life, death_tells_an_own_client_and_takes_its_queues)
{
    rig_up(true, 1);
    rig_die();
    EXPECT_EQ(LINK_SERVER_DOWN, rig_read(LINK_CLIENT_SERVER));
    EXPECT_EQ(RIG_OK | VIRTIO_CONFIG_S_NEEDS_RESET, rig_read(VIRTIO_MMIO_STATUS));
    EXPECT_EQ(VIRTIO_MMIO_INT_CONFIG, rig_read(VIRTIO_MMIO_INTERRUPT_STATUS));
    EXPECT_EQ(1, fake.raised[0]);
    EXPECT_EQ(0, fake.peeks);
    rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    EXPECT_EQ(0, fake.raised[1]);
    EXPECT_EQ(0, rig.link->deadline_ticks);
}

TEST(link_life, reset_of_a_dead_servers_link_waits_for_quiesce)
{
    rig_up(true, 1);
    rig_die();
    rig_write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_NE(0, rig_read(VIRTIO_MMIO_STATUS)); /* its DMA may still run */
    rig_quiesce();
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_STATUS));
}

TEST(link_life, reset_pending_at_death_completes_at_quiesce)
{
    rig_up(true, 1);
    rig_write(VIRTIO_MMIO_STATUS, 0);
    rig_die();
    EXPECT_NE(0, rig_read(VIRTIO_MMIO_STATUS));
    rig_quiesce();
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_STATUS));
}

TEST(link_life, reset_after_quiesce_is_at_once)
{
    rig_up(true, 1);
    rig_die();
    rig_quiesce();
    EXPECT_NE(0, rig_read(VIRTIO_MMIO_STATUS)); /* nothing resets by itself */
    rig_write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_STATUS));
}

TEST(link_life, rebirth_counts_up_and_publish_tells)
{
    rig_up(true, 1);
    rig_die();
    rig_quiesce();
    rig_reborn();
    EXPECT_EQ(1, rig_read(LINK_CLIENT_INCARNATION));
    EXPECT_EQ(LINK_SERVER_DOWN, rig_read(LINK_CLIENT_SERVER));
    rig_write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_STATUS)); /* not published: nobody to ask */
    uint32_t raised = fake.raised[0];
    EXPECT_OK(rig_publish(RIG_F_SERVER, 7));
    EXPECT_EQ(raised + 1, fake.raised[0]);
    EXPECT_EQ(LINK_SERVER_PUBLISHED, rig_read(LINK_CLIENT_SERVER));
    EXPECT_EQ(NO_OK, rig_negotiate(ALL_F));
    EXPECT_EQ(1, rig_queue_own(0, 16));
    rig_write(VIRTIO_MMIO_STATUS, RIG_OK);
    rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    EXPECT_EQ(LINK_EV_STATUS | LINK_EV_DOORBELL, rig_server_get(LINK_SRV_EVENTS));
}

/* A client between FEATURES_OK and DRIVER_OK when the server dies must not hand old queues to the next incarnation. */
TEST(link_life, half_negotiated_own_client_starts_over)
{
    rig_start(true, 1);
    EXPECT_OK(rig_publish(RIG_F_SERVER, 7));
    EXPECT_EQ(NO_OK, rig_negotiate(ALL_F));
    EXPECT_EQ(1, rig_queue_own(0, 16));
    rig_die();
    rig_quiesce();
    rig_reborn();
    EXPECT_OK(rig_publish(RIG_F_SERVER, 7));
    EXPECT_EQ(0, rig_server_get(LINK_SRV_QUEUE + LINK_SRV_Q_READY));
    EXPECT_EQ(0, rig_queue_own(0, 16));
    rig_write(VIRTIO_MMIO_STATUS, RIG_OK);
    EXPECT_EQ(NO_OK | VIRTIO_CONFIG_S_NEEDS_RESET, rig_read(VIRTIO_MMIO_STATUS));
    rig_write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_STATUS));
}

TEST(link_life, new_incarnation_sees_no_queue_of_an_own_client_before_its_reset)
{
    rig_up(true, 1);
    rig_die();
    rig_quiesce();
    rig_reborn();
    EXPECT_OK(rig_publish(RIG_F_SERVER, 7));
    EXPECT_EQ(0, rig_server_get(LINK_SRV_QUEUE + LINK_SRV_Q_READY));
    EXPECT_EQ(0, rig_server_get(LINK_SRV_QUEUE + LINK_SRV_Q_RESUME));
    EXPECT_EQ(0, rig_server_get(LINK_SRV_EVENTS));
}

TEST(link_life, completions_up_to_the_death_are_counted)
{
    rig_up(true, 1);
    rig_avail(0, 5);
    rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    rig_used(0, 3);
    rig_die();
    EXPECT_EQ(3, rig.link->served);
    EXPECT_EQ(3, rig.link->served_now);
    rig_quiesce();
    rig_reborn();
    EXPECT_EQ(3, rig.link->served);
    EXPECT_EQ(0, rig.link->served_now);
}

TEST(link_life, gone_is_said_and_taken_back_by_a_rebirth)
{
    rig_up(true, 1);
    rig_die();
    uint32_t raised = fake.raised[0];
    link_server_offer(rig.server, 0, UINT32_MAX);
    EXPECT_EQ(LINK_SERVER_GONE, rig_read(LINK_CLIENT_SERVER));
    EXPECT_EQ(raised + 1, fake.raised[0]);
    rig_write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_NE(
            0,
            rig_read(
                    VIRTIO_MMIO_STATUS)); /* quarantined DMA may still run: the window is not free */
    rig_quiesce();
    rig_reborn();
    EXPECT_EQ(LINK_SERVER_GONE, rig_read(LINK_CLIENT_SERVER));
    link_server_offer(rig.server, 0, 0);
    EXPECT_EQ(LINK_SERVER_DOWN, rig_read(LINK_CLIENT_SERVER));
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_STATUS));
}

TEST(link_life, a_link_held_back_is_down_not_waited_for_and_its_page_kills)
{
    rig_up(true, 1);
    rig_die();
    rig_quiesce();
    link_server_offer(rig.server, 1, 0);
    rig_reborn();
    rig.link->deadline_ticks = 0;
    link_server_started(rig.server);
    EXPECT_EQ(0, rig.link->deadline_ticks);
    EXPECT_EQ(LINK_SERVER_DOWN, rig_read(LINK_CLIENT_SERVER));
    EXPECT_EQ(false, link_is_offered(rig.link, rig.server));
    uint64_t value = 0;
    EXPECT_EQ(ERR_NO_ENTRY,
              link_access(rig.server, (ipa_t){ rig.link->server_regs.raw + LINK_SRV_MAGIC }, false,
                          4, &value));
    link_server_offer(rig.server, 0, 0);
    EXPECT_OK(link_access(rig.server, (ipa_t){ rig.link->server_regs.raw + LINK_SRV_MAGIC }, false,
                          4, &value));
    link_server_started(rig.server);
    EXPECT_NE(0, rig.link->deadline_ticks);
}

TEST(link_life, stock_client_resumes_only_from_a_used_index_that_can_be_true)
{
    static const struct {
        uint16_t avail, done, used;
        bool resumes;
    } row[] = {
        { 5, 3, 3, true },       { 5, 3, 5, true },           { 5, 3, 4, true },
        { 5, 3, 6, false },                                   /* past avail.idx */
        { 5, 3, 2, false },                                   /* went back */
        { 5, 3, 0x8003, false }, { 3, 0xfffe, 0xffff, true }, /* around 2^16 */
        { 3, 0xfffe, 3, true },  { 3, 0xfffe, 4, false },     { 3, 0xfffe, 0xfffd, false },
        { 100, 3, 3, false }, /* more outstanding than the queue holds */
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        test_row((int64_t)i);
        rig_up(false, 1);
        rig.link->queue[0].done = row[i].done;
        rig_avail(0, row[i].avail);
        rig_used(0, row[i].used);
        rig_die();
        EXPECT_EQ(
                RIG_OK,
                rig_read(
                        VIRTIO_MMIO_STATUS)); /* DMA may still move used.idx: decided when it is still */
        rig_quiesce();
        EXPECT_EQ(row[i].resumes ? RIG_OK : RIG_OK | VIRTIO_CONFIG_S_NEEDS_RESET,
                  rig_read(VIRTIO_MMIO_STATUS));
        rig_reborn();
        EXPECT_OK(rig_publish(RIG_F_SERVER, 7));
        EXPECT_EQ(row[i].resumes ? BIT(31) | row[i].used : 0,
                  rig_server_get(LINK_SRV_QUEUE + LINK_SRV_Q_RESUME));
        EXPECT_EQ(row[i].resumes ? BIT(31) | row[i].used : 0,
                  rig_server_get(LINK_SRV_QUEUE + LINK_SRV_Q_RESUME));
        EXPECT_EQ(row[i].resumes ? LINK_EV_STATUS | LINK_EV_DOORBELL : 0,
                  rig_server_get(LINK_SRV_EVENTS));
        EXPECT_EQ(1, rig_server_get(LINK_SRV_QUEUE + LINK_SRV_Q_READY));
    }
}

TEST(link_life, resumed_stock_client_resets_through_the_new_server)
{
    rig_up(false, 1);
    rig_die();
    rig_quiesce();
    rig_reborn();
    EXPECT_OK(rig_publish(RIG_F_SERVER, 7));
    rig_write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_NE(0, rig_read(VIRTIO_MMIO_STATUS));
    EXPECT_EQ(0, rig_server_get(LINK_SRV_QUEUE + LINK_SRV_Q_RESUME));
    EXPECT_OK(rig_server_write(LINK_SRV_RESET_ACK, 1));
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_STATUS));
}

TEST(link_life, clients_death_resets_through_the_server)
{
    rig_up(false, 1);
    link_client_died(rig.client);
    EXPECT_EQ(LINK_EV_RESET, rig_server_get(LINK_SRV_EVENTS));
    EXPECT_EQ(0, fake.peeks);
    EXPECT_NE(0, rig.link->deadline_ticks);
    link_client_died(rig.client);
    EXPECT_OK(rig_server_write(LINK_SRV_RESET_ACK, 1));
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_STATUS));
}

TEST(link_life, other_servers_links_are_left_alone)
{
    rig_up(true, 1);
    static struct domain other;
    link_server_died(&other);
    link_server_offer(&other, 1, 1);
    link_server_reborn(&other);
    EXPECT_EQ(LINK_SERVER_PUBLISHED, rig_read(LINK_CLIENT_SERVER));
    EXPECT_EQ(RIG_OK, rig_read(VIRTIO_MMIO_STATUS));
    EXPECT_EQ(0, rig_read(LINK_CLIENT_INCARNATION));
}

TEST(link_life, bootinfo_describes_both_ends)
{
    rig_start(true, 1);
    struct boot_link ends[2];
    link_describe(rig.link, false, &ends[0]);
    link_describe(rig.link, true, &ends[1]);
    EXPECT_STR("disk0", ends[0].name);
    EXPECT_EQ(0, ends[0].is_server);
    EXPECT_EQ(1, ends[1].is_server);
    EXPECT_EQ(RIG_CLIENT_REGS, ends[0].regs_ipa);
    EXPECT_EQ(RIG_SERVER_REGS, ends[1].regs_ipa);
    EXPECT_EQ(RIG_CLIENT_WINDOW, ends[0].window_ipa);
    EXPECT_EQ(RIG_SERVER_WINDOW, ends[1].window_ipa);
    EXPECT_EQ(RIG_CLIENT_WINDOW, ends[1].client_window_ipa);
    EXPECT_EQ(RIG_CLIENT_INTID, ends[0].intid);
    EXPECT_EQ(RIG_SERVER_INTID, ends[1].intid);
    EXPECT_EQ(1, ends[0].peer_domain);
    EXPECT_EQ(0, ends[1].peer_domain);
    EXPECT_EQ(RIG_WINDOW_BYTES, link_window_bytes(rig.server));
    EXPECT_EQ(0, link_window_bytes(rig.client));
}

TEST(link_life, a_server_whose_client_was_refused_publishes_to_nobody)
{
    rig_start(true, 1);
    rig.link->present = false;
    rig.link->client = NULL;
    EXPECT_OK(rig_publish(RIG_F_SERVER, 7));
    EXPECT_OK(rig_server_write(LINK_SRV_INTERRUPT, 1));
    rig_die();
    rig_quiesce();
    rig_reborn();
    EXPECT_EQ(0, fake.raised[0]);
    EXPECT_EQ(0, rig.link->deadline_ticks); /* nobody waits for it */
}

TEST(link_life, a_dead_server_is_given_no_deadline_by_a_reset)
{
    rig_up(true, 1);
    rig_die();
    rig_write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_EQ(UINT64_MAX, watchdog_next());
}

TEST(link_life, another_domains_quiesce_completes_no_reset_here)
{
    static struct domain other;
    rig_up(true, 1);
    rig_write(VIRTIO_MMIO_STATUS, 0);
    link_server_quiesced(&other);
    link_client_died(&other);
    EXPECT_NE(0, rig_read(VIRTIO_MMIO_STATUS));
    EXPECT_OK(rig_server_write(LINK_SRV_RESET_ACK, 1));
    rig.link->deadline_ticks = 0;
    link_server_started(&other);
    EXPECT_EQ(0, rig.link->deadline_ticks);
}
