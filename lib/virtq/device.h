/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The split ring, device end: fetch requests, complete them. The driver may lie in everything
 * that it writes. */
#pragma once

#include "lib/virtq/ring.h"

/*
 * One request, device side:
 *   while (virtq_fetch(q, &chain) == OK) ...   ERR_PEER: tell the client to reset, touch the
 * queue no more
 *   virtq_complete(q, chain.head, written);     in ring order where the transport wants it
 *   if (virtq_wants_interrupt(q)) interrupt     once for any number of completions
 * A chain is copied once; every piece of it lies inside the window, so an offset needs no further
 * check.
 */
struct virtq_piece {
    uint64_t offset;     /* in the window */
    uint32_t size_bytes; /* > 0 */
};

struct virtq_chain {
    uint16_t head;
    uint16_t read_count; /* piece[0 .. read_count): the device reads them */
    uint16_t
            write_count; /* piece[read_count .. read_count + write_count): the device writes them */
    struct virtq_piece piece[VIRTQ_CHAIN_MAX];
};

/* What the client may name: its view of the window, and from where on the device may write in
 * it. */
struct virtq_window {
    uint64_t client_base; /* address of the window's first byte as the client writes it */
    uint64_t size_bytes;
    uint64_t write_offset; /* pieces for the device to write start here or later */
};

struct virtq_device {
    const volatile struct vring_desc *desc;   /* shared with the client (untrusted) */
    const volatile struct vring_avail *avail; /* shared with the client (untrusted) */
    volatile struct vring_used *used;         /* shared with the client (untrusted) */
    struct virtq_window window;
    uint16_t entry_count;
    uint16_t avail_seen;  /* free-running: chains fetched */
    uint16_t avail_known; /* free-running: avail.idx as last read and accepted */
    uint16_t used_idx;    /* free-running, ours; used->idx is only a copy */
};

/**
 * Makes q a view of a ring whose three parts lie inside the window. Clears the device's flags.
 * used_idx  where to go on: 0 for a fresh ring, else what the transport says; requests after it
 *           are fetched (again)
 * Returns   OK | ERR_ARG: size | nothing changed
 */
err_t virtq_device_start(struct virtq_device *q, const void *desc, const void *avail, void *used,
                         uint32_t entry_count, uint16_t used_idx) MUST_CHECK;

/**
 * Copies the next available chain. The walk is bounded by VIRTQ_CHAIN_MAX and by the ring size.
 * Returns  OK | ERR_AGAIN: none | ERR_PEER: the ring, or the chain, breaks the protocol; nothing
 *          was consumed
 * Source   virtio v1.2 sections 2.7.4.2 (readable before writable) and 2.7.5
 */
err_t virtq_fetch(struct virtq_device *q, struct virtq_chain *chain) MUST_CHECK;

/** Hands one chain back: the used element, then used.idx. written_bytes as virtio counts it, from
 * the first writable byte. */
void virtq_complete(struct virtq_device *q, uint16_t head, uint32_t written_bytes);

/** True when the client wants to be interrupted for what was completed. Call after the last
 * completion of a batch. */
bool virtq_wants_interrupt(const struct virtq_device *q);
