/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What every storage driver is asked, and what it asks of the program around it. */
#pragma once

#include "lib/base.h"

#define BLK_SECTOR_BYTES 512
#define BLK_PIECE_MAX    32 /* memory pieces of one request */

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH };

/* Memory as the device addresses it: in a driver domain a device address is an IPA. */
struct blk_piece {
    uint64_t addr;
    uint32_t size_bytes;
};

/*
 * One request. The caller fills the first part and keeps the struct until env.done; a driver
 * checks none of it but the
 * alignments that its hardware needs: ranges and permissions are the caller's business.
 */
struct blk_request {
    enum blk_op op;
    uint64_t sector;       /* first one, BLK_SECTOR_BYTES units */
    uint32_t sector_count; /* the pieces' sizes add up to this */
    uint32_t piece_count;
    struct blk_piece piece[BLK_PIECE_MAX];
    /* the caller lost interest: a driver need not start it (ERR_CANCELLED), but still says done */
    bool cancelled;
    err_t result; /* valid from env.done on: OK, ERR_IO, ERR_NOT_SUPPORTED, ERR_READ_ONLY */

    /* the driver's, from submit to done */
    struct blk_request *next; /* borrowed: it waits in the same queue */
    uint32_t sectors_done;
    uint32_t piece_idx;
    uint32_t piece_offset;
};

struct blk_geometry {
    uint64_t sector_count;
    uint32_t block_bytes; /* smallest unit that the device writes without reading */
    bool read_only;
};

/* What a driver may ask for. All functions are set; ctx is theirs. */
struct blk_env {
    void *ctx;                      /* borrowed (outlives the driver) */
    err_t (*dma_enable)(void *ctx); /* the device is proven still: open its DMA */
    void (*sleep_ns)(void *ctx,
                     uint64_t duration_ns); /* start-up and recovery only; other work waits */
    void (*timer_arm)(void *ctx,
                      uint64_t delay_ns); /* one on_timer later; a second call replaces the first */
    void (*done)(void *ctx, struct blk_request *request);
    void (*log)(void *ctx, const char *sentence);
};

/* The reactions of a driver; `device` is its struct. */
struct blk_driver {
    /**
     * Resets the device, waits for the proof, opens DMA, learns the geometry. Called once, first.
     * Returns  OK | ERR_NO_ENTRY: no medium | ERR_TIMEOUT, ERR_IO, ERR_NOT_SUPPORTED: logged
     */
    err_t (*start)(void *device, struct blk_geometry *geometry);
    void (*submit)(void *device,
                   struct blk_request *request); /* done may be called before it returns */
    void (*on_irq)(void *device);
    void (*on_timer)(void *device);
};

/* Requests in order of arrival. */
struct blk_fifo {
    struct blk_request *first, *last; /* borrowed until taken */
};

static inline void blk_fifo_put(struct blk_fifo *fifo, struct blk_request *request)
{
    request->next = NULL;
    if (fifo->first == NULL) {
        fifo->first = request;
    } else {
        fifo->last->next = request;
    }
    fifo->last = request;
}

static inline struct blk_request *blk_fifo_take(struct blk_fifo *fifo)
{
    struct blk_request *request = fifo->first;
    if (request != NULL) {
        fifo->first = request->next;
        request->next = NULL;
    }
    return request;
}
