/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The guard against everything that facts/dma-guard.md section 10 lists, on a model that looks at each command's chain. */
// LINK: hyp/dma/guard_sdhci.c hyp/stage2.c tests/fake/guard_rig.c lib/string.c
#include <stdlib.h>
#include <string.h>

#include "lib/test.h"
#include "tests/fake/guard_rig.h"

TEST(guard_sdhci, a_block_is_read_through_a_chain_that_only_el2_sees)
{
    rig_ready();
    EXPECT_EQ(GUARD_OK, rig_start(RIG_READ1, 1000, 1));
    EXPECT_EQ(1, rig.commands);
    EXPECT_EQ(RIG_READ1, rig.command);
    EXPECT_EQ(1000, rig.arg);
    EXPECT_EQ(0x10200, rig.block);
    EXPECT_EQ(0, rig.wild);
    EXPECT_EQ(1, rig.chain_count);
    EXPECT_EQ(RIG_RAM_PA + 0xc000, rig_chain_addr(0));
    EXPECT_EQ(512, rig_chain_bytes(0));
    EXPECT_EQ(RIG_TAB, rig_read(0x58)); /* the domain's own address, not EL2's */
    EXPECT_EQ(0, rig_read(0x5c));
    EXPECT_EQ(1000, rig_read(0x08));
    EXPECT_EQ(RIG_READ1, rig_read(0x0c));
    EXPECT_EQ(0x10200, rig_read(0x04));
    EXPECT_EQ(0, rig.kills);
}

/* One descriptor table a row; the command reads the card into memory unless it says otherwise. */
static const struct {
    const char *what;
    uint32_t command, sector, blocks;
    struct {
        uint16_t attr, size_bytes;
        uint32_t addr;
    } d[3];
    enum guard_rule want;
    uint32_t chain; /* descriptors when accepted */
} tables[] = {
    { "two pieces",
      RIG_READ1,
      1000,
      1,
      { { 0x21, 100, RIG_RW }, { 0x23, 412, RIG_RW + 0x1000 } },
      GUARD_OK,
      2 },
    { "end with interrupt", RIG_READ1, 1000, 1, { { 0x27, 512, RIG_RW } }, GUARD_OK, 1 },
    { "largest length",
      RIG_READN,
      1000,
      128,
      { { 0x21, 65532, RIG_RW }, { 0x23, 4, RIG_RW } },
      GUARD_OK,
      2 },
    { "same frame twice, card write",
      RIG_WRITEN,
      1000,
      2,
      { { 0x21, 512, RIG_RW }, { 0x23, 512, RIG_RW } },
      GUARD_OK,
      2 },
    { "window", RIG_READN, 1000, 2, { { 0x23, 1024, RIG_WIN + 0x2000 } }, GUARD_OK, 1 },
    { "write from read-only memory", RIG_WRITE1, 1000, 1, { { 0x23, 512, RIG_WIN } }, GUARD_OK, 1 },
    { "write from code", RIG_WRITE1, 1000, 1, { { 0x23, 512, RIG_RAM } }, GUARD_OK, 1 },
    { "across 128 MiB", RIG_READN, 1000, 2, { { 0x23, 1024, RIG_EDGE + 0xfe00 } }, GUARD_OK, 2 },
    { "up to 128 MiB", RIG_READ1, 1000, 1, { { 0x23, 512, RIG_EDGE + 0xfe00 } }, GUARD_OK, 1 },
    { "last bytes of RAM",
      RIG_READ1,
      1000,
      1,
      { { 0x23, 512, RIG_RAM + RIG_RAM_SIZE - 512 } },
      GUARD_OK,
      1 },
    { "up to 4 GiB", RIG_READ1, 1000, 1, { { 0x23, 512, RIG_HIGH + 0xe00 } }, GUARD_OK, 1 },
    { "past 4 GiB", RIG_READ1, 1000, 1, { { 0x23, 512, RIG_HIGH + 0xe04 } }, GUARD_MEMORY, 0 },
    { "one byte past the end",
      RIG_READ1,
      1000,
      1,
      { { 0x23, 512, RIG_RAM + RIG_RAM_SIZE - 508 } },
      GUARD_MEMORY,
      0 },
    { "before the start", RIG_READ1, 1000, 1, { { 0x23, 512, RIG_WIN - 4 } }, GUARD_MEMORY, 0 },
    { "wraps 32 bits", RIG_READ1, 1000, 1, { { 0x23, 512, 0xfffffffc } }, GUARD_MEMORY, 0 },
    { "address 0", RIG_READ1, 1000, 1, { { 0x23, 512, 0 } }, GUARD_MEMORY, 0 },
    { "its own registers", RIG_READ1, 1000, 1, { { 0x23, 512, RIG_REGS } }, GUARD_MEMORY, 0 },
    { "another device", RIG_READ1, 1000, 1, { { 0x23, 512, RIG_DEV } }, GUARD_MEMORY, 0 },
    { "a device as source", RIG_WRITE1, 1000, 1, { { 0x23, 512, RIG_DEV } }, GUARD_MEMORY, 0 },
    { "a physical address",
      RIG_READ1,
      1000,
      1,
      { { 0x23, 512, (uint32_t)RIG_RAM_PA } },
      GUARD_MEMORY,
      0 },
    { "EL2's image", RIG_READ1, 1000, 1, { { 0x23, 512, 0x40200000 } }, GUARD_MEMORY, 0 },
    { "into code", RIG_READ1, 1000, 1, { { 0x23, 512, RIG_RAM } }, GUARD_MEMORY, 0 },
    { "into constants", RIG_READ1, 1000, 1, { { 0x23, 512, RIG_RAM + 0x8000 } }, GUARD_MEMORY, 0 },
    { "into the client's rings",
      RIG_READ1,
      1000,
      1,
      { { 0x23, 512, RIG_WIN + 0x1e00 } },
      GUARD_MEMORY,
      0 },
    { "partly into the rings",
      RIG_READ1,
      1000,
      1,
      { { 0x23, 512, RIG_WIN + 0x1e04 } },
      GUARD_MEMORY,
      0 },
    { "second piece wild",
      RIG_READ1,
      1000,
      1,
      { { 0x21, 256, RIG_RW }, { 0x23, 256, 0x40200000 } },
      GUARD_MEMORY,
      0 },
    { "length 0 (64 KiB)", RIG_READN, 1000, 128, { { 0x23, 0, RIG_RW } }, GUARD_DESC, 0 },
    { "odd length",
      RIG_READ1,
      1000,
      1,
      { { 0x21, 510, RIG_RW }, { 0x23, 2, RIG_RW } },
      GUARD_DESC,
      0 },
    { "odd address", RIG_READ1, 1000, 1, { { 0x23, 512, RIG_RW + 2 } }, GUARD_DESC, 0 },
    { "link descriptor", RIG_READ1, 1000, 1, { { 0x31, 0, RIG_RW } }, GUARD_DESC, 0 },
    { "link with a length", RIG_READ1, 1000, 1, { { 0x33, 512, RIG_RW } }, GUARD_DESC, 0 },
    { "nop descriptor",
      RIG_READ1,
      1000,
      1,
      { { 0x01, 0, 0 }, { 0x23, 512, RIG_RW } },
      GUARD_DESC,
      0 },
    { "not valid", RIG_READ1, 1000, 1, { { 0x22, 512, RIG_RW } }, GUARD_DESC, 0 },
    { "26-bit length", RIG_READ1, 1000, 1, { { 0x0063, 512, RIG_RW } }, GUARD_DESC, 0 },
    { "ADMA3 command", RIG_READ1, 1000, 1, { { 0x2b, 512, RIG_RW } }, GUARD_DESC, 0 },
    { "integrated", RIG_READ1, 1000, 1, { { 0x3b, 512, RIG_RW } }, GUARD_DESC, 0 },
    { "too short", RIG_READN, 1000, 2, { { 0x23, 512, RIG_RW } }, GUARD_TOTAL, 0 },
    { "too long", RIG_READ1, 1000, 1, { { 0x23, 516, RIG_RW } }, GUARD_TOTAL, 0 },
    { "too long in pieces",
      RIG_READ1,
      1000,
      1,
      { { 0x21, 512, RIG_RW }, { 0x23, 4, RIG_RW } },
      GUARD_TOTAL,
      0 },
};

TEST(guard_sdhci, each_descriptor_table_is_judged_as_a_whole)
{
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
        test_row((int64_t)i);
        rig_ready();
        for (uint32_t k = 0; k < 3; k++) {
            rig_desc(k, tables[i].d[k].attr, tables[i].d[k].size_bytes, tables[i].d[k].addr);
        }
        EXPECT_EQ(tables[i].want, rig_start(tables[i].command, tables[i].sector, tables[i].blocks));
        EXPECT_EQ(tables[i].want == GUARD_OK, rig.commands);
        EXPECT_EQ(tables[i].chain, rig.chain_count);
        EXPECT_EQ(0, rig.wild);
        EXPECT_EQ(tables[i].want != GUARD_OK, rig.kills);
    }
}

TEST(guard_sdhci, names_the_address_that_was_wanted)
{
    rig_ready();
    rig_desc(0, 0x23, 512, 0x40201000);
    EXPECT_EQ(GUARD_MEMORY, rig_start(RIG_READ1, 1000, 1));
    EXPECT_EQ(CAUSE_DMA, rig.cause);
    EXPECT_EQ(0x40201000, rig.detail);
    rig_ready();
    EXPECT_EQ(GUARD_REGISTER, rig_write(0x78, 0x1000));
    EXPECT_EQ(RIG_REGS + 0x78, rig.detail);
}

TEST(guard_sdhci, a_table_has_at_most_128_descriptors_and_lies_in_the_domains_memory)
{
    rig_ready();
    for (uint32_t i = 0; i < 130; i++) rig_desc(i, 0x21, 512, RIG_RW);
    rig_desc(127, 0x23, 512, RIG_RW);
    EXPECT_EQ(GUARD_OK, rig_start(RIG_READN, 1000, 128));
    EXPECT_EQ(128, rig.chain_count);
    EXPECT_EQ(0, rig.wild);
    rig_desc(127, 0x21, 512, RIG_RW);
    rig_desc(128, 0x23, 512, RIG_RW);
    EXPECT_EQ(GUARD_TABLE, rig_start(RIG_READN, 1000, 129));
    EXPECT_EQ(1, rig.commands);
    static const struct {
        uint32_t at;
        enum guard_rule want;
    } row[] = {
        { RIG_TAB + 4, GUARD_TABLE },  { RIG_TAB + 32, GUARD_TABLE }, { 0, GUARD_TABLE },
        { RIG_REGS, GUARD_TABLE },     { RIG_DEV, GUARD_TABLE },      { 0x40200000, GUARD_TABLE },
        { 0xffffffc0, GUARD_TABLE },   { RIG_RAM - 64, GUARD_TABLE }, { RIG_TAB, GUARD_OK },
        { RIG_RAM + 0x8000, GUARD_OK } /* constants will do: the controller never reads them */
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        test_row((int64_t)i);
        rig_ready();
        memcpy(rig.ram + 0x8000, rig.ram + (RIG_TAB - RIG_RAM), 8);
        EXPECT_EQ(GUARD_OK, rig_write(0x58, row[i].at));
        EXPECT_EQ(GUARD_OK, rig_write(0x04, 0x10200));
        EXPECT_EQ(GUARD_OK, rig_write(0x08, 1000));
        EXPECT_EQ(row[i].want, rig_write(0x0c, RIG_READ1));
    }
    rig_ready(); /* RAM ends inside the table: what was read until then counts */
    for (uint32_t i = 0; i < 8; i++) {
        memcpy(rig.ram + RIG_RAM_SIZE - 64 + 8 * i, &(uint64_t){ 0x100c000000040021UL }, 8);
    }
    EXPECT_EQ(GUARD_OK, rig_write(0x58, RIG_RAM + RIG_RAM_SIZE - 64));
    EXPECT_EQ(GUARD_OK, rig_write(0x04, 0x10200));
    EXPECT_EQ(GUARD_OK, rig_write(0x08, 1000));
    EXPECT_EQ(GUARD_TABLE, rig_write(0x0c, RIG_READ1));
}

static void scribble(void)
{
    for (uint32_t i = 0; i < 16; i++) rig_desc(i, 0x23, 512, 0x40200000);
}

TEST(guard_sdhci, what_the_domain_writes_after_the_copy_changes_nothing)
{
    rig_ready();
    rig.on_copy = scribble;
    EXPECT_EQ(GUARD_OK, rig_start(RIG_READ1, 1000, 1));
    EXPECT_EQ(0, rig.wild);
    EXPECT_EQ(RIG_RAM_PA + 0xc000, rig_chain_addr(0));
    rig_ready(); /* the second batch is copied after the scribbling, and judged for what it is */
    for (uint32_t i = 0; i < 16; i++) rig_desc(i, i == 15 ? 0x23 : 0x21, 64, RIG_RW);
    rig.on_copy = scribble;
    EXPECT_EQ(GUARD_MEMORY, rig_start(RIG_READN, 1000, 2));
    EXPECT_EQ(0, rig.commands);
}

TEST(guard_sdhci, latched_registers_reach_the_hardware_only_with_a_command)
{
    rig_ready();
    rig.writes = 0;
    EXPECT_EQ(GUARD_OK, rig_write(0x58, 0x40200000));
    EXPECT_EQ(GUARD_OK, rig_write(0x04, 0x8000200));
    EXPECT_EQ(GUARD_OK, rig_write(0x08, 1));
    EXPECT_EQ(GUARD_OK, rig_write(0x5c, 0));
    EXPECT_EQ(0, rig.writes);
    EXPECT_EQ(GUARD_SECTORS, rig_write(0x0c, RIG_READN));
    EXPECT_EQ(0, rig.regs[0x58 / 4] | rig.regs[0x04 / 4] | rig.regs[0x08 / 4]);
}

/* Registers: what may be written, what may be read. */
TEST(guard_sdhci, only_listed_registers_can_be_reached)
{
    for (uint32_t at = 0; at < 0x1000; at += 4) {
        static const uint16_t writable[] = { 0x04, 0x08, 0x20, 0x28, 0x2c,
                                             0x30, 0x34, 0x38, 0x58, 0x5c };
        static const uint16_t readable[] = { 0x04, 0x08, 0x0c, 0x10, 0x14, 0x18, 0x1c,
                                             0x20, 0x24, 0x28, 0x2c, 0x30, 0x34, 0x38,
                                             0x40, 0x44, 0x58, 0x5c, 0xfc };
        bool may_write = false, may_read = false;
        for (size_t i = 0; i < ARRAY_COUNT(writable); i++) may_write |= writable[i] == at;
        for (size_t i = 0; i < ARRAY_COUNT(readable); i++) may_read |= readable[i] == at;
        test_row(at);
        rig_ready();
        if (at != 0x0c) EXPECT_EQ(may_write ? GUARD_OK : GUARD_REGISTER, rig_write(at, 0));
        rig_ready();
        uint64_t value = 0;
        EXPECT_EQ(may_read ? GUARD_OK : GUARD_REGISTER, rig_access(at, false, 4, &value));
    }
    uint64_t value = 0;
    EXPECT_FALSE(guard_access(&rig.domain, (ipa_t){ RIG_REGS - 4 }, false, 4, &value));
    EXPECT_FALSE(guard_access(&rig.domain, (ipa_t){ RIG_REGS + PAGE_SIZE }, false, 4, &value));
    EXPECT_FALSE(guard_access(&rig.other, (ipa_t){ RIG_REGS }, false, 4, &value));
}

TEST(guard_sdhci, the_quick_way_to_read_reads_the_same_and_kills_nobody)
{
    for (uint32_t at = 0; at < 0x1000; at += 2) {
        test_row(at);
        rig_ready();
        uint64_t quick = 0, value = 0;
        bool done = guard_read(&rig.domain, (ipa_t){ RIG_REGS + at }, &quick);
        EXPECT_EQ(0, rig.kills);
        EXPECT_EQ(done, rig_access(at, false, 4, &value) == GUARD_OK);
        if (done) EXPECT_EQ(value, quick);
    }
    uint64_t value = 0;
    EXPECT_FALSE(guard_read(&rig.domain, (ipa_t){ RIG_REGS - 4 }, &value));
    EXPECT_FALSE(guard_read(&rig.domain, (ipa_t){ RIG_REGS + PAGE_SIZE }, &value));
    EXPECT_FALSE(guard_read(&rig.other, (ipa_t){ RIG_REGS }, &value));
}

TEST(guard_sdhci, only_aligned_words_can_be_accessed)
{
    static const struct {
        uint32_t offset, size_bytes;
    } row[] = { { 0x04, 1 }, { 0x04, 2 }, { 0x06, 2 }, { 0x2f, 1 },
                { 0x58, 8 }, { 0x31, 4 }, { 0x32, 4 }, { 0x0c, 2 } };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        for (int is_write = 0; is_write < 2; is_write++) {
            test_row((int64_t)i);
            rig_ready();
            rig.reads = rig.writes = 0;
            uint64_t value = 0;
            EXPECT_EQ(GUARD_ACCESS, rig_access(row[i].offset, is_write, row[i].size_bytes, &value));
            EXPECT_EQ(0, rig.reads + rig.writes);
        }
    }
}

/* Writes of one value to one register, after rig_ready. */
static const struct {
    const char *what;
    uint32_t offset, value;
    enum guard_rule want;
} writes[] = {
    { "SDMA address", 0x00, 0x1000, GUARD_REGISTER },
    { "high half of the ADMA address", 0x5c, 1, GUARD_REGISTER },
    { "ADMA3 address", 0x78, 0x1000, GUARD_REGISTER },
    { "command queue base", 0x20 + 0x180, 0x1000, GUARD_REGISTER },
    { "host control 2: version 4, 64-bit", 0x3c, 0x30000000, GUARD_REGISTER },
    { "force events", 0x50, 0x02000000, GUARD_REGISTER },
    { "select SDMA and width", 0x28, 0x0f02, GUARD_OK },
    { "select ADMA2", 0x28, 0x0f12, GUARD_OK },
    { "select ADMA1", 0x28, 0x0f0a, GUARD_REGISTER },
    { "select 64-bit ADMA2", 0x28, 0x0f1a, GUARD_REGISTER },
    { "card detect test", 0x28, 0x0f92, GUARD_REGISTER },
    { "stop at block gap", 0x28, 0x10f12, GUARD_REGISTER },
    { "wake-up", 0x28, 0x1000f12, GUARD_REGISTER },
    { "clock on", 0x2c, 0x000e0107, GUARD_OK },
    { "reset of the command line", 0x2c, 0x02000000, GUARD_REGISTER },
    { "reset of the data line", 0x2c, 0x04000000, GUARD_REGISTER },
    { "reset of both, and all", 0x2c, 0x07000000, GUARD_REGISTER },
    { "reserved beside reset", 0x2c, 0x08000000, GUARD_REGISTER },
    { "reset of all", 0x2c, 0x01000000, GUARD_OK },
};

TEST(guard_sdhci, registers_take_only_harmless_values)
{
    for (size_t i = 0; i < ARRAY_COUNT(writes); i++) {
        test_row((int64_t)i);
        rig_ready();
        uint32_t before = rig.writes;
        EXPECT_EQ(writes[i].want, rig_write(writes[i].offset, writes[i].value));
        EXPECT_EQ(writes[i].want == GUARD_OK, rig.writes != before);
    }
}

TEST(guard_sdhci, dma_select_is_el2s_and_stays_during_a_transfer)
{
    rig_ready();
    EXPECT_EQ(GUARD_OK, rig_write(0x28, 0x0f12));
    EXPECT_EQ(0x0f02, rig.regs[0x28 / 4]); /* no DMA command yet */
    EXPECT_EQ(GUARD_OK, rig_start(RIG_READ1, 1000, 1));
    EXPECT_EQ(0x0f12, rig.regs[0x28 / 4]);
    EXPECT_EQ(GUARD_OK, rig_write(0x28, 0x0f00)); /* SDMA, in the middle of it */
    EXPECT_EQ(0x0f10, rig.regs[0x28 / 4]);
}

TEST(guard_sdhci, the_buffer_port_is_shut_while_dma_may_run)
{
    rig_ready();
    EXPECT_EQ(GUARD_OK, rig_start(RIG_READ1 & ~1U, 1000, 1)); /* PIO */
    (void)rig_read(0x20);
    EXPECT_EQ(GUARD_OK, rig_write(0x20, 7));
    EXPECT_EQ(GUARD_OK, rig_start(RIG_READ1, 1000, 1));
    EXPECT_EQ(GUARD_OK, rig_write(0x0c, 0x0d1a0000)); /* a status in between */
    uint64_t value = 0;
    EXPECT_EQ(GUARD_REGISTER, rig_access(0x20, false, 4, &value));
    EXPECT_EQ(GUARD_REGISTER, rig_write(0x20, 7));
}

/* Commands: argument, block register, command word, with CMD55 before it or not, of an SD card or an MMC. */
enum { SDCARD, MMCARD };
static const struct {
    const char *what;
    uint32_t type;
    bool app;
    uint32_t arg, block, command;
    enum guard_rule want;
} commands[] = {
    { "CMD0", SDCARD, false, 0, 0, 0x00000000, GUARD_OK },
    { "CMD0 after CMD55", SDCARD, true, 0, 0, 0x00000000, GUARD_OK },
    { "CMD0: boot mode", SDCARD, false, 0xfffffffa, 0, 0x00000000, GUARD_ARGUMENT },
    { "CMD0: pre-idle", MMCARD, false, 0xf0f0f0f0, 0, 0x00000000, GUARD_ARGUMENT },
    { "CMD2", SDCARD, false, 0, 0, 0x02090000, GUARD_OK },
    { "CMD3", SDCARD, false, 0, 0, 0x031a0000, GUARD_OK },
    { "CMD4", SDCARD, false, 0, 0, 0x04000000, GUARD_OPCODE },
    { "CMD5", SDCARD, false, 0, 0, 0x051a0000, GUARD_OPCODE },
    { "CMD6 of an SD card, PIO", SDCARD, false, 0x00fffff1, 64 | 1 << 16, 0x063a0010, GUARD_OK },
    { "CMD6 of an SD card, DMA", SDCARD, false, 0x00fffff1, 64 | 1 << 16, 0x063a0011, GUARD_MODE },
    { "CMD6 of an SD card, a write", SDCARD, false, 0x00fffff1, 64 | 1 << 16, 0x063a0000,
      GUARD_MODE },
    { "CMD6 of an SD card, many blocks", SDCARD, false, 0x00fffff1, 64 | 2 << 16, 0x063a0010,
      GUARD_BLOCKS },
    { "CMD6 of an SD card, large", SDCARD, false, 0x00fffff1, 1024 | 1 << 16, 0x063a0010,
      GUARD_BLOCKS },
    { "CMD6 of an SD card, as plain", SDCARD, false, 0x00fffff1, 0, 0x061a0000, GUARD_MODE },
    { "CMD6 of an SD card that is an MMC", SDCARD, false, 0x03b30100, 64 | 1 << 16, 0x063a0010,
      GUARD_ARGUMENT },
    { "ACMD6", SDCARD, true, 2, 0, 0x061a0000, GUARD_OK },
    { "ACMD6: another width", SDCARD, true, 3, 0, 0x061a0000, GUARD_ARGUMENT },
    { "ACMD6: another width", SDCARD, true, 3, 0, 0x061a0000, GUARD_ARGUMENT },
    { "ACMD6 as SWITCH", SDCARD, true, 0x03b30100, 0, 0x061a0000, GUARD_ARGUMENT },
    { "SWITCH: bus width", MMCARD, false, 0x03b70100, 0, 0x061b0000, GUARD_OK },
    { "SWITCH: timing", MMCARD, false, 0x03b90100, 0, 0x061b0000, GUARD_OK },
    { "SWITCH: boot partition", MMCARD, false, 0x03b30100, 0, 0x061b0000, GUARD_ARGUMENT },
    { "SWITCH: set bits", MMCARD, false, 0x01b70100, 0, 0x061b0000, GUARD_ARGUMENT },
    { "CMD8 of an SD card", SDCARD, false, 0x1aa, 0, 0x081a0000, GUARD_OK },
    { "EXT_CSD, PIO", MMCARD, false, 0, 512 | 1 << 16, 0x083a0010, GUARD_OK },
    { "EXT_CSD, DMA", MMCARD, false, 0, 512 | 1 << 16, 0x083a0011, GUARD_MODE },
    { "CMD8 with data of an SD card", SDCARD, false, 0, 512 | 1 << 16, 0x083a0010, GUARD_MODE },
    { "CMD12", SDCARD, false, 0, 0, 0x0cdb0000, GUARD_OK },
    { "CMD12 without abort", SDCARD, false, 0, 0, 0x0c1b0000, GUARD_OK },
    { "CMD13", SDCARD, false, 0, 0, 0x0d1a0000, GUARD_OK },
    { "CMD13 as abort", SDCARD, false, 0, 0, 0x0dda0000, GUARD_MODE },
    { "CMD13 suspend", SDCARD, false, 0, 0, 0x0d5a0000, GUARD_MODE },
    { "CMD13 resume", SDCARD, false, 0, 0, 0x0d9a0000, GUARD_MODE },
    { "CMD13 with DMA", SDCARD, false, 0, 0, 0x0d1a0001, GUARD_MODE },
    { "CMD13 with data", SDCARD, false, 0, 64 | 1 << 16, 0x0d3a0010, GUARD_MODE },
    { "SD status, PIO", SDCARD, true, 0, 64 | 1 << 16, 0x0d3a0010, GUARD_OK },
    { "SD status, DMA", SDCARD, true, 0, 64 | 1 << 16, 0x0d3a0011, GUARD_MODE },
    { "CMD16", SDCARD, false, 512, 0, 0x101a0000, GUARD_OK },
    { "CMD16: another length", SDCARD, false, 1024, 0, 0x101a0000, GUARD_ARGUMENT },
    { "tuning of an SD card", SDCARD, false, 0, 64 | 1 << 16, 0x133a0010, GUARD_OK },
    { "tuning with DMA", SDCARD, false, 0, 64 | 1 << 16, 0x133a0011, GUARD_MODE },
    { "tuning of an MMC", MMCARD, false, 0, 128 | 1 << 16, 0x153a0010, GUARD_OK },
    { "tuning of the other kind", SDCARD, false, 0, 128 | 1 << 16, 0x153a0010, GUARD_OPCODE },
    { "CMD20", SDCARD, false, 0, 0, 0x141a0000, GUARD_OPCODE },
    { "CMD23", SDCARD, false, 1, 0, 0x171a0000, GUARD_OPCODE },
    { "CMD27", SDCARD, false, 0, 16 | 1 << 16, 0x1b3a0000, GUARD_OPCODE },
    { "CMD28: write protection", SDCARD, false, 1000, 0, 0x1c1b0000, GUARD_OPCODE },
    { "CMD38: erase", SDCARD, false, 0, 0, 0x261b0000, GUARD_OPCODE },
    { "CMD42: lock", SDCARD, false, 0, 0, 0x2a1a0000, GUARD_OPCODE },
    { "CMD56", SDCARD, false, 0, 0, 0x381a0000, GUARD_OPCODE },
    { "CMD63", SDCARD, false, 0, 0, 0x3f1a0000, GUARD_OPCODE },
    { "CMD41 without CMD55", SDCARD, false, 0, 0, 0x29020000, GUARD_OPCODE },
    { "CMD51 without CMD55", SDCARD, false, 0, 8 | 1 << 16, 0x333a0010, GUARD_OPCODE },
    { "SCR, PIO", SDCARD, true, 0, 8 | 1 << 16, 0x333a0010, GUARD_OK },
    { "SCR, DMA", SDCARD, true, 0, 8 | 1 << 16, 0x333a0011, GUARD_MODE },
    { "ACMD41 without an answer", SDCARD, true, 0, 0, 0x29000000, GUARD_MODE },
    { "ACMD18: secure read", SDCARD, true, 1000, 512 | 1 << 16, 0x123a0037, GUARD_OPCODE },
    { "ACMD17", SDCARD, true, 1000, 512 | 1 << 16, 0x113a0011, GUARD_OPCODE },
    { "CMD1", MMCARD, false, 0x40ff8000, 0, 0x01020000, GUARD_OK },
    { "CMD1 without an answer", MMCARD, false, 0x40ff8000, 0, 0x01000000, GUARD_MODE },
    { "reserved bit 30", SDCARD, false, 0, 0, 0x4d1a0000, GUARD_MODE },
    { "sub-command", SDCARD, false, 0, 0, 0x0d1e0000, GUARD_MODE },
    { "read without data", SDCARD, false, 1000, 512 | 1 << 16, 0x111a0011, GUARD_MODE },
    { "read as write", SDCARD, false, 1000, 512 | 1 << 16, 0x113a0001, GUARD_MODE },
    { "write as read", SDCARD, false, 1000, 512 | 1 << 16, 0x183a0011, GUARD_MODE },
    { "read with auto CMD23", SDCARD, false, 1000, 512 | 1 << 16, 0x123a003b, GUARD_MODE },
    { "read with auto select", SDCARD, false, 1000, 512 | 1 << 16, 0x123a003f, GUARD_MODE },
    { "read without interrupt", SDCARD, false, 1000, 512 | 1 << 16, 0x113a0111, GUARD_MODE },
    { "many as one", SDCARD, false, 1000, 512 | 2 << 16, 0x123a0011, GUARD_MODE },
    { "without count", SDCARD, false, 1000, 512 | 2 << 16, 0x123a0031, GUARD_MODE },
    { "one as many", SDCARD, false, 1000, 512 | 1 << 16, 0x113a0037, GUARD_MODE },
    { "one with two blocks", SDCARD, false, 1000, 512 | 2 << 16, 0x113a0011, GUARD_BLOCKS },
    { "no blocks", SDCARD, false, 1000, 512, 0x123a0037, GUARD_SECTORS },
    { "small blocks", SDCARD, false, 1000, 256 | 1 << 16, 0x113a0011, GUARD_BLOCKS },
    { "large blocks", SDCARD, false, 1000, 1024 | 1 << 16, 0x113a0011, GUARD_BLOCKS },
    { "SDMA boundary", SDCARD, false, 1000, 0x7200 | 1 << 16, 0x113a0011, GUARD_BLOCKS },
    { "PIO of small blocks", SDCARD, false, 1000, 256 | 1 << 16, 0x113a0010, GUARD_BLOCKS },
};

static void become(uint32_t type, bool app)
{
    if (type == MMCARD) EXPECT_EQ(GUARD_OK, rig_write(0x0c, 0x01020000));
    if (app) EXPECT_EQ(GUARD_OK, rig_write(0x0c, 0x371a0000));
    rig.commands = 0;
}

TEST(guard_sdhci, commands_are_those_of_the_cards_table_in_their_own_form)
{
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        test_row((int64_t)i);
        rig_ready();
        become(commands[i].type, commands[i].app);
        EXPECT_EQ(GUARD_OK, rig_write(0x58, RIG_TAB));
        EXPECT_EQ(GUARD_OK, rig_write(0x04, commands[i].block));
        EXPECT_EQ(GUARD_OK, rig_write(0x08, commands[i].arg));
        EXPECT_EQ(commands[i].want, rig_write(0x0c, commands[i].command));
        EXPECT_EQ(commands[i].want == GUARD_OK, rig.commands);
        EXPECT_EQ(0, rig.wild);
    }
}

TEST(guard_sdhci, a_busy_line_stops_all_commands_but_those_that_may_come_in_between)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(commands); i++) {
        uint32_t index = commands[i].command >> 24 & 0x3f;
        if (commands[i].want != GUARD_OK) continue;
        test_row(i);
        for (uint32_t present = 1; present <= 3; present++) {
            rig_ready();
            become(commands[i].type, commands[i].app);
            EXPECT_EQ(GUARD_OK, rig_write(0x04, commands[i].block));
            EXPECT_EQ(GUARD_OK, rig_write(0x08, commands[i].arg));
            rig.present = present;
            bool fits = present == 2 && (index == 0 || index == 12 || index == 13);
            EXPECT_EQ(fits ? GUARD_OK : GUARD_BUSY, rig_write(0x0c, commands[i].command));
        }
    }
}

TEST(guard_sdhci, a_second_start_while_one_runs_leaves_its_chain_alone)
{
    rig_ready();
    EXPECT_EQ(GUARD_OK, rig_start(RIG_READ1, 1000, 1));
    rig.present = 2;
    rig_desc(0, 0x23, 512, RIG_RW + 0x1000);
    EXPECT_EQ(GUARD_BUSY, rig_start(RIG_READ1, 1000, 1));
    EXPECT_EQ(1, rig.commands);
    EXPECT_EQ(RIG_RAM_PA + 0xc000, rig_chain_addr(0));
    uint32_t before = rig.writes;
    EXPECT_EQ(GUARD_OK, rig_write(0x0c, 0x0d1a0000)); /* status: argument and command only */
    EXPECT_EQ(before + 2, rig.writes);
}

TEST(guard_sdhci, sectors_are_those_of_one_link_of_this_domain)
{
    static const struct {
        uint32_t command, sector, blocks;
        enum guard_rule want;
    } row[] = {
        { RIG_READ1, 1000, 1, GUARD_OK },       { RIG_READ1, 1999, 1, GUARD_OK },
        { RIG_READ1, 999, 1, GUARD_SECTORS },   { RIG_READ1, 2000, 1, GUARD_SECTORS },
        { RIG_READN, 1999, 2, GUARD_SECTORS },  { RIG_READN, 998, 4, GUARD_SECTORS },
        { RIG_READ1, 0, 1, GUARD_SECTORS },     { RIG_READ1, 400, 1, GUARD_SECTORS },
        { RIG_READ1, 5000, 1, GUARD_OK },       { RIG_READ1, UINT32_MAX, 1, GUARD_OK },
        { RIG_WRITE1, 5000, 1, GUARD_SECTORS }, { RIG_WRITE1, 1000, 1, GUARD_OK },
        { RIG_WRITEN, 1999, 2, GUARD_SECTORS }, { RIG_READ1 & ~1U, 999, 1, GUARD_SECTORS },
        { RIG_READ1 & ~1U, 1000, 1, GUARD_OK },
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        test_row((int64_t)i);
        rig_ready();
        rig_desc(0, 0x23, (uint16_t)(row[i].blocks * 512), RIG_RW);
        EXPECT_EQ(row[i].want, rig_start(row[i].command, row[i].sector, row[i].blocks));
    }
    rig_ready();
    rig.link[0].present = false;
    EXPECT_EQ(GUARD_SECTORS, rig_start(RIG_READ1, 1000, 1));
}

/* ACMD41 with this answer, this status, and then a read of sector 1000 with this argument. */
static enum guard_rule addressed(uint32_t ocr, uint32_t errors, uint32_t arg)
{
    rig_ready();
    rig.link[1].present = false;
    EXPECT_EQ(GUARD_OK, rig_write(0x08, 0));
    EXPECT_EQ(GUARD_OK, rig_write(0x0c, 0)); /* CMD0: nothing is known any more */
    EXPECT_EQ(GUARD_OK, rig_write(0x0c, 0x371a0000));
    rig.answer = ocr;
    rig.errors = errors;
    EXPECT_EQ(GUARD_OK, rig_write(0x0c, 0x29020000));
    rig.errors = 0;
    rig.answer = 0xc0000900; /* an R1 that looks like an OCR must not be taken for one */
    EXPECT_EQ(GUARD_OK, rig_write(0x08, 0));
    EXPECT_EQ(GUARD_OK, rig_write(0x0c, 0x0d1a0000));
    return rig_start(RIG_READ1, arg, 1);
}

TEST(guard_sdhci, how_the_card_counts_is_taken_from_its_own_answer)
{
    EXPECT_EQ(GUARD_OK, addressed(0xc0ff8000, 0, 1000));
    EXPECT_EQ(GUARD_SECTORS, addressed(0xc0ff8000, 0, 1000 * 512));
    EXPECT_EQ(GUARD_OK, addressed(0x80ff8000, 0, 1000 * 512));
    EXPECT_EQ(GUARD_SECTORS, addressed(0x80ff8000, 0, 1000 * 512 + 4));
    EXPECT_EQ(GUARD_SECTORS, addressed(0x80ff8000, 0, 1000));
    EXPECT_EQ(GUARD_SECTORS, addressed(0x00ff8000, 0, 1000));        /* not ready */
    EXPECT_EQ(GUARD_SECTORS, addressed(0xc0ff8000, 1U << 16, 1000)); /* an old answer */
    EXPECT_EQ(GUARD_SECTORS, addressed(0xc0ff8000, 1U << 17 | 1, 1000));
}

TEST(guard_sdhci, an_answer_from_before_the_question_does_not_count)
{
    rig_ready();
    EXPECT_EQ(GUARD_OK, rig_write(0x08, 0));
    EXPECT_EQ(GUARD_OK, rig_write(0x0c, 0));
    rig.answer = 0xc0000120; /* CMD55 leaves bits 31 and 30, and "complete" */
    EXPECT_EQ(GUARD_OK, rig_write(0x0c, 0x371a0000));
    rig.regs[0x30 / 4] = 1;
    uint32_t stale = 0xc0000120;
    rig.answer = stale;
    rig.errors = 1U << 31; /* the question itself gets no answer, and leaves no trace but this */
    EXPECT_EQ(GUARD_OK, rig_write(0x0c, 0x29020000));
    EXPECT_EQ(0, rig.regs[0x30 / 4] & 1);
    (void)rig_read(0x30);
    rig.errors = 0;
    EXPECT_EQ(GUARD_OK, rig_write(0x30, UINT32_MAX));
    EXPECT_EQ(GUARD_SECTORS, rig_start(RIG_READ1, 1000, 1));
}

TEST(guard_sdhci, errors_cannot_be_hidden_from_the_guard)
{
    rig_ready();
    EXPECT_EQ(GUARD_OK, rig_write(0x34, 0));
    EXPECT_EQ(0x03ff0001, rig.regs[0x34 / 4]);
    EXPECT_EQ(GUARD_OK, rig_write(0x34, 0xff));
    EXPECT_EQ(0x03ff00ff, rig.regs[0x34 / 4]);
}

TEST(guard_sdhci, nothing_starts_before_a_proven_reset)
{
    rig_fresh();
    EXPECT_EQ(ERR_STATE, guard_may_open(rig.domain.device[0].guard));
    EXPECT_EQ(ERR_NOT_SUPPORTED, guard_may_open(NULL));
    EXPECT_EQ(GUARD_STATE, rig_write(0x0c, 0));
    rig_fresh();
    EXPECT_EQ(GUARD_STATE, rig_write(0x28, 0x0f00));
    for (int which = 0; which < 4; which++) {
        test_row(which);
        rig_fresh();
        rig.reset_stuck = which == 0;
        rig.select_stuck = which == 1;
        rig.address_stuck = which == 2;
        rig.address_hi_stuck = which == 3;
        EXPECT_EQ(GUARD_OK, rig_write(0x2c, 0x01000000));
        EXPECT_LE(101, rig.longest_poll);                   /* bounded */
        EXPECT_EQ(0x01000000, rig_read(0x2c) & 0x01000000); /* it never seems to end */
        EXPECT_EQ(ERR_STATE, guard_may_open(rig.domain.device[0].guard));
        EXPECT_FALSE(guard_is_still(rig.domain.device[0].guard));
        rig.regs[0x2c / 4] = rig.regs[0x28 / 4] = rig.regs[0x58 / 4] = rig.regs[0x5c / 4] = 0;
        EXPECT_EQ(0, rig_read(0x2c)); /* late proof is proof */
        EXPECT_OK(guard_may_open(rig.domain.device[0].guard));
    }
}

TEST(guard_sdhci, no_dma_before_it_was_enabled)
{
    rig_ready();
    rig.domain.device[0].dma_open = false;
    EXPECT_EQ(GUARD_STATE, rig_start(RIG_READ1, 1000, 1));
    EXPECT_EQ(0, rig.commands);
    rig_ready();
    rig.domain.device[0].dma_open = false;
    EXPECT_EQ(GUARD_OK, rig_start(RIG_READ1 & ~1U, 1000, 1)); /* PIO may */
}

TEST(guard_sdhci, after_an_adma_error_only_a_proven_reset_leads_on)
{
    for (int how = 0; how < 3; how++) {
        test_row(how);
        rig_ready();
        rig.errors = 1U << 25;
        EXPECT_EQ(GUARD_OK, rig_start(RIG_READ1, 1000, 1));
        rig.errors = 0;
        if (how == 0) (void)rig_read(0x30);
        if (how < 2) EXPECT_EQ(GUARD_OK, rig_write(0x30, UINT32_MAX)); /* cleared by the domain */
        EXPECT_EQ(GUARD_STATE, rig_start(RIG_READ1, 1000, 1));
        EXPECT_EQ(1, rig.commands);
        EXPECT_EQ(GUARD_STATE, rig_write(0x28, 0x0f12));
        EXPECT_EQ(GUARD_OK, rig_write(0x2c, 0x01000000));
        EXPECT_EQ(GUARD_OK, rig_start(RIG_READ1, 1000, 1)); /* the card is asked nothing anew */
        EXPECT_EQ(0, rig.wild);
    }
}

TEST(guard_sdhci, a_reset_forgets_what_was_latched)
{
    rig_ready();
    EXPECT_EQ(GUARD_OK, rig_start(RIG_READ1, 1000, 1));
    EXPECT_EQ(GUARD_OK, rig_write(0x2c, 0x01000000));
    EXPECT_EQ(0, rig_read(0x58) | rig_read(0x04) | rig_read(0x08) | rig_read(0x0c));
    EXPECT_EQ(0, rig.regs[0x28 / 4]);
}

TEST(guard_sdhci, death_takes_the_registers_away_until_the_next_incarnation_resets)
{
    rig_ready();
    EXPECT_EQ(GUARD_OK, rig_start(RIG_READ1, 1000, 1));
    guard_reset(rig.domain.device[0].guard);
    EXPECT_TRUE(guard_is_still(rig.domain.device[0].guard));
    EXPECT_EQ(ERR_STATE, guard_may_open(rig.domain.device[0].guard));
    EXPECT_EQ(GUARD_STATE, rig_start(RIG_READ1, 1000, 1));
}

/* Chains made at random of good and bad parts: whatever is started is right, and all that is right is started. */
TEST(guard_sdhci, property_every_accepted_chain_is_owned_and_adds_up)
{
    static const uint32_t place[] = { RIG_RAM,          RIG_RAM + 0x7f00,  RIG_RW - 256,
                                      RIG_RW,           RIG_RW + 0x1000,   RIG_WIN + 0x1f00,
                                      RIG_WIN + 0x2000, RIG_EDGE + 0xff00, RIG_EDGE + 0x1ff00,
                                      RIG_HIGH + 0xf00, 0x40200000,        RIG_DEV,
                                      0xffffff00 };
    static const uint16_t sizes[] = { 512, 512, 512, 256, 256, 1024, 4096, 4, 0, 65532, 2 };
    uint32_t accepted = 0, refused = 0;
    srand(7);
    for (int round = 0; round < 20000; round++) {
        uint32_t count = 1 + (uint32_t)rand() % 6, total = 0;
        bool is_good_only = rand() % 4 != 0, is_write = rand() % 2 != 0;
        test_row(round);
        rig_ready();
        for (uint32_t i = 0; i < count; i++) {
            uint16_t size = sizes[(uint32_t)rand() % (is_good_only ? 7 : ARRAY_COUNT(sizes))];
            uint32_t at = place[is_good_only ? 3 + (uint32_t)rand() % 2
                                             : (uint32_t)rand() % ARRAY_COUNT(place)];
            uint16_t attr = rand() % 40 == 0 ? (uint16_t)rand() : 0x21;
            rig_desc(i, i + 1 == count ? attr | 2 : attr, size, at + ((uint32_t)rand() % 8) * 4);
            total += size;
        }
        uint32_t blocks = rand() % 8 == 0 ? (uint32_t)rand() % 70000 : total / 512;
        enum guard_rule rule = rig_start(is_write ? RIG_WRITEN : RIG_READN,
                                         1000 + (uint32_t)rand() % 900, blocks & 0xffff);
        accepted += rule == GUARD_OK;
        refused += rule != GUARD_OK;
        EXPECT_EQ(rule == GUARD_OK, rig.commands);
        EXPECT_EQ(0, rig.wild);
    }
    EXPECT_TRUE(accepted > 1000 && refused > 1000);
}
