/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Block client: reads, writes and flushes on a server that may die at any step or lie in every word. */
#pragma once
#include "lib/virtq/driver.h"

#include "abi/link.h"
#include "abi/proto/supervisor.h"

/*
 * What holds (design.md, Resume): requests start in the order of submission; at most one write per 4 KiB block is in flight;
 * every completion is checked against the private record below. When the server dies or breaks the protocol, the link is reset and
 * rebuilt from private memory: for each block acknowledged since the last good flush its newest content, then the unfinished
 * requests in order, then new ones. Callers see none of it but time. Pure: the caller brings registers, window and a way to wait.
 */
#define BLK_SECTOR_BYTES   512U
#define BLK_BLOCK_BYTES    4096U
#define BLK_BLOCK_SECTORS  8U
#define BLK_IO_SECTORS_MAX 512U /* 256 KiB: one request, so that no slow medium looks hung */
#define BLK_FLIGHT_MAX     32U
#define BLK_KEEP_BYTES \
    MIB(1) /* acknowledged and not flushed: from here on the client flushes by itself */
#define BLK_KEEP_MAX \
    576U /* blocks: BLK_KEEP_BYTES plus one unaligned request and some small ones */
#define BLK_KEEP_HASH 2048U

enum blk_op { BLK_READ = 0, BLK_WRITE, BLK_FLUSH };

/* One request of the caller: private memory that stays as it is until the call returns. */
struct blk_io {
    enum blk_op op;
    uint64_t lba;          /* sectors of BLK_SECTOR_BYTES */
    uint32_t sector_count; /* 1..blk_io_sectors() */
    void *data;            /* borrowed; READ: filled, WRITE: read only. NULL: pages */
    void *const *pages; /* borrowed: 4 KiB each, the first sector at the start of the first one */
    err_t result;       /* OK | ERR_IO, ERR_NOT_SUPPORTED, ERR_READ_ONLY, ERR_RANGE, ERR_DEAD */
    /* The engine's. */
    struct blk_io *next;
    bool was_posted; /* it may have reached the medium in part or in whole */
};

struct blk_env {
    void *ctx;
    volatile uint8_t *regs; /* client register page of the link */
    uint8_t *window;        /* shared with the server (untrusted) */
    uint64_t window_bytes;
    uint64_t window_ipa; /* how ring addresses name it */
    uint32_t queue_size;
    /** Doorbell of the queue. Returns InterruptStatus, the used-buffer bit of which it acknowledges. */
    uint32_t (*kick)(void *ctx);
    /** Waits for the link's interrupt, timeout_ns at most (0: no limit). May return early for no reason. */
    void (*wait)(void *ctx, uint64_t timeout_ns);
    /** A lie was seen: tells whoever may restart the server. The link has been reset already. */
    void (*report)(void *ctx, enum sup_violation what, uint64_t detail);
};

struct blk_stats {
    uint64_t requests, replays, resets, violations, io_errors;
};

/* Blocks acknowledged since the last good flush, with their newest content. */
struct blk_keep {
    uint32_t count;
    struct {
        uint64_t block;
        uint8_t valid;  /* bit s: sector s is kept */
        uint8_t replay; /* bit s: to be written again in this recovery */
    } entry[BLK_KEEP_MAX];
    uint16_t hash[BLK_KEEP_HASH];   /* index + 1; 0: free */
    uint16_t sorted[BLK_KEEP_MAX];  /* by block, during a recovery */
    uint32_t sorted_count;          /* entries made later are not of this recovery */
    uint32_t cursor, cursor_sector; /* next to replay: sorted[cursor] */
    uint8_t data[BLK_KEEP_MAX][BLK_BLOCK_BYTES];
};

enum blk_flight_kind { BLK_FLIGHT_IO = 0, BLK_FLIGHT_REPLAY, BLK_FLIGHT_OWN_FLUSH };

/* Private record of one posted request. */
struct blk_flight {
    enum blk_flight_kind kind;
    enum blk_op op;
    struct blk_io *io; /* BLK_FLIGHT_IO only */
    uint16_t head;
    uint64_t lba;
    uint32_t sector_count;
    uint64_t data_offset; /* in the window */
    uint64_t claim_bytes; /* of the data area, skipped end included */
};

struct blk {
    struct blk_env env;
    struct virtq_driver queue;
    bool is_known; /* features and capacity were learnt once: they stay */
    bool is_up;    /* rings are live */
    bool is_gone;  /* the last bring-up ended with ERR_DEAD */
    bool is_stale; /* the link interrupted since its state was looked at */
    bool is_read_only, has_flush;
    bool lost_write;      /* a replay or an own flush failed: the next flush says so */
    uint32_t idle_resets; /* since the last accepted completion */
    uint32_t incarnation;
    uint32_t same_resets, reset_incarnation; /* of idle_resets: those in one incarnation */
    uint64_t features;
    uint64_t sector_count;
    uint32_t io_sectors;
    struct blk_io *first, *last;              /* waiting, in order */
    uint32_t unfinished;                      /* waiting or in flight */
    struct blk_flight flight[BLK_FLIGHT_MAX]; /* ring: posted order is completion order */
    uint32_t flight_first, flight_count, flight_max;
    uint64_t data_head, data_used; /* data area as a ring: completions free in order */
    uint64_t data_bytes;
    struct blk_stats stats;
    struct blk_keep keep;
};

/**
 * Takes the link up: waits for the server, negotiates. b is 2 MiB: static.
 * Returns  OK | ERR_DEAD: the server is given up or does not come | ERR_NOT_SUPPORTED: not a block device we can drive
 */
err_t blk_start(struct blk *b, const struct blk_env *env) MUST_CHECK;

/**
 * Runs ios[0, count) to the end, several in flight. Each has its own result.
 * Returns  the first error in order, OK when there is none
 */
err_t blk_batch(struct blk *b, struct blk_io *ios, uint32_t count);

/** Reads or writes any number of sectors. Returns OK | the first error; then what was written is unknown in part. */
err_t blk_read(struct blk *b, uint64_t lba, uint64_t sector_count, void *data) MUST_CHECK;
err_t blk_write(struct blk *b, uint64_t lba, uint64_t sector_count, const void *data) MUST_CHECK;

/** Everything acknowledged so far is on the medium when this returns OK. */
err_t blk_flush(struct blk *b) MUST_CHECK;

/** True when a server stands ready on the link. Context: after blk_start, whatever its result. */
bool blk_server_is_published(const struct blk *b);

/** Largest request of blk_batch, in sectors. */
static inline uint32_t blk_io_sectors(const struct blk *b)
{
    return b->io_sectors;
}
