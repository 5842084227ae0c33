/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The parts of the block client: kept blocks, posted requests, life of the link. */
#pragma once
#include <string.h>

#include "servers/blk/blk.h"

/* Copies whole sectors (bytes > 0, a multiple of 512); nothing overlaps. */
#if defined(__aarch64__)
void blk_copy(void *to, const void *from, size_t bytes);
#else
static inline void blk_copy(void *to, const void *from, size_t bytes)
{
    memcpy(to, from, bytes);
}
#endif

/* A stretch of kept sectors that is written in one request. */
struct blk_keep_run {
    uint64_t lba;
    uint32_t sector_count;
    uint32_t first; /* index in sorted[] */
};

/** Blocks that a range of sectors touches. */
static inline uint32_t blk_block_count(uint64_t lba, uint32_t sector_count)
{
    return (uint32_t)((lba + sector_count - 1) / BLK_BLOCK_SECTORS - lba / BLK_BLOCK_SECTORS + 1);
}

/** True when two ranges of sectors touch a common 4 KiB block. */
static inline bool blk_ranges_meet(uint64_t a, uint32_t a_count, uint64_t b, uint32_t b_count)
{
    return a / BLK_BLOCK_SECTORS <= (b + b_count - 1) / BLK_BLOCK_SECTORS &&
           b / BLK_BLOCK_SECTORS <= (a + a_count - 1) / BLK_BLOCK_SECTORS;
}

/** Copies sectors [first, first + count) of io's data out to to, or in from from: private memory on both sides or a window. */
void blk_io_copy_out(const struct blk_io *io, uint32_t first, uint32_t count, uint8_t *to);
void blk_io_copy_in(const struct blk_io *io, const uint8_t *from);

/* keep.c */
void blk_keep_clear(struct blk_keep *k);
/** Records io's data as the newest acknowledged content. The caller made sure of room: blk_keep_has_room. */
void blk_keep_add(struct blk_keep *k, const struct blk_io *io);
bool blk_keep_has_room(const struct blk_keep *k, uint32_t block_count);
/** Forgets sectors: their content is unknown since a write failed. */
void blk_keep_drop(struct blk_keep *k, uint64_t lba, uint32_t sector_count);
/** Prepares a replay of everything kept; blk_keep_skip takes sectors out of it again. */
void blk_keep_rewind(struct blk_keep *k);
void blk_keep_skip(struct blk_keep *k, uint64_t lba, uint32_t sector_count);
/** The next run to write, sectors_max at most. False: all done. */
bool blk_keep_next(struct blk_keep *k, uint32_t sectors_max, struct blk_keep_run *run);
void blk_keep_advance(struct blk_keep *k, const struct blk_keep_run *run);
void blk_keep_copy(const struct blk_keep *k, const struct blk_keep_run *run, uint8_t *out);

/* flight.c */
/** Posts what may be posted now. Returns the number posted. */
uint32_t blk_flight_post(struct blk *b);
/** Takes completions. Returns OK (*count of them) | ERR_PEER: *what and *detail say which lie. */
err_t blk_flight_reap(struct blk *b, uint32_t *count, enum sup_violation *what, uint64_t *detail);
/** Puts everything in flight back in front of what waits, in order. */
void blk_flight_requeue(struct blk *b);
/** Ends every waiting request with result. Nothing may be in flight. */
void blk_flight_fail_all(struct blk *b, err_t result);
void blk_enqueue(struct blk *b, struct blk_io *io);

/* life.c */
/** Reset, wait for the server, negotiate, prepare the replay. Returns OK: up | ERR_DEAD | ERR_NOT_SUPPORTED */
err_t blk_life_bring_up(struct blk *b);
/** Looks at why the link interrupted. Returns false when the link must be taken up again. */
bool blk_life_is_well(struct blk *b);
/** The server lied: stop believing it, reset, tell. */
void blk_life_accuse(struct blk *b, enum sup_violation what, uint64_t detail);
bool blk_life_server_is_gone(const struct blk *b);
/** Tells the server about new requests. Returns as blk_life_is_well. */
bool blk_life_kick(struct blk *b);
