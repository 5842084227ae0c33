/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The split ring, driver end: post requests, pop completions. The device may lie in everything
 * that it writes. */
#pragma once

#include "lib/virtq/ring.h"

/*
 * One request, driver side (virtio v1.2 section 2.7.13):
 *   virtq_post(q, buffers, count, &head);   ERR_AGAIN: pop first
 *   kick                                    once for any number of posts
 *   on interrupt: while (virtq_pop(q, &done) == OK) ...; ERR_PEER: reset the device
 * Everything that decides about a later access is kept in this private struct: the shared rings
 * are written, and of
 * the used ring each word is read once and checked.
 */
struct virtq_buffer {
    uint64_t addr; /* as the device shall see it */
    uint32_t size_bytes;
    bool device_writes;
};

struct virtq_done {
    uint16_t head;
    uint32_t written_bytes; /* never more than the device-writable bytes posted under that head */
};

struct virtq_driver {
    volatile struct vring_desc *desc;       /* shared with the device (untrusted) */
    volatile struct vring_avail *avail;     /* shared with the device (untrusted) */
    const volatile struct vring_used *used; /* shared with the device (untrusted) */
    uint16_t entry_count;
    uint16_t free_count;
    uint16_t free_head;                      /* first free descriptor; the rest by next[] */
    uint16_t avail_idx;                      /* free-running, ours; avail->idx is only a copy */
    uint16_t used_seen;                      /* free-running */
    uint16_t next[VIRTQ_SIZE_MAX];           /* private copy of the chains and of the free list */
    uint16_t chain_count[VIRTQ_SIZE_MAX];    /* by head; 0 = not in flight */
    uint32_t writable_bytes[VIRTQ_SIZE_MAX]; /* by head: what the device may have written at most */
};

/**
 * Makes q an empty ring over shared memory and clears that memory's flags and indices.
 * entry_count  see ring_size_is_valid
 * Returns  OK | ERR_ARG: nothing changed
 * Context  the device must not run (Status without DRIVER_OK)
 */
err_t virtq_driver_start(struct virtq_driver *q, void *desc, void *avail, void *used,
                         uint32_t entry_count) MUST_CHECK;

/** The head that the next successful virtq_post will return: for clients that place headers by
 * head. Context: any. */
uint16_t virtq_next_head(const struct virtq_driver *q);

/**
 * Posts one chain: the readable buffers first, then the writable ones, 1..VIRTQ_CHAIN_MAX.
 * Returns  OK, *head set | ERR_ARG: empty, too many, a zero size or a readable after a writable |
 *          ERR_AGAIN: too few free
 *          descriptors. Nothing changed in both.
 * Source   virtio v1.2 section 2.7.13
 */
err_t virtq_post(struct virtq_driver *q, const struct virtq_buffer *buffers, uint32_t count,
                 uint16_t *head) MUST_CHECK;

/**
 * Takes one completion.
 * Returns  OK | ERR_AGAIN: none | ERR_PEER: an index, id or length that no honest device writes;
 *          nothing changed
 * Source   virtio v1.2 section 2.7.14
 */
err_t virtq_pop(struct virtq_driver *q, struct virtq_done *done) MUST_CHECK;

/** True when the device asks for a notification. A client whose progress EL2 watches notifies
 * anyway. Orders the post before. */
bool virtq_wants_kick(const struct virtq_driver *q);

/** Requests in flight. Context: any. */
uint32_t virtq_in_flight(const struct virtq_driver *q);
