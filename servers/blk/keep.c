/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Kept blocks: the newest acknowledged content since the last good flush. Pure. */
#include "servers/blk/internal.h"

#include <string.h>

#define HASH_MULTIPLIER UINT64_C(0x9e3779b97f4a7c15) /* 2^64 / golden ratio: spreads neighbours */

STATIC_ASSERT(BLK_KEEP_MAX *BLK_BLOCK_BYTES >= BLK_KEEP_BYTES + (BLK_IO_SECTORS_MAX + 16) * 512,
              "a request that starts below BLK_KEEP_BYTES fits");
STATIC_ASSERT(BLK_KEEP_HASH >= 2 * BLK_KEEP_MAX, "probing ends");

static uint32_t keep_slot(uint64_t block)
{
    return (uint32_t)(block * HASH_MULTIPLIER >> 32) % BLK_KEEP_HASH;
}

/* Index of block, or BLK_KEEP_MAX. */
static uint32_t keep_find(const struct blk_keep *k, uint64_t block)
{
    for (uint32_t at = keep_slot(block); k->hash[at]; at = (at + 1) % BLK_KEEP_HASH) {
        uint32_t idx = k->hash[at] - 1U;
        if (k->entry[idx].block == block) return idx;
    }
    return BLK_KEEP_MAX;
}

static uint32_t keep_make(struct blk_keep *k, uint64_t block)
{
    CHECK(k->count < BLK_KEEP_MAX);
    uint32_t at = keep_slot(block), idx = k->count++;
    while (k->hash[at]) at = (at + 1) % BLK_KEEP_HASH;
    k->hash[at] = (uint16_t)(idx + 1);
    k->entry[idx].block = block;
    k->entry[idx].valid = 0;
    k->entry[idx].replay = 0;
    return idx;
}

void blk_keep_clear(struct blk_keep *k)
{
    k->count = 0;
    k->sorted_count = 0;
    k->cursor = 0;
    k->cursor_sector = 0;
    memset(k->hash, 0, sizeof(k->hash));
}

bool blk_keep_has_room(const struct blk_keep *k, uint32_t block_count)
{
    return (uint64_t)k->count * BLK_BLOCK_BYTES < BLK_KEEP_BYTES &&
           block_count <= BLK_KEEP_MAX - k->count;
}

void blk_keep_add(struct blk_keep *k, const struct blk_io *io)
{
    for (uint32_t done = 0; done < io->sector_count;) {
        uint64_t block = (io->lba + done) / BLK_BLOCK_SECTORS;
        uint32_t first = (uint32_t)((io->lba + done) % BLK_BLOCK_SECTORS);
        uint32_t count = MIN(BLK_BLOCK_SECTORS - first, io->sector_count - done);
        uint32_t idx = keep_find(k, block);
        if (idx == BLK_KEEP_MAX) idx = keep_make(k, block);
        blk_io_copy_out(io, done, count, k->data[idx] + first * BLK_SECTOR_BYTES);
        k->entry[idx].valid |= (uint8_t)(((1U << count) - 1U) << first);
        done += count;
    }
}

/* Bits of the sectors of block that [lba, lba + sector_count) covers. */
static uint8_t keep_mask(uint64_t block, uint64_t lba, uint32_t sector_count)
{
    uint8_t mask = 0;
    for (uint32_t s = 0; s < BLK_BLOCK_SECTORS; s++) {
        uint64_t at = block * BLK_BLOCK_SECTORS + s;
        if (at >= lba && at - lba < sector_count) mask |= (uint8_t)(1U << s);
    }
    return mask;
}

void blk_keep_drop(struct blk_keep *k, uint64_t lba, uint32_t sector_count)
{
    for (uint32_t i = 0; i < k->count; i++) {
        k->entry[i].valid &= (uint8_t)~keep_mask(k->entry[i].block, lba, sector_count);
        k->entry[i].replay &= k->entry[i].valid;
    }
}

void blk_keep_rewind(struct blk_keep *k)
{
    k->sorted_count = k->count;
    for (uint32_t i = 0; i < k->count; i++) {
        k->sorted[i] = (uint16_t)i;
        k->entry[i].replay = k->entry[i].valid;
    }
    for (uint32_t gap = k->count / 2; gap > 0; gap /= 2) { /* Shell's sort */
        for (uint32_t i = gap; i < k->count; i++) {
            uint16_t moved = k->sorted[i];
            uint32_t j = i;
            for (; j >= gap && k->entry[k->sorted[j - gap]].block > k->entry[moved].block;
                 j -= gap) {
                k->sorted[j] = k->sorted[j - gap];
            }
            k->sorted[j] = moved;
        }
    }
    k->cursor = 0;
    k->cursor_sector = 0;
}

void blk_keep_skip(struct blk_keep *k, uint64_t lba, uint32_t sector_count)
{
    for (uint32_t i = 0; i < k->count; i++) {
        k->entry[i].replay &= (uint8_t)~keep_mask(k->entry[i].block, lba, sector_count);
    }
}

bool blk_keep_next(struct blk_keep *k, uint32_t sectors_max, struct blk_keep_run *run)
{
    uint32_t at = k->cursor, s = k->cursor_sector;
    while (at < k->sorted_count && !(k->entry[k->sorted[at]].replay >> s & 1)) {
        if (++s == BLK_BLOCK_SECTORS) {
            s = 0;
            at++;
        }
    }
    k->cursor = at;
    k->cursor_sector = s;
    if (at >= k->sorted_count) return false;
    uint64_t block = k->entry[k->sorted[at]].block;
    *run = (struct blk_keep_run){ .lba = block * BLK_BLOCK_SECTORS + s, .first = at };
    while (run->sector_count < sectors_max && at < k->sorted_count &&
           k->entry[k->sorted[at]].block == block && (k->entry[k->sorted[at]].replay >> s & 1)) {
        run->sector_count++;
        if (++s == BLK_BLOCK_SECTORS) {
            s = 0;
            at++;
            block++;
        }
    }
    return true;
}

void blk_keep_advance(struct blk_keep *k, const struct blk_keep_run *run)
{
    uint64_t end = k->cursor_sector + run->sector_count; /* a run has no holes: blocks follow */
    k->cursor += (uint32_t)(end / BLK_BLOCK_SECTORS);
    k->cursor_sector = (uint32_t)(end % BLK_BLOCK_SECTORS);
}

void blk_keep_copy(const struct blk_keep *k, const struct blk_keep_run *run, uint8_t *out)
{
    uint32_t at = run->first, s = (uint32_t)(run->lba % BLK_BLOCK_SECTORS);
    for (uint32_t done = 0; done < run->sector_count;) {
        uint32_t count = MIN(BLK_BLOCK_SECTORS - s, run->sector_count - done);
        blk_copy(out + (size_t)done * BLK_SECTOR_BYTES,
                 k->data[k->sorted[at]] + s * BLK_SECTOR_BYTES, (size_t)count * BLK_SECTOR_BYTES);
        done += count;
        s = 0;
        at++;
    }
}
