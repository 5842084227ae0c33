/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The device end against drivers that lie: one row for each check, then the ordinary life of a
 * ring. */
#include "lib/virtq/device.h"

#include <string.h>

#include "lib/test.h"

#define BASE   0x80000000UL /* the window as the client writes it */
#define WINDOW 0x10000UL
#define RO     0x2000UL /* the device may not write below this offset */
#define SIZE   8

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

static struct virtq_device fresh(void)
{
    struct virtq_device q = { .window = { BASE, WINDOW, RO } };
    memset(&mem, 0, sizeof(mem));
    EXPECT_OK(virtq_device_start(&q, mem.desc, &mem.avail, &mem.used, SIZE, 0));
    return q;
}

static void post(uint16_t head)
{
    mem.avail.ring[mem.avail.idx % SIZE] = head;
    mem.avail.idx++;
}

enum { N = VRING_DESC_F_NEXT, W = VRING_DESC_F_WRITE, I = VRING_DESC_F_INDIRECT };

/* Three descriptors from 0 on, as a client would chain header, data, status; each row breaks one
 * thing. */
static const struct {
    const char *what;
    struct vring_desc desc[3];
    err_t want;
} chains[] = {
    { "honest",
      { { BASE, 16, N, 1 }, { BASE + 0x3000, 512, N | W, 2 }, { BASE + 0x2800, 1, W, 0 } },
      OK },
    { "up to the last byte",
      { { BASE + WINDOW - 16, 16, N, 1 }, { BASE + WINDOW - 1, 1, W, 0 } },
      OK },
    { "first writable byte", { { BASE, 16, N, 1 }, { BASE + RO, 1, W, 0 } }, OK },
    { "below the window", { { BASE - 1, 16, 0, 0 } }, ERR_PEER },
    { "far below", { { 0, 16, 0, 0 } }, ERR_PEER },
    { "ends one byte past", { { BASE + WINDOW - 15, 16, 0, 0 } }, ERR_PEER },
    { "starts past", { { BASE + WINDOW, 1, 0, 0 } }, ERR_PEER },
    { "address wraps", { { UINT64_MAX - 7, 16, 0, 0 } }, ERR_PEER },
    { "size that wraps", { { BASE + 16, UINT32_MAX, 0, 0 } }, ERR_PEER },
    { "empty piece", { { BASE, 0, 0, 0 } }, ERR_PEER },
    { "device write in the read-only head",
      { { BASE, 16, N, 1 }, { BASE + RO - 1, 1, W, 0 } },
      ERR_PEER },
    { "device write at 0", { { BASE, 16, N, 1 }, { BASE, 512, W, 0 } }, ERR_PEER },
    { "readable after writable", { { BASE + RO, 16, N | W, 1 }, { BASE, 16, 0, 0 } }, ERR_PEER },
    { "indirect", { { BASE, 16, I, 0 } }, ERR_PEER },
    { "unknown flag", { { BASE, 16, 0x80, 0 } }, ERR_PEER },
    { "next out of range", { { BASE, 16, N, SIZE } }, ERR_PEER },
    { "next far out of range", { { BASE, 16, N, 0xffff } }, ERR_PEER },
    { "loop on itself", { { BASE, 16, N, 0 } }, ERR_PEER },
    { "loop of two", { { BASE, 16, N, 1 }, { BASE, 16, N, 0 } }, ERR_PEER },
};

TEST(virtq_device, refuses_each_broken_chain_and_consumes_nothing)
{
    for (size_t i = 0; i < ARRAY_COUNT(chains); i++) {
        test_row((int64_t)i);
        struct virtq_device q = fresh();
        memcpy(mem.desc, chains[i].desc, sizeof(chains[i].desc));
        post(0);
        struct virtq_chain c;
        EXPECT_EQ(chains[i].want, virtq_fetch(&q, &c));
        EXPECT_EQ(chains[i].want == OK ? 1 : 0, q.avail_seen);
        EXPECT_EQ(0, mem.used.idx);
    }
}

TEST(virtq_device, copies_an_honest_chain_as_offsets_in_order)
{
    struct virtq_device q = fresh();
    memcpy(mem.desc, chains[0].desc, sizeof(chains[0].desc));
    post(0);
    struct virtq_chain c;
    REQUIRE_EQ(OK, virtq_fetch(&q, &c));
    EXPECT_EQ(0, c.head);
    EXPECT_EQ(1, c.read_count);
    EXPECT_EQ(2, c.write_count);
    EXPECT_EQ(0, c.piece[0].offset);
    EXPECT_EQ(0x3000, c.piece[1].offset);
    EXPECT_EQ(512, c.piece[1].size_bytes);
    EXPECT_EQ(0x2800, c.piece[2].offset);
    EXPECT_EQ(ERR_AGAIN, virtq_fetch(&q, &c));
}

TEST(virtq_device, later_changes_of_the_descriptor_do_not_reach_the_copy)
{
    struct virtq_device q = fresh();
    memcpy(mem.desc, chains[0].desc, sizeof(chains[0].desc));
    post(0);
    struct virtq_chain c;
    REQUIRE_EQ(OK, virtq_fetch(&q, &c));
    mem.desc[1].addr = 0;
    EXPECT_EQ(0x3000, c.piece[1].offset);
}

TEST(virtq_device, refuses_a_head_out_of_range)
{
    struct virtq_device q = fresh();
    struct virtq_chain c;
    post(SIZE);
    EXPECT_EQ(ERR_PEER, virtq_fetch(&q, &c));
}

TEST(virtq_device, refuses_more_requests_than_the_ring_has_entries)
{
    struct virtq_device q = fresh();
    struct virtq_chain c;
    mem.avail.idx = SIZE + 1;
    EXPECT_EQ(ERR_PEER, virtq_fetch(&q, &c));
    mem.avail.idx = 0xffff;
    EXPECT_EQ(ERR_PEER, virtq_fetch(&q, &c));
}

TEST(virtq_device, refuses_an_index_that_moves_back)
{
    struct virtq_device q = fresh();
    struct virtq_chain c;
    mem.desc[0] = (struct vring_desc){ BASE, 16, 0, 0 };
    post(0);
    post(0);
    REQUIRE_EQ(OK, virtq_fetch(&q, &c));
    REQUIRE_EQ(OK, virtq_fetch(&q, &c));
    mem.avail.idx = 1;
    EXPECT_EQ(ERR_PEER, virtq_fetch(&q, &c));
}

TEST(virtq_device, refuses_a_new_request_while_the_whole_ring_is_in_flight)
{
    struct virtq_device q = fresh();
    struct virtq_chain c;
    mem.desc[0] = (struct vring_desc){ BASE, 16, 0, 0 };
    for (int i = 0; i < SIZE; i++) {
        post(0);
        REQUIRE_EQ(OK, virtq_fetch(&q, &c));
    }
    post(0);
    EXPECT_EQ(ERR_PEER, virtq_fetch(&q, &c));
    virtq_complete(&q, 0, 0);
    EXPECT_OK(virtq_fetch(&q, &c));
}

TEST(virtq_device, takes_chains_of_the_limit_and_refuses_one_more)
{
    static struct {
        struct vring_desc desc[64];
        uint16_t avail[4 + 64];
        struct vring_used_elem used[66];
    } big;
    struct virtq_device q = { .window = { BASE, WINDOW, RO } };
    for (uint32_t length = VIRTQ_CHAIN_MAX; length <= VIRTQ_CHAIN_MAX + 1; length++) {
        memset(&big, 0, sizeof(big));
        REQUIRE_EQ(OK, virtq_device_start(&q, big.desc, big.avail, big.used, 64, 0));
        for (uint32_t i = 0; i < length; i++) {
            big.desc[i] =
                    (struct vring_desc){ BASE, 16, i + 1 < length ? N : 0, (uint16_t)(i + 1) };
        }
        big.avail[1] = 1;
        struct virtq_chain c;
        EXPECT_EQ(length == VIRTQ_CHAIN_MAX ? OK : ERR_PEER, virtq_fetch(&q, &c));
    }
}

TEST(virtq_device, completes_past_the_wrap_of_the_index)
{
    struct virtq_device q = fresh();
    mem.avail.idx = 0xfffe;
    REQUIRE_EQ(OK, virtq_device_start(&q, mem.desc, &mem.avail, &mem.used, SIZE, 0xfffe));
    mem.desc[3] = (struct vring_desc){ BASE, 16, 0, 0 };
    for (uint32_t i = 0; i < 4; i++) {
        post(3);
        struct virtq_chain c;
        REQUIRE_EQ(OK, virtq_fetch(&q, &c));
        EXPECT_EQ(3, c.head);
        virtq_complete(&q, 3, i);
        EXPECT_EQ((uint16_t)(0xfffe + i + 1), mem.used.idx);
        EXPECT_EQ(3, mem.used.ring[(0xfffe + i) % SIZE].id);
        EXPECT_EQ(i, mem.used.ring[(0xfffe + i) % SIZE].len);
    }
}

TEST(virtq_device, resumes_at_the_index_it_is_given)
{
    struct virtq_device q = fresh();
    mem.desc[1] = (struct vring_desc){ BASE + 32, 16, 0, 0 };
    mem.desc[2] = (struct vring_desc){ BASE + 64, 16, 0, 0 };
    post(1);
    post(2);
    REQUIRE_EQ(OK, virtq_device_start(&q, mem.desc, &mem.avail, &mem.used, SIZE, 1));
    struct virtq_chain c;
    REQUIRE_EQ(OK, virtq_fetch(&q, &c));
    EXPECT_EQ(2, c.head);
    EXPECT_EQ(ERR_AGAIN, virtq_fetch(&q, &c));
}

TEST(virtq_device, refuses_ring_sizes_that_are_no_power_of_two_or_too_large)
{
    struct virtq_device q;
    const uint32_t bad[] = { 0, 3, 6, 129, 256, 0x10000, 0x80000000 };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(ERR_ARG, virtq_device_start(&q, mem.desc, &mem.avail, &mem.used, bad[i], 0));
    }
}

TEST(virtq_device, interrupts_unless_the_client_says_no)
{
    struct virtq_device q = fresh();
    EXPECT_TRUE(virtq_wants_interrupt(&q));
    mem.avail.flags = VRING_AVAIL_F_NO_INTERRUPT;
    EXPECT_FALSE(virtq_wants_interrupt(&q));
}

TEST(virtq_device, clears_flags_of_an_earlier_incarnation)
{
    struct virtq_device q;
    mem.used.flags = VRING_USED_F_NO_NOTIFY;
    REQUIRE_EQ(OK, virtq_device_start(&q, mem.desc, &mem.avail, &mem.used, SIZE, 0));
    EXPECT_EQ(0, mem.used.flags);
}
