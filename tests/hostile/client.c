/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A client of a raw disk in place of the file service: on the first link it writes, reads and checks every byte against what it
 * knows; on the others it measures: how late a periodic task wakes, how long a burst of reads takes.
 */
#include <stdlib.h>
#include <string.h>

#include "servers/blk/open.h"
#include "servers/rt/ipc.h"
#include "servers/rt/log.h"
#include "servers/rt/startup.h"
#include "servers/rt/time.h"

#define BLOCK_COUNT  1024U /* of the part of the disk that is written */
#define WORDS        (BLK_BLOCK_BYTES / 8)
#define BATCH        8U
#define FLUSH_EACH   8U /* batches */
#define TELL_EACH_NS UINT64_C(20000000)
#define PAUSE_NS     UINT64_C(2000000)
#define PERIOD_NS    UINT64_C(5000000)
#define BURST_READS  8U
#define UNKNOWN      UINT32_MAX

static struct blk blk;
static struct blk_link blk_link;
static struct {
    uint32_t version[BLOCK_COUNT]; /* what each block must hold; 0: zeros */
    uint64_t seed, ops, errors, wrong;
    uint64_t told_ticks;
    uint64_t data[BATCH][WORDS];
} state;

static uint64_t next_random(void)
{
    uint64_t z = state.seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t word_of(uint64_t block, uint64_t version, uint64_t i)
{
    return version == 0 ? 0 : block << 48 | version << 16 | i;
}

/* Waits until a tick, answering whoever asks the file service that this is not. */
static void pause_until(uint64_t ticks)
{
    struct ipc_msg msg = { .tag = 0 };
    for (;;) {
        if (ipc_reply_recv(startup_handle("service"), (handle_t)msg.reply, &msg, ticks) != OK)
            return;
        ipc_drop_handles(&msg);
        msg.tag = 0;
        msg.word[0] = ERR_DEAD;
    }
}

static void check(uint64_t block, const uint64_t *data)
{
    if (state.version[block] == UNKNOWN) return; /* a failed write: old, new or neither */
    for (uint64_t i = 0; i < WORDS; i++) {
        if (data[i] == word_of(block, state.version[block], i)) continue;
        state.wrong++;
        log_printf("WRONG block %lu word %lu: %lx, version %u", (unsigned long)block,
                   (unsigned long)i, (unsigned long)data[i], state.version[block]);
        return;
    }
}

/* Eight requests at once, on different blocks; each is checked. */
static void batch(void)
{
    struct blk_io ios[BATCH];
    uint64_t start = next_random() % BLOCK_COUNT, kinds = next_random();
    for (uint32_t i = 0; i < BATCH; i++) {
        uint64_t block = (start + i * 37) % BLOCK_COUNT;
        bool writes = (kinds >> i & 1) != 0;
        uint32_t version = state.version[block] == UNKNOWN ? 1 : state.version[block] + 1;
        for (uint64_t k = 0; writes && k < WORDS; k++)
            state.data[i][k] = word_of(block, version, k);
        ios[i] = (struct blk_io){ .op = writes ? BLK_WRITE : BLK_READ,
                                  .lba = block * BLK_BLOCK_SECTORS,
                                  .sector_count = BLK_BLOCK_SECTORS,
                                  .data = state.data[i] };
    }
    (void)blk_batch(&blk, ios, BATCH);
    for (uint32_t i = 0; i < BATCH; i++) {
        uint64_t block = ios[i].lba / BLK_BLOCK_SECTORS;
        state.ops++;
        if (ios[i].result != OK) {
            state.errors++;
            log_printf("ERROR %d block %lu", (int)ios[i].result, (unsigned long)block);
            state.version[block] = UNKNOWN;
        } else if (ios[i].op == BLK_WRITE) {
            state.version[block] = state.version[block] == UNKNOWN ? 1 : state.version[block] + 1;
        } else {
            check(block, state.data[i]);
        }
    }
}

static void tell(void)
{
    uint64_t now = time_now_ticks();
    if (now - state.told_ticks < time_ticks_from_ns(TELL_EACH_NS)) return;
    state.told_ticks = now;
    log_printf("ops %lu errors %lu wrong %lu replays %lu lies %lu", (unsigned long)state.ops,
               (unsigned long)state.errors, (unsigned long)state.wrong,
               (unsigned long)blk.stats.replays, (unsigned long)blk.stats.violations);
}

_Noreturn static void work(void)
{
    state.seed = 1;
    for (uint64_t round = 1;; round++) {
        batch();
        if (round % FLUSH_EACH == 0 && blk_flush(&blk) != OK) {
            state.errors++;
            log_printf("ERROR flush");
        }
        tell();
        pause_until(time_deadline_ns(PAUSE_NS));
    }
}

/* The neighbour's disk: word i of it is i. */
static bool read_one(uint64_t n)
{
    uint64_t lba = n * 61 % 2048 * BLK_BLOCK_SECTORS;
    if (blk_read(&blk, lba, BLK_BLOCK_SECTORS, state.data[0]) != OK) return false;
    for (uint64_t i = 0; i < WORDS; i += 63) {
        if (state.data[0][i] != lba * (BLK_SECTOR_BYTES / 8) + i) return false;
    }
    return true;
}

_Noreturn static void measure(void)
{
    uint64_t due = time_now_ticks(), late_max = 0, burst_sum = 0, burst_max = 0, bursts = 0, n = 0;
    const uint64_t period = time_ticks_from_ns(PERIOD_NS);
    for (;;) {
        due += period + next_random() % (period / 4); /* in step with nobody's budget period */
        pause_until(due);
        uint64_t start = time_now_ticks();
        for (uint32_t i = 0; i < BURST_READS; i++) {
            if (!read_one(n++)) log_printf("WRONG read %lu", (unsigned long)n);
        }
        uint64_t end = time_now_ticks();
        late_max = MAX(late_max, start - due);
        burst_max = MAX(burst_max, end - start);
        burst_sum += end - start;
        bursts++;
        if (end > due + period) due = end; /* periods missed are told of by late and max */
        if (end - state.told_ticks < time_ticks_from_ns(TELL_EACH_NS)) continue;
        log_printf("probe late %lu bursts %lu sum %lu max %lu", (unsigned long)late_max,
                   (unsigned long)bursts, (unsigned long)burst_sum, (unsigned long)burst_max);
        state.told_ticks = end;
        late_max = burst_sum = burst_max = bursts = 0;
    }
}

int main(const struct startup *s)
{
    uint32_t index = 0;
    (void)s;
    const struct startup_handle *link = startup_next("link:", &index);
    if (link == NULL) return 1;
    const char *arg = startup_arg(0);
    uint32_t number = arg != NULL && strncmp(arg, "link=", 5) == 0 ? (uint32_t)atoi(arg + 5) : 0;
    err_t err = blk_open(&blk_link, link->handle, number, startup_handle("supervisor"), &blk);
    if (err != OK) {
        log_printf("ERROR %d at the start", (int)err);
        for (;;) pause_until(time_deadline_ns(PERIOD_NS)); /* whoever asks gets an answer */
    }
    log_printf("ready");
    if (number == 0) work();
    measure();
}
