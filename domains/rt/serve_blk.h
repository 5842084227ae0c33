/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A virtio block device on one link: requests of an untrusted client become bounded requests to
 * a driver. */
#pragma once
#include "domains/rt/serve.h"
#include "drivers/blk.h"

#define SERVE_BLK_IN_FLIGHT 16 /* of one link: what it may have ahead of another link's turn */
#define SERVE_BLK_SEG_MAX   (VIRTQ_CHAIN_MAX - 2) /* a chain is header, data, status */
STATIC_ASSERT(SERVE_BLK_SEG_MAX <= BLK_PIECE_MAX, "each data descriptor becomes one piece");

/* One request between fetch and completion. */
struct serve_blk_slot {
    struct blk_request request;
    struct serve_blk *link; /* borrowed: the one it came from */
    uint64_t status_offset; /* in the window; checked writable */
    uint32_t written_bytes; /* when it succeeds, status included */
    uint16_t head;
    bool done;
};

struct serve_blk {
    struct serve serve;              /* first: its own */
    const struct blk_driver *driver; /* borrowed */
    void *device;                    /* borrowed; shared with the other links */
    uint64_t sector_first;           /* of the link's range, on the device */
    uint64_t sector_count;           /* what the client sees as capacity */
    bool read_only;
    bool resetting;             /* the client waits for the acknowledgement */
    bool look;                  /* the ring may hold more */
    bool told_slow;             /* for the oldest request */
    uint32_t oldest, in_flight; /* slot[(oldest + i) % SERVE_BLK_IN_FLIGHT], in ring order */
    struct serve_blk_slot slot[SERVE_BLK_IN_FLIGHT];
};

/**
 * Publishes the link's share of a device. Returns OK | ERR_PEER: not a block link.
 * geometry  sector_count 0: no medium; the client sees an empty disk
 */
err_t serve_blk_start(struct serve_blk *b, const struct boot_link *boot,
                      const struct blk_driver *driver, void *device,
                      const struct blk_geometry *geometry) MUST_CHECK;

/** The link has LINK_EV_* events. ctx is the struct serve_blk. */
void serve_blk_on_events(void *ctx, uint32_t events);

/** A driver's env.done: the request is one of a slot's. */
void serve_blk_done(struct blk_request *request);

/**
 * One turn of this link: completes in ring order, fetches at most SERVE_BLK_IN_FLIGHT requests,
 * interrupts once.
 * Returns true when another turn would find work at once.
 */
bool serve_blk_turn(struct serve_blk *b);
