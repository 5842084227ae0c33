/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A bare client of the real storage domain: reads, writes, and everything that a hostile client may put into rings and registers. */
#include "lib/mmio.h"
#include "rt/blk.h"

#define DRIVER 1
#define SHORT  6250000UL /* 100 ms */

/* The host fills sector n with the 64-bit words n * 64 + i. */
static bool sector_is(uint64_t n, const volatile uint8_t *data)
{
    for (uint64_t i = 0; i < 64; i++) {
        if (mmio_read64(data + 8 * i) != n * 64 + i) return false;
    }
    return true;
}

static uint64_t item(uint32_t which, uint32_t reg)
{
    uint64_t x[7];
    EXPECT_OK(rt_call(HVC_DOMAIN_INFO, DRIVER, which, 0, x));
    return x[reg];
}

static void revive(void)
{
    uint64_t x[7];
    for (int i = 0; i < 100000 && item(DOMAIN_ITEM_STATE, 1) != DOMAIN_RUNNING; i++) {
        if (rt_call(HVC_DOMAIN_STEP, DRIVER, 0, 0, x) != OK) return;
        if (x[2]) rt_wait_ticks(x[2] / 16 + 1);
    }
}

TEST(client, reads_what_the_host_wrote)
{
    REQUIRE_TRUE(link_start());
    for (uint64_t n = 0; n < 40; n += 13) {
        test_row((int64_t)n);
        EXPECT_EQ(0, blk_request(BLK_IN, n, 512));
        EXPECT_TRUE(sector_is(n, blk_data()));
    }
}

TEST(client, reads_many_sectors_at_once)
{
    REQUIRE_TRUE(link_start());
    EXPECT_EQ(0, blk_request(BLK_IN, 100, 256 * 512));
    for (uint64_t n = 0; n < 256; n++) {
        if (!sector_is(100 + n, blk_data() + 512 * n))
            test_fail(__FILE__, __LINE__, "sector", 100 + n, 0);
    }
}

TEST(client, writes_read_back_after_a_kill)
{
    REQUIRE_TRUE(link_start());
    for (uint64_t i = 0; i < 8 * 64; i++) mmio_write64(blk_data() + 8 * i, 0xabcd0000 + i);
    EXPECT_EQ(0, blk_request(BLK_OUT, 2000, 8 * 512));
    EXPECT_EQ(0, blk_request(BLK_FLUSH, 0, 0));
    EXPECT_OK(rt_call(HVC_DOMAIN_KILL, DRIVER, CAUSE_KILLED, 0, NULL));
    revive();
    REQUIRE_TRUE(link_start());
    for (uint64_t i = 0; i < 8 * 64; i++) mmio_write64(blk_data() + 8 * i, 0);
    EXPECT_EQ(0, blk_request(BLK_IN, 2000, 8 * 512));
    for (uint64_t i = 0; i < 8 * 64; i++)
        EXPECT_EQ(0xabcd0000 + i, mmio_read64(blk_data() + 8 * i));
}

TEST(client, sectors_beyond_the_disk_are_errors_not_deaths)
{
    static const uint64_t sectors[] = { UINT64_C(1) << 40, UINT64_MAX, UINT64_MAX - 7,
                                        (UINT64_C(16) << 20) / 512 };
    REQUIRE_TRUE(link_start());
    uint64_t generation = item(DOMAIN_ITEM_STATE, 2);
    for (size_t i = 0; i < ARRAY_COUNT(sectors); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(1, blk_request(BLK_IN, sectors[i], 512)); /* VIRTIO_BLK_S_IOERR */
        EXPECT_EQ(1, blk_request(BLK_OUT, sectors[i], 4096));
    }
    EXPECT_EQ(1,
              blk_request(BLK_IN, (16 << 20) / 512 - 1, 1024)); /* one sector inside, one outside */
    EXPECT_EQ(0, blk_request(BLK_IN, 5, 512));
    EXPECT_EQ(generation, item(DOMAIN_ITEM_STATE, 2));
}

TEST(client, unknown_request_types_are_unsupported)
{
    static const uint32_t types[] = { 2, 3, 5, 7, 8, 11, 13, 99, UINT32_MAX };
    REQUIRE_TRUE(link_start());
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        test_row((int64_t)i);
        uint8_t status = blk_request(types[i], 0, 0);
        EXPECT_TRUE(status == 2 || status == 1);
    }
    EXPECT_EQ(0, blk_request(BLK_IN, 5, 512));
}

/* A ring that breaks the protocol: the server asks for a reset or drops it, lives, and serves again after the reset. */
static void expect_reset_only(void)
{
    uint32_t len;
    uint64_t generation = item(DOMAIN_ITEM_STATE, 2);
    (void)ring_post(0, SHORT, &len);
    rt_wait_ticks(SHORT / 10);
    EXPECT_EQ(DOMAIN_RUNNING, item(DOMAIN_ITEM_STATE, 1));
    REQUIRE_TRUE(link_start());
    EXPECT_EQ(0, blk_request(BLK_IN, 5, 512));
    EXPECT_TRUE(sector_is(5, blk_data()));
    EXPECT_EQ(generation, item(DOMAIN_ITEM_STATE, 2));
}

TEST(client, buffer_outside_the_window_is_a_reset)
{
    static const uint64_t address[] = {
        0, 0x40000000, 0x40200000, UINT64_MAX - 100, UINT64_C(1) << 63, 0x10000000
    };
    for (size_t i = 0; i < ARRAY_COUNT(address); i++) {
        test_row((int64_t)i);
        REQUIRE_TRUE(link_start());
        ring_desc(0, blk_window() + LINK_HEADER_OFF(0), 16, 1, 1);
        ring_desc(1, address[i], 512, 3, 2);
        ring_desc(2, blk_window() + LINK_STATUS_OFF(1, 0), 1, 2, 0);
        expect_reset_only();
    }
}

TEST(client, buffer_that_ends_past_the_window_is_a_reset)
{
    REQUIRE_TRUE(link_start());
    ring_desc(0, blk_window() + LINK_HEADER_OFF(0), 16, 1, 1);
    ring_desc(1, blk_window() + rt_boot()->link[0].window_bytes - 256, 512, 3, 2);
    ring_desc(2, blk_window() + LINK_STATUS_OFF(1, 0), 1, 2, 0);
    expect_reset_only();
}

TEST(client, chain_that_loops_is_a_reset)
{
    REQUIRE_TRUE(link_start());
    ring_desc(0, blk_window() + LINK_HEADER_OFF(0), 16, 1, 0);
    expect_reset_only();
}

TEST(client, descriptor_out_of_the_table_is_a_reset)
{
    REQUIRE_TRUE(link_start());
    ring_desc(0, blk_window() + LINK_HEADER_OFF(0), 16, 1, 60000);
    expect_reset_only();
}

TEST(client, length_of_zero_is_a_reset)
{
    REQUIRE_TRUE(link_start());
    ring_desc(0, blk_window() + LINK_HEADER_OFF(0), 0, 1, 1);
    ring_desc(1, blk_window() + BLK_DATA_OFF, 0, 3, 2);
    ring_desc(2, blk_window() + LINK_STATUS_OFF(1, 0), 0, 2, 0);
    expect_reset_only();
}

TEST(client, server_writes_into_the_request_headers_are_refused)
{
    REQUIRE_TRUE(link_start());
    mmio_write32((volatile void *)(rt_boot()->link[0].window_ipa + LINK_HEADER_OFF(0)), BLK_IN);
    ring_desc(0, blk_window() + LINK_HEADER_OFF(0), 16, 1, 1);
    ring_desc(1, blk_window() + LINK_DESC_OFF(0), 512, 3,
              2); /* into the descriptor table: read-only to the server */
    ring_desc(2, blk_window() + LINK_STATUS_OFF(1, 0), 1, 2, 0);
    expect_reset_only();
}

TEST(client, queue_outside_its_place_is_not_accepted)
{
    REQUIRE_TRUE(link_reset());
    link_reg(R_STATUS, 1);
    link_reg(R_STATUS, 3);
    link_reg(R_DRIVER_FEATURES_SEL, 1);
    link_reg(R_DRIVER_FEATURES, 3);
    link_reg(R_STATUS, 0xb);
    link_reg(R_QUEUE_SEL, 0);
    link_reg(R_QUEUE_NUM, 64);
    for (uint64_t off = R_QUEUE_DESC; off <= R_QUEUE_USED; off += 0x10) {
        link_reg(off, 0x40200000); /* EL2 */
        link_reg(off + 4, 0);
    }
    link_reg(R_QUEUE_READY, 1);
    EXPECT_EQ(0, link_get(R_QUEUE_READY));
    REQUIRE_TRUE(link_start());
    EXPECT_EQ(0, blk_request(BLK_IN, 5, 512));
}

TEST(client, random_writes_to_the_registers_do_no_harm)
{
    uint64_t seed = 0x9e3779b97f4a7c15, generation = item(DOMAIN_ITEM_STATE, 2);
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005UL + 1442695040888963407UL;
        uint64_t value = seed >> 32;
        (void)rt_write(rt_boot()->link[0].regs_ipa + (seed >> 20 & 0x1fc), 4,
                       i & 1 ? value & 0xf : value);
    }
    EXPECT_EQ(DOMAIN_RUNNING, item(DOMAIN_ITEM_STATE, 1));
    REQUIRE_TRUE(link_start());
    EXPECT_EQ(0, blk_request(BLK_IN, 5, 512));
    EXPECT_EQ(generation, item(DOMAIN_ITEM_STATE, 2));
}

TEST(client, doorbells_without_requests_are_no_hang)
{
    REQUIRE_TRUE(link_start());
    uint64_t generation = item(DOMAIN_ITEM_STATE, 2);
    for (int i = 0; i < 10000; i++) link_reg(R_QUEUE_NOTIFY, 0);
    EXPECT_EQ(0, blk_request(BLK_IN, 5, 512));
    EXPECT_EQ(generation, item(DOMAIN_ITEM_STATE, 2));
}

TEST(client, a_thousand_reads_are_counted)
{
    REQUIRE_TRUE(link_start());
    uint64_t before = item(DOMAIN_ITEM_LINKS, 1);
    for (uint64_t i = 0; i < 1000; i++) {
        if (blk_request(BLK_IN, i, 512) != 0 || !sector_is(i, blk_data()))
            test_fail(__FILE__, __LINE__, "sector", i, 0);
    }
    EXPECT_EQ(before + 1000, item(DOMAIN_ITEM_LINKS, 1));
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
