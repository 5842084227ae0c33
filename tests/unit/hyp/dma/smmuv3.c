/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The SMMU code on a model of its registers, command queue and event queue. */
// LINK: hyp/dma/smmuv3.c
#include "hyp/dma/smmuv3.h"

#include <stdlib.h>
#include <string.h>

#include "hyp/console.h"
#include "hyp/domain.h"
#include "hyp/pool.h"
#include "hyp/trace.h"
#include "lib/mmio.h"
#include "lib/test.h"

#define BASE 0x9050000UL
#define IDR0 0x0d44101bU /* as QEMU's */
#define IDR1 0x02730010U

enum {
    GBPA = 0x44,
    CR0 = 0x20,
    CR0ACK = 0x24,
    IRQ_CTRL = 0x50,
    IRQ_CTRLACK = 0x54,
    GERROR = 0x60,
    GERRORN = 0x64
};
enum {
    STRTAB_BASE = 0x80,
    STRTAB_CFG = 0x88,
    CMDQ_BASE = 0x90,
    CMDQ_PROD = 0x98,
    CMDQ_CONS = 0x9c,
    EVENTQ_BASE = 0xa0
};
enum { EVENTQ_PROD = 0x100a8, EVENTQ_CONS = 0x100ac };

static struct {
    uint32_t reg[0x20000 / 4];
    uint32_t reads; /* since the last write: how long a poll is */
    uint32_t longest_poll;
    bool gbpa_stuck, cr0_stuck, irq_stuck, cmdq_stuck;
    uint32_t taken;          /* commands the model takes before it gets stuck */
    uint64_t command[64][2]; /* those taken */
    uint64_t ste0[64];       /* dw0 of stream 8's entry when each was taken */
    uint32_t command_count;
    uint32_t pool_left;
    struct domain owner; /* of stream 8 */
    uint32_t kills, silenced_slot;
    uint64_t kill_detail, kill_info;
    enum death_cause kill_cause;
    uint32_t log_lines, traces;
    void (*on_event_read)(void);
} model;

static uint64_t base_of(uint32_t offset)
{
    return ((uint64_t)model.reg[offset / 4 + 1] << 32 | model.reg[offset / 4]) & BITS(51, 5);
}

static volatile uint64_t *ste(uint32_t stream_id)
{
    return (volatile uint64_t *)(uintptr_t)(base_of(STRTAB_BASE) + 64UL * stream_id);
}

static void take_commands(void)
{
    if (!(model.reg[CR0 / 4] & 8)) return;
    uint32_t *cons = &model.reg[CMDQ_CONS / 4];
    const uint64_t *queue = (const uint64_t *)(uintptr_t)base_of(CMDQ_BASE);
    while (*cons != model.reg[CMDQ_PROD / 4] && !(model.cmdq_stuck && model.taken == 0)) {
        if (model.taken > 0) model.taken--;
        uint32_t n = model.command_count++ % 64;
        memcpy(model.command[n], queue + 2 * (*cons & 255), 16);
        model.ste0[n] = ste(8)[0];
        *cons = (*cons + 1) & 511;
    }
}

uint32_t mmio_read32(const volatile void *reg)
{
    uint64_t offset = (uintptr_t)reg - BASE;
    CHECK(offset < 0x20000);
    model.reads++;
    model.longest_poll = MAX(model.longest_poll, model.reads);
    return model.reg[offset / 4];
}

void mmio_write32(volatile void *reg, uint32_t value)
{
    uint64_t offset = (uintptr_t)reg - BASE;
    CHECK(offset < 0x20000);
    model.reads = 0;
    if (offset == GBPA && (value & BIT(31)) != 0 && !model.gbpa_stuck) value &= (uint32_t)~BIT(31);
    model.reg[offset / 4] = value;
    if (offset == CR0 && !model.cr0_stuck) model.reg[CR0ACK / 4] = value;
    if (offset == IRQ_CTRL && !model.irq_stuck) model.reg[IRQ_CTRLACK / 4] = value;
    if (offset == CMDQ_PROD) take_commands();
}

void mmio_write64(volatile void *reg, uint64_t value)
{
    mmio_write32(reg, (uint32_t)value);
    mmio_write32((volatile uint8_t *)reg + 4, (uint32_t)(value >> 32));
}

void mmio_barrier(void)
{
}

void *pool_take(uint64_t page_count, bool aligned)
{
    static _Alignas(16384) uint8_t pool[64][PAGE_SIZE];
    if (model.pool_left == 0) return NULL;
    model.pool_left--;
    uint32_t at = page_count > 1 ? 0 : 4 + model.pool_left;
    EXPECT_TRUE(aligned && page_count <= 4);
    memset(pool[at], 0, page_count * PAGE_SIZE);
    return pool[at];
}

void log_line(const char *fmt, ...)
{
    (void)fmt;
    model.log_lines++;
}

void trace(enum trace_event event, uint32_t domain, uint64_t arg0, uint64_t arg1)
{
    (void)event, (void)domain, (void)arg0, (void)arg1;
    model.traces++;
}

struct domain *domain_of_stream(uint32_t stream_id)
{
    return stream_id == 8 ? &model.owner : NULL;
}

void pci_bus_master(uint32_t slot, bool on)
{
    EXPECT_TRUE(!on);
    model.silenced_slot = slot;
}

void domain_kill(struct domain *d, enum death_cause cause, uint64_t detail, uint64_t info)
{
    EXPECT_TRUE(d == &model.owner);
    model.kills++;
    model.kill_cause = cause;
    model.kill_detail = detail;
    model.kill_info = info;
}

static struct platform platform;

static void start(void)
{
    memset(&model, 0, sizeof(model));
    memset(&platform, 0, sizeof(platform));
    platform.smmu = (struct pa_range){ { BASE }, 0x20000 };
    platform.smmu_event_intid = 106;
    platform.smmu_gerror_intid = 109;
    model.reg[0] = IDR0;
    model.reg[1] = IDR1;
    model.reg[GBPA / 4] = 0x1000;
    model.pool_left = 4;
}

static void start_on(void)
{
    start();
    REQUIRE_EQ(OK, smmu_abort_all(&platform));
    REQUIRE_EQ(OK, smmu_start(&platform));
    model.command_count = 0;
}

TEST(smmu, without_one_nothing_is_touched)
{
    start();
    platform.smmu.size_bytes = 0;
    EXPECT_EQ(ERR_NO_ENTRY, smmu_abort_all(&platform));
    EXPECT_EQ(ERR_NO_ENTRY, smmu_start(&platform));
    EXPECT_EQ(0, model.longest_poll);
}

TEST(smmu, abort_comes_first_and_turns_firmwares_tables_off)
{
    start();
    model.reg[CR0 / 4] = model.reg[CR0ACK / 4] = 0xd;
    EXPECT_OK(smmu_abort_all(&platform));
    EXPECT_EQ(BIT(20), model.reg[GBPA / 4]);
    EXPECT_EQ(0, model.reg[CR0 / 4]);
}

TEST(smmu, a_handshake_that_never_comes_is_an_error_after_100_reads)
{
    start();
    model.gbpa_stuck = true;
    EXPECT_EQ(ERR_TIMEOUT, smmu_abort_all(&platform));
    start();
    model.reg[GBPA / 4] =
            (uint32_t)BIT(31); /* an earlier update that never ends: GBPA must not be written now */
    EXPECT_EQ(ERR_TIMEOUT, smmu_abort_all(&platform));
    EXPECT_EQ(BIT(31), model.reg[GBPA / 4]);
    start();
    model.cr0_stuck = true;
    model.reg[CR0ACK / 4] = 1;
    EXPECT_EQ(ERR_TIMEOUT, smmu_abort_all(&platform));
    EXPECT_EQ(ERR_TIMEOUT, smmu_start(&platform));
    EXPECT_EQ(ERR_STATE, smmu_tlb_flush_vmid(1));
    EXPECT_EQ(ERR_STATE, smmu_stream_open(8, 1, (pa_t){ 0x50001000 }));
    EXPECT_EQ(ERR_STATE, smmu_stream_close(8));
    EXPECT_EQ(0, smmu_stream_table().size_bytes);
    start();
    model.irq_stuck = true;
    EXPECT_EQ(ERR_TIMEOUT, smmu_start(&platform));
    EXPECT_EQ(0, model.reg[CR0 / 4] & 1);
    start();
    model.cmdq_stuck = true;
    EXPECT_EQ(ERR_TIMEOUT, smmu_start(&platform));
    EXPECT_LE(101, model.longest_poll);
}

TEST(smmu, start_makes_every_stream_abort_and_turns_translation_on_last)
{
    start();
    REQUIRE_EQ(OK, smmu_start(&platform));
    EXPECT_EQ(0xd, model.reg[CR0 / 4]);
    EXPECT_EQ(5, model.reg[IRQ_CTRL / 4]);
    EXPECT_EQ(0xd75, model.reg[0x28 / 4]);
    EXPECT_EQ(8, model.reg[STRTAB_CFG / 4]);
    EXPECT_EQ(0, base_of(STRTAB_BASE) % 16384);
    for (uint32_t i = 0; i < 256; i++) EXPECT_EQ(1, ste(i)[0]);
    /* CFGI_ALL, SYNC, TLBI_NSNH_ALL, SYNC */
    REQUIRE_EQ(4, model.command_count);
    EXPECT_EQ(0x04, model.command[0][0]);
    EXPECT_EQ(31, model.command[0][1]);
    EXPECT_EQ(0x46, model.command[1][0]);
    EXPECT_EQ(0x30, model.command[2][0]);
    EXPECT_EQ(0x46, model.command[3][0]);
    EXPECT_EQ(base_of(STRTAB_BASE), smmu_stream_table().start.raw);
    EXPECT_EQ(16384, smmu_stream_table().size_bytes);
}

TEST(smmu, one_that_cannot_do_stage_2_coherently_is_refused)
{
    static const uint32_t bad[][2] = {
        { IDR0 & ~1U, IDR1 },      { IDR0 & ~8U, IDR1 },      { IDR0 & ~16U, IDR1 },
        { IDR0, IDR1 | 1U << 30 }, { IDR0, IDR1 | 1U << 29 }, { IDR0, (IDR1 & ~63U) | 7 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        test_row((int64_t)i);
        start();
        model.reg[0] = bad[i][0];
        model.reg[1] = bad[i][1];
        EXPECT_EQ(ERR_NOT_SUPPORTED, smmu_start(&platform));
    }
    for (uint32_t pages = 0; pages < 4; pages++) {
        start();
        model.pool_left = pages;
        EXPECT_EQ(ERR_NO_MEMORY, smmu_start(&platform));
    }
}

TEST(smmu, open_writes_a_stage_2_entry_by_way_of_abort)
{
    start_on();
    EXPECT_OK(smmu_stream_open(8, 3, (pa_t){ 0x50001000 }));
    EXPECT_EQ(0x1 | 6 << 1, ste(8)[0]);
    EXPECT_EQ(BIT(44), ste(8)[1]);
    /* VMID 3; T0SZ 25, SL0 1, IR 1, OR 1, SH 3, TG 0, PS 2; AA64, R. */
    EXPECT_EQ(3 | (uint64_t)(25 | 1 << 6 | 1 << 8 | 1 << 10 | 3 << 12 | 2 << 16) << 32 | BIT(51) |
                      BIT(58),
              ste(8)[2]);
    EXPECT_EQ(0x50001000, ste(8)[3]);
    REQUIRE_EQ(4, model.command_count);
    for (int i = 0; i < 4; i += 2) {
        EXPECT_EQ(0x03 | 8UL << 32, model.command[i][0]);
        EXPECT_EQ(1, model.command[i][1]);
        EXPECT_EQ(0x46, model.command[i + 1][0]);
    }
    EXPECT_EQ(1, model.ste0[0]); /* aborting when the first CFGI is taken */
    EXPECT_EQ(1, model.ste0[1]);
    EXPECT_EQ(13, model.ste0[2]);
    EXPECT_EQ(1, ste(9)[0]);
}

TEST(smmu, close_reports_by_an_empty_table_that_is_no_domains)
{
    start_on();
    EXPECT_OK(smmu_stream_open(8, 3, (pa_t){ 0x50001000 }));
    EXPECT_OK(smmu_stream_close(8));
    EXPECT_EQ(13, ste(8)[0]);
    EXPECT_EQ(0xff, ste(8)[2] & 0xffff);
    const uint64_t *root = (const uint64_t *)(uintptr_t)ste(8)[3];
    EXPECT_NE(0x50001000, (uintptr_t)root);
    for (int i = 0; i < 512; i++) EXPECT_EQ(0, root[i]);
    EXPECT_EQ(1, model.ste0[5]);
}

TEST(smmu, without_a_completed_sync_the_stream_aborts_and_there_is_no_proof)
{
    for (uint32_t taken = 0; taken < 4; taken++) {
        start_on();
        test_row(taken);
        EXPECT_OK(smmu_stream_open(8, 3, (pa_t){ 0x50001000 }));
        model.cmdq_stuck = true;
        model.taken = taken;
        EXPECT_EQ(ERR_TIMEOUT, smmu_stream_close(8));
        EXPECT_EQ(1, ste(8)[0]);
        if (taken < 2)
            EXPECT_EQ(0x50001000, ste(8)[3]); /* nothing is written before the abort is proven */
        EXPECT_EQ(ERR_TIMEOUT, smmu_tlb_flush_vmid(3));
        EXPECT_LE(101, model.longest_poll);
    }
}

TEST(smmu, a_queue_that_is_never_taken_is_not_overrun)
{
    start_on();
    model.cmdq_stuck = true;
    for (int i = 0; i < 1000; i++) EXPECT_EQ(ERR_TIMEOUT, smmu_tlb_flush_vmid(3));
    uint32_t waiting = (model.reg[CMDQ_PROD / 4] - model.reg[CMDQ_CONS / 4]) & 511;
    EXPECT_LE(256, waiting);
    model.cmdq_stuck = false;
    take_commands();
    EXPECT_OK(smmu_tlb_flush_vmid(3));
}

TEST(smmu, the_command_queue_wraps)
{
    start_on();
    for (uint16_t i = 0; i < 1000; i++) {
        EXPECT_OK(smmu_tlb_flush_vmid((uint16_t)(i & 0xff)));
        uint32_t n = model.command_count - 2;
        EXPECT_EQ(0x28 | (uint64_t)(i & 0xff) << 32, model.command[n % 64][0]);
        EXPECT_EQ(0x46, model.command[(n + 1) % 64][0]);
    }
}

TEST(smmu, streams_outside_bus_0_are_refused)
{
    start_on();
    EXPECT_EQ(ERR_RANGE, smmu_stream_open(256, 3, (pa_t){ 0x50001000 }));
    EXPECT_EQ(ERR_RANGE, smmu_stream_close(UINT32_MAX));
    EXPECT_EQ(0, model.command_count);
}

/* The model's side of the event queue of 32. */
static void post_event(uint32_t type, uint32_t stream_id, uint64_t address)
{
    uint32_t *prod = &model.reg[EVENTQ_PROD / 4];
    if (((*prod ^ model.reg[EVENTQ_CONS / 4]) & 63) == 32) {
        *prod = (*prod & 63) | (~model.reg[EVENTQ_CONS / 4] &
                                (uint32_t)BIT(31)); /* unlike what was acknowledged */
        return;
    }
    uint64_t *event = (uint64_t *)(uintptr_t)base_of(EVENTQ_BASE) + 4 * (*prod & 31);
    event[0] = type | (uint64_t)stream_id << 32;
    event[1] = BIT(39);
    event[2] = address;
    event[3] = address;
    *prod = (*prod & (uint32_t)BIT(31)) | ((*prod + 1) & 63);
}

TEST(smmu, a_violation_kills_the_owner_with_address_and_stream)
{
    for (uint32_t type = 0x10; type <= 0x13; type++) {
        start_on();
        post_event(type, 8, 0xdead0000);
        smmu_on_irq(106);
        EXPECT_EQ(1, model.kills);
        EXPECT_EQ(CAUSE_DMA, model.kill_cause);
        EXPECT_EQ(0xdead0000, model.kill_detail);
        EXPECT_EQ(8, model.kill_info);
        EXPECT_EQ(1, model.silenced_slot); /* else an endless transfer rings for ever */
        EXPECT_EQ(model.reg[EVENTQ_PROD / 4], model.reg[EVENTQ_CONS / 4]);
        EXPECT_EQ(1, model.traces);
    }
}

TEST(smmu, the_beats_of_one_transfer_are_one_violation)
{
    start_on();
    uint64_t before = smmu_event_count();
    for (int i = 0; i < 20; i++) post_event(0x10, 8, 0x1000 + 4 * (uint64_t)i);
    smmu_on_irq(106);
    EXPECT_EQ(1, model.kills);
    EXPECT_EQ(0x1000, model.kill_detail);
    EXPECT_EQ(20, smmu_event_count() - before);
}

TEST(smmu, streams_of_nobody_and_other_events_kill_nobody_and_are_logged_rarely)
{
    start_on();
    for (int i = 0; i < 200; i++) {
        post_event(0x10, 16, 0x1000);
        post_event(0x04, 8, 0);
        post_event(0x02, 0xffff, 0);
        smmu_on_irq(106);
    }
    EXPECT_EQ(0, model.kills);
    EXPECT_GE(3, model.log_lines);
    EXPECT_LE(12, model.log_lines);
}

TEST(smmu, a_full_queue_is_drained_in_one_call_and_overflow_acknowledged)
{
    start_on();
    for (int i = 0; i < 100; i++) post_event(0x13, i % 2 ? 8 : 16, 0x2000);
    EXPECT_NE(0, model.reg[EVENTQ_PROD / 4] & BIT(31));
    model.reg[GERROR / 4] = 4;
    smmu_on_irq(109);
    EXPECT_EQ(4, model.reg[GERRORN / 4]);
    EXPECT_EQ(model.reg[EVENTQ_PROD / 4], model.reg[EVENTQ_CONS / 4]);
    EXPECT_GE(1, model.kills);
    uint32_t kills = model.kills;
    post_event(0x13, 8, 0x3000);
    smmu_on_irq(106);
    EXPECT_EQ(kills + 1, model.kills);
    EXPECT_EQ(0x3000, model.kill_detail);
}

TEST(smmu, an_interrupt_without_events_does_nothing)
{
    start_on();
    smmu_on_irq(106);
    smmu_on_irq(109);
    EXPECT_EQ(0, model.kills);
    EXPECT_EQ(0, model.log_lines);
}
