/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The block client against a server that lies, one table row for each lie; deaths; errors; changed geometry. */
// LINK: servers/blk/blk.c servers/blk/flight.c servers/blk/keep.c servers/blk/life.c lib/virtq/driver.c lib/virtq/device.c
#include "tests/unit/servers/blk/fake.h"

#define BATCH 8U

static struct blk blk;
static uint8_t data[BATCH][4096], back[BATCH][4096];

static void fill(uint64_t sequence)
{
    for (uint32_t i = 0; i < BATCH; i++) {
        memset(data[i], (int)(sequence + i), 4096);
        for (uint32_t s = 0; s < 8; s++) memcpy(data[i] + s * 512, &sequence, sizeof(sequence));
    }
}

/* BATCH writes or reads of 4 KiB, side by side. */
static err_t batch(enum blk_op op, uint8_t buffers[BATCH][4096])
{
    struct blk_io ios[BATCH];
    for (uint32_t i = 0; i < BATCH; i++) {
        ios[i] = (struct blk_io){ .op = op, .lba = i * 8, .sector_count = 8, .data = buffers[i] };
    }
    return blk_batch(&blk, ios, BATCH);
}

static const struct {
    enum fake_lie lie;
    bool on_read;
    uint32_t want; /* enum sup_violation; 0: depends on what else was completed before the look */
} lies[] = {
    { LIE_ID_RANGE, false, SUP_USED_ID },        { LIE_ID_RANGE, true, SUP_USED_ID },
    { LIE_ID_NOT_FLYING, false, SUP_USED_ID },   { LIE_ID_ORDER, false, SUP_USED_ID },
    { LIE_ID_ORDER, true, SUP_USED_ID },         { LIE_LEN_LONG, false, SUP_USED_LEN },
    { LIE_LEN_LONG, true, SUP_USED_LEN },        { LIE_LEN_SHORT, true, SUP_USED_LEN },
    { LIE_IDX_JUMP, false, SUP_USED_IDX },       { LIE_IDX_BACK, true, 0 },
    { LIE_STATUS, false, SUP_STATUS_BYTE },      { LIE_STATUS, true, SUP_STATUS_BYTE },
    { LIE_STATUS_UNSET, true, SUP_STATUS_BYTE },
};

TEST(blk, every_lie_is_refused_reported_and_costs_no_data)
{
    for (uint32_t row = 0; row < ARRAY_COUNT(lies); row++) {
        for (uint32_t at = 0; at < BATCH - 2; at++) {
            test_row(row);
            fake_start(&blk);
            fill(1);
            EXPECT_EQ(OK, batch(BLK_WRITE, data));
            fake.lie = lies[row].lie;
            fake.lie_at = at;
            fill(2);
            if (lies[row].on_read) {
                fill(1);
                EXPECT_EQ(OK, batch(BLK_READ, back));
            } else {
                EXPECT_EQ(OK, batch(BLK_WRITE, data));
                EXPECT_EQ(OK, batch(BLK_READ, back));
            }
            EXPECT_EQ(0, memcmp(data, back, sizeof(data)));
            if (lies[row].want) EXPECT_EQ(1, fake.reports[lies[row].want]);
            EXPECT_EQ(1, blk.stats.violations);
            EXPECT_EQ(1, fake.deaths);
            EXPECT_EQ(0, fake.falls);
        }
    }
}

TEST(blk, a_kill_with_writes_in_flight_loses_none)
{
    fake_start(&blk);
    fill(1);
    EXPECT_EQ(OK, batch(BLK_WRITE, data));
    fake_die(); /* idle: nobody was told but by the register */
    fill(2);
    EXPECT_EQ(OK, batch(BLK_WRITE, data));
    EXPECT_EQ(OK, batch(BLK_READ, back));
    EXPECT_EQ(0, memcmp(data, back, sizeof(data)));
    EXPECT_EQ(1, blk.stats.resets);
    EXPECT_EQ(0, fake.falls);
}

TEST(blk, acknowledged_writes_are_replayed_after_a_kill_until_flushed)
{
    fake_start(&blk);
    fill(1);
    EXPECT_EQ(OK, batch(BLK_WRITE, data));
    fake_die();
    memset(fake.stable, 0xee,
           sizeof(fake.stable)); /* the device's volatile cache lost everything */
    EXPECT_EQ(OK, batch(BLK_READ, back));
    EXPECT_EQ(0, memcmp(data, back, sizeof(data)));
    EXPECT_EQ(1, blk.stats.replays); /* neighbours go in one request */
    EXPECT_EQ(OK, blk_flush(&blk));
    fake_die();
    EXPECT_EQ(OK, batch(BLK_READ, back));
    EXPECT_EQ(1, blk.stats.replays);
    EXPECT_EQ(0, memcmp(data, back, sizeof(data)));
}

TEST(blk, an_io_error_is_that_requests_error_only)
{
    struct blk_io ios[3];
    fake_start(&blk);
    fill(1);
    for (uint32_t i = 0; i < 3; i++) {
        ios[i] = (struct blk_io){
            .op = BLK_WRITE, .lba = i * 8, .sector_count = 8, .data = data[i]
        };
    }
    fake.error_at = 2;
    fake.error_status = VIRTIO_BLK_S_IOERR;
    EXPECT_EQ(ERR_IO, blk_batch(&blk, ios, 3));
    EXPECT_EQ(OK, ios[0].result);
    EXPECT_EQ(ERR_IO, ios[1].result);
    EXPECT_EQ(OK, ios[2].result);
    EXPECT_EQ(0, blk.stats.violations);
    EXPECT_EQ(0, blk.stats.resets);
}

TEST(blk, a_server_that_is_gone_ends_callers_at_once_and_may_come_back)
{
    fake_start(&blk);
    fill(1);
    EXPECT_EQ(OK, batch(BLK_WRITE, data));
    fake_die();
    memset(fake.stable, 0, sizeof(fake.stable));
    fake.server = LINK_SERVER_GONE;
    EXPECT_EQ(ERR_DEAD, batch(BLK_READ, back));
    EXPECT_EQ(ERR_DEAD, blk_flush(&blk));
    fake.server = LINK_SERVER_DOWN; /* the operator clears it */
    EXPECT_EQ(OK, batch(BLK_READ, back));
    EXPECT_EQ(0, memcmp(data, back, sizeof(data)));
}

TEST(blk, changed_capacity_or_features_are_reported_and_never_used)
{
    for (uint32_t row = 0; row < 2; row++) {
        fake_start(&blk);
        fill(1);
        EXPECT_EQ(OK, batch(BLK_WRITE, data));
        fake_die();
        if (row == 0) fake.sector_count = 8;
        if (row == 1) fake.features &= ~BIT(VIRTIO_BLK_F_FLUSH);
        EXPECT_EQ(ERR_DEAD, batch(BLK_READ, back));
        EXPECT_EQ(true, fake.reports[SUP_CONFIG] > 0);
        EXPECT_EQ(FAKE_SECTORS, blk.sector_count);
    }
}

TEST(blk, ranges_off_the_disk_and_writes_to_a_read_only_one_are_refused_locally)
{
    fake_start(&blk);
    EXPECT_EQ(ERR_RANGE, blk_read(&blk, FAKE_SECTORS - 7, 8, back));
    EXPECT_EQ(ERR_RANGE, blk_read(&blk, UINT64_MAX - 3, 8, back));
    EXPECT_EQ(OK, blk_read(&blk, FAKE_SECTORS - 8, 8, back));
    EXPECT_EQ(1, fake.requests);
    fake_start(&blk);
    fake.features |= BIT(VIRTIO_BLK_F_RO);
    struct blk_env env = blk.env;
    fake.status = 0;
    EXPECT_EQ(OK, blk_start(&blk, &env));
    EXPECT_EQ(ERR_READ_ONLY, blk_write(&blk, 0, 8, data));
    EXPECT_EQ(OK, blk_read(&blk, 0, 8, back));
}

TEST(blk, it_flushes_by_itself_when_one_mebibyte_is_kept)
{
    fake_start(&blk);
    for (uint32_t i = 0; i < 2 * BLK_KEEP_BYTES / 4096; i++) {
        fill(i);
        EXPECT_EQ(OK, blk_write(&blk, i % 500 * 8, 8, data[0]));
        EXPECT_EQ(true, blk.keep.count * 4096 <= BLK_KEEP_BYTES);
    }
    EXPECT_EQ(true, fake.requests > 2 * BLK_KEEP_BYTES / 4096);
}

TEST(blk, large_transfers_are_few_requests_and_right)
{
    static uint8_t big[2][MIB(1) + 512 * 77];
    uint64_t sectors = sizeof(big[0]) / 512;
    fake_start(&blk);
    for (size_t i = 0; i < sizeof(big[0]); i++) big[0][i] = (uint8_t)(i % 509 ? i * 7 : 0);
    for (uint64_t s = 0; s < sectors; s++) memset(big[0] + s * 512, 0, 8);
    EXPECT_EQ(OK, blk_write(&blk, 3, sectors, big[0]));
    EXPECT_EQ(6, fake.requests); /* the first one fills the store: a flush between */
    fake_die();
    EXPECT_EQ(OK, blk_read(&blk, 3, sectors, big[1]));
    EXPECT_EQ(0, memcmp(big[0], big[1], sizeof(big[0])));
}

TEST(blk, a_resetting_server_that_never_completes_ends_in_an_error)
{
    fake_start(&blk);
    fake.is_random = true;
    fake.die_one_in = 1; /* dies at every step */
    EXPECT_EQ(ERR_DEAD, batch(BLK_READ, back));
    fake.is_random = false;
    EXPECT_EQ(OK, batch(BLK_READ, back));
}

TEST(blk, a_server_that_asks_for_one_reset_after_the_other_is_reported_and_replaced)
{
    fake_start(&blk);
    fill(1);
    EXPECT_EQ(OK, batch(BLK_WRITE, data));
    fake.wants_reset = true;
    EXPECT_EQ(OK, batch(BLK_READ, back));
    EXPECT_EQ(0, memcmp(data, back, sizeof(data)));
    EXPECT_EQ(1, fake.reports[SUP_RESETS]);
}

TEST(blk, a_lie_of_a_server_that_is_dead_already_is_not_its_successors)
{
    fake_start(&blk);
    fake.lie = LIE_IDX_JUMP;
    fake.dies_of_lie = true;
    fill(1);
    EXPECT_EQ(OK, batch(BLK_WRITE, data));
    EXPECT_EQ(OK, batch(BLK_READ, back));
    EXPECT_EQ(0, memcmp(data, back, sizeof(data)));
    EXPECT_EQ(0, fake.reports[SUP_USED_IDX]);
    EXPECT_EQ(1, fake.deaths);
}
