/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A ring of bytes. */
#include "servers/console/ring.h"

STATIC_ASSERT((RING_BYTES & (RING_BYTES - 1)) == 0, "counters wrap with the ring");

size_t ring_put(struct ring *r, const uint8_t *data, size_t size_bytes)
{
    size_t count = MIN(size_bytes, (size_t)ring_room(r));
    for (size_t i = 0; i < count; i++) {
        r->byte[(r->head + i) % RING_BYTES] = data[i];
    }
    r->head += (uint32_t)count;
    return count;
}

size_t ring_peek(const struct ring *r, const uint8_t **data)
{
    uint32_t at = r->tail % RING_BYTES;
    *data = &r->byte[at];
    return MIN(ring_used(r), RING_BYTES - at);
}

void ring_drop(struct ring *r, size_t count)
{
    CHECK(count <= ring_used(r));
    r->tail += (uint32_t)count;
}
