/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The SD driver on a register model whose card and controller fail on request. */
// LINK: drivers/sdhci/sdhci.c drivers/sdhci/host.c drivers/sdhci/card.c drivers/sdhci/adma.c
// LINK: drivers/sdhci/pio.c lib/format.c
#include "drivers/sdhci/sdhci.h"

#include <stdio.h>
#include <string.h>

#include "lib/mmio.h"
#include "lib/test.h"

enum {
    STATUS_CMD = 1,
    STATUS_XFER = 2,
    STATUS_WRITE_READY = 16,
    STATUS_READ_READY = 32,
    ERROR_CMD_TIMEOUT = 1 << 16,
    ERROR_CRC = 1 << 17,
    ERROR_ADMA = 1 << 25
};
enum { R1_TRAN = 0x900, R1_PRG = 0xe00, R1_ADDRESS_ERROR = 1 << 30 };

/* The controller and its card. 8- and 16-bit accessors do not exist here: they would not link. */
static struct {
    uint32_t regs[64];
    /* what goes wrong */
    bool reset_stuck, no_card, write_protected, sdsc, csd_unknown, never_ready, silent;
    bool no_adma2, inhibited, fence_refuses, app_error;
    uint32_t version, fail_command; /* the n-th command without data, from 1, comes back damaged */
    uint32_t fail_status;           /* of the next data command */
    uint32_t fail_r1;
    uint32_t busy_polls; /* CMD13 answers "programming" so often */
    bool busy_forever;
    /* what happened */
    char last_log[100];
    uint32_t commands, resets, dma_opened, sleeps, timers, done, logs;
    bool app, opened_before_reset;
    struct {
        uint8_t index;
        uint32_t arg, block, mode;
    } data[8]; /* data commands, in order */
    uint32_t data_count;
    uint32_t accesses; /* of registers, all in all */
    /* the buffer port, when the command has no DMA */
    uint32_t port[4096], port_words, port_at, port_blocks;
    uint32_t lost_blocks; /* the card ends so many blocks early */
} m;

static struct sdhci s;
static struct blk_geometry geometry;

static void answer(uint32_t r0, uint32_t r1, uint32_t r2, uint32_t r3)
{
    const uint32_t r[4] = { r0, r1, r2, r3 };
    memcpy(&m.regs[4], r, sizeof(r));
}

/* CSD answers as the controller shows them: the register without its last byte. */
static void answer_csd(void)
{
    if (m.csd_unknown) {
        answer(0, 0, 0, 2U << 22);
    } else if (m.sdsc) { /* version 1: 512-byte blocks, C_SIZE 511, C_SIZE_MULT 7: 262144 sectors */
        const uint32_t c_size = 511; /* bits 73..62 of the register are bits 65..54 here */
        answer(0, 7U << 7 | (c_size & 0x3ff) << 22, c_size >> 10 | 9U << 8, 0);
    } else { /* version 2: C_SIZE 7: 8192 sectors; bits 69..48 are bits 61..40 here */
        answer(0, 7U << 8, 0, 1U << 22);
    }
}

static void data_command(uint8_t index, uint32_t mode)
{
    m.data[m.data_count % 8].index = index;
    m.data[m.data_count % 8].arg = m.regs[2];
    m.data[m.data_count % 8].block = m.regs[1];
    m.data[m.data_count % 8].mode = mode;
    m.data_count++;
    answer(R1_TRAN | m.fail_r1, 0, 0, 0);
    bool pio = !(mode & 1) && !m.fail_status;
    m.port_blocks = pio ? (m.regs[1] >> 16) - m.lost_blocks : 0;
    m.port_at = 0;
    m.port_words = 0;
    uint32_t next =
            m.port_blocks ? (mode & 0x10 ? STATUS_READ_READY : STATUS_WRITE_READY) : STATUS_XFER;
    m.regs[12] |= STATUS_CMD | (m.fail_status ? m.fail_status : next);
    m.fail_r1 = 0;
    m.fail_status = 0;
}

static void command(uint32_t word)
{
    uint8_t index = word >> 24 & 0x3f;
    bool app = m.app;
    m.app = false;
    if (m.silent) {
        m.regs[12] |= ERROR_CMD_TIMEOUT;
        return;
    }
    if (word & 1U << 21) {
        data_command(index, word & 0xffff);
        return;
    }
    m.commands++;
    m.regs[12] |= m.commands == m.fail_command ? ERROR_CRC : STATUS_CMD;
    answer(R1_TRAN, 0, 0, 0);
    if (m.commands == m.fail_command) return;
    if (index == 8) {
        if (m.sdsc) m.regs[12] = ERROR_CMD_TIMEOUT; /* a card of version 1 does not know it */
        answer(0x1aa, 0, 0, 0);
    } else if (index == 55) {
        m.app = true;
        if (m.sdsc) answer(0x120 | 1 << 22, 0, 0, 0);
        if (m.app_error) answer(0x120 | 1 << 19, 0, 0, 0);
    } else if (app && index == 41) {
        answer((m.never_ready ? 0 : 1U << 31) | (m.sdsc ? 0 : 1U << 30) | 0xff8000, 0, 0, 0);
    } else if (index == 3) {
        answer(0x12340500, 0, 0, 0);
    } else if (index == 9) {
        answer_csd();
    } else if (index == 7) {
        m.regs[12] |= STATUS_XFER; /* busy ends */
    } else if (index == 13 && (m.busy_forever || m.busy_polls != 0)) {
        m.busy_polls -= m.busy_polls != 0;
        answer(R1_PRG, 0, 0, 0);
    }
}

/* One word went through the port; after 128 of them the next block, or the end. */
static void port_step(uint32_t ready)
{
    EXPECT_TRUE(m.port_blocks != 0);
    if (++m.port_words % 128 != 0) return;
    m.regs[12] |= --m.port_blocks ? ready : STATUS_XFER;
}

uint32_t mmio_read32(const volatile void *reg)
{
    uintptr_t offset = (uintptr_t)reg - (uintptr_t)m.regs;
    EXPECT_EQ(0, offset % 4);
    m.accesses++;
    if (offset == 0x20) {
        uint32_t word = m.port[m.port_at++ % 4096];
        port_step(STATUS_READ_READY);
        return word;
    }
    switch (offset) {
    case 0x24:
        return (m.no_card ? 0 : 1U << 16) | (m.write_protected ? 0 : 1U << 19) | m.inhibited;
    case 0x40:
        return (m.no_adma2 ? 0 : 1U << 19) | 52U << 8;
    case 0x2c:
        return m.regs[11] | ((m.regs[11] & 1) ? 2 : 0);
    case 0xfc:
        return (m.version ? m.version : 1) << 16; /* 1: version 2 */
    default:
        return m.regs[offset / 4];
    }
}

void mmio_write32(volatile void *reg, uint32_t value)
{
    uintptr_t offset = (uintptr_t)reg - (uintptr_t)m.regs;
    EXPECT_EQ(0, offset % 4);
    m.accesses++;
    if (offset == 0x20) {
        m.port[m.port_at++ % 4096] = value;
        port_step(STATUS_WRITE_READY);
        return;
    }
    if (offset == 0x30) { /* write 1 to clear */
        m.regs[12] &= ~value;
        return;
    }
    m.regs[offset / 4] = value;
    if (offset == 0x2c && value & 1U << 24) {
        m.resets++;
        memset(m.regs, 0, sizeof(m.regs));
        if (m.reset_stuck) m.regs[11] = 1U << 24;
    }
    if (offset == 0x0c) command(value);
}

void mmio_barrier(void)
{
}

static err_t dma_enable(void *ctx)
{
    (void)ctx;
    m.dma_opened++;
    if (m.fence_refuses) return ERR_RIGHTS;
    if (m.resets == 0 || m.regs[11] & 1U << 24) m.opened_before_reset = true;
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
    (void)ctx;
    m.logs++;
    snprintf(m.last_log, sizeof(m.last_log), "%s", sentence);
}

static const struct blk_env env = { NULL, dma_enable, sleep_ns, timer_arm, done, log_line };

static void fresh_with(enum manifest_dma dma)
{
    memset(&m, 0, sizeof(m));
    memset(&s, 0, sizeof(s));
    sdhci_init(&s, m.regs, 0, dma, &env);
}

static void fresh(void)
{
    fresh_with(MANIFEST_DMA_SMMU);
}

static err_t start(void)
{
    return sdhci_driver.start(&s, &geometry);
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

TEST(sdhci, starts_a_card_that_counts_blocks)
{
    fresh();
    REQUIRE_EQ(OK, start());
    EXPECT_EQ(8192, geometry.sector_count);
    EXPECT_EQ(512, geometry.block_bytes);
    EXPECT_FALSE(geometry.read_only);
    EXPECT_TRUE(s.block_addressed);
    EXPECT_EQ(0x12340000, s.rca);
    EXPECT_EQ(1, m.sleeps); /* the clocks before CMD0 */
}

TEST(sdhci, starts_an_old_card_that_counts_bytes)
{
    fresh();
    m.sdsc = true;
    REQUIRE_EQ(OK, start());
    EXPECT_EQ(262144, geometry.sector_count);
    struct blk_request r = request(BLK_READ, 3, 1);
    sdhci_driver.submit(&s, &r);
    EXPECT_EQ(3 * 512, m.data[0].arg);
}

TEST(sdhci, opens_dma_after_the_reset_is_proven_and_only_once)
{
    fresh();
    REQUIRE_EQ(OK, start());
    EXPECT_EQ(1, m.dma_opened);
    EXPECT_FALSE(m.opened_before_reset);
    REQUIRE_EQ(OK, card_init(&s));
    EXPECT_EQ(1, m.dma_opened);
}

TEST(sdhci, a_reset_that_never_ends_is_a_bounded_wait_and_dma_stays_shut)
{
    fresh();
    m.reset_stuck = true;
    EXPECT_EQ(ERR_TIMEOUT, start());
    EXPECT_EQ(0, m.dma_opened);
    EXPECT_EQ(2000, m.sleeps);
    EXPECT_EQ(1, m.logs);
}

TEST(sdhci, an_empty_slot_is_no_medium)
{
    fresh();
    m.no_card = true;
    EXPECT_EQ(ERR_NO_ENTRY, start());
    EXPECT_EQ(0, geometry.sector_count);
    struct blk_request r = request(BLK_READ, 0, 1);
    sdhci_driver.submit(&s, &r);
    EXPECT_EQ(ERR_IO, r.result);
    EXPECT_EQ(0, m.data_count);
}

TEST(sdhci, a_card_that_is_silent_or_never_ready_or_unknown_is_an_error)
{
    fresh();
    m.silent = true;
    EXPECT_EQ(ERR_TIMEOUT, start());
    fresh();
    m.never_ready = true;
    EXPECT_EQ(ERR_TIMEOUT, start());
    EXPECT_EQ(101, m.sleeps);
    fresh();
    m.csd_unknown = true;
    EXPECT_EQ(ERR_NOT_SUPPORTED, start());
}

TEST(sdhci, one_block_and_many_take_their_own_commands)
{
    const struct {
        enum blk_op op;
        uint32_t sectors;
        uint8_t index;
        uint32_t mode;
    } rows[] = {
        { BLK_READ, 1, 17, 0x11 },
        { BLK_READ, 8, 18, 0x37 },
        { BLK_WRITE, 1, 24, 0x01 },
        { BLK_WRITE, 2048, 25, 0x27 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        fresh();
        REQUIRE_EQ(OK, start());
        struct blk_request r = request(rows[i].op, 100, rows[i].sectors);
        sdhci_driver.submit(&s, &r);
        EXPECT_EQ(0, m.done);
        sdhci_driver.on_irq(&s);
        EXPECT_EQ(1, m.done);
        EXPECT_EQ(OK, r.result);
        EXPECT_EQ(rows[i].index, m.data[0].index);
        EXPECT_EQ(100, m.data[0].arg);
        EXPECT_EQ(512 | rows[i].sectors << 16, m.data[0].block);
        EXPECT_EQ(rows[i].mode, m.data[0].mode);
        EXPECT_EQ((uint32_t)(uintptr_t)s.table, m.regs[0x58 / 4]);
    }
}

TEST(sdhci, a_long_request_becomes_commands_of_one_mebibyte)
{
    fresh();
    REQUIRE_EQ(OK, start());
    struct blk_request r = request(BLK_READ, 10, 5000);
    sdhci_driver.submit(&s, &r);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(0, m.done);
        sdhci_driver.on_irq(&s);
    }
    EXPECT_EQ(1, m.done);
    EXPECT_EQ(3, m.data_count);
    EXPECT_EQ(10 + 2048, m.data[1].arg);
    EXPECT_EQ(512 | 904 << 16, m.data[2].block);
}

TEST(sdhci, runs_one_request_at_a_time_in_order)
{
    fresh();
    REQUIRE_EQ(OK, start());
    struct blk_request a = request(BLK_READ, 1, 1), b = request(BLK_READ, 2, 1),
                       c = request(BLK_READ, 3, 1);
    sdhci_driver.submit(&s, &a);
    sdhci_driver.submit(&s, &b);
    sdhci_driver.submit(&s, &c);
    EXPECT_EQ(1, m.data_count);
    b.cancelled = true;
    sdhci_driver.on_irq(&s);
    EXPECT_EQ(OK, a.result);
    EXPECT_EQ(ERR_CANCELLED, b.result);
    EXPECT_EQ(2, m.data_count);
    EXPECT_EQ(3, m.data[1].arg);
    sdhci_driver.on_irq(&s);
    EXPECT_EQ(OK, c.result);
}

TEST(sdhci, an_error_bit_of_the_card_fails_that_request_only)
{
    fresh();
    REQUIRE_EQ(OK, start());
    struct blk_request a = request(BLK_READ, 1, 1), b = request(BLK_READ, 2, 1);
    m.fail_r1 = R1_ADDRESS_ERROR;
    sdhci_driver.submit(&s, &a);
    sdhci_driver.submit(&s, &b);
    sdhci_driver.on_irq(&s);
    EXPECT_EQ(ERR_IO, a.result);
    EXPECT_EQ(1, m.resets);
    sdhci_driver.on_irq(&s);
    EXPECT_EQ(OK, b.result);
}

TEST(sdhci, an_adma_error_fails_the_request_and_brings_everything_up_anew)
{
    fresh();
    REQUIRE_EQ(OK, start());
    struct blk_request a = request(BLK_WRITE, 1, 1), b = request(BLK_READ, 2, 1);
    m.fail_status = ERROR_ADMA;
    sdhci_driver.submit(&s, &a);
    sdhci_driver.submit(&s, &b);
    sdhci_driver.on_irq(&s);
    EXPECT_EQ(ERR_IO, a.result);
    EXPECT_EQ(2, m.resets);
    EXPECT_EQ(2, m.data_count);
    sdhci_driver.on_irq(&s);
    EXPECT_EQ(OK, b.result);
}

TEST(sdhci, a_card_that_does_not_come_back_is_tried_again_by_the_next_request)
{
    fresh();
    REQUIRE_EQ(OK, start());
    struct blk_request a = request(BLK_READ, 1, 1), b = request(BLK_READ, 2, 1);
    m.fail_status = ERROR_ADMA;
    sdhci_driver.submit(&s, &a);
    m.silent = true;
    sdhci_driver.on_irq(&s);
    EXPECT_EQ(ERR_IO, a.result);
    EXPECT_EQ(SDHCI_BROKEN, s.state);
    m.silent = false;
    sdhci_driver.submit(&s, &b);
    sdhci_driver.on_irq(&s);
    EXPECT_EQ(OK, b.result);
}

TEST(sdhci, an_interrupt_without_cause_changes_nothing)
{
    fresh();
    REQUIRE_EQ(OK, start());
    sdhci_driver.on_irq(&s);
    m.regs[12] = STATUS_XFER;
    sdhci_driver.on_irq(&s);
    m.regs[12] = ERROR_ADMA;
    sdhci_driver.on_irq(&s);
    EXPECT_EQ(0, m.done);
    EXPECT_EQ(SDHCI_IDLE, s.state);
}

TEST(sdhci, never_writes_to_a_protected_card_nor_past_its_end)
{
    fresh();
    m.write_protected = true;
    REQUIRE_EQ(OK, start());
    EXPECT_TRUE(geometry.read_only);
    struct blk_request w = request(BLK_WRITE, 1, 1), past = request(BLK_READ, 8191, 2);
    sdhci_driver.submit(&s, &w);
    sdhci_driver.submit(&s, &past);
    EXPECT_EQ(ERR_READ_ONLY, w.result);
    EXPECT_EQ(ERR_IO, past.result);
    EXPECT_EQ(0, m.data_count);
}

TEST(sdhci, memory_that_the_controller_cannot_address_is_an_io_error)
{
    fresh();
    REQUIRE_EQ(OK, start());
    struct blk_request r = request(BLK_READ, 1, 1);
    r.piece[0].addr = GIB(4);
    sdhci_driver.submit(&s, &r);
    EXPECT_EQ(ERR_IO, r.result);
    EXPECT_EQ(0, m.data_count);
}

TEST(sdhci, a_flush_ends_when_the_card_has_programmed)
{
    fresh();
    REQUIRE_EQ(OK, start());
    struct blk_request f = request(BLK_FLUSH, 0, 0);
    m.busy_polls = 2;
    sdhci_driver.submit(&s, &f);
    EXPECT_EQ(0, m.done);
    EXPECT_EQ(1, m.timers);
    sdhci_driver.on_timer(&s);
    EXPECT_EQ(0, m.done);
    EXPECT_EQ(2, m.timers);
    sdhci_driver.on_timer(&s);
    EXPECT_EQ(OK, f.result);
}

TEST(sdhci, a_flush_of_a_card_that_stays_busy_ends_as_an_error)
{
    fresh();
    REQUIRE_EQ(OK, start());
    struct blk_request f = request(BLK_FLUSH, 0, 0);
    m.busy_forever = true;
    sdhci_driver.submit(&s, &f);
    for (uint32_t i = 0; i < 200000 && m.done == 0; i++) {
        sdhci_driver.on_timer(&s);
    }
    EXPECT_EQ(ERR_IO, f.result);
}

/* The descriptor table: what it takes, what it refuses. */
static const struct {
    const char *what;
    struct blk_piece piece[2];
    uint32_t sectors;
    err_t want;
    uint32_t descs;
} tables[] = {
    { "one block", { { 0x1000, 512 } }, 1, OK, 1 },
    { "64 KiB in halves", { { 0x1000, 0x10000 } }, 128, OK, 2 },
    { "a block of two pieces", { { 0x1000, 100 }, { 0x8000, 412 } }, 1, OK, 2 },
    { "up to 4 GiB", { { 0xfffffe00, 512 } }, 1, OK, 1 },
    { "across 128 MiB", { { 0x07fffe00, 1024 } }, 2, OK, 2 },
    { "past 4 GiB", { { 0xfffffe00, 1024 } }, 2, ERR_ARG, 0 },
    { "above 4 GiB", { { 0x100000000, 512 } }, 1, ERR_ARG, 0 },
    { "odd address", { { 0x1002, 512 } }, 1, ERR_ARG, 0 },
    { "odd size", { { 0x1000, 510 }, { 0x2000, 2 } }, 1, ERR_ARG, 0 },
    { "less than a block", { { 0x1000, 256 } }, 1, ERR_ARG, 0 },
};

TEST(sdhci, fills_tables_that_cover_the_blocks_and_end_once)
{
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
        test_row((int64_t)i);
        fresh();
        struct blk_request r = { .sector_count = tables[i].sectors, .piece_count = 2 };
        memcpy(r.piece, tables[i].piece, sizeof(tables[i].piece));
        if (r.piece[1].size_bytes == 0) r.piece_count = 1;
        uint32_t blocks = 0;
        EXPECT_EQ(tables[i].want, adma_fill(&s, &r, &blocks));
        if (tables[i].want != OK) continue;
        EXPECT_EQ(tables[i].sectors, blocks);
        uint64_t bytes = 0;
        for (uint32_t d = 0; d < tables[i].descs; d++) {
            bytes += s.table[d].size_bytes;
            EXPECT_EQ(d + 1 == tables[i].descs ? 0x23 : 0x21, s.table[d].attr);
            EXPECT_NE(0, s.table[d].size_bytes);
            EXPECT_EQ(s.table[d].addr >> 27, (s.table[d].addr + s.table[d].size_bytes - 1) >> 27);
        }
        EXPECT_EQ(tables[i].sectors * 512, bytes);
    }
}

TEST(sdhci, uses_at_most_its_128_descriptors)
{
    fresh();
    struct blk_request r = { .sector_count = 2048, .piece_count = 32 };
    for (uint32_t i = 0; i < 32; i++) {
        r.piece[i] = (struct blk_piece){ 0x20000000 + i * 0x1000000, 32768 + 512 };
    }
    uint32_t blocks = 0;
    EXPECT_OK(adma_fill(&s, &r, &blocks));
    EXPECT_EQ(2048, blocks);
    EXPECT_EQ(0, s.table[SDHCI_DESC_MAX - 1].attr);
}

TEST(sdhci, error_bits_of_r1_are_errors_and_its_state_is_not)
{
    EXPECT_FALSE(card_r1_is_error(0x900));
    EXPECT_FALSE(card_r1_is_error(1U << 25));
    const uint32_t bits[] = { 31, 30, 29, 28, 27, 26, 24, 23, 22, 21, 20, 19, 16, 15, 3 };
    for (size_t i = 0; i < ARRAY_COUNT(bits); i++) {
        test_row((int64_t)i);
        EXPECT_TRUE(card_r1_is_error(1U << bits[i]));
    }
}

TEST(sdhci, stops_at_the_first_command_of_the_start_that_comes_back_damaged)
{
    fresh();
    REQUIRE_EQ(OK, start());
    const uint32_t all = m.commands;
    EXPECT_EQ(12, all);
    for (uint32_t i = 1; i <= all; i++) {
        test_row(i);
        fresh();
        m.fail_command = i;
        EXPECT_EQ(ERR_IO, start());
        EXPECT_EQ(i, m.commands);
        EXPECT_TRUE(strstr(m.last_log, "answers with an error") != NULL);
    }
}

TEST(sdhci, an_error_of_the_application_prefix_stops_the_start)
{
    fresh();
    m.app_error = true;
    EXPECT_EQ(ERR_IO, start());
    EXPECT_EQ(3, m.commands);
}

TEST(sdhci, says_why_it_does_not_start)
{
    fresh();
    m.silent = true;
    EXPECT_EQ(ERR_TIMEOUT, start());
    EXPECT_TRUE(strstr(m.last_log, "does not answer in time") != NULL);
    fresh();
    m.no_adma2 = true;
    EXPECT_EQ(ERR_NOT_SUPPORTED, start());
    EXPECT_TRUE(strstr(m.last_log, "does not know") != NULL);
    EXPECT_EQ(0, m.commands);
}

TEST(sdhci, does_nothing_more_when_the_fence_stays_shut)
{
    fresh();
    m.fence_refuses = true;
    EXPECT_EQ(ERR_RIGHTS, start());
    EXPECT_EQ(0, m.commands);
    EXPECT_FALSE(s.dma_is_open);
}

TEST(sdhci, sends_no_command_while_the_lines_are_held)
{
    fresh();
    REQUIRE_EQ(OK, start());
    uint32_t commands = m.commands;
    m.inhibited = true;
    struct sdhci_command c = { 13, SDHCI_R1, 0 };
    struct sdhci_answer a;
    EXPECT_EQ(ERR_TIMEOUT, host_command(&s, &c, &a));
    EXPECT_EQ(commands, m.commands);
    EXPECT_EQ(ERR_BUSY, host_transfer(&s, 17, 0, 1, true));
    EXPECT_EQ(0, m.data_count);
}

TEST(sdhci, a_command_complete_alone_does_not_end_a_transfer)
{
    fresh();
    REQUIRE_EQ(OK, start());
    struct blk_request r = request(BLK_READ, 0, 1);
    sdhci_driver.submit(&s, &r);
    m.regs[12] = STATUS_CMD;
    sdhci_driver.on_irq(&s);
    EXPECT_EQ(0, m.done);
    m.regs[12] = STATUS_XFER;
    sdhci_driver.on_irq(&s);
    EXPECT_EQ(OK, r.result);
}

TEST(sdhci, divides_the_clock_to_at_most_what_is_asked)
{
    const struct {
        uint32_t base_hz, version, freq_hz, divider; /* base_hz 0: the controller's 52 MHz */
    } rows[] = {
        { 0, 1, 400000, 0x80 },         { 0, 1, 25000000, 2 },
        { 0, 2, 400000, 65 },           { 0, 2, 25000000, 2 },
        { 25000000, 1, 25000000, 0 },   { 100000000, 2, 25000000, 2 },
        { 200000000, 2, 100000, 1000 }, { 4000000000, 2, 100000, 0x3ff },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        fresh();
        m.version = rows[i].version;
        s.clock_hz = rows[i].base_hz;
        EXPECT_OK(host_set_clock(&s, rows[i].freq_hz));
        uint32_t clock = m.regs[0x2c / 4];
        EXPECT_EQ(rows[i].divider, (clock >> 8 & 0xff) | (clock >> 6 & 3) << 8);
        EXPECT_EQ(5, clock & 5); /* internal and card clock run */
    }
}

TEST(sdhci, reads_capacities_from_both_kinds_of_csd)
{
    const struct {
        struct sdhci_answer csd;
        uint64_t sectors;
    } rows[] = {
        { { { 0, 7U << 7 | 511U << 22, 9U << 8, 0 } }, 262144 },  /* 512-byte blocks */
        { { { 0, 7U << 7 | 511U << 22, 10U << 8, 0 } }, 524288 }, /* 1 KiB blocks */
        { { { 0, 7U << 7 | 511U << 22, 8U << 8, 0 } }, 0 },       /* no such block size */
        { { { 0, 7U << 7 | 511U << 22, 12U << 8, 0 } }, 0 },      /* " */
        { { { 0, 7U << 8, 0, 1U << 22 } }, 8192 },                /* version 2 */
        { { { 0, 0x3fffffU << 8, 0, 1U << 22 } }, 1UL << 32 },    /* the largest */
        { { { 0, 7U << 8, 0, 2U << 22 } }, 0 },                   /* version 3 */
        { { { 0, 7U << 8, 0, 3U << 22 } }, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(rows[i].sectors, card_csd_sectors(&rows[i].csd));
    }
}

TEST(sdhci, the_state_of_a_silent_card_is_a_timeout)
{
    fresh();
    REQUIRE_EQ(OK, start());
    m.silent = true;
    EXPECT_EQ(ERR_TIMEOUT, card_status(&s));
}

/* Without DMA: words through the buffer port, one interrupt a block. */
static uint32_t memory[2][1024];

static struct blk_request pio_request(enum blk_op op, uint32_t sector_count, uint32_t first_bytes)
{
    struct blk_request r = request(op, 100, sector_count);
    r.piece_count = 2;
    r.piece[0] = (struct blk_piece){ (uintptr_t)memory[0], first_bytes };
    r.piece[1] = (struct blk_piece){ (uintptr_t)memory[1], sector_count * 512 - first_bytes };
    return r;
}

static void interrupts(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) sdhci_driver.on_irq(&s);
}

TEST(sdhci, without_dma_the_processor_moves_each_word_once)
{
    fresh_with(MANIFEST_DMA_NONE);
    m.no_adma2 = true; /* nobody needs it */
    REQUIRE_EQ(OK, start());
    EXPECT_EQ(0, m.dma_opened);
    for (uint32_t i = 0; i < 4096; i++) m.port[i] = i * 3 + 1;
    struct blk_request r = pio_request(BLK_READ, 4, 700);
    sdhci_driver.submit(&s, &r);
    EXPECT_EQ(0x36, m.data[0].mode); /* no DMA */
    EXPECT_EQ(0, m.regs[0x28 / 4] & 0x18);
    interrupts(3);
    EXPECT_EQ(0, m.done);
    interrupts(2);
    EXPECT_EQ(1, m.done);
    EXPECT_EQ(OK, r.result);
    EXPECT_BYTES(m.port, memory[0], 700);
    EXPECT_BYTES((uint8_t *)m.port + 700, memory[1], 4 * 512 - 700);
    for (uint32_t i = 0; i < 1024; i++) memory[0][i] = ~i;
    struct blk_request w = pio_request(BLK_WRITE, 1, 512);
    w.piece_count = 1;
    sdhci_driver.submit(&s, &w);
    EXPECT_EQ(24, m.data[1].index);
    interrupts(2);
    EXPECT_EQ(OK, w.result);
    EXPECT_BYTES(memory[0], m.port, 512);
}

TEST(sdhci, without_dma_a_transfer_that_ends_early_or_runs_on_is_an_error)
{
    fresh_with(MANIFEST_DMA_NONE);
    REQUIRE_EQ(OK, start());
    struct blk_request r = pio_request(BLK_READ, 4, 512);
    m.lost_blocks = 1;
    sdhci_driver.submit(&s, &r);
    interrupts(4);
    EXPECT_EQ(ERR_IO, r.result);
    EXPECT_EQ(2, m.resets);
    m.lost_blocks = (uint32_t)-1; /* one more than asked for */
    struct blk_request b = pio_request(BLK_READ, 2, 512);
    b.piece[1].size_bytes += 512; /* room behind it that is not the request's */
    memory[1][128] = 0x5eed;
    sdhci_driver.submit(&s, &b);
    interrupts(3);
    EXPECT_EQ(ERR_IO, b.result);
    EXPECT_EQ(0x5eed, memory[1][128]);
    m.lost_blocks = 0;
    m.fail_status = ERROR_CRC;
    struct blk_request c = pio_request(BLK_READ, 2, 512);
    sdhci_driver.submit(&s, &c);
    interrupts(1);
    EXPECT_EQ(ERR_IO, c.result);
}

TEST(sdhci, without_dma_pieces_are_words_and_as_long_as_the_request)
{
    fresh_with(MANIFEST_DMA_NONE);
    REQUIRE_EQ(OK, start());
    struct blk_request r = pio_request(BLK_READ, 2, 510);
    sdhci_driver.submit(&s, &r);
    EXPECT_EQ(ERR_IO, r.result);
    EXPECT_EQ(0, m.data_count);
    struct blk_request b = pio_request(BLK_READ, 2, 512);
    b.piece_count = 1; /* half of it is missing */
    sdhci_driver.submit(&s, &b);
    interrupts(2);
    EXPECT_EQ(ERR_IO, b.result);
}

TEST(sdhci, behind_a_guard_a_request_of_the_same_size_takes_five_accesses)
{
    fresh_with(MANIFEST_DMA_GUARD);
    REQUIRE_EQ(OK, start());
    EXPECT_EQ(1, m.dma_opened);
    static const uint32_t want[] = { 7, 5, 5, 6, 6 }; /* table and count are latched */
    static const uint32_t sectors[] = { 8, 8, 8, 128, 8 };
    for (size_t i = 0; i < ARRAY_COUNT(want); i++) {
        test_row((int64_t)i);
        struct blk_request r = request(BLK_READ, 100, sectors[i]);
        m.accesses = 0;
        sdhci_driver.submit(&s, &r);
        sdhci_driver.on_irq(&s);
        EXPECT_EQ(OK, r.result);
        EXPECT_EQ(want[i], m.accesses);
        EXPECT_EQ((uint32_t)(uintptr_t)s.table, m.regs[0x58 / 4]);
        EXPECT_EQ(512 | sectors[i] << 16, m.data[i % 8].block);
    }
    REQUIRE_EQ(OK, card_init(&s)); /* the reset forgot them */
    struct blk_request r = request(BLK_READ, 100, 8);
    sdhci_driver.submit(&s, &r);
    EXPECT_EQ((uint32_t)(uintptr_t)s.table, m.regs[0x58 / 4]);
    EXPECT_EQ(512 | 8 << 16, m.data[m.data_count - 1].block);
}
