/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The split ring as both ends see it: sizes, and fetch-once access to words that the other side
 * may change at any time. */
#pragma once

#include <linux/virtio_ring.h>

#include "lib/base.h"

#define VIRTQ_SIZE_MAX  128 /* entries of one ring, a power of two (abi/link.h: LINK_RING_MAX) */
#define VIRTQ_CHAIN_MAX 32  /* descriptors of one request that either end accepts */

STATIC_ASSERT(sizeof(struct vring_desc) == 16, "virtio v1.2 section 2.7.5");
STATIC_ASSERT(offsetof(struct vring_avail, ring) == 4, "virtio v1.2 section 2.7.6");
STATIC_ASSERT(offsetof(struct vring_used, ring) == 4, "virtio v1.2 section 2.7.8");

/** Reads an index word; what the other side wrote before it is visible after. Pairs with
 * ring_publish of the other side. */
static inline uint16_t ring_index(const volatile uint16_t *word)
{
    return atomic_load_explicit((const volatile _Atomic uint16_t *)word, memory_order_acquire);
}

/** Writes an index word after everything before it. Pairs with ring_index of the other side. */
static inline void ring_publish(volatile uint16_t *word, uint16_t value)
{
    atomic_store_explicit((volatile _Atomic uint16_t *)word, value, memory_order_release);
}

/** Orders our index, just published, before a look at the other side's flags. Pairs with the same
 * fence over there. */
static inline void ring_fence(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

/** True for a ring size that both ends can work with. */
static inline bool ring_size_is_valid(uint32_t entry_count)
{
    return entry_count != 0 && entry_count <= VIRTQ_SIZE_MAX &&
           (entry_count & (entry_count - 1)) == 0;
}
