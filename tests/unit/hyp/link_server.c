/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The server's page: every wrong access is an error, so that a hostile server dies of it. */
// LINK: hyp/link.c hyp/link_mmio.c hyp/link_server.c hyp/watchdog.c hyp/trace.c tests/fake/hyp.c tests/fake/link_rig.c
// LINK: lib/string.c
#include "lib/test.h"
#include "tests/fake/link_rig.h"

#define ALL_F (RIG_F_SERVER | RIG_F_ALWAYS)

TEST(link_server, wrong_accesses_are_errors)
{
    static const struct {
        bool is_write;
        uint32_t offset, size_bytes;
        uint64_t value;
        err_t want;
    } row[] = {
        { false, LINK_SRV_MAGIC, 1, 0, ERR_ALIGN },
        { false, LINK_SRV_MAGIC, 2, 0, ERR_ALIGN },
        { false, LINK_SRV_MAGIC, 8, 0, ERR_ALIGN },
        { false, LINK_SRV_MAGIC + 2, 4, 0, ERR_ALIGN },
        { true, LINK_SRV_EVENTS, 8, 0, ERR_ALIGN },
        { true, LINK_SRV_CONFIG, 1, 0, ERR_ALIGN },
        { true, LINK_SRV_CONFIG + 1, 4, 0, ERR_ALIGN },
        { true, LINK_SRV_MAGIC, 4, 0, ERR_READ_ONLY },
        { true, LINK_SRV_DEVICE_ID, 4, 0, ERR_READ_ONLY },
        { true, LINK_SRV_GENERATION, 4, 0, ERR_READ_ONLY },
        { true, LINK_SRV_STATUS, 4, 0, ERR_READ_ONLY },
        { true, LINK_SRV_QUEUE + LINK_SRV_Q_RESUME, 4, 0, ERR_READ_ONLY },
        { true, LINK_SRV_QUEUE + LINK_SRV_Q_READY, 4, 1, ERR_READ_ONLY },
        { true, LINK_SRV_QUEUE + LINK_SRV_Q_USED, 4, 1, ERR_READ_ONLY },
        { false, LINK_SRV_RESET_ACK, 4, 0, ERR_RANGE }, /* write-only */
        { false, LINK_SRV_INTERRUPT, 4, 0, ERR_RANGE },
        { false, LINK_SRV_PUBLISH, 4, 0, ERR_RANGE },
        { false, LINK_SRV_CONFIG, 4, 0, ERR_RANGE },
        { false, 0x038, 4, 0, ERR_RANGE },
        { false, LINK_SRV_QUEUE + 0x18, 4, 0, ERR_RANGE },
        { false, LINK_SRV_QUEUE + LINK_SRV_QUEUE_STEP, 4, 0, ERR_RANGE }, /* queue 1 of 1 */
        { false, LINK_SRV_QUEUE + 3 * LINK_SRV_QUEUE_STEP, 4, 0, ERR_RANGE },
        { false, LINK_SRV_QUEUE + 4 * LINK_SRV_QUEUE_STEP, 4, 0, ERR_RANGE },
        { true, LINK_SRV_CONFIG + LINK_CONFIG_MAX, 4, 0, ERR_RANGE },
        { true, 0x0fc, 4, 0, ERR_RANGE },
        { true, 0xffc, 4, 0, ERR_RANGE },
        { true, LINK_SRV_INTERRUPT, 4, 0, ERR_ARG },
        { true, LINK_SRV_INTERRUPT, 4, 2, ERR_ARG },
        { true, LINK_SRV_INTERRUPT, 4, 1, ERR_STATE }, /* not published */
        { true, LINK_SRV_SLOW, 4, 0, ERR_ARG },
        { true, LINK_SRV_PUBLISH, 4, 0, ERR_ARG },
        { true, LINK_SRV_PUBLISH, 4, 2, ERR_ARG },
        { true, LINK_SRV_FEATURES_LO, 4, BIT(24), ERR_ARG },
        { true, LINK_SRV_FEATURES_LO, 4, BIT(28), ERR_ARG }, /* INDIRECT_DESC */
        { true, LINK_SRV_FEATURES_LO, 4, BIT(29), ERR_ARG }, /* EVENT_IDX */
        { true, LINK_SRV_FEATURES_HI, 4, 1, ERR_ARG },       /* VERSION_1 is EL2's to offer */
        { true, LINK_SRV_FEATURES_HI, 4, BIT(2), ERR_ARG },  /* RING_PACKED */
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        test_row((int64_t)i);
        rig_start(true, 1);
        uint64_t value = row[i].value;
        EXPECT_EQ(row[i].want, link_access(rig.server, (ipa_t){ RIG_SERVER_REGS + row[i].offset },
                                           row[i].is_write, row[i].size_bytes, &value));
        if (!row[i].is_write) EXPECT_EQ(0, value);
        EXPECT_FALSE(rig.link->published);
    }
}

TEST(link_server, registers_say_what_the_client_did)
{
    rig_start(true, 1);
    EXPECT_EQ(LINK_SRV_MAGIC_VALUE, rig_server_get(LINK_SRV_MAGIC));
    EXPECT_EQ(2, rig_server_get(LINK_SRV_DEVICE_ID));
    EXPECT_EQ(1, rig_server_get(LINK_SRV_QUEUE_COUNT));
    EXPECT_EQ(0, rig_server_get(LINK_SRV_GENERATION));
    EXPECT_OK(rig_publish(RIG_F_SERVER, 7));
    EXPECT_EQ(0, rig_server_get(LINK_SRV_QUEUE + LINK_SRV_Q_READY));
    (void)rig_negotiate(RIG_F_ALWAYS | 0x1000);
    EXPECT_EQ(0, rig_server_get(LINK_SRV_FEATURES_LO)); /* not before DRIVER_OK */
    EXPECT_EQ(1, rig_queue_own(0, 32));
    EXPECT_EQ(0, rig_server_get(LINK_SRV_EVENTS));
    rig_write(VIRTIO_MMIO_STATUS, RIG_OK);
    EXPECT_EQ(LINK_EV_STATUS, rig_server_get(LINK_SRV_EVENTS));
    EXPECT_EQ(RIG_SERVER_INTID, fake.last_intid[1]);
    EXPECT_EQ(RIG_OK, rig_server_get(LINK_SRV_STATUS));
    EXPECT_EQ(0x1000, rig_server_get(LINK_SRV_FEATURES_LO));
    EXPECT_EQ(3, rig_server_get(LINK_SRV_FEATURES_HI));
    EXPECT_EQ(1, rig_server_get(LINK_SRV_QUEUE + LINK_SRV_Q_READY));
    EXPECT_EQ(32, rig_server_get(LINK_SRV_QUEUE + LINK_SRV_Q_SIZE));
    EXPECT_EQ(LINK_DESC_OFF(0), rig_server_get(LINK_SRV_QUEUE + LINK_SRV_Q_DESC));
    EXPECT_EQ(LINK_AVAIL_OFF(0), rig_server_get(LINK_SRV_QUEUE + LINK_SRV_Q_AVAIL));
    EXPECT_EQ(LINK_USED_OFF(1, 0), rig_server_get(LINK_SRV_QUEUE + LINK_SRV_Q_USED));
    EXPECT_EQ(0, rig_server_get(LINK_SRV_QUEUE + LINK_SRV_Q_RESUME));
    EXPECT_OK(rig_server_write(LINK_SRV_EVENTS, LINK_EV_STATUS));
    EXPECT_EQ(0, rig_server_get(LINK_SRV_EVENTS));
}

TEST(link_server, events_are_cleared_one_by_one)
{
    rig_up(true, 1);
    rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    rig_write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_EQ(LINK_EV_DOORBELL | LINK_EV_RESET, rig_server_get(LINK_SRV_EVENTS));
    EXPECT_OK(rig_server_write(LINK_SRV_EVENTS, LINK_EV_DOORBELL));
    EXPECT_EQ(LINK_EV_RESET, rig_server_get(LINK_SRV_EVENTS));
}

TEST(link_server, publish_tells_our_own_client_at_once)
{
    rig_start(true, 1);
    EXPECT_EQ(LINK_SERVER_DOWN, rig_read(LINK_CLIENT_SERVER));
    EXPECT_OK(rig_publish(RIG_F_SERVER, 7));
    EXPECT_EQ(LINK_SERVER_PUBLISHED, rig_read(LINK_CLIENT_SERVER));
    EXPECT_EQ(1, fake.raised[0]);
    EXPECT_EQ(VIRTIO_MMIO_INT_CONFIG, rig_read(VIRTIO_MMIO_INTERRUPT_STATUS));
    rig_start(false, 1); /* a stock driver is not there yet */
    EXPECT_OK(rig_publish(RIG_F_SERVER, 7));
    EXPECT_EQ(0, fake.raised[0]);
}

TEST(link_server, what_is_published_is_sealed)
{
    rig_start(true, 1);
    EXPECT_OK(rig_publish(RIG_F_SERVER, 7));
    EXPECT_EQ(ERR_STATE, rig_server_write(LINK_SRV_PUBLISH, 1));
    EXPECT_EQ(ERR_STATE, rig_server_write(LINK_SRV_FEATURES_LO, 0));
    EXPECT_EQ(ERR_STATE, rig_server_write(LINK_SRV_FEATURES_HI, 0));
    EXPECT_EQ(ERR_STATE, rig_server_write(LINK_SRV_CONFIG, 0));
    EXPECT_EQ(0x07070707, rig_read(VIRTIO_MMIO_CONFIG));
}

TEST(link_server, a_later_incarnation_publishes_the_same_or_dies)
{
    static const struct {
        uint64_t features;
        uint8_t config;
        err_t want;
    } row[] = {
        { RIG_F_SERVER, 7, OK },
        { RIG_F_SERVER, 8, ERR_PEER },
        { RIG_F_SERVER | 1, 7, ERR_PEER },
        { 0, 7, ERR_PEER },
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        test_row((int64_t)i);
        rig_up(true, 1);
        rig_die();
        rig_quiesce();
        rig_reborn();
        EXPECT_EQ(1, rig_server_get(LINK_SRV_GENERATION));
        EXPECT_EQ(row[i].want, rig_publish(row[i].features, row[i].config));
        EXPECT_EQ(row[i].want == OK, rig.link->published);
        EXPECT_EQ(0x07070707, rig_read(VIRTIO_MMIO_CONFIG));
    }
}

TEST(link_server, a_new_incarnation_starts_from_an_empty_offer)
{
    rig_start(true, 1);
    EXPECT_OK(rig_publish(RIG_F_SERVER, 7));
    rig_die();
    rig_quiesce();
    rig_reborn();
    EXPECT_EQ(ERR_PEER,
              rig_server_write(LINK_SRV_PUBLISH, 1)); /* nothing of the last one is left over */
}

TEST(link_server, interrupts_of_a_server_whose_client_is_not_up_go_nowhere)
{
    rig_start(true, 1);
    EXPECT_OK(rig_publish(RIG_F_SERVER, 7));
    rig_write(VIRTIO_MMIO_INTERRUPT_ACK, UINT32_MAX);
    fake.raised[0] = 0;
    EXPECT_OK(rig_server_write(LINK_SRV_INTERRUPT, 1));
    EXPECT_OK(rig_server_write(LINK_SRV_NEEDS_RESET, 1));
    EXPECT_OK(rig_server_write(LINK_SRV_RESET_ACK, 1));
    EXPECT_EQ(0, fake.raised[0]);
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_INTERRUPT_STATUS));
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_STATUS));
}

TEST(link_server, needs_reset_reaches_the_client)
{
    rig_up(true, 1);
    EXPECT_OK(rig_server_write(LINK_SRV_NEEDS_RESET, 0));
    EXPECT_EQ(RIG_OK | VIRTIO_CONFIG_S_NEEDS_RESET, rig_read(VIRTIO_MMIO_STATUS));
    EXPECT_EQ(1, fake.raised[0]);
    EXPECT_OK(rig_server_write(LINK_SRV_NEEDS_RESET, 0)); /* said once is enough */
    EXPECT_EQ(1, fake.raised[0]);
}

TEST(link_server, an_early_reset_ack_does_not_shorten_a_later_reset)
{
    rig_up(true, 1);
    EXPECT_OK(rig_server_write(LINK_SRV_RESET_ACK, 1));
    EXPECT_EQ(RIG_OK, rig_read(VIRTIO_MMIO_STATUS));
    rig_write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_NE(0, rig_read(VIRTIO_MMIO_STATUS));
}
