/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The NVMe driver on a controller model that fails and lies on request. */
// LINK: drivers/nvme/nvme.c drivers/nvme/controller.c drivers/nvme/prp.c lib/format.c
#include "drivers/nvme/nvme.h"

#include <string.h>

#include "lib/mmio.h"
#include "lib/test.h"

#define REGS_BYTES 0x4000

struct queue {
    struct nvme_command *submission;
    struct nvme_completion *completion;
    uint32_t head, tail;
    uint16_t phase;
};

static struct {
    uint32_t regs[REGS_BYTES / 4];
    struct queue queue[2];
    /* what goes wrong */
    bool never_stops, never_starts, fatal, admin_fails, silent;
    uint32_t fail_admin; /* the n-th admin command, from 1 */
    uint8_t block_shift, transfer_limit, write_cache, read_only, metadata;
    uint64_t blocks;
    /* what happened */
    uint32_t admins, dma_opened, sleeps, timers, done, logs, masks, cache_off;
    bool opened_while_ready;
    struct nvme_command io[64]; /* in order */
    uint32_t io_count;
} m;

static struct nvme n;
static struct blk_geometry geometry;

static void complete(struct queue *q, uint16_t id, uint16_t status)
{
    q->completion[q->tail] = (struct nvme_completion){
        .id = id,
        .status = (uint16_t)(status << 1 | q->phase),
    };
    q->tail = (q->tail + 1) % NVME_QUEUE_DEPTH;
    if (q->tail == 0) q->phase ^= 1;
}

static void identify(const struct nvme_command *c)
{
    uint8_t *out = (uint8_t *)(uintptr_t)c->prp1;
    memset(out, 0, 4096);
    if (c->dword[0] == 1) {
        out[77] = m.transfer_limit;
        out[525] = m.write_cache;
        return;
    }
    memcpy(out, &m.blocks, 8);
    out[26] = 2;
    out[128 + 8] = m.metadata;
    out[128 + 8 + 2] = m.block_shift;
    out[99] = m.read_only;
}

static void admin(const struct nvme_command *c)
{
    m.admins++;
    if (c->opcode == 6) identify(c);
    if (c->opcode == 9 && c->dword[0] == 6 && c->dword[1] == 0) m.cache_off++;
    if (c->opcode == 5) {
        m.queue[1] = (struct queue){ .completion = (void *)(uintptr_t)c->prp1, .phase = 1 };
    }
    if (c->opcode == 1) m.queue[1].submission = (void *)(uintptr_t)c->prp1;
    if (!m.silent) complete(&m.queue[0], c->id, m.admin_fails || m.admins == m.fail_admin ? 2 : 0);
}

static void doorbell(uint32_t index, uint32_t value)
{
    struct queue *q = &m.queue[index / 2];
    if (index % 2 == 1) return;
    for (; q->head != value; q->head = (q->head + 1) % NVME_QUEUE_DEPTH) {
        if (index == 0) {
            admin(&q->submission[q->head]);
        } else {
            m.io[m.io_count++ % 64] = q->submission[q->head];
        }
    }
}

uint32_t mmio_read32(const volatile void *reg)
{
    uintptr_t offset = (uintptr_t)reg - (uintptr_t)m.regs;
    EXPECT_EQ(0, offset % 4);
    if (offset == 0) return 0x0f << 24 | 0x7ff; /* 7.5 s, 2048 entries */
    if (offset == 0x1c) {
        bool enabled = m.regs[0x14 / 4] & 1;
        return (enabled ? !m.never_starts : m.never_stops) | (m.fatal && enabled ? 2 : 0);
    }
    return m.regs[offset / 4];
}

void mmio_write32(volatile void *reg, uint32_t value)
{
    uintptr_t offset = (uintptr_t)reg - (uintptr_t)m.regs;
    EXPECT_EQ(0, offset % 4);
    m.regs[offset / 4] = value;
    m.masks += offset == 0x0c;
    if (offset == 0x14 && value & 1) {
        m.queue[0] = (struct queue){ .phase = 1 };
        uint64_t at = m.regs[0x28 / 4] | (uint64_t)m.regs[0x2c / 4] << 32;
        m.queue[0].submission = (void *)(uintptr_t)at;
        at = m.regs[0x30 / 4] | (uint64_t)m.regs[0x34 / 4] << 32;
        m.queue[0].completion = (void *)(uintptr_t)at;
    }
    if (offset >= 0x1000) doorbell((uint32_t)(offset - 0x1000) / 4, value);
}

void mmio_barrier(void)
{
}

static err_t dma_enable(void *ctx)
{
    (void)ctx;
    m.dma_opened++;
    m.opened_while_ready = mmio_read32((uint8_t *)m.regs + 0x1c) & 1;
    return OK;
}

static void sleep_ns(void *ctx, uint64_t duration_ns)
{
    (void)ctx, (void)duration_ns;
    m.sleeps++;
}

static void timer_arm(void *ctx, uint64_t delay_ns)
{
    (void)ctx, (void)delay_ns;
    m.timers++;
}

static void done(void *ctx, struct blk_request *request)
{
    (void)ctx, (void)request;
    m.done++;
}

static void log_line(void *ctx, const char *sentence)
{
    (void)ctx, (void)sentence;
    m.logs++;
}

static const struct blk_env env = { NULL, dma_enable, sleep_ns, timer_arm, done, log_line };

static void fresh(void)
{
    memset(&m, 0, sizeof(m));
    memset(&n, 0, sizeof(n));
    m.block_shift = 9;
    m.blocks = 10000;
    m.write_cache = 1;
    nvme_init(&n, m.regs, REGS_BYTES, true, &env);
}

static err_t start(void)
{
    return nvme_driver.start(&n, &geometry);
}

static struct blk_request request(enum blk_op op, uint64_t sector, uint32_t sector_count)
{
    return (struct blk_request){
        .op = op,
        .sector = sector,
        .sector_count = sector_count,
        .piece_count = sector_count ? 1 : 0,
        .piece = { { 0x20003000, sector_count * 512 } },
        .result = ERR_COUNT,
    };
}

static void end(uint32_t io_idx, uint16_t status)
{
    complete(&m.queue[1], m.io[io_idx].id, status);
    nvme_driver.on_irq(&n);
}

TEST(nvme, starts_and_learns_the_namespace)
{
    fresh();
    REQUIRE_EQ(OK, start());
    EXPECT_EQ(10000, geometry.sector_count);
    EXPECT_EQ(512, geometry.block_bytes);
    EXPECT_FALSE(geometry.read_only);
    EXPECT_EQ(1, m.dma_opened);
    EXPECT_FALSE(m.opened_while_ready);
    EXPECT_EQ(0, m.cache_off);
}

TEST(nvme, a_controller_that_does_not_stop_never_gets_dma)
{
    fresh();
    m.never_stops = true;
    EXPECT_EQ(ERR_TIMEOUT, start());
    EXPECT_EQ(0, m.dma_opened);
    EXPECT_GE(1, m.sleeps);
}

TEST(nvme, a_controller_that_does_not_start_or_answer_is_a_bounded_wait)
{
    fresh();
    m.never_starts = true;
    EXPECT_EQ(ERR_TIMEOUT, start());
    fresh();
    m.fatal = true;
    m.never_starts = true;
    EXPECT_EQ(ERR_IO, start());
    fresh();
    m.admin_fails = true;
    EXPECT_EQ(ERR_IO, start());
    fresh();
    m.silent = true;
    EXPECT_EQ(ERR_TIMEOUT, start());
    EXPECT_EQ(1, m.logs);
}

TEST(nvme, refuses_namespaces_that_it_cannot_serve)
{
    const struct {
        uint64_t blocks;
        uint8_t shift, metadata;
        err_t want;
    } rows[] = {
        { 0, 9, 0, ERR_NO_ENTRY },
        { 100, 8, 0, ERR_NOT_SUPPORTED },
        { 100, 13, 0, ERR_NOT_SUPPORTED },
        { 100, 9, 8, ERR_NOT_SUPPORTED },
        { 1UL << 60, 9, 0, ERR_NOT_SUPPORTED },
        { 100, 12, 0, OK },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        fresh();
        m.blocks = rows[i].blocks;
        m.block_shift = rows[i].shift;
        m.metadata = rows[i].metadata;
        EXPECT_EQ(rows[i].want, start());
    }
}

TEST(nvme, turns_the_write_cache_off_for_clients_that_do_not_replay)
{
    fresh();
    nvme_init(&n, m.regs, REGS_BYTES, false, &env);
    REQUIRE_EQ(OK, start());
    EXPECT_EQ(1, m.cache_off);
    struct blk_request f = request(BLK_FLUSH, 0, 0);
    nvme_driver.submit(&n, &f);
    EXPECT_EQ(OK, f.result);
    EXPECT_EQ(0, m.io_count);
}

TEST(nvme, reads_writes_and_flushes)
{
    fresh();
    REQUIRE_EQ(OK, start());
    struct blk_request r = request(BLK_READ, 5, 8), w = request(BLK_WRITE, 9, 1),
                       f = request(BLK_FLUSH, 0, 0);
    nvme_driver.submit(&n, &r);
    nvme_driver.submit(&n, &w);
    nvme_driver.submit(&n, &f);
    REQUIRE_EQ(3, m.io_count);
    EXPECT_EQ(2, m.io[0].opcode);
    EXPECT_EQ(5, m.io[0].dword[0]);
    EXPECT_EQ(7, m.io[0].dword[2]);
    EXPECT_EQ(0x20003000, m.io[0].prp1);
    EXPECT_EQ(0, m.io[0].prp2);
    EXPECT_EQ(1, m.io[1].opcode);
    EXPECT_EQ(0, m.io[2].opcode);
    end(2, 0);
    EXPECT_EQ(OK, f.result);
    EXPECT_EQ(ERR_COUNT, r.result);
    end(0, 0x281);
    EXPECT_EQ(ERR_IO, r.result);
    end(1, 0);
    EXPECT_EQ(OK, w.result);
    EXPECT_EQ(3, m.done);
}

TEST(nvme, keeps_sixteen_in_flight_and_goes_on_for_thousands)
{
    static struct blk_request r[20];
    fresh();
    REQUIRE_EQ(OK, start());
    for (uint32_t i = 0; i < 20; i++) {
        r[i] = request(BLK_READ, i, 1);
        nvme_driver.submit(&n, &r[i]);
    }
    EXPECT_EQ(16, m.io_count);
    for (uint32_t i = 0; i < 20; i++) {
        end(i, 0);
        EXPECT_EQ(OK, r[i].result);
    }
    EXPECT_EQ(20, m.io_count);
    for (uint32_t i = 0; i < 3000; i++) {
        r[0] = request(BLK_READ, i, 1);
        nvme_driver.submit(&n, &r[0]);
        end((m.io_count - 1) % 64, 0);
        REQUIRE_EQ(OK, r[0].result);
    }
}

TEST(nvme, splits_at_the_controllers_limit)
{
    fresh();
    m.transfer_limit = 2; /* 16 KiB */
    REQUIRE_EQ(OK, start());
    struct blk_request r = request(BLK_READ, 0, 72);
    nvme_driver.submit(&n, &r);
    EXPECT_EQ(31, m.io[0].dword[2]);
    end(0, 0);
    EXPECT_EQ(32, m.io[1].dword[0]);
    end(1, 0);
    EXPECT_EQ(0, m.done);
    EXPECT_EQ(64, m.io[2].dword[0]);
    EXPECT_EQ(7, m.io[2].dword[2]);
    end(2, 0);
    EXPECT_EQ(OK, r.result);
}

TEST(nvme, a_completion_that_nobody_asked_for_resets_the_controller)
{
    const uint16_t ids[] = { 5, 16, 0xffff };
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        test_row((int64_t)i);
        fresh();
        REQUIRE_EQ(OK, start());
        struct blk_request r = request(BLK_READ, 0, 1);
        nvme_driver.submit(&n, &r);
        complete(&m.queue[1], ids[i], 0);
        nvme_driver.on_irq(&n);
        EXPECT_EQ(ERR_IO, r.result);
        EXPECT_EQ(1, m.done);
        r = request(BLK_READ, 0, 1);
        nvme_driver.submit(&n, &r);
        end(1, 0);
        EXPECT_EQ(OK, r.result);
    }
}

TEST(nvme, a_stuck_interrupt_pin_is_masked_and_the_timer_looks_instead)
{
    fresh();
    REQUIRE_EQ(OK, start());
    uint32_t masks = m.masks;
    for (uint32_t i = 0; i < 16; i++) {
        nvme_driver.on_irq(&n);
    }
    EXPECT_EQ(masks + 1, m.masks);
    EXPECT_EQ(0, m.timers); /* idle is silent */
    struct blk_request a = request(BLK_READ, 0, 1), b = request(BLK_READ, 1, 1);
    nvme_driver.submit(&n, &a);
    nvme_driver.submit(&n, &b);
    EXPECT_EQ(1, m.timers);
    nvme_driver.on_timer(&n);
    EXPECT_EQ(2, m.timers);
    complete(&m.queue[1], m.io[0].id, 0);
    complete(&m.queue[1], m.io[1].id, 0);
    nvme_driver.on_timer(&n);
    EXPECT_EQ(2, m.done);
    EXPECT_EQ(2, m.timers);
}

TEST(nvme, honest_interrupts_never_count_as_stuck)
{
    fresh();
    REQUIRE_EQ(OK, start());
    uint32_t masks = m.masks;
    for (uint32_t i = 0; i < 40; i++) {
        struct blk_request r = request(BLK_READ, 0, 1);
        nvme_driver.submit(&n, &r);
        end(i, 0);
        nvme_driver.on_irq(&n);
    }
    EXPECT_EQ(masks, m.masks);
}

TEST(nvme, never_writes_a_protected_namespace_nor_past_its_end_nor_parts_of_blocks)
{
    fresh();
    m.read_only = 1;
    m.block_shift = 12;
    m.blocks = 10;
    REQUIRE_EQ(OK, start());
    EXPECT_EQ(80, geometry.sector_count);
    struct blk_request w = request(BLK_WRITE, 0, 8), past = request(BLK_READ, 80, 8),
                       part = request(BLK_READ, 1, 8), few = request(BLK_READ, 0, 4);
    nvme_driver.submit(&n, &w);
    nvme_driver.submit(&n, &past);
    nvme_driver.submit(&n, &part);
    nvme_driver.submit(&n, &few);
    EXPECT_EQ(ERR_READ_ONLY, w.result);
    EXPECT_EQ(ERR_IO, past.result);
    EXPECT_EQ(ERR_IO, part.result);
    EXPECT_EQ(ERR_IO, few.result);
    EXPECT_EQ(0, m.io_count);
}

/* How pieces become PRP entries; a run ends where pages do not join. */
TEST(nvme, joins_pieces_only_at_page_bounds)
{
    const struct {
        struct blk_piece piece[3];
        uint32_t pieces, want_bytes, entries;
    } rows[] = {
        { { { 0x1000, 4096 } }, 1, 4096, 0 },
        { { { 0x1200, 4096 } }, 1, 4096, 1 },
        { { { 0x1000, 8192 } }, 1, 8192, 1 },
        { { { 0x1200, 8192 } }, 1, 8192, 2 },
        { { { 0x1e00, 512 }, { 0x9000, 4096 }, { 0x5000, 512 } }, 3, 5120, 2 },
        { { { 0x1000, 512 }, { 0x9000, 4096 } }, 2, 512, 0 },
        { { { 0x1000, 4096 }, { 0x9200, 512 } }, 2, 4096, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        struct blk_request r = { .piece_count = rows[i].pieces };
        memcpy(r.piece, rows[i].piece, sizeof(rows[i].piece));
        uint64_t list[NVME_PRP_MAX] = { 0 };
        struct nvme_prp prp;
        REQUIRE_EQ(OK, nvme_prp_fill(&r, list, MIB(1), 512, &prp));
        EXPECT_EQ(rows[i].want_bytes, prp.size_bytes);
        EXPECT_EQ(rows[i].piece[0].addr, prp.prp1);
        if (rows[i].entries == 0) EXPECT_EQ(0, prp.prp2);
        if (rows[i].entries == 1) EXPECT_EQ(list[0], prp.prp2);
        if (rows[i].entries > 1) EXPECT_EQ((uintptr_t)list, prp.prp2);
        for (uint32_t e = 0; e < rows[i].entries; e++) {
            EXPECT_EQ(0, list[e] % 4096);
            EXPECT_NE(0, list[e]);
        }
    }
}

TEST(nvme, refuses_addresses_that_prps_cannot_hold)
{
    uint64_t list[NVME_PRP_MAX];
    struct nvme_prp prp;
    struct blk_request odd = { .piece_count = 1, .piece = { { 0x1002, 512 } } };
    EXPECT_EQ(ERR_ARG, nvme_prp_fill(&odd, list, MIB(1), 512, &prp));
    struct blk_request small = { .piece_count = 2, .piece = { { 0x1000, 256 }, { 0x2100, 256 } } };
    EXPECT_EQ(ERR_ARG, nvme_prp_fill(&small, list, MIB(1), 512, &prp));
    struct blk_request none = { .piece_count = 0 };
    EXPECT_EQ(ERR_ARG, nvme_prp_fill(&none, list, MIB(1), 512, &prp));
}

TEST(nvme, a_megabyte_at_any_offset_fits_its_list)
{
    uint64_t list[NVME_PRP_MAX];
    struct nvme_prp prp;
    struct blk_request r = { .piece_count = 1, .piece = { { 0x1ffc, (uint32_t)MIB(2) } } };
    REQUIRE_EQ(OK, nvme_prp_fill(&r, list, MIB(1), 512, &prp));
    EXPECT_EQ(MIB(1), prp.size_bytes);
    REQUIRE_EQ(OK, nvme_prp_fill(&r, list, MIB(1), 512, &prp));
    EXPECT_EQ(1, r.piece_idx);
}

TEST(nvme, stops_at_the_first_admin_command_that_fails)
{
    fresh();
    REQUIRE_EQ(OK, start());
    const uint32_t all = m.admins;
    EXPECT_EQ(5, all);
    for (uint32_t i = 1; i <= all; i++) {
        test_row(i);
        fresh();
        m.fail_admin = i;
        EXPECT_EQ(ERR_IO, start());
        EXPECT_EQ(i, m.admins);
    }
}

TEST(nvme, refuses_a_controller_whose_doorbells_lie_outside_its_page)
{
    fresh();
    nvme_init(&n, m.regs, 0x1000, true, &env);
    EXPECT_EQ(ERR_NOT_SUPPORTED, start());
    EXPECT_EQ(0, m.dma_opened);
}

TEST(nvme, memory_that_a_command_cannot_name_is_an_io_error)
{
    fresh();
    REQUIRE_EQ(OK, start());
    struct blk_request r = request(BLK_READ, 0, 1);
    r.piece[0].addr = 0x1002;
    nvme_driver.submit(&n, &r);
    EXPECT_EQ(ERR_IO, r.result);
    EXPECT_EQ(0, m.io_count);
}

TEST(nvme, a_request_shorter_than_it_says_reads_no_piece_past_the_last)
{
    uint64_t list[NVME_PRP_MAX];
    struct nvme_prp prp;
    static struct blk_request r = { .piece_count = BLK_PIECE_MAX, .piece_idx = BLK_PIECE_MAX };
    EXPECT_EQ(ERR_ARG, nvme_prp_fill(&r, list, MIB(1), 512, &prp));
}
