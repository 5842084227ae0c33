/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The page cache against a disk in memory: content, few requests, errors, a disk that goes away. */
// LINK: servers/fs/cache.c
#include "servers/fs/cache.h"

#include <stdlib.h>
#include <string.h>

#include "lib/test.h"

#define DISK_BYTES (MIB(8) + 512U * 3U) /* the last page is cut */

static struct {
    uint8_t bytes[DISK_BYTES];
    uint32_t requests, flushes;
    uint64_t bad_lba; /* requests that touch it fail; 0: none */
    err_t all;        /* not OK: every request ends so */
} disk;
static struct blk blk;
static struct cache cache;
static uint8_t oracle[DISK_BYTES];
static uint64_t seed = 1;

static uint32_t random_below(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % below;
}

static err_t disk_io(struct blk_io *io)
{
    uint64_t offset = io->lba * 512;
    disk.requests++;
    if (disk.all != OK) return disk.all;
    if (disk.bad_lba && io->lba <= disk.bad_lba && disk.bad_lba < io->lba + io->sector_count) {
        return ERR_IO;
    }
    if (!range_is_inside(offset, (uint64_t)io->sector_count * 512, 0, DISK_BYTES)) return ERR_RANGE;
    for (uint32_t s = 0; s < io->sector_count; s++) {
        uint8_t *at = (uint8_t *)io->pages[s / 8] + s % 8 * 512, *on_disk = disk.bytes + offset;
        if (io->op == BLK_WRITE) memcpy(on_disk + s * 512, at, 512);
        if (io->op == BLK_READ) memcpy(at, on_disk + s * 512, 512);
    }
    return OK;
}

err_t blk_batch(struct blk *b, struct blk_io *ios, uint32_t count)
{
    err_t first = OK;
    (void)b;
    for (uint32_t i = 0; i < count; i++) {
        ios[i].result = disk_io(&ios[i]);
        if (first == OK) first = ios[i].result;
    }
    return first;
}

err_t blk_flush(struct blk *b)
{
    (void)b;
    disk.flushes++;
    return disk.all;
}

static void start(uint32_t pages)
{
    free(cache.page);
    free(cache.data);
    free(cache.hash);
    free(cache.order);
    disk.requests = disk.flushes = 0;
    disk.bad_lba = 0;
    disk.all = OK;
    for (size_t i = 0; i < DISK_BYTES; i++) disk.bytes[i] = (uint8_t)(i * 7 + (i >> 12));
    memcpy(oracle, disk.bytes, DISK_BYTES);
    memset(&blk, 0, sizeof(blk));
    blk.sector_count = DISK_BYTES / 512;
    blk.io_sectors = BLK_IO_SECTORS_MAX;
    EXPECT_EQ(OK, cache_start(&cache, &blk, pages));
}

TEST(cache, random_reads_and_writes_equal_a_plain_array)
{
    static uint8_t buffer[20000];
    start(CACHE_PAGES_MIN); /* a quarter of the disk: pages come and go */
    for (uint32_t i = 0; i < 4000; i++) {
        uint32_t bytes = 1 + random_below(sizeof(buffer));
        uint64_t offset = random_below((uint32_t)(DISK_BYTES - bytes));
        uint32_t kind = random_below(8);
        if (kind < 4) {
            EXPECT_EQ(OK, cache_read(&cache, offset, bytes, buffer));
            EXPECT_EQ(0, memcmp(oracle + offset, buffer, bytes));
        } else if (kind < 7) {
            memset(buffer, (int)i, bytes);
            memset(oracle + offset, (int)i, bytes);
            EXPECT_EQ(OK, cache_write(&cache, offset, bytes, buffer));
        } else {
            memset(oracle + offset, 0, bytes);
            EXPECT_EQ(OK, cache_zero(&cache, offset, bytes));
        }
    }
    EXPECT_EQ(OK, cache_flush(&cache));
    EXPECT_EQ(0, cache.dirty_count);
    EXPECT_EQ(0, memcmp(oracle, disk.bytes, DISK_BYTES));
}

TEST(cache, sequential_reads_and_write_back_are_large_requests)
{
    static uint8_t buffer[MIB(4)];
    start(2048);
    for (uint64_t at = 0; at < sizeof(buffer); at += 4096) {
        EXPECT_EQ(OK, cache_read(&cache, at, 4096, buffer + at));
    }
    /* 256 KiB each, so that a slow medium never looks hung; and a few while read-ahead grows. */
    EXPECT_LE(MIB(4) / KIB(256) + 6, disk.requests);
    disk.requests = 0;
    EXPECT_EQ(OK, cache_write(&cache, MIB(4), MIB(4), buffer));
    EXPECT_EQ(OK, cache_write_back(&cache));
    EXPECT_LE(MIB(4) / KIB(256), disk.requests);
    disk.requests = 0;
    EXPECT_EQ(OK, cache_write_back(&cache));
    EXPECT_EQ(0, disk.requests);
}

TEST(cache, a_bad_sector_fails_only_reads_that_need_it)
{
    uint8_t buffer[4096];
    start(CACHE_PAGES_MIN);
    disk.bad_lba = 8 * 20 + 3;
    for (uint64_t page = 0; page < 40; page++) {
        EXPECT_EQ(page == 20 ? ERR_IO : OK, cache_read(&cache, page * 4096, 4096, buffer));
    }
}

TEST(cache, dirty_pages_survive_a_disk_that_is_away)
{
    uint8_t buffer[4096];
    start(CACHE_PAGES_MIN);
    memset(buffer, 0xab, sizeof(buffer));
    EXPECT_EQ(OK, cache_write(&cache, 4096, 4096, buffer));
    disk.all = ERR_DEAD;
    EXPECT_EQ(ERR_DEAD, cache_flush(&cache));
    EXPECT_EQ(1, cache.dirty_count);
    disk.all = OK;
    EXPECT_EQ(OK, cache_flush(&cache));
    EXPECT_EQ(0xab, disk.bytes[4096]);
}

TEST(cache, a_refused_write_back_is_told_once_at_the_next_flush)
{
    uint8_t buffer[4096] = { 1 };
    start(CACHE_PAGES_MIN);
    EXPECT_EQ(OK, cache_write(&cache, 4096, 4096, buffer));
    disk.bad_lba = 9;
    EXPECT_EQ(OK, cache_write_back(&cache));
    EXPECT_EQ(ERR_IO, cache_flush(&cache));
    EXPECT_EQ(OK, cache_flush(&cache));
}

TEST(cache, ranges_off_the_disk_are_refused)
{
    uint8_t buffer[16];
    start(CACHE_PAGES_MIN);
    EXPECT_EQ(ERR_RANGE, cache_read(&cache, DISK_BYTES - 8, 16, buffer));
    EXPECT_EQ(ERR_RANGE, cache_write(&cache, UINT64_MAX - 3, 16, buffer));
    EXPECT_EQ(OK, cache_read(&cache, DISK_BYTES - 16, 16, buffer));
    blk.is_read_only = true;
    EXPECT_EQ(ERR_READ_ONLY, cache_write(&cache, 0, 16, buffer));
}
