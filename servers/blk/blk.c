/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Block client: the loop that carries requests to their end. */
#include "servers/blk/blk.h"

#include <string.h>

#include "servers/blk/internal.h"

#define DESC_PER_IO 3U
#define PIECES_MAX  8U /* requests of one blk_read or blk_write in flight together */

/* Takes completions. Returns their number; a lie ends the link's life. */
static uint32_t blk_take(struct blk *b)
{
    enum sup_violation what = SUP_USED_ID;
    uint64_t detail = 0;
    uint32_t done = 0;
    if (blk_flight_reap(b, &done, &what, &detail) != OK) blk_life_accuse(b, what, detail);
    return done;
}

/*
 * Posts, takes completions, waits once if there is nothing else to do. An interrupt that brought completions is not asked for its
 * cause, which is a trap: the next kick says whether the link's state changed as well, and before the next wait somebody must.
 */
static void blk_step(struct blk *b)
{
    bool is_well = !blk_flight_post(b) || blk_life_kick(b);
    uint32_t done = blk_take(b);
    if (b->is_up && is_well && (done || b->unfinished == 0)) return;
    if (is_well && b->is_up && b->is_stale) is_well = blk_life_is_well(b);
    if (!is_well && b->is_up) {
        (void)blk_take(b); /* what was completed before the death counts, if it is true */
        b->is_up = false;
    }
    if (!b->is_up) return;
    b->env.wait(b->env.ctx, 0);
    b->is_stale = true;
}

/* Until nothing is unfinished. */
static void blk_run(struct blk *b)
{
    if (b->is_gone && blk_life_server_is_gone(b)) {
        blk_flight_requeue(b);
        blk_flight_fail_all(b, ERR_DEAD);
        return;
    }
    while (b->unfinished) {
        if (b->is_up) {
            blk_step(b);
            continue;
        }
        err_t err = blk_life_bring_up(b);
        b->is_gone = err != OK;
        if (err != OK) blk_flight_fail_all(b, ERR_DEAD);
    }
}

err_t blk_start(struct blk *b, const struct blk_env *env)
{
    /* Kept content has no meaning without an entry: two MiB of pages stay untouched until they are needed. */
    memset(b, 0, offsetof(struct blk, keep.data));
    b->env = *env;
    if (env->window_bytes < LINK_DATA_OFF(1) + BLK_BLOCK_BYTES || env->queue_size < DESC_PER_IO) {
        return ERR_NOT_SUPPORTED;
    }
    b->data_bytes = env->window_bytes - LINK_DATA_OFF(1);
    b->flight_max = MIN(env->queue_size / DESC_PER_IO, BLK_FLIGHT_MAX);
    err_t err = blk_life_bring_up(b);
    b->is_gone = err != OK;
    b->stats.resets = 0; /* the first negotiation is none */
    return err;
}

err_t blk_batch(struct blk *b, struct blk_io *ios, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) blk_enqueue(b, &ios[i]);
    blk_run(b);
    for (uint32_t i = 0; i < count; i++) {
        if (ios[i].result != OK) return ios[i].result;
    }
    return OK;
}

static err_t blk_transfer(struct blk *b, enum blk_op op, uint64_t lba, uint64_t sector_count,
                          uint8_t *data)
{
    if (!b->is_known) return ERR_DEAD;
    while (sector_count) {
        struct blk_io ios[PIECES_MAX];
        uint32_t count = 0;
        for (; count < PIECES_MAX && sector_count; count++) {
            uint32_t sectors = (uint32_t)MIN(sector_count, (uint64_t)b->io_sectors);
            ios[count] =
                    (struct blk_io){ .op = op, .lba = lba, .sector_count = sectors, .data = data };
            lba += sectors;
            sector_count -= sectors;
            data += (size_t)sectors * BLK_SECTOR_BYTES;
        }
        err_t err = blk_batch(b, ios, count);
        if (err != OK) return err;
    }
    return OK;
}

err_t blk_read(struct blk *b, uint64_t lba, uint64_t sector_count, void *data)
{
    return blk_transfer(b, BLK_READ, lba, sector_count, data);
}

err_t blk_write(struct blk *b, uint64_t lba, uint64_t sector_count, const void *data)
{
    /* A write request only reads its data: blk_io has one pointer for both directions. */
    return blk_transfer(b, BLK_WRITE, lba, sector_count, (uint8_t *)(uintptr_t)data);
}

err_t blk_flush(struct blk *b)
{
    struct blk_io io = { .op = BLK_FLUSH };
    if (!b->is_known) return ERR_DEAD;
    return blk_batch(b, &io, 1);
}
