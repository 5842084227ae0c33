/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The driver end against devices that lie: one row for each check, then the ordinary life of a
 * ring. */
#include "lib/virtq/driver.h"

#include <string.h>

#include "lib/test.h"

#define SIZE 8

static struct {
    struct vring_desc desc[SIZE];
    struct {
        uint16_t flags, idx, ring[SIZE], event;
    } avail;
    struct {
        uint16_t flags, idx;
        struct vring_used_elem ring[SIZE];
        uint16_t event;
    } used;
} mem;

static struct virtq_driver q;

static void fresh(void)
{
    memset(&mem, 0xa5, sizeof(mem));
    EXPECT_OK(virtq_driver_start(&q, mem.desc, &mem.avail, &mem.used, SIZE));
}

/* Header, 512 bytes for the device to write, status: 513 writable bytes. */
static const struct virtq_buffer request[] = { { 0x1000, 16, false },
                                               { 0x2000, 512, true },
                                               { 0x3000, 1, true } };

static uint16_t post(void)
{
    uint16_t head = 0xffff;
    EXPECT_OK(virtq_post(&q, request, 3, &head));
    return head;
}

static void claim(uint32_t id, uint32_t len)
{
    mem.used.ring[mem.used.idx % SIZE] = (struct vring_used_elem){ id, len };
    mem.used.idx++;
}

static const struct {
    const char *what;
    uint32_t id, len;
    uint16_t idx;
    err_t want;
} lies[] = {
    { "honest", 0, 513, 1, OK },
    { "nothing written", 0, 0, 1, OK },
    { "one byte too many", 0, 514, 1, ERR_PEER },
    { "length of all ones", 0, UINT32_MAX, 1, ERR_PEER },
    { "a descriptor inside the chain", 1, 513, 1, ERR_PEER },
    { "a free descriptor", 7, 0, 1, ERR_PEER },
    { "first id past the ring", SIZE, 0, 1, ERR_PEER },
    { "id that is only right in 16 bits", 0x10000, 0, 1, ERR_PEER },
    { "id of all ones", UINT32_MAX, 0, 1, ERR_PEER },
    { "index past what is in flight", 0, 513, 2, ERR_PEER },
    { "index past the ring", 0, 513, SIZE + 1, ERR_PEER },
    { "index one back", 0, 513, 0xffff, ERR_PEER },
};

TEST(virtq_driver, refuses_each_lie_and_keeps_the_request)
{
    for (size_t i = 0; i < ARRAY_COUNT(lies); i++) {
        test_row((int64_t)i);
        fresh();
        EXPECT_EQ(0, post());
        mem.used.ring[0] = (struct vring_used_elem){ lies[i].id, lies[i].len };
        mem.used.idx = lies[i].idx;
        struct virtq_done done = { 0 };
        EXPECT_EQ(lies[i].want, virtq_pop(&q, &done));
        EXPECT_EQ(lies[i].want == OK ? 0 : 1, virtq_in_flight(&q));
        if (lies[i].want == OK) EXPECT_EQ(lies[i].len, done.written_bytes);
    }
}

TEST(virtq_driver, refuses_a_completion_with_nothing_in_flight)
{
    fresh();
    claim(0, 0);
    struct virtq_done done;
    EXPECT_EQ(ERR_PEER, virtq_pop(&q, &done));
}

TEST(virtq_driver, refuses_the_same_completion_twice)
{
    fresh();
    uint16_t a = post();
    (void)post();
    claim(a, 1);
    claim(a, 1);
    struct virtq_done done;
    EXPECT_OK(virtq_pop(&q, &done));
    EXPECT_EQ(ERR_PEER, virtq_pop(&q, &done));
}

TEST(virtq_driver, walks_its_own_chains_when_the_shared_ones_are_overwritten)
{
    fresh();
    uint16_t a = post(), b = post();
    memset(mem.desc, 0xff, sizeof(mem.desc));
    claim(a, 513);
    claim(b, 513);
    struct virtq_done done;
    EXPECT_OK(virtq_pop(&q, &done));
    EXPECT_OK(virtq_pop(&q, &done));
    EXPECT_EQ(SIZE, q.free_count);
    EXPECT_NE(0xffff, post());
    EXPECT_NE(0xffff, post());
}

TEST(virtq_driver, keeps_its_own_index_when_the_shared_one_is_overwritten)
{
    fresh();
    (void)post();
    mem.avail.idx = 77;
    (void)post();
    EXPECT_EQ(2, mem.avail.idx);
}

TEST(virtq_driver, writes_a_chain_that_the_device_can_walk)
{
    fresh();
    uint16_t expected = virtq_next_head(&q), head = post();
    EXPECT_EQ(expected, head);
    EXPECT_EQ(1, mem.avail.idx);
    EXPECT_EQ(head, mem.avail.ring[0]);
    EXPECT_EQ(0, mem.avail.flags);
    const struct vring_desc *d = &mem.desc[head];
    EXPECT_EQ(0x1000, d->addr);
    EXPECT_EQ(VRING_DESC_F_NEXT, d->flags);
    d = &mem.desc[d->next];
    EXPECT_EQ(0x2000, d->addr);
    EXPECT_EQ(512, d->len);
    EXPECT_EQ(VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, d->flags);
    d = &mem.desc[d->next];
    EXPECT_EQ(VRING_DESC_F_WRITE, d->flags);
}

TEST(virtq_driver, refuses_bad_requests_and_changes_nothing)
{
    const struct {
        struct virtq_buffer b[2];
        uint32_t count;
    } rows[] = {
        { { { 0, 1, false } }, 0 },
        { { { 0, 1, false } }, VIRTQ_CHAIN_MAX + 1 },
        { { { 0, 0, false } }, 1 },
        { { { 0, 1, true }, { 0, 1, false } }, 2 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        fresh();
        uint16_t head = 9;
        EXPECT_EQ(ERR_ARG, virtq_post(&q, rows[i].b, rows[i].count, &head));
        EXPECT_EQ(0, mem.avail.idx);
        EXPECT_EQ(SIZE, q.free_count);
    }
}

TEST(virtq_driver, a_full_ring_asks_to_pop_first)
{
    fresh();
    (void)post();
    (void)post();
    uint16_t head;
    EXPECT_EQ(ERR_AGAIN, virtq_post(&q, request, 3, &head));
    EXPECT_OK(virtq_post(&q, request, 2, &head));
    EXPECT_EQ(0, q.free_count);
    EXPECT_EQ(ERR_AGAIN, virtq_post(&q, request, 1, &head));
}

TEST(virtq_driver, survives_many_wraps_with_completions_out_of_order)
{
    fresh();
    for (uint32_t round = 0; round < 70000; round++) {
        uint16_t a = post(), b = post();
        claim(b, round % 514);
        claim(a, 1);
        struct virtq_done done;
        REQUIRE_EQ(OK, virtq_pop(&q, &done));
        REQUIRE_EQ(b, done.head);
        REQUIRE_EQ(round % 514, done.written_bytes);
        REQUIRE_EQ(OK, virtq_pop(&q, &done));
        REQUIRE_EQ(ERR_AGAIN, virtq_pop(&q, &done));
        REQUIRE_EQ(SIZE, q.free_count);
    }
}

TEST(virtq_driver, refuses_ring_sizes_that_are_no_power_of_two_or_too_large)
{
    const uint32_t bad[] = { 0, 3, 12, 129, 256, 0x10000 };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(ERR_ARG, virtq_driver_start(&q, mem.desc, &mem.avail, &mem.used, bad[i]));
    }
}

TEST(virtq_driver, kicks_unless_the_device_says_no)
{
    fresh();
    EXPECT_TRUE(virtq_wants_kick(&q));
    mem.used.flags = VRING_USED_F_NO_NOTIFY;
    EXPECT_FALSE(virtq_wants_kick(&q));
}
