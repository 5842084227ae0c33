/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The split ring, driver end. */
#include "lib/virtq/driver.h"

err_t virtq_driver_start(struct virtq_driver *q, void *desc, void *avail, void *used,
                         uint32_t entry_count)
{
    if (!ring_size_is_valid(entry_count)) return ERR_ARG;
    volatile struct vring_avail *a = avail;
    volatile struct vring_used *u = used;
    *q = (struct virtq_driver){
        .desc = desc,
        .avail = a,
        .used = u,
        .entry_count = (uint16_t)entry_count,
        .free_count = (uint16_t)entry_count,
    };
    for (uint32_t i = 0; i < entry_count; i++) {
        q->next[i] = (uint16_t)((i + 1) % entry_count);
    }
    a->flags = 0;
    u->flags = 0;
    ring_publish(&a->idx, 0);
    ring_publish(&u->idx, 0);
    return OK;
}

uint16_t virtq_next_head(const struct virtq_driver *q)
{
    return q->free_head;
}

static err_t buffers_check(const struct virtq_buffer *buffers, uint32_t count)
{
    if (count == 0 || count > VIRTQ_CHAIN_MAX) return ERR_ARG;
    for (uint32_t i = 0; i < count; i++) {
        if (buffers[i].size_bytes == 0) return ERR_ARG;
        if (i > 0 && buffers[i - 1].device_writes && !buffers[i].device_writes) return ERR_ARG;
    }
    return OK;
}

err_t virtq_post(struct virtq_driver *q, const struct virtq_buffer *buffers, uint32_t count,
                 uint16_t *head)
{
    err_t e = buffers_check(buffers, count);
    if (e != OK) return e;
    if (count > q->free_count) return ERR_AGAIN;
    uint16_t first = q->free_head, at = first;
    uint64_t writable = 0;
    for (uint32_t i = 0; i < count; i++) {
        volatile struct vring_desc *d = &q->desc[at];
        bool last = i + 1 == count;
        d->addr = buffers[i].addr;
        d->len = buffers[i].size_bytes;
        d->flags = (uint16_t)((buffers[i].device_writes ? VRING_DESC_F_WRITE : 0) |
                              (last ? 0 : VRING_DESC_F_NEXT));
        d->next = last ? 0 : q->next[at];
        writable += buffers[i].device_writes ? buffers[i].size_bytes : 0;
        at = q->next[at];
    }
    q->free_head = at;
    q->free_count = (uint16_t)(q->free_count - count);
    q->chain_count[first] = (uint16_t)count;
    q->writable_bytes[first] = (uint32_t)MIN(writable, UINT32_MAX);
    q->avail->ring[q->avail_idx % q->entry_count] = first;
    q->avail_idx++;
    ring_publish(&q->avail->idx, q->avail_idx);
    *head = first;
    return OK;
}

/* Gives the chain of `head` back; walks the private links only. */
static void chain_free(struct virtq_driver *q, uint16_t head)
{
    uint16_t last = head;
    for (uint32_t i = 1; i < q->chain_count[head]; i++) {
        last = q->next[last];
    }
    q->next[last] = q->free_head;
    q->free_head = head;
    q->free_count = (uint16_t)(q->free_count + q->chain_count[head]);
    q->chain_count[head] = 0;
}

err_t virtq_pop(struct virtq_driver *q, struct virtq_done *done)
{
    uint16_t ready = (uint16_t)(ring_index(&q->used->idx) - q->used_seen);
    if (ready == 0) return ERR_AGAIN;
    if (ready > virtq_in_flight(q)) return ERR_PEER;
    const volatile struct vring_used_elem *slot = &q->used->ring[q->used_seen % q->entry_count];
    uint32_t id = slot->id, len = slot->len; /* one fetch each; checked and used from here */
    if (id >= q->entry_count || q->chain_count[id] == 0) return ERR_PEER;
    if (len > q->writable_bytes[id]) return ERR_PEER;
    chain_free(q, (uint16_t)id);
    q->used_seen++;
    *done = (struct virtq_done){ .head = (uint16_t)id, .written_bytes = len };
    return OK;
}

bool virtq_wants_kick(const struct virtq_driver *q)
{
    ring_fence();
    return (q->used->flags & VRING_USED_F_NO_NOTIFY) == 0;
}

uint32_t virtq_in_flight(const struct virtq_driver *q)
{
    /* Every post counts one up, every accepted completion one down. */
    return (uint16_t)(q->avail_idx - q->used_seen);
}
