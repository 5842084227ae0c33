/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The byte ring: order, bounds, wrap of its counters. */
#include "servers/console/ring.h"

#include <string.h>

#include "lib/test.h"

TEST(console_ring, keeps_order_across_its_end)
{
    static struct ring r;
    uint8_t next_in = 0, next_out = 0;
    const uint8_t *data = NULL;
    memset(&r, 0, sizeof(r));
    r.head = r.tail = UINT32_MAX - 100; /* the counters wrap soon */
    for (int round = 0; round < 1000; round++) {
        uint8_t piece[97];
        for (size_t i = 0; i < sizeof(piece); i++) piece[i] = next_in++;
        EXPECT_EQ(sizeof(piece), ring_put(&r, piece, sizeof(piece)));
        while (ring_used(&r) > 0) {
            size_t bytes = MIN(ring_peek(&r, &data), 41U);
            for (size_t i = 0; i < bytes; i++) EXPECT_EQ(next_out++, data[i]);
            ring_drop(&r, bytes);
        }
    }
}

TEST(console_ring, takes_no_more_than_it_has_room_for)
{
    static struct ring r;
    static uint8_t many[RING_BYTES + 5];
    memset(&r, 0, sizeof(r));
    EXPECT_EQ(RING_BYTES, ring_put(&r, many, sizeof(many)));
    EXPECT_EQ(0, ring_room(&r));
    EXPECT_EQ(0, ring_put(&r, many, 1));
    ring_drop(&r, 1);
    EXPECT_EQ(1, ring_put(&r, many, 5));
}
