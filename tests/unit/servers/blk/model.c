/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Model test: random requests, a server that dies at any step, an oracle that knows what must be on the disk. */
// LINK: servers/blk/blk.c servers/blk/flight.c servers/blk/keep.c servers/blk/life.c lib/virtq/driver.c lib/virtq/device.c
#include "tests/unit/servers/blk/fake.h"

#define MODEL_SECTORS 200U
#define MODEL_BATCH   12U
#define MODEL_STEPS   400U
#define IO_SECTORS    40U

static struct blk blk;
static struct {
    uint64_t sequence[MODEL_SECTORS]; /* newest acknowledged write of each sector */
    uint64_t flushed[MODEL_SECTORS];  /* as of the last good flush */
    uint64_t next;
} oracle;
static uint8_t buffers[MODEL_BATCH][IO_SECTORS * 512];

static void put(uint8_t *sector_data, uint64_t sector, uint64_t sequence)
{
    memset(sector_data, (int)(sector ^ sequence), 512);
    memcpy(sector_data, &sequence, sizeof(sequence));
}

static void check(const uint8_t *sector_data, uint64_t sector, uint64_t sequence)
{
    uint8_t want[512];
    if (sequence == 0) {
        memset(want, 0, sizeof(want));
    } else {
        put(want, sector, sequence);
    }
    EXPECT_EQ(0, memcmp(want, sector_data, 512));
}

/* A batch of random requests; later ones of it must see the earlier ones. */
static void step(void)
{
    static uint64_t want[MODEL_BATCH][IO_SECTORS];
    struct blk_io ios[MODEL_BATCH];
    uint32_t count = 1 + fake_random(MODEL_BATCH);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t sectors = 1 + fake_random(IO_SECTORS);
        uint64_t lba = fake_random(MODEL_SECTORS - sectors);
        uint32_t kind = fake_random(10);
        ios[i] = (struct blk_io){ .op = kind < 5 ? BLK_WRITE : (kind < 9 ? BLK_READ : BLK_FLUSH),
                                  .lba = lba,
                                  .sector_count = sectors,
                                  .data = buffers[i] };
        for (uint32_t s = 0; s < sectors && ios[i].op == BLK_WRITE; s++) {
            oracle.sequence[lba + s] = ++oracle.next;
            put(buffers[i] + s * 512, lba + s, oracle.next);
        }
        for (uint32_t s = 0; s < sectors && ios[i].op == BLK_READ; s++) {
            want[i][s] = oracle.sequence[lba + s];
        }
        if (ios[i].op == BLK_FLUSH) memcpy(oracle.flushed, oracle.sequence, sizeof(oracle.flushed));
    }
    EXPECT_EQ(OK, blk_batch(&blk, ios, count));
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t s = 0; s < ios[i].sector_count && ios[i].op == BLK_READ; s++) {
            check(buffers[i] + s * 512, ios[i].lba + s, want[i][s]);
        }
    }
    /* What was flushed never depends on a volatile cache again: nothing stable is older. */
    for (uint32_t s = 0; s < MODEL_SECTORS; s++) {
        uint64_t stable = 0;
        memcpy(&stable, fake.stable[s], sizeof(stable));
        EXPECT_EQ(true, stable >= oracle.flushed[s]);
    }
}

static void run(uint64_t seed, uint32_t die_one_in)
{
    fake.seed = seed;
    fake_start(&blk);
    memset(&oracle, 0, sizeof(oracle));
    fake.die_one_in = die_one_in;
    for (uint32_t i = 0; i < MODEL_STEPS; i++) {
        fake.is_random = true;
        step();
    }
    fake.is_random = false;
    EXPECT_EQ(OK, blk_flush(&blk));
    for (uint32_t s = 0; s < MODEL_SECTORS; s++) check(fake.stable[s], s, oracle.sequence[s]);
    EXPECT_EQ(0, fake.falls);
    EXPECT_EQ(0, blk.stats.violations);
    EXPECT_EQ(false, fake.no_wait_left);
    EXPECT_NE(0, fake.deaths);
}

TEST(blk_model, kills_at_random_steps_lose_nothing_and_repeat_nothing_out_of_order)
{
    static const uint32_t rates[] = { 25, 60, 200, 600 };
    for (uint32_t r = 0; r < ARRAY_COUNT(rates); r++) {
        for (uint64_t seed = 1; seed <= 6; seed++) run(seed * 1000 + r, rates[r]);
    }
}

TEST(blk_model, lies_between_kills_lose_nothing_either)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        fake.seed = seed;
        fake_start(&blk);
        memset(&oracle, 0, sizeof(oracle));
        for (uint32_t i = 0; i < MODEL_STEPS / 4; i++) {
            fake.lie = (enum fake_lie)fake_random(LIE_COUNT);
            fake.lie_at = fake_random(6);
            if (fake.lie == LIE_IDX_BACK && fake.lie_at == 0) fake.lie = LIE_NONE;
            step();
        }
        fake.lie = LIE_NONE;
        EXPECT_EQ(OK, blk_flush(&blk));
        for (uint32_t s = 0; s < MODEL_SECTORS; s++) check(fake.stable[s], s, oracle.sequence[s]);
        EXPECT_EQ(0, fake.falls);
        EXPECT_EQ(true, blk.stats.violations > 5);
    }
}
