/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* FS_BENCH: instructions and ticks of single requests on the raw disk, past the cache. */
#include <stdlib.h>
#include <string.h>

#include "abi/proto/fs.h"
#include "servers/fs/session.h"
#include "servers/rt/time.h"

#define ROUNDS_MAX    4096U
#define ROUNDS_1M_MAX 32U
#define SECTORS_4K    8U
#define SECTORS_64K   128U
#define SECTORS_1M    2048U

struct bench_sample {
    uint64_t instructions, ticks;
};

/* Event 8 (retired instructions, all levels), set up and opened to EL0 by the kernel. */
static uint64_t bench_instructions(void)
{
    uint64_t value;
    __asm__ volatile("isb\n mrs %0, pmevcntr0_el0\n isb" : "=r"(value)::"memory");
    return value;
}

static int bench_compare(const void *a, const void *b)
{
    const struct bench_sample *x = a, *y = b;
    return (x->instructions > y->instructions) - (x->instructions < y->instructions);
}

static int bench_compare_ticks(const void *a, const void *b)
{
    const struct bench_sample *x = a, *y = b;
    return (x->ticks > y->ticks) - (x->ticks < y->ticks);
}

/* One request: op on sectors at lba. The cost of reading the counters is taken off. */
static err_t bench_round(struct service *s, enum blk_op op, uint64_t lba, uint32_t sectors,
                         void *data, struct bench_sample *out)
{
    uint64_t empty = bench_instructions();
    empty = bench_instructions() - empty;
    uint64_t ticks = time_now_ticks();
    uint64_t start = bench_instructions();
    err_t err = op == BLK_WRITE ? blk_write(s->blk, lba, sectors, data)
                                : blk_read(s->blk, lba, sectors, data);
    uint64_t end = bench_instructions();
    *out = (struct bench_sample){ (uint32_t)(end - start - empty), time_now_ticks() - ticks };
    return err;
}

static uint32_t bench_sectors(uint64_t what)
{
    return what == FS_BENCH_READ_1M    ? SECTORS_1M
           : what == FS_BENCH_READ_64K ? SECTORS_64K
                                       : SECTORS_4K;
}

/* rounds requests; writes put a block's own content back. */
static err_t bench_rounds(struct service *s, uint64_t what, uint64_t rounds, void *data,
                          struct bench_sample *samples)
{
    uint32_t sectors = bench_sectors(what);
    enum blk_op op = what == FS_BENCH_WRITE_4K ? BLK_WRITE : BLK_READ;
    uint64_t places = s->blk->sector_count / sectors;
    if (places == 0) return ERR_RANGE;
    err_t err = op == BLK_WRITE ? blk_read(s->blk, (places - 1) * sectors, sectors, data) : OK;
    for (uint64_t i = 0; err == OK && i < rounds; i++) {
        uint64_t lba = (op == BLK_WRITE ? places - 1 : i % places) * sectors;
        err = bench_round(s, op, lba, sectors, data, &samples[i]);
    }
    if (err == OK && op == BLK_WRITE) err = blk_flush(s->blk);
    return err;
}

err_t bench_run(struct service *s, uint64_t what, uint64_t rounds, struct ipc_msg *msg)
{
    if (what >= FS_BENCH_COUNT || rounds == 0) return ERR_ARG;
    if (!s->volume.cache) return ERR_DEAD;
    rounds = MIN(rounds, what == FS_BENCH_READ_1M ? ROUNDS_1M_MAX : ROUNDS_MAX);
    if (what == FS_BENCH_RESTART_READ) rounds = 1; /* the caller has just had the server killed */
    if (what == FS_BENCH_WRITE_4K) {
        /* The disk's bytes must be the truth for what is put back to be harmless. */
        err_t err = cache_flush(s->volume.cache);
        if (err != OK) return err;
    }
    struct bench_sample *samples = malloc(rounds * sizeof(*samples));
    void *data = malloc(SECTORS_1M * BLK_SECTOR_BYTES);
    err_t err = samples && data ? bench_rounds(s, what, rounds, data, samples) : ERR_NO_MEMORY;
    if (err == OK) {
        qsort(samples, rounds, sizeof(*samples), bench_compare);
        msg->word[1] = samples[rounds / 2].instructions;
        msg->word[2] = samples[0].instructions;
        msg->word[3] = samples[rounds - 1].instructions;
        qsort(samples, rounds, sizeof(*samples), bench_compare_ticks);
        msg->word[4] = samples[rounds / 2].ticks;
    }
    free(samples);
    free(data);
    return err;
}
