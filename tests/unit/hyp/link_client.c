/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The client's page: what virtio promises a driver, and what a hostile one gets. */
// LINK: hyp/link.c hyp/link_mmio.c hyp/link_server.c hyp/watchdog.c hyp/trace.c tests/fake/hyp.c tests/fake/link_rig.c
// LINK: lib/string.c
#include <string.h>

#include "lib/test.h"
#include "tests/fake/link_rig.h"

#define ALL_F (RIG_F_SERVER | RIG_F_ALWAYS)
#define NO_OK (RIG_OK & ~VIRTIO_CONFIG_S_DRIVER_OK)

TEST(link_client, identity_is_there_from_the_first_instruction)
{
    rig_start(true, 2);
    static const struct {
        uint32_t reg, want;
    } row[] = {
        { VIRTIO_MMIO_MAGIC_VALUE, 0x74726976 },
        { VIRTIO_MMIO_VERSION, 2 },
        { VIRTIO_MMIO_DEVICE_ID, 2 },
        { VIRTIO_MMIO_VENDOR_ID, 0x534f525a },
        { VIRTIO_MMIO_QUEUE_NUM_MAX, 64 },
        { VIRTIO_MMIO_QUEUE_READY, 0 },
        { VIRTIO_MMIO_STATUS, 0 },
        { VIRTIO_MMIO_INTERRUPT_STATUS, 0 },
        { VIRTIO_MMIO_SHM_LEN_LOW, UINT32_MAX },
        { VIRTIO_MMIO_SHM_LEN_HIGH, UINT32_MAX },
        { LINK_CLIENT_INCARNATION, 0 },
        { LINK_CLIENT_SERVER, LINK_SERVER_DOWN },
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(row[i].want, rig_read(row[i].reg));
    }
    rig_write(VIRTIO_MMIO_QUEUE_SEL, 2);
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_QUEUE_NUM_MAX));
}

TEST(link_client, transport_features_are_always_offered_and_others_never)
{
    rig_start(true, 1);
    for (int published = 0; published < 2; published++) {
        uint64_t offered = 0;
        for (uint32_t sel = 0; sel < 3; sel++) {
            rig_write(VIRTIO_MMIO_DEVICE_FEATURES_SEL, sel);
            if (sel == 2) {
                EXPECT_EQ(0, rig_read(VIRTIO_MMIO_DEVICE_FEATURES));
            } else {
                offered |= (uint64_t)rig_read(VIRTIO_MMIO_DEVICE_FEATURES) << (32 * sel);
            }
        }
        EXPECT_EQ(RIG_F_ALWAYS | (published ? RIG_F_SERVER : 0), offered);
        if (!published) EXPECT_OK(rig_publish(RIG_F_SERVER, 1));
    }
}

TEST(link_client, features_ok_needs_a_subset_with_both_transport_bits)
{
    static const struct {
        uint64_t features;
        bool accepted;
    } row[] = {
        { RIG_F_ALWAYS, true },
        { ALL_F, true },
        { RIG_F_SERVER, false },
        { 0, false },
        { BIT(VIRTIO_F_VERSION_1), false },
        { BIT(VIRTIO_F_ACCESS_PLATFORM), false },
        { RIG_F_ALWAYS | 1, false }, /* not offered */
        { RIG_F_ALWAYS | BIT(VIRTIO_F_RING_PACKED), false },
        { RIG_F_ALWAYS | BIT(29), false }, /* EVENT_IDX */
        { RIG_F_ALWAYS | BIT(28), false }, /* INDIRECT_DESC */
        { RIG_F_ALWAYS | BIT(VIRTIO_F_RING_RESET), false },
        { RIG_F_ALWAYS | BIT(38), false }, /* NOTIFICATION_DATA */
        { UINT64_MAX, false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        test_row((int64_t)i);
        rig_start(true, 1);
        EXPECT_OK(rig_publish(RIG_F_SERVER, 1));
        uint32_t status = rig_negotiate(row[i].features);
        EXPECT_EQ(row[i].accepted, (status & VIRTIO_CONFIG_S_FEATURES_OK) != 0);
        rig_write(VIRTIO_MMIO_STATUS, RIG_OK); /* DRIVER_OK needs FEATURES_OK */
        EXPECT_EQ(row[i].accepted, (rig_read(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_DRIVER_OK) != 0);
    }
}

TEST(link_client, nothing_is_negotiated_before_the_server_published)
{
    rig_start(true, 1);
    EXPECT_EQ(0, rig_negotiate(RIG_F_ALWAYS) & VIRTIO_CONFIG_S_FEATURES_OK);
    rig_write(VIRTIO_MMIO_STATUS, RIG_OK);
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_DRIVER_OK);
    EXPECT_EQ(0, rig_queue_own(0, 16));
}

TEST(link_client, features_are_frozen_by_features_ok)
{
    rig_start(true, 1);
    EXPECT_OK(rig_publish(RIG_F_SERVER, 1));
    EXPECT_EQ(NO_OK, rig_negotiate(ALL_F));
    rig_write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    rig_write(VIRTIO_MMIO_DRIVER_FEATURES, 0);
    rig_write(VIRTIO_MMIO_STATUS, RIG_OK);
    EXPECT_EQ(RIG_F_SERVER, rig_server_get(LINK_SRV_FEATURES_LO));
    EXPECT_EQ(3, rig_server_get(LINK_SRV_FEATURES_HI));
}

TEST(link_client, status_bits_are_added_but_needs_reset_is_not_the_drivers)
{
    rig_start(true, 1);
    rig_write(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_NEEDS_RESET | 0x30);
    EXPECT_EQ(VIRTIO_CONFIG_S_ACKNOWLEDGE, rig_read(VIRTIO_MMIO_STATUS));
    rig_write(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_FAILED);
    EXPECT_EQ(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_FAILED, rig_read(VIRTIO_MMIO_STATUS));
    rig_write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_STATUS));
}

/* One bad queue each: QueueReady stays 0 and DEVICE_NEEDS_RESET is set. Window 128 KiB, queue_size 64. */
TEST(link_client, bad_queue_places_of_a_stock_client_are_refused)
{
    static const struct {
        uint32_t num;
        uint64_t desc, avail, used;
        bool fine;
    } row[] = {
        { 16, 0, 0x1000, 0x2000, true },
        { 64, 0, 0x400, 0x800, true },
        { 1, 0x1fff0, 0x0, 0x10, true },    /* descriptor table ends at the window's end */
        { 16, 0x0, 0x1ffda, 0x1000, true }, /* 38 bytes of available ring at the end */
        { 16, 0x0, 0x1000, 0x1ff78, true }, /* 134 bytes of used ring, ends 2 before the end */
        { 0, 0, 0x1000, 0x2000, false },
        { 3, 0, 0x1000, 0x2000, false },
        { 128, 0, 0x1000, 0x2000, false }, /* more than queue_size */
        { 0x80000000, 0, 0x1000, 0x2000, false },
        { 16, 8, 0x1000, 0x2000, false }, /* alignment */
        { 16, 0, 0x1001, 0x2000, false },
        { 16, 0, 0x1000, 0x2002, false },
        { 16, 0x1ff10, 0x0, 0x100, false }, /* 256 bytes, one too far */
        { 16, 0x0, 0x1ffdc, 0x1000, false },
        { 16, 0x0, 0x1000, 0x1ff7c, false },
        { 16, 0x20000, 0x0, 0x100, false },                        /* behind the window */
        { 16, (uint64_t)-16, 0x100, 0x200, false },                /* before it */
        { 16, (uint64_t)-RIG_CLIENT_WINDOW, 0x100, 0x200, false }, /* address 0 */
        { 16, 0, (uint64_t)-2, 0x200, false },
        { 16, 0, 0x200, (uint64_t)-4, false },
        { 16, 0xfffffffffffffff0 - RIG_CLIENT_WINDOW, 0x100, 0x200, false }, /* wraps 2^64 */
        { 16, BIT(63), 0x100, 0x200, false },
        { 16, 0, 0xfe, 0x1000, false }, /* avail inside desc */
        { 16, 0, 0x0, 0x1000, false },
        { 16, 0, 0x1000, 0x1024, false }, /* used starts in avail's last bytes */
        { 16, 0, 0x1000, 0x0, false },
        { 16, 0x1000, 0x2000, 0xf7c, false }, /* used ends in desc */
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        test_row((int64_t)i);
        rig_start(false, 1);
        EXPECT_OK(rig_publish(RIG_F_SERVER, 1));
        EXPECT_EQ(NO_OK, rig_negotiate(ALL_F));
        EXPECT_EQ(row[i].fine, rig_queue(0, row[i].num, row[i].desc, row[i].avail, row[i].used));
        EXPECT_EQ(row[i].fine ? 0 : VIRTIO_CONFIG_S_NEEDS_RESET,
                  rig_read(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
        EXPECT_EQ(row[i].fine ? 2 : 0, fake.peeks);
        if (!row[i].fine) { /* no way on but a reset */
            rig_write(VIRTIO_MMIO_STATUS, RIG_OK);
            EXPECT_EQ(0, rig_read(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_DRIVER_OK);
            EXPECT_EQ(0, rig_queue_own(0, 16));
            rig_write(VIRTIO_MMIO_STATUS, 0);
            EXPECT_EQ(0, rig_read(VIRTIO_MMIO_STATUS));
        }
    }
}

TEST(link_client, two_queues_never_share_a_byte)
{
    static const struct {
        uint64_t desc, avail, used;
        bool fine;
    } row[] = {
        { 0x4000, 0x5000, 0x6000, true },
        { 0x100, 0x126 + 0x1000, 0x2088,
          true }, /* touching the other one's parts, sharing nothing */
        { 0, 0x5000, 0x6000, false },
        { 0xf0, 0x5000, 0x6000, false },
        { 0x4000, 0x1024, 0x6000, false },
        { 0x4000, 0x5000, 0x2084, false },
        { 0x4000, 0x5000, 0x80, false },
        { 0x1000, 0x5000, 0x6000, false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        test_row((int64_t)i);
        rig_start(false, 2);
        EXPECT_OK(rig_publish(RIG_F_SERVER, 1));
        EXPECT_EQ(NO_OK, rig_negotiate(ALL_F));
        EXPECT_EQ(1, rig_queue(0, 16, 0, 0x1000, 0x2000));
        EXPECT_EQ(row[i].fine, rig_queue(1, 16, row[i].desc, row[i].avail, row[i].used));
        rig_write(VIRTIO_MMIO_QUEUE_SEL, 0);
        EXPECT_EQ(1, rig_read(VIRTIO_MMIO_QUEUE_READY));
    }
}

TEST(link_client, own_layout_is_the_only_place_for_an_own_client)
{
    static const int64_t shift[][3] = {
        { 0, 0, 0 }, { 16, 0, 0 }, { 0, 2, 0 }, { 0, 0, 4 }, { 0x6000, 0x6000, 0x6000 }
    };
    for (uint32_t q = 0; q < 2; q++) {
        for (size_t i = 0; i < ARRAY_COUNT(shift); i++) {
            test_row((int64_t)(q * 10 + i));
            rig_start(true, 2);
            EXPECT_OK(rig_publish(RIG_F_SERVER, 1));
            EXPECT_EQ(NO_OK, rig_negotiate(ALL_F));
            EXPECT_EQ(i == 0, rig_queue(q, 64, LINK_DESC_OFF(q) + (uint64_t)shift[i][0],
                                        LINK_AVAIL_OFF(q) + (uint64_t)shift[i][1],
                                        LINK_USED_OFF(2, q) + (uint64_t)shift[i][2]));
        }
    }
    rig_start(true, 2); /* the other queue's place is refused, too */
    EXPECT_OK(rig_publish(RIG_F_SERVER, 1));
    EXPECT_EQ(NO_OK, rig_negotiate(ALL_F));
    EXPECT_EQ(0, rig_queue(0, 16, LINK_DESC_OFF(1), LINK_AVAIL_OFF(1), LINK_USED_OFF(2, 1)));
}

TEST(link_client, a_ready_queue_does_not_move)
{
    rig_up(true, 1);
    rig_write(VIRTIO_MMIO_QUEUE_DESC_LOW, 0);
    rig_write(VIRTIO_MMIO_QUEUE_NUM, 64);
    rig_write(VIRTIO_MMIO_QUEUE_READY, 1);
    EXPECT_EQ(16, rig_server_get(LINK_SRV_QUEUE + LINK_SRV_Q_SIZE));
    EXPECT_EQ(0x1000, rig_server_get(LINK_SRV_QUEUE + LINK_SRV_Q_AVAIL));
    EXPECT_EQ(RIG_OK, rig_read(VIRTIO_MMIO_STATUS));
    /* nor does it go away under the server: only a reset does that */
    rig_write(VIRTIO_MMIO_QUEUE_READY, 0);
    EXPECT_EQ(1, rig_read(VIRTIO_MMIO_QUEUE_READY));
    EXPECT_EQ(1, rig_server_get(LINK_SRV_QUEUE + LINK_SRV_Q_READY));
}

TEST(link_client, a_queue_is_not_added_after_driver_ok)
{
    rig_start(true, 2);
    EXPECT_OK(rig_publish(RIG_F_SERVER, 1));
    EXPECT_EQ(NO_OK, rig_negotiate(ALL_F));
    EXPECT_EQ(1, rig_queue_own(0, 16));
    rig_write(VIRTIO_MMIO_QUEUE_READY, 0); /* before DRIVER_OK it may be taken back */
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_QUEUE_READY));
    EXPECT_EQ(0, fake.peeks);
    EXPECT_EQ(1, rig_queue_own(0, 16));
    rig_write(VIRTIO_MMIO_STATUS, RIG_OK);
    EXPECT_EQ(0, rig_queue_own(1, 16));
    EXPECT_TRUE(rig_read(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
    EXPECT_EQ(RIG_CLIENT_INTID, fake.last_intid[0]);
    EXPECT_TRUE(rig_read(VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG);
}

TEST(link_client, queues_past_the_count_do_not_exist)
{
    static const uint32_t sel[] = { 1, 4, 255, 0x80000000, UINT32_MAX };
    for (size_t i = 0; i < ARRAY_COUNT(sel); i++) {
        test_row((int64_t)i);
        rig_start(true, 1);
        EXPECT_OK(rig_publish(RIG_F_SERVER, 1));
        EXPECT_EQ(NO_OK, rig_negotiate(ALL_F));
        EXPECT_EQ(0, rig_queue(sel[i], 16, 0, 0x1000, 0x2000));
        EXPECT_EQ(0, rig_read(VIRTIO_MMIO_QUEUE_NUM_MAX));
        EXPECT_EQ(0, fake.peeks);
    }
}

TEST(link_client, doorbells_reach_the_server_only_for_a_ready_queue)
{
    rig_up(true, 1);
    rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 1);
    rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, UINT32_MAX);
    rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 0x10000); /* NOTIFICATION_DATA form */
    EXPECT_EQ(0, fake.raised[1]);
    EXPECT_EQ(0, rig_server_get(LINK_SRV_EVENTS));
    rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    EXPECT_EQ(1, fake.raised[1]);
    EXPECT_EQ(RIG_SERVER_INTID, fake.last_intid[1]);
    EXPECT_EQ(LINK_EV_DOORBELL, rig_server_get(LINK_SRV_EVENTS));
    EXPECT_EQ(1, rig.link->doorbells);
    rig_start(true, 1); /* nothing is set up */
    rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    EXPECT_EQ(0, fake.raised[1]);
}

TEST(link_client, configuration_reads_of_every_width_stay_inside)
{
    static const struct {
        uint32_t offset, size_bytes;
        uint64_t want;
    } row[] = {
        { 0x100, 1, 7 },          { 0x100, 2, 0x0707 },
        { 0x100, 4, 0x07070707 }, { 0x100, 8, 0x0707070707070707 },
        { 0x13f, 1, 7 },          { 0x13f, 2, 0x07 },
        { 0x13c, 8, 0x07070707 }, { 0x140, 8, 0 },
        { 0xff8, 8, 0 },          { 0xfff, 8, 0 },
        { 0x000, 1, 0 }, /* registers are 32 bits wide */
        { 0x000, 2, 0 },          { 0x000, 8, 0 },
    };
    rig_up(true, 1);
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        test_row((int64_t)i);
        uint64_t value = UINT64_MAX;
        EXPECT_OK(link_access(rig.client, (ipa_t){ RIG_CLIENT_REGS + row[i].offset }, false,
                              row[i].size_bytes, &value));
        EXPECT_EQ(row[i].want, value);
    }
    uint64_t value = 0x55; /* written by the client: ignored */
    EXPECT_OK(link_access(rig.client, (ipa_t){ RIG_CLIENT_REGS + 0x100 }, true, 1, &value));
    rig_write(0x100, 0x12345678);
    EXPECT_EQ(0x07070707, rig_read(0x100));
}

TEST(link_client, configuration_shows_nothing_before_publish)
{
    rig_start(true, 1);
    EXPECT_OK(rig_server_write(LINK_SRV_CONFIG, 0x11111111));
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_CONFIG));
    uint32_t before = rig_read(VIRTIO_MMIO_CONFIG_GENERATION);
    EXPECT_OK(rig_publish(0, 3));
    EXPECT_EQ(0x03030303, rig_read(VIRTIO_MMIO_CONFIG));
    EXPECT_NE(before, rig_read(VIRTIO_MMIO_CONFIG_GENERATION));
}

TEST(link_client, interrupt_bits_are_acknowledged_one_by_one)
{
    rig_up(true, 1);
    EXPECT_OK(rig_server_write(LINK_SRV_INTERRUPT, 1));
    EXPECT_EQ(VIRTIO_MMIO_INT_VRING, rig_read(VIRTIO_MMIO_INTERRUPT_STATUS));
    EXPECT_EQ(1, fake.raised[0]);
    EXPECT_EQ(RIG_CLIENT_INTID, fake.last_intid[0]);
    EXPECT_OK(rig_server_write(LINK_SRV_NEEDS_RESET, 1));
    EXPECT_EQ(VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG,
              rig_read(VIRTIO_MMIO_INTERRUPT_STATUS));
    rig_write(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
    EXPECT_EQ(VIRTIO_MMIO_INT_CONFIG, rig_read(VIRTIO_MMIO_INTERRUPT_STATUS));
}

TEST(link_client, reset_waits_for_a_server_that_may_touch_buffers)
{
    rig_up(true, 1);
    rig_write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_NE(0, rig_read(VIRTIO_MMIO_STATUS));
    EXPECT_EQ(LINK_EV_RESET, rig_server_get(LINK_SRV_EVENTS));
    EXPECT_EQ(1, fake.raised[1]);
    EXPECT_EQ(0, rig_server_get(LINK_SRV_QUEUE + LINK_SRV_Q_READY));
    EXPECT_EQ(0x1000,
              rig_server_get(LINK_SRV_QUEUE +
                             LINK_SRV_Q_AVAIL)); /* never half of one set-up, half of the next */
    /* until then nothing starts anew */
    rig_write(VIRTIO_MMIO_STATUS, 0);
    rig_write(VIRTIO_MMIO_STATUS, RIG_OK);
    EXPECT_EQ(0, rig_queue_own(0, 16));
    rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    EXPECT_EQ(1, fake.raised[1]);
    EXPECT_OK(rig_server_write(LINK_SRV_INTERRUPT, 1)); /* of the old set-up: not shown */
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_INTERRUPT_STATUS));
    EXPECT_OK(rig_server_write(LINK_SRV_RESET_ACK, 1));
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_STATUS));
    EXPECT_EQ(0, rig.link->deadline_ticks);
    EXPECT_EQ(NO_OK, rig_negotiate(ALL_F));
    EXPECT_EQ(1, rig_queue_own(0, 16));
}

TEST(link_client, reset_is_at_once_when_no_server_saw_driver_ok)
{
    rig_start(true, 1);
    EXPECT_OK(rig_publish(RIG_F_SERVER, 1));
    EXPECT_EQ(NO_OK, rig_negotiate(ALL_F));
    EXPECT_EQ(1, rig_queue_own(0, 16));
    rig_write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_STATUS));
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_QUEUE_READY));
    EXPECT_EQ(0, fake.peeks);
}

TEST(link_client, peeks_run_out_without_harm)
{
    for (uint32_t limit = 0; limit < 2; limit++) {
        rig_start(true, 1);
        fake.peek_limit = limit;
        EXPECT_OK(rig_publish(RIG_F_SERVER, 1));
        EXPECT_EQ(NO_OK, rig_negotiate(ALL_F));
        EXPECT_EQ(0, rig_queue_own(0, 16));
        EXPECT_EQ(0, fake.peeks);
        EXPECT_TRUE(rig_read(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
    }
}

/* True when ipa is a register page that answers d. */
static bool owns_ipa(struct domain *d, ipa_t ipa)
{
    uint64_t value = 0;
    return link_access(d, ipa, false, 4, &value) != ERR_NO_ENTRY;
}

TEST(link_client, pages_belong_to_their_end_only)
{
    rig_start(true, 1);
    uint64_t value = 1;
    EXPECT_TRUE(owns_ipa(rig.client, (ipa_t){ RIG_CLIENT_REGS + 0xfff }));
    EXPECT_FALSE(owns_ipa(rig.client, (ipa_t){ RIG_CLIENT_REGS + 0x1000 }));
    EXPECT_FALSE(owns_ipa(rig.client, (ipa_t){ RIG_CLIENT_REGS - 1 }));
    EXPECT_FALSE(owns_ipa(rig.client, (ipa_t){ RIG_SERVER_REGS }));
    EXPECT_FALSE(owns_ipa(rig.server, (ipa_t){ RIG_CLIENT_REGS }));
    EXPECT_EQ(ERR_NO_ENTRY, link_access(rig.server, (ipa_t){ RIG_CLIENT_REGS }, false, 4, &value));
    EXPECT_EQ(0, value);
    EXPECT_EQ(ERR_NO_ENTRY, link_access(rig.client, (ipa_t){ RIG_SERVER_REGS + LINK_SRV_PUBLISH },
                                        true, 4, &value));
}

TEST(link_client, a_link_without_its_server_is_gone_and_harmless)
{
    rig_start(true, 1);
    rig.link->present = false;
    rig.link->server = NULL;
    EXPECT_EQ(LINK_SERVER_GONE, rig_read(LINK_CLIENT_SERVER));
    EXPECT_EQ(2, rig_read(VIRTIO_MMIO_DEVICE_ID));
    EXPECT_EQ(0, rig_negotiate(RIG_F_ALWAYS) & VIRTIO_CONFIG_S_FEATURES_OK);
    EXPECT_EQ(0, rig_queue_own(0, 16));
    rig_write(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    rig_write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_EQ(0, rig_read(VIRTIO_MMIO_STATUS));
}

TEST(link_client, a_link_without_pages_owns_no_address)
{
    rig_start(true, 1);
    struct link *bare = link_create(&rig.conf);
    bare->client = rig.client;
    EXPECT_FALSE(owns_ipa(rig.client, (ipa_t){ 0 }));
    EXPECT_FALSE(owns_ipa(rig.client, (ipa_t){ UINT64_MAX }));
    for (uint32_t i = link_count(); i < LINK_MAX; i++) EXPECT_TRUE(link_create(&rig.conf) != NULL);
    EXPECT_TRUE(link_create(&rig.conf) == NULL);
}

TEST(link_client, registers_are_written_32_bits_wide_or_not_at_all)
{
    static const uint32_t sizes[] = { 1, 2, 8 };
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        test_row((int64_t)i);
        rig_up(true, 1);
        uint64_t zero = 0;
        EXPECT_OK(link_access(rig.client, (ipa_t){ RIG_CLIENT_REGS + VIRTIO_MMIO_STATUS }, true,
                              sizes[i], &zero));
        EXPECT_OK(link_access(rig.client, (ipa_t){ RIG_CLIENT_REGS + VIRTIO_MMIO_QUEUE_NOTIFY },
                              true, sizes[i], &zero));
        EXPECT_EQ(RIG_OK, rig_read(VIRTIO_MMIO_STATUS));
        EXPECT_EQ(0, fake.raised[1]);
    }
}
