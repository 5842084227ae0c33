/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The split ring, device end. */
#include "lib/virtq/device.h"

err_t virtq_device_start(struct virtq_device *q, const void *desc, const void *avail, void *used,
                         uint32_t entry_count, uint16_t used_idx)
{
    if (!ring_size_is_valid(entry_count)) return ERR_ARG;
    q->desc = desc;
    q->avail = avail;
    q->used = used;
    q->entry_count = (uint16_t)entry_count;
    q->avail_seen = used_idx;
    q->avail_known = used_idx;
    q->used_idx = used_idx;
    q->used->flags = 0;
    return OK;
}

/* Takes one descriptor, as fetched, into the chain. */
static err_t piece_add(const struct virtq_window *w, const struct vring_desc *d,
                       struct virtq_chain *chain)
{
    bool writes = (d->flags & VRING_DESC_F_WRITE) != 0;
    uint64_t offset =
            d->addr -
            w->client_base; /* wraps to a huge offset below the base: refused by the range check */
    if (!range_is_inside(offset, d->len, writes ? w->write_offset : 0, w->size_bytes)) {
        return ERR_PEER;
    }
    if (!writes && chain->write_count != 0) return ERR_PEER;
    chain->piece[chain->read_count + chain->write_count] = (struct virtq_piece){ offset, d->len };
    if (writes) {
        chain->write_count++;
    } else {
        chain->read_count++;
    }
    return OK;
}

err_t virtq_fetch(struct virtq_device *q, struct virtq_chain *chain)
{
    if (q->avail_known == q->avail_seen) {
        uint16_t idx = ring_index(&q->avail->idx);
        uint16_t used_up = (uint16_t)(idx - q->used_idx); /* in flight with us, and new ones */
        if (used_up > q->entry_count || (uint16_t)(q->avail_seen - q->used_idx) > used_up) {
            return ERR_PEER;
        }
        q->avail_known = idx;
        if (idx == q->avail_seen) return ERR_AGAIN;
    }
    uint16_t at = q->avail->ring[q->avail_seen % q->entry_count];
    chain->head = at;
    chain->read_count = 0;
    chain->write_count = 0;
    uint32_t limit = MIN(q->entry_count, VIRTQ_CHAIN_MAX);
    for (uint32_t i = 0; i < limit; i++) {
        if (at >= q->entry_count) return ERR_PEER;
        const volatile struct vring_desc *shared = &q->desc[at];
        struct vring_desc d = { shared->addr, shared->len, shared->flags,
                                shared->next }; /* one fetch each */
        if (d.flags & ~(VRING_DESC_F_NEXT | VRING_DESC_F_WRITE)) return ERR_PEER;
        if (piece_add(&q->window, &d, chain) != OK) return ERR_PEER;
        if ((d.flags & VRING_DESC_F_NEXT) == 0) {
            q->avail_seen++;
            return OK;
        }
        at = d.next;
    }
    return ERR_PEER; /* longer than we offered, or a loop */
}

void virtq_complete(struct virtq_device *q, uint16_t head, uint32_t written_bytes)
{
    volatile struct vring_used_elem *slot = &q->used->ring[q->used_idx % q->entry_count];
    slot->id = head;
    slot->len = written_bytes;
    q->used_idx++;
    ring_publish(&q->used->idx, q->used_idx);
}

bool virtq_wants_interrupt(const struct virtq_device *q)
{
    ring_fence();
    return (q->avail->flags & VRING_AVAIL_F_NO_INTERRUPT) == 0;
}
