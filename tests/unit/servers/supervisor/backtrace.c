/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Symbols, backtraces and the one line about a death: right ones, and those of a liar. */
// LINK: servers/supervisor/symbols.c servers/supervisor/backtrace.c servers/supervisor/describe.c servers/supervisor/dump.c
// LINK: lib/format.c lib/string.c
#include "servers/supervisor/backtrace.h"

#include <string.h>

#include "abi/proto/supervisor.h"
#include "lib/test.h"
#include "servers/supervisor/describe.h"
#include "servers/supervisor/dump.h"

#define TEXT  0x10000000U
#define STACK 0x10020000U

static const uint8_t hash[SYMBOLS_HASH_BYTES] = { 1, 2, 3 };

static struct {
    struct symbols_header head;
    struct symbols_entry entry[4];
    char names[32];
} file;

static struct symbols symbols;
static struct domain_dump dump;
static struct manifest manifest;

static void fresh(void)
{
    static const char names[] = "start\0work\0hvc_panic\0hvc";
    memset(&file, 0, sizeof(file));
    file.head = (struct symbols_header){ SYMBOLS_MAGIC, 4, sizeof(file.names), { 1, 2, 3 } };
    file.entry[0] = (struct symbols_entry){ TEXT, 0 };
    file.entry[1] = (struct symbols_entry){ TEXT + 0x100, 6 };
    file.entry[2] = (struct symbols_entry){ TEXT + 0x200, 11 };
    file.entry[3] = (struct symbols_entry){ TEXT + 0x300, 21 };
    memcpy(file.names, names, sizeof(names));
    EXPECT_OK(symbols_open(&symbols, &file, sizeof(file), hash));
    memset(&dump, 0, sizeof(dump));
    dump.magic = DUMP_MAGIC;
    dump.stack_ipa = STACK;
    dump.stack_bytes = DUMP_STACK_BYTES;
}

/* A frame record at offset `at` of the stack. */
static void record(uint64_t at, uint64_t fp, uint64_t lr)
{
    memcpy(dump.stack + at, &fp, 8);
    memcpy(dump.stack + at + 8, &lr, 8);
}

TEST(supervisor_symbols, names_and_offsets)
{
    char text[SYMBOL_TEXT_BYTES];
    fresh();
    EXPECT_STR("work+0x0", symbols_text(&symbols, TEXT + 0x100, text));
    EXPECT_STR("start+0xff", symbols_text(&symbols, TEXT + 0xff, text));
    EXPECT_STR("0xfffffff", symbols_text(&symbols, TEXT - 1, text));
    EXPECT_STR("start+0x100", symbols_return_text(&symbols, TEXT + 0x100, text));
    EXPECT_STR("0xffffffffffffffff", symbols_text(&symbols, UINT64_MAX, text));
    const struct symbols none = { 0 };
    EXPECT_STR("0x10000100", symbols_text(&none, TEXT + 0x100, text));
}

TEST(supervisor_symbols, a_broken_file_is_refused)
{
    static const struct {
        size_t offset;
        uint32_t value;
        err_t want;
    } row[] = {
        { 0, 0, ERR_CORRUPT },          /* magic */
        { 8, 0, ERR_CORRUPT },          /* no entries */
        { 8, 5, ERR_CORRUPT },          /* more than there are: the names end elsewhere */
        { 8, UINT32_MAX, ERR_CORRUPT }, /* more than the file */
        { 12, 0, ERR_CORRUPT },         /* no names */
        { 12, 33, ERR_CORRUPT },        /* names past the end */
        { 12, 23, ERR_CORRUPT },        /* cut in the middle of a name */
        { 16, 9, ERR_HASH },            /* another image */
        { 48 + 8, TEXT, ERR_CORRUPT },  /* not rising */
        { 48 + 12, 32, ERR_CORRUPT },   /* a name outside */
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        struct symbols s;
        test_row((int64_t)i);
        fresh();
        memcpy((uint8_t *)&file + row[i].offset, &row[i].value, 4);
        EXPECT_EQ(row[i].want, symbols_open(&s, &file, sizeof(file), hash));
        EXPECT_EQ(0, s.count);
    }
    fresh();
    for (size_t bytes = 0; bytes < sizeof(file); bytes++) {
        EXPECT_EQ(ERR_CORRUPT, symbols_open(&symbols, &file, bytes, hash));
    }
}

TEST(supervisor_backtrace, follows_frame_records_outwards)
{
    uint64_t frame[BACKTRACE_MAX];
    fresh();
    dump.pc = TEXT + 0x304;
    dump.lr = TEXT + 0x210; /* hvc is a leaf: hvc_panic called it */
    dump.x[29] = STACK + 0x10;
    record(0x10, STACK + 0x40, TEXT + 0x110);
    record(0x40, 0, TEXT + 0x20);
    EXPECT_EQ(4, backtrace_take(&dump, &symbols, frame));
    EXPECT_EQ(TEXT + 0x304, frame[0]);
    EXPECT_EQ(TEXT + 0x210, frame[1]);
    EXPECT_EQ(TEXT + 0x110, frame[2]);
    EXPECT_EQ(TEXT + 0x20, frame[3]);
    char text[SYMBOL_TEXT_BYTES];
    EXPECT_STR("work+0x10", backtrace_blame(&dump, &symbols, text)); /* not the panic's functions */
}

TEST(supervisor_backtrace, a_lying_stack_is_left_at_once)
{
    static const uint64_t fp[] = { 0,
                                   1,
                                   STACK - 16,
                                   STACK + 4,
                                   STACK + DUMP_STACK_BYTES - 8,
                                   STACK + DUMP_STACK_BYTES,
                                   UINT64_MAX,
                                   UINT64_MAX - 7 };
    uint64_t frame[BACKTRACE_MAX];
    for (size_t i = 0; i < ARRAY_COUNT(fp); i++) {
        test_row((int64_t)i);
        fresh();
        memset(dump.stack, 1, sizeof(dump.stack));
        dump.x[29] = fp[i];
        EXPECT_EQ(1, backtrace_take(&dump, &symbols, frame));
    }
    fresh();
    dump.x[29] = STACK; /* a ring */
    record(0, STACK, TEXT);
    EXPECT_EQ(2, backtrace_take(&dump, &symbols, frame));
    fresh(); /* longer than there is room for */
    dump.x[29] = STACK;
    for (uint64_t at = 0; at < DUMP_STACK_BYTES; at += 16) record(at, STACK + at + 16, TEXT + 1);
    EXPECT_EQ(BACKTRACE_MAX, backtrace_take(&dump, &symbols, frame));
    fresh();
    dump.x[29] = STACK;
    dump.stack_bytes = UINT64_MAX; /* bounded by what there is */
    record(DUMP_STACK_BYTES - 16, 0, TEXT);
    dump.x[29] = STACK + DUMP_STACK_BYTES - 16;
    EXPECT_EQ(2, backtrace_take(&dump, &symbols, frame));
    dump.x[29] = STACK + DUMP_STACK_BYTES;
    EXPECT_EQ(1, backtrace_take(&dump, &symbols, frame));
}

TEST(supervisor_describe, says_where_which_device_and_which_request)
{
    char text[DESCRIBE_BYTES];
    fresh();
    dump.pc = TEXT + 0x108;
    dump.queue_count = 1;
    dump.queue[0] = (struct dump_queue){ .link = 0, .done = 65535, .avail = 2 };
    manifest.link_count = 1;
    strcpy(manifest.link[0].name, "disk0");
    manifest.link[0].server = 1;
    manifest.domain[1].device_count = 1;
    strcpy(manifest.domain[1].device[0].name, "disk");
    struct death d = { CAUSE_FAULT, 0x40200040, 0x92000046, &dump, &symbols, &manifest, 1 };
    describe_death(&d, text);
    EXPECT_STR("fault: write to 0x40200040 in work+0x8; disk0: requests 0 to 2", text);
    d = (struct death){ CAUSE_DMA, 0x1000, 8, &dump, &symbols, &manifest, 1 };
    dump.queue[0].done = 1;
    describe_death(&d, text);
    EXPECT_STR("dma: address 0x1000, device disk; disk0: request 2", text);
    d = (struct death){ CAUSE_HANG, 0, 7, NULL, &symbols, &manifest, 1 };
    describe_death(&d, text);
    EXPECT_STR("hang: link disk0, avail 7", text);
    EXPECT_EQ(UINT32_MAX, describe_busy_links(&d));
    d.dump = &dump;
    EXPECT_EQ(1, describe_busy_links(&d));
    manifest.link[0].server = 2; /* it only uses that link: not its requests */
    EXPECT_EQ(0, describe_busy_links(&d));
}

TEST(supervisor_describe, survives_any_bytes)
{
    static char text[DUMP_TEXT_BYTES];
    char line[DESCRIBE_BYTES];
    uint64_t random = 88172645463325252u;
    for (uint32_t round = 0; round < 2000; round++) {
        fresh();
        for (size_t i = 0; i < sizeof(dump); i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            if (random % 3 != 0) ((uint8_t *)&dump)[i] = (uint8_t)random;
        }
        dump.magic = DUMP_MAGIC;
        struct death d = {
            (enum death_cause)(random % 16), random, random >> 7, &dump, &symbols, &manifest, 1
        };
        describe_death(&d, line);
        (void)describe_busy_links(&d);
        size_t bytes = dump_text(&dump, sizeof(dump), &symbols, text, sizeof(text));
        EXPECT_EQ(strlen(text), bytes);
    }
}
