/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A ring of bytes. Pure. */
#pragma once
#include "lib/base.h"

#define RING_BYTES 8192 /* a power of two */

struct ring {
    uint32_t head, tail; /* free-running counters: put at head, take at tail */
    uint8_t byte[RING_BYTES];
};

/** Bytes that wait. Context: any. */
static inline uint32_t ring_used(const struct ring *r)
{
    return r->head - r->tail;
}

/** Room that is left. Context: any. */
static inline uint32_t ring_room(const struct ring *r)
{
    return RING_BYTES - ring_used(r);
}

/** Puts as much as there is room for; returns how many bytes. */
size_t ring_put(struct ring *r, const uint8_t *data, size_t size_bytes);

/** The oldest bytes that lie in one piece: *data, returns how many. They stay until ring_drop. */
size_t ring_peek(const struct ring *r, const uint8_t **data);

/** Drops the oldest bytes; count is at most ring_used. */
void ring_drop(struct ring *r, size_t count);
