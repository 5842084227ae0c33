/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Cases 1 to 23: lies in the rings that both ends share. */
#include "guests/hostile/hostile.h"

#include "domains/rt/loop.h"
#include "domains/rt/rt.h"
#include "lib/mmio.h"

#define NS_MAX 6000 /* a client takes a completion within this */

/* A used element and the index, whatever they say. */
static void used_put(struct hostile *h, uint32_t id, uint32_t len)
{
    struct virtq_device *q = h->q;
    volatile struct vring_used_elem *slot = &q->used->ring[q->used_idx % q->entry_count];
    slot->id = id;
    slot->len = len;
    ring_publish(&q->used->idx, ++q->used_idx);
}

static uint16_t waiting(const struct hostile *h)
{
    return (uint16_t)(ring_index(&h->q->avail->idx) - h->q->used_idx);
}

static bool is_in_flight(const struct hostile *h, uint32_t id)
{
    const struct virtq_device *q = h->q;
    for (uint16_t i = 0; i < waiting(h) && i < q->entry_count; i++) {
        if (q->avail->ring[(uint16_t)(q->used_idx + i) % q->entry_count] == id) return true;
    }
    return false;
}

static uint32_t free_id(struct hostile *h)
{
    uint32_t id = (uint32_t)(hostile_random(h) % h->q->entry_count);
    while (is_in_flight(h, id)) id = (id + 1) % h->q->entry_count;
    return id;
}

static bool id_is_queue_size(struct hostile *h)
{
    used_put(h, h->q->entry_count + h->round % 3, h->written_bytes);
    return true;
}

static bool id_is_all_ones(struct hostile *h)
{
    used_put(h, UINT32_MAX - h->round, h->written_bytes);
    return true;
}

static bool id_is_free(struct hostile *h)
{
    used_put(h, free_id(h), h->written_bytes);
    return true;
}

static bool id_twice(struct hostile *h)
{
    used_put(h, h->head, h->written_bytes);
    used_put(h, h->head, h->written_bytes);
    return true;
}

static bool len_too_large(struct hostile *h)
{
    used_put(h, h->head, h->written_bytes + 1 + (uint32_t)(hostile_random(h) % 0x10000));
    return true;
}

static bool len_zero_on_read(struct hostile *h)
{
    if (h->written_bytes <= 1) return false;
    used_put(h, h->head, 0);
    return true;
}

static bool len_wraps(struct hostile *h)
{
    used_put(h, h->head, UINT32_MAX - (uint32_t)(hostile_random(h) % 512));
    return true;
}

static bool len_below_header(struct hostile *h)
{
    if (h->written_bytes <= 1) return false;
    used_put(h, h->head, 1 + (uint32_t)(hostile_random(h) % 15));
    return true;
}

static bool idx_jumps(struct hostile *h)
{
    used_put(h, h->head, h->written_bytes);
    h->q->used_idx = (uint16_t)(h->q->used_idx + h->q->entry_count + hostile_random(h) % 30000);
    ring_publish(&h->q->used->idx, h->q->used_idx);
    return true;
}

static bool idx_backwards(struct hostile *h)
{
    h->q->used_idx = (uint16_t)(h->q->used_idx - 1 - hostile_random(h) % 60);
    ring_publish(&h->q->used->idx, h->q->used_idx);
    return true;
}

/* Nothing but load: the index passes 0xffff. */
static bool idx_wraps(struct hostile *h)
{
    used_put(h, h->head, h->written_bytes);
    return true;
}

static volatile struct vring_desc *desc(struct hostile *h)
{
    return (volatile struct vring_desc *)(uintptr_t)&h->q->desc[h->chain->head];
}

static bool desc_moves(struct hostile *h)
{
    desc(h)->addr = h->link->client_window_ipa + hostile_random(h) % h->link->window_bytes;
    return true;
}

static bool desc_loops(struct hostile *h)
{
    desc(h)->next = h->chain->head;
    return true;
}

static bool desc_next_outside(struct hostile *h)
{
    desc(h)->next = (uint16_t)(h->q->entry_count + hostile_random(h) % 60000);
    return true;
}

static bool desc_indirect(struct hostile *h)
{
    desc(h)->flags = VRING_DESC_F_INDIRECT;
    return true;
}

/* True values, then another length or id for an instant somewhere in the client's look: seeded, to the nanosecond. */
static bool double_fetch(struct hostile *h)
{
    struct virtq_device *q = h->q;
    volatile struct vring_used_elem *slot = &q->used->ring[q->used_idx % q->entry_count];
    used_put(h, h->head, h->written_bytes);
    mmio_write32(h->regs + LINK_SRV_INTERRUPT, 1);
    uint64_t random = hostile_random(h);
    loop_sleep_ns(random % NS_MAX);
    if ((random >> 20 & 1) != 0) {
        slot->len = h->written_bytes + 0x1000;
    } else {
        slot->id = UINT32_MAX;
    }
    loop_sleep_ns(random >> 24 & 127);
    slot->len = h->written_bytes;
    slot->id = h->head;
    return true;
}

#define OLD_MAX 16
static struct {
    uint32_t count;
    struct virtq_piece piece[OLD_MAX];
} old;

/* Is any byte of [offset, offset + size) in a request that is still open? */
static bool is_open(const struct hostile *h, const struct virtq_piece *p)
{
    const struct virtq_device *q = h->q;
    for (uint16_t i = 0; i < waiting(h) && i < q->entry_count; i++) {
        uint16_t at = q->avail->ring[(uint16_t)(q->used_idx + i) % q->entry_count];
        for (uint32_t n = 0; n < VIRTQ_CHAIN_MAX && at < q->entry_count; n++) {
            uint64_t offset = q->desc[at].addr - h->link->client_window_ipa;
            if (ranges_overlap(offset, q->desc[at].len, p->offset, p->size_bytes)) return true;
            if ((q->desc[at].flags & VRING_DESC_F_NEXT) == 0) break;
            at = q->desc[at].next;
        }
    }
    return false;
}

/* Once the client posts a new batch it has taken the old one's data: what it took must be its own copy. */
static bool payload_flips(struct hostile *h)
{
    if (h->q->avail_seen != (uint16_t)(h->q->used_idx + 1)) { /* not the first of a batch */
        if (old.count < OLD_MAX && h->chain->write_count > 1) {
            old.piece[old.count++] = h->chain->piece[h->chain->read_count];
        }
        return false;
    }
    for (uint32_t i = 0; i < old.count; i++) {
        if (is_open(h, &old.piece[i])) continue;
        volatile uint64_t *at = (volatile uint64_t *)(uintptr_t)(h->window + old.piece[i].offset);
        for (uint32_t k = 0; k < old.piece[i].size_bytes / 8; k++) at[k] = hostile_random(h);
    }
    old.count = 0;
    return true;
}

static bool ring_of_noise(struct hostile *h)
{
    volatile uint32_t *at = (volatile uint32_t *)(uintptr_t)h->q->used;
    for (uint32_t i = 0; i < 16; i++) {
        uint64_t random = hostile_random(h);
        at[random % (1 + 2U * h->q->entry_count)] = (uint32_t)(random >> 32);
    }
    mmio_write32(h->regs + LINK_SRV_INTERRUPT, 1);
    return true;
}

/* Before it has taken any request: as if it were one that an incarnation before this one took. */
static bool stale_completion(struct hostile *h)
{
    used_put(h, free_id(h), 1);
    mmio_write32(h->regs + LINK_SRV_INTERRUPT, 1);
    return true;
}

/* Past the deadline, then as if nothing were. */
static bool too_late(struct hostile *h)
{
    for (int i = 0; i < 100; i++) loop_sleep_ns(1000000000);
    used_put(h, h->head, h->written_bytes);
    return true;
}

static bool reversed(struct hostile *h)
{
    if (waiting(h) < 2) return false;
    uint16_t next = (uint16_t)(h->q->used_idx + 1);
    used_put(h, h->q->avail->ring[next % h->q->entry_count], h->written_bytes);
    used_put(h, h->head, h->written_bytes);
    return true;
}

/* The index first, the element in two halves later. */
static bool torn(struct hostile *h)
{
    struct virtq_device *q = h->q;
    volatile struct vring_used_elem *slot = &q->used->ring[q->used_idx % q->entry_count];
    ring_publish(&q->used->idx, ++q->used_idx);
    mmio_write32(h->regs + LINK_SRV_INTERRUPT, 1);
    loop_sleep_ns(hostile_random(h) % NS_MAX);
    slot->id = h->head;
    loop_sleep_ns(hostile_random(h) % NS_MAX);
    slot->len = h->written_bytes;
    return true;
}

static bool no_kick_wanted(struct hostile *h)
{
    h->q->used->flags = (uint16_t)(hostile_random(h) & VRING_USED_F_NO_NOTIFY);
    return true;
}

/* All is answered, and nobody is told. */
static bool never_interrupts(struct hostile *h)
{
    if (waiting(h) != 1) return false;
    used_put(h, h->head, h->written_bytes);
    hostile_sleep();
}

const struct attack ring_attacks[] = {
    { 1, 'a', AT_COMPLETE, 0, id_is_queue_size },
    { 2, 'a', AT_COMPLETE, 0, id_is_all_ones },
    { 3, 'a', AT_COMPLETE, 0, id_is_free },
    { 4, 'a', AT_COMPLETE, 0, id_twice },
    { 6, 'a', AT_COMPLETE, 0, len_too_large },
    { 7, 'a', AT_COMPLETE, 0, len_zero_on_read },
    { 8, 'a', AT_COMPLETE, 0, len_wraps },
    { 9, 'a', AT_COMPLETE, 0, len_below_header },
    { 10, 'a', AT_COMPLETE, 0, idx_jumps },
    { 11, 'a', AT_COMPLETE, 0, idx_backwards },
    { 12, 'a', AT_COMPLETE, 66000, idx_wraps },
    { 13, 'a', AT_FETCH, 0, desc_moves },
    { 14, 'a', AT_FETCH, 0, desc_loops },
    { 15, 'a', AT_FETCH, 0, desc_next_outside },
    { 16, 'a', AT_FETCH, 0, desc_indirect },
    { 17, 'a', AT_COMPLETE, 100000, double_fetch },
    { 18, 'a', AT_FETCH, 10000, payload_flips },
    { 19, 'a', AT_FETCH, 1000, ring_of_noise },
    { 20, 'a', AT_FIRST, 0, stale_completion },
    { 20, 'b', AT_COMPLETE, 0, too_late },
    { 21, 'a', AT_COMPLETE, 0, reversed },
    { 22, 'a', AT_COMPLETE, 1000, torn },
    { 23, 'a', AT_FETCH, 10000, no_kick_wanted },
    { 23, 'b', AT_COMPLETE, 0, never_interrupts },
    { 0 },
};
