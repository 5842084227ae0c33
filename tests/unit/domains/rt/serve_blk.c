/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The block server against clients that lie, with a link page and a driver of the test's own. */
// LINK: domains/rt/serve_blk.c domains/rt/serve.c lib/virtq/device.c lib/virtq/driver.c
// LINK: domains/faults/plain_fetch.c domains/faults/plain_complete.c domains/faults/plain_submit.c
#include "domains/rt/serve_blk.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <string.h>

#include "lib/mmio.h"
#include "lib/test.h"
#include "lib/virtq/driver.h"

#define CLIENT_BASE 0x80000000UL
#define QUEUE_SIZE  64
#define DATA        LINK_DATA_OFF(1)

static struct {
    uint32_t regs[1024];
    uint32_t interrupts, acks, needs_reset, slow, published;
    uint8_t window[0x40000] __attribute__((aligned(4096)));
    struct boot_link boot;
    struct blk_geometry geometry;
    struct serve_blk server;
    struct virtq_driver client;
    struct blk_request *submitted[64]; /* in order */
    uint32_t submit_count;
} t;

/* The link page remembers; the loop counts. */
uint32_t mmio_read32(const volatile void *reg)
{
    return t.regs[((uintptr_t)reg - (uintptr_t)t.regs) / 4];
}

void mmio_write32(volatile void *reg, uint32_t value)
{
    uint64_t offset = (uintptr_t)reg - (uintptr_t)t.regs;
    t.regs[offset / 4] = value;
    t.acks += offset == LINK_SRV_RESET_ACK;
    t.needs_reset += offset == LINK_SRV_NEEDS_RESET;
    t.slow += offset == LINK_SRV_SLOW;
    t.published += offset == LINK_SRV_PUBLISH;
}

void mmio_barrier(void)
{
}

void loop_ring(uint32_t id)
{
    EXPECT_EQ(t.boot.id, id);
    t.interrupts++;
}

static void submit(void *device, struct blk_request *request)
{
    EXPECT_TRUE(device == &t);
    t.submitted[t.submit_count++ % ARRAY_COUNT(t.submitted)] = request;
}

static const struct blk_driver driver = { .submit = submit };

static void finish(struct blk_request *r, err_t result)
{
    r->result = result;
    serve_blk_done(r);
}

static void event(uint32_t bits)
{
    serve_blk_on_events(&t.server, bits);
}

/* The client negotiates: rings in their places, DRIVER_OK. */
static void connect(void)
{
    EXPECT_OK(virtq_driver_start(&t.client, t.window + LINK_DESC_OFF(0),
                                 t.window + LINK_AVAIL_OFF(0), t.window + LINK_USED_OFF(1, 0),
                                 QUEUE_SIZE));
    const uint32_t q = LINK_SRV_QUEUE / 4;
    t.regs[q + LINK_SRV_Q_READY / 4] = 1;
    t.regs[q + LINK_SRV_Q_SIZE / 4] = QUEUE_SIZE;
    t.regs[q + LINK_SRV_Q_DESC / 4] = LINK_DESC_OFF(0);
    t.regs[q + LINK_SRV_Q_AVAIL / 4] = LINK_AVAIL_OFF(0);
    t.regs[q + LINK_SRV_Q_USED / 4] = LINK_USED_OFF(1, 0);
    t.regs[LINK_SRV_STATUS / 4] = 0xf;
    event(LINK_EV_STATUS);
}

static void start(void)
{
    memset(&t, 0, sizeof(t));
    t.boot = (struct boot_link){
        .name = "disk0",
        .is_server = 1,
        .device_id = VIRTIO_ID_BLOCK,
        .queue_count = 1,
        .queue_size = QUEUE_SIZE,
        .regs_ipa = (uintptr_t)t.regs,
        .window_ipa = (uintptr_t)t.window,
        .window_bytes = sizeof(t.window),
        .client_window_ipa = CLIENT_BASE,
        .own_client = 1,
        .lba_first = 1000,
        .lba_count = 100,
        .id = 5,
    };
    t.geometry = (struct blk_geometry){ .sector_count = 5000, .block_bytes = 512 };
    t.regs[LINK_SRV_MAGIC / 4] = LINK_SRV_MAGIC_VALUE;
}

static void start_connected(void)
{
    start();
    EXPECT_OK(serve_blk_start(&t.server, &t.boot, &driver, &t, &t.geometry));
    connect();
}

static uint8_t *status_of_head(uint16_t head)
{
    return t.window + LINK_STATUS_OFF(1, 0) + head;
}

/* Posts one request; data_bytes 0: no data descriptor. */
static uint16_t post(uint32_t type, uint64_t sector, uint64_t data_offset, uint32_t data_bytes)
{
    uint16_t head = virtq_next_head(&t.client);
    uint64_t header = LINK_HEADER_OFF(0) + 16UL * head;
    struct virtio_blk_outhdr h = { .type = type, .sector = sector };
    memcpy(t.window + header, &h, sizeof(h));
    *status_of_head(head) = 0xee;
    struct virtq_buffer b[3] = { { CLIENT_BASE + header, 16, false } };
    uint32_t n = 1;
    if (data_bytes != 0) {
        b[n++] = (struct virtq_buffer){ CLIENT_BASE + data_offset, data_bytes,
                                        type != VIRTIO_BLK_T_OUT };
    }
    b[n++] = (struct virtq_buffer){ CLIENT_BASE + LINK_STATUS_OFF(1, 0) + head, 1, true };
    EXPECT_OK(virtq_post(&t.client, b, n, &head));
    return head;
}

static void ring(void)
{
    event(LINK_EV_DOORBELL);
    while (serve_blk_turn(&t.server)) {
    }
}

TEST(serve_blk, publishes_the_links_share_of_the_disk_once)
{
    start();
    REQUIRE_EQ(OK, serve_blk_start(&t.server, &t.boot, &driver, &t, &t.geometry));
    EXPECT_EQ(1, t.published);
    EXPECT_EQ(100, t.regs[LINK_SRV_CONFIG / 4]);
    EXPECT_EQ(0, t.regs[LINK_SRV_CONFIG / 4 + 1]);
    EXPECT_EQ(SERVE_BLK_SEG_MAX, t.regs[LINK_SRV_CONFIG / 4 + 3]);
    EXPECT_EQ(512, t.regs[LINK_SRV_CONFIG / 4 + 5]);
    EXPECT_EQ(1U << VIRTIO_BLK_F_FLUSH | 1U << VIRTIO_BLK_F_SEG_MAX | 1U << VIRTIO_BLK_F_BLK_SIZE,
              t.regs[LINK_SRV_FEATURES_LO / 4]);
}

TEST(serve_blk, clips_the_share_to_the_disk)
{
    const struct {
        uint64_t first, count, disk, want;
    } rows[] = {
        { 0, 0, 5000, 5000 },   { 1000, 0, 5000, 4000 },    { 4990, 100, 5000, 10 },
        { 5000, 100, 5000, 0 }, { UINT64_MAX, 1, 5000, 0 }, { 0, 0, 0, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        start();
        t.boot.lba_first = rows[i].first;
        t.boot.lba_count = rows[i].count;
        t.geometry.sector_count = rows[i].disk;
        EXPECT_OK(serve_blk_start(&t.server, &t.boot, &driver, &t, &t.geometry));
        EXPECT_EQ(rows[i].want, t.regs[LINK_SRV_CONFIG / 4]);
    }
}

TEST(serve_blk, refuses_a_page_of_another_kind)
{
    start();
    t.boot.device_id = VIRTIO_ID_NET;
    EXPECT_EQ(ERR_PEER, serve_blk_start(&t.server, &t.boot, &driver, &t, &t.geometry));
    start();
    t.regs[LINK_SRV_MAGIC / 4] = 0;
    EXPECT_EQ(ERR_PEER, serve_blk_start(&t.server, &t.boot, &driver, &t, &t.geometry));
}

TEST(serve_blk, a_read_reaches_the_driver_inside_the_range_and_comes_back)
{
    start_connected();
    uint16_t head = post(VIRTIO_BLK_T_IN, 5, DATA, 1024);
    ring();
    REQUIRE_EQ(1, t.submit_count);
    struct blk_request *r = t.submitted[0];
    EXPECT_EQ(BLK_READ, r->op);
    EXPECT_EQ(1005, r->sector);
    EXPECT_EQ(2, r->sector_count);
    EXPECT_EQ(1, r->piece_count);
    EXPECT_EQ((uintptr_t)t.window + DATA, r->piece[0].addr);
    EXPECT_EQ(0, t.interrupts);
    finish(r, OK);
    (void)serve_blk_turn(&t.server);
    EXPECT_EQ(1, t.interrupts);
    struct virtq_done done;
    REQUIRE_EQ(OK, virtq_pop(&t.client, &done));
    EXPECT_EQ(head, done.head);
    EXPECT_EQ(1025, done.written_bytes);
    EXPECT_EQ(VIRTIO_BLK_S_OK, *status_of_head(head));
}

/* Requests that are answered without the device; lba_count is 100. */
static const struct {
    const char *what;
    uint32_t type;
    uint64_t sector;
    uint32_t data_bytes;
    uint8_t want;
} refused[] = {
    { "last sector plus one", VIRTIO_BLK_T_IN, 100, 512, VIRTIO_BLK_S_IOERR },
    { "ends past the range", VIRTIO_BLK_T_IN, 99, 1024, VIRTIO_BLK_S_IOERR },
    { "sector of all ones", VIRTIO_BLK_T_IN, UINT64_MAX, 512, VIRTIO_BLK_S_IOERR },
    { "sum that wraps to the range", VIRTIO_BLK_T_IN, UINT64_MAX - 999, 512, VIRTIO_BLK_S_IOERR },
    { "write past the range", VIRTIO_BLK_T_OUT, 100, 512, VIRTIO_BLK_S_IOERR },
    { "part of a sector", VIRTIO_BLK_T_IN, 0, 513, VIRTIO_BLK_S_IOERR },
    { "read of nothing", VIRTIO_BLK_T_IN, 0, 0, VIRTIO_BLK_S_IOERR },
    { "write of nothing", VIRTIO_BLK_T_OUT, 0, 0, VIRTIO_BLK_S_IOERR },
    { "flush with data", VIRTIO_BLK_T_FLUSH, 0, 512, VIRTIO_BLK_S_IOERR },
    { "discard", VIRTIO_BLK_T_DISCARD, 0, 16, VIRTIO_BLK_S_UNSUPP },
    { "unknown type", 99, 0, 512, VIRTIO_BLK_S_UNSUPP },
    { "serial number", VIRTIO_BLK_T_GET_ID, 0, 20, VIRTIO_BLK_S_OK },
    { "serial number without room", VIRTIO_BLK_T_GET_ID, 0, 0, VIRTIO_BLK_S_IOERR },
};

TEST(serve_blk, answers_what_it_refuses_and_the_device_never_sees_it)
{
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        test_row((int64_t)i);
        start_connected();
        uint16_t head = post(refused[i].type, refused[i].sector, DATA, refused[i].data_bytes);
        ring();
        EXPECT_EQ(0, t.submit_count);
        EXPECT_EQ(refused[i].want, *status_of_head(head));
        EXPECT_EQ(1, t.interrupts);
        EXPECT_EQ(0, t.needs_reset);
        struct virtq_done done;
        EXPECT_OK(virtq_pop(&t.client, &done));
    }
}

TEST(serve_blk, the_edge_of_the_range_is_inside)
{
    start_connected();
    (void)post(VIRTIO_BLK_T_IN, 99, DATA, 512);
    (void)post(VIRTIO_BLK_T_IN, 0, DATA, 512 * 100);
    ring();
    EXPECT_EQ(2, t.submit_count);
    EXPECT_EQ(1099, t.submitted[0]->sector);
}

TEST(serve_blk, refuses_writes_to_a_read_only_link)
{
    for (int disk = 0; disk < 2; disk++) {
        start();
        t.boot.read_only = !disk;
        t.geometry.read_only = disk;
        EXPECT_OK(serve_blk_start(&t.server, &t.boot, &driver, &t, &t.geometry));
        EXPECT_NE(0, t.regs[LINK_SRV_FEATURES_LO / 4] & 1U << VIRTIO_BLK_F_RO);
        connect();
        uint16_t head = post(VIRTIO_BLK_T_OUT, 0, DATA, 512);
        ring();
        EXPECT_EQ(0, t.submit_count);
        EXPECT_EQ(VIRTIO_BLK_S_IOERR, *status_of_head(head));
    }
}

TEST(serve_blk, an_io_error_is_the_status_of_that_request_alone)
{
    start_connected();
    uint16_t bad = post(VIRTIO_BLK_T_IN, 0, DATA, 512);
    uint16_t good = post(VIRTIO_BLK_T_IN, 1, DATA + 512, 512);
    ring();
    finish(t.submitted[0], ERR_IO);
    finish(t.submitted[1], OK);
    (void)serve_blk_turn(&t.server);
    EXPECT_EQ(VIRTIO_BLK_S_IOERR, *status_of_head(bad));
    EXPECT_EQ(VIRTIO_BLK_S_OK, *status_of_head(good));
    struct virtq_done done;
    EXPECT_OK(virtq_pop(&t.client, &done));
    EXPECT_EQ(1, done.written_bytes);
}

TEST(serve_blk, completes_strictly_in_ring_order_with_one_interrupt)
{
    start_connected();
    uint16_t head[3];
    for (uint32_t i = 0; i < 3; i++) {
        head[i] = post(VIRTIO_BLK_T_IN, i, DATA + 512 * i, 512);
    }
    ring();
    finish(t.submitted[2], OK);
    finish(t.submitted[1], OK);
    (void)serve_blk_turn(&t.server);
    struct virtq_done done;
    EXPECT_EQ(ERR_AGAIN, virtq_pop(&t.client, &done));
    EXPECT_EQ(0, t.interrupts);
    finish(t.submitted[0], OK);
    (void)serve_blk_turn(&t.server);
    EXPECT_EQ(1, t.interrupts);
    for (uint32_t i = 0; i < 3; i++) {
        REQUIRE_EQ(OK, virtq_pop(&t.client, &done));
        EXPECT_EQ(head[i], done.head);
    }
}

TEST(serve_blk, takes_sixteen_at_most_and_the_rest_when_there_is_room)
{
    start_connected();
    for (uint32_t i = 0; i < 20; i++) {
        (void)post(VIRTIO_BLK_T_IN, i, DATA, 512);
    }
    ring();
    EXPECT_EQ(16, t.submit_count);
    finish(t.submitted[0], OK);
    (void)serve_blk_turn(&t.server);
    EXPECT_EQ(17, t.submit_count);
    for (uint32_t i = 1; i < 17; i++) {
        finish(t.submitted[i], OK);
    }
    (void)serve_blk_turn(&t.server);
    EXPECT_EQ(20, t.submit_count);
}

TEST(serve_blk, says_no_interrupt_where_the_client_wants_none)
{
    start_connected();
    t.client.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
    (void)post(99, 0, DATA, 512);
    ring();
    EXPECT_EQ(0, t.interrupts);
    struct virtq_done done;
    EXPECT_OK(virtq_pop(&t.client, &done));
}

/* Chains that are no requests: the link stops, the client is told to reset. Made by hand. */
static const struct {
    const char *what;
    struct vring_desc desc[2];
} broken[] = {
    { "no status", { { CLIENT_BASE + 0x1800, 16, 0, 0 } } },
    { "no header", { { CLIENT_BASE + 0x2800, 1, VRING_DESC_F_WRITE, 0 } } },
    { "short header",
      { { CLIENT_BASE + 0x1800, 15, VRING_DESC_F_NEXT, 1 },
        { CLIENT_BASE + 0x2800, 1, VRING_DESC_F_WRITE, 0 } } },
    { "status of two bytes",
      { { CLIENT_BASE + 0x1800, 16, VRING_DESC_F_NEXT, 1 },
        { CLIENT_BASE + 0x2800, 2, VRING_DESC_F_WRITE, 0 } } },
    { "status in the read-only head",
      { { CLIENT_BASE + 0x1800, 16, VRING_DESC_F_NEXT, 1 },
        { CLIENT_BASE + 0x1fff, 1, VRING_DESC_F_WRITE, 0 } } },
    { "outside the window",
      { { CLIENT_BASE + 0x40000, 16, VRING_DESC_F_NEXT, 1 },
        { CLIENT_BASE + 0x2800, 1, VRING_DESC_F_WRITE, 0 } } },
};

TEST(serve_blk, stops_the_link_at_a_chain_that_is_no_request)
{
    for (size_t i = 0; i < ARRAY_COUNT(broken); i++) {
        test_row((int64_t)i);
        start_connected();
        memcpy(t.window + LINK_DESC_OFF(0), broken[i].desc, sizeof(broken[i].desc));
        struct vring_avail *a = (struct vring_avail *)(void *)(t.window + LINK_AVAIL_OFF(0));
        a->ring[0] = 0;
        a->idx = 1;
        ring();
        EXPECT_EQ(1, t.needs_reset);
        EXPECT_EQ(0, t.submit_count);
        EXPECT_EQ(0, t.interrupts);
        ring();
        EXPECT_EQ(1, t.needs_reset);
    }
}

TEST(serve_blk, a_failed_link_does_not_restart_before_its_reset)
{
    start_connected();
    struct vring_avail *a = (struct vring_avail *)(void *)(t.window + LINK_AVAIL_OFF(0));
    a->idx = 1000;
    ring();
    EXPECT_EQ(1, t.needs_reset);
    t.regs[LINK_SRV_STATUS / 4] = 0xf | VIRTIO_CONFIG_S_NEEDS_RESET;
    event(LINK_EV_STATUS);
    EXPECT_FALSE(t.server.serve.running);
}

TEST(serve_blk, acknowledges_a_reset_only_when_the_device_lets_go)
{
    start_connected();
    (void)post(VIRTIO_BLK_T_IN, 0, DATA, 512);
    (void)post(VIRTIO_BLK_T_IN, 1, DATA, 512);
    ring();
    EXPECT_EQ(2, t.submit_count);
    event(LINK_EV_RESET);
    (void)serve_blk_turn(&t.server);
    EXPECT_EQ(0, t.acks);
    EXPECT_TRUE(t.submitted[1]->cancelled);
    finish(t.submitted[0], OK);
    (void)serve_blk_turn(&t.server);
    EXPECT_EQ(0, t.acks);
    finish(t.submitted[1], ERR_CANCELLED);
    (void)serve_blk_turn(&t.server);
    EXPECT_EQ(1, t.acks);
    EXPECT_EQ(0, t.interrupts);
    const struct vring_used *u =
            (const struct vring_used *)(const void *)(t.window + LINK_USED_OFF(1, 0));
    EXPECT_EQ(0, u->idx);
}

TEST(serve_blk, works_again_after_a_reset)
{
    start_connected();
    (void)post(VIRTIO_BLK_T_IN, 0, DATA, 512);
    ring();
    event(LINK_EV_RESET);
    finish(t.submitted[0], OK);
    (void)serve_blk_turn(&t.server);
    EXPECT_EQ(1, t.acks);
    connect();
    uint16_t head = post(VIRTIO_BLK_T_IN, 3, DATA, 512);
    ring();
    REQUIRE_EQ(2, t.submit_count);
    EXPECT_FALSE(t.submitted[1]->cancelled);
    finish(t.submitted[1], OK);
    (void)serve_blk_turn(&t.server);
    struct virtq_done done;
    REQUIRE_EQ(OK, virtq_pop(&t.client, &done));
    EXPECT_EQ(head, done.head);
}

TEST(serve_blk, refuses_rings_outside_the_window)
{
    const struct {
        uint32_t reg, value;
    } rows[] = {
        { LINK_SRV_Q_SIZE, 0 },          { LINK_SRV_Q_SIZE, 48 },
        { LINK_SRV_Q_SIZE, 256 },        { LINK_SRV_Q_DESC, 0x3fc10 },
        { LINK_SRV_Q_DESC, 8 },          { LINK_SRV_Q_AVAIL, 0x3ffff },
        { LINK_SRV_Q_AVAIL, 0x3ff80 },   { LINK_SRV_Q_USED, 0x3fe00 },
        { LINK_SRV_Q_USED, 0xfffffffc }, { LINK_SRV_Q_READY, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        start_connected();
        t.server.serve.running = false;
        t.regs[(LINK_SRV_QUEUE + rows[i].reg) / 4] = rows[i].value;
        event(LINK_EV_STATUS);
        EXPECT_FALSE(t.server.serve.running);
        EXPECT_EQ(1, t.needs_reset);
    }
}

TEST(serve_blk, resumes_a_stock_client_where_it_is_told)
{
    start();
    t.boot.own_client = 0;
    EXPECT_OK(serve_blk_start(&t.server, &t.boot, &driver, &t, &t.geometry));
    connect();
    (void)post(VIRTIO_BLK_T_IN, 1, DATA, 512);
    (void)post(VIRTIO_BLK_T_IN, 2, DATA, 512);
    t.server.serve.running = false;
    t.regs[(LINK_SRV_QUEUE + LINK_SRV_Q_RESUME) / 4] = (uint32_t)BIT(31) | 1;
    event(LINK_EV_STATUS);
    (void)serve_blk_turn(&t.server);
    REQUIRE_EQ(1, t.submit_count);
    EXPECT_EQ(1002, t.submitted[0]->sector);
}

TEST(serve_blk, declares_a_flush_slow_once_it_is_the_oldest)
{
    start_connected();
    (void)post(VIRTIO_BLK_T_OUT, 0, DATA, 512);
    (void)post(VIRTIO_BLK_T_FLUSH, 0, 0, 0);
    ring();
    EXPECT_EQ(0, t.slow);
    finish(t.submitted[0], OK);
    (void)serve_blk_turn(&t.server);
    EXPECT_EQ(1, t.slow);
    (void)serve_blk_turn(&t.server);
    EXPECT_EQ(1, t.slow);
    EXPECT_EQ(BLK_FLUSH, t.submitted[1]->op);
}
