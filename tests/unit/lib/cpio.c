/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The pack reader on good archives and on archives with one bad field. */
#include "lib/cpio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/test.h"

/* An archive under construction; the bytes handed to the reader are a heap copy of exactly the right size, for ASan. */
static struct {
    char bytes[4096];
    size_t used;
} pack;

static void add(const char *name, const char *text)
{
    size_t text_bytes = strlen(text);
    pack.used += (size_t)sprintf(
            pack.bytes + pack.used, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08zx%08x",
            1, 0100644, 0, 0, 1, 0, (unsigned)text_bytes, 0, 0, 0, 0, strlen(name) + 1, 0);
    memcpy(pack.bytes + pack.used, name, strlen(name) + 1);
    pack.used += strlen(name) + 1;
    while (pack.used % 4) pack.bytes[pack.used++] = 0;
    memcpy(pack.bytes + pack.used, text, text_bytes);
    pack.used += text_bytes;
    while (pack.used % 4) pack.bytes[pack.used++] = 0;
}

static void start(void)
{
    memset(&pack, 0, sizeof(pack));
    add("manifest", "mm");
    add("kernel", "the kernel");
    add("./init", "");
    add("TRAILER!!!", "");
}

/* Looks name up in the first pack_bytes bytes. */
static err_t find_in(size_t pack_bytes, const char *name, char text[32])
{
    char *copy = malloc(pack_bytes + 1);
    memcpy(copy, pack.bytes, pack_bytes);
    char *exact = realloc(copy, pack_bytes ? pack_bytes : 1);
    const void *data = NULL;
    uint64_t size_bytes = 77;
    err_t err = cpio_find(exact, pack_bytes, name, &data, &size_bytes);
    if (err == OK && size_bytes < 32) {
        memcpy(text, data, size_bytes);
        text[size_bytes] = 0;
    }
    free(exact);
    return err;
}

TEST(cpio, finds_each_file_by_name)
{
    char text[32];
    start();
    EXPECT_OK(find_in(pack.used, "manifest", text));
    EXPECT_STR("mm", text);
    EXPECT_OK(find_in(pack.used, "kernel", text));
    EXPECT_STR("the kernel", text);
    EXPECT_OK(find_in(pack.used, "init", text));
    EXPECT_STR("", text);
}

TEST(cpio, an_absent_name_a_prefix_and_the_trailer_are_no_entries)
{
    char text[32];
    start();
    EXPECT_EQ(ERR_NO_ENTRY, find_in(pack.used, "kern", text));
    EXPECT_EQ(ERR_NO_ENTRY, find_in(pack.used, "kernels", text));
    EXPECT_EQ(ERR_NO_ENTRY, find_in(pack.used, "TRAILER!!!", text));
    EXPECT_EQ(ERR_NO_ENTRY, find_in(pack.used, "", text));
}

TEST(cpio, walks_all_files_in_order)
{
    start();
    static const char *const want[] = { "manifest", "kernel", "./init" };
    uint64_t at = 0;
    struct cpio_file file;
    for (size_t i = 0; i < 3; i++) {
        EXPECT_OK(cpio_next(pack.bytes, pack.used, &at, &file));
        EXPECT_STR(want[i], file.name);
        EXPECT_EQ(0100644, file.mode);
        EXPECT_EQ(0, at % 4);
    }
    EXPECT_EQ(ERR_NO_ENTRY, cpio_next(pack.bytes, pack.used, &at, &file));
}

TEST(cpio, an_archive_cut_anywhere_is_corrupt_and_never_read_past_its_end)
{
    char text[32];
    start();
    /* The trailer is 110 + 11 bytes, padded to 124. */
    for (size_t cut = 0; cut < pack.used - 3; cut++) {
        if (find_in(cut, "nothing", text) != ERR_CORRUPT) {
            test_row((int64_t)cut);
            EXPECT_EQ(ERR_CORRUPT, find_in(cut, "nothing", text));
            return;
        }
    }
}

TEST(cpio, bad_fields_are_corrupt)
{
    static const struct {
        size_t at;
        const char *bytes;
    } row[] = {
        { 0, "070702" },                        /* another format */
        { 54, "ffffffff" },                     /* file size past the end */
        { 54, "0000g000" },                     /* not hexadecimal */
        { 54, "        " }, { 94, "00000000" }, /* a name without its NUL */
        { 94, "00000008" },                     /* NUL not where the size says: too early */
        { 94, "00000010" },                     /* the name runs into the data */
        { 94, "fffffffe" },                     /* name past the end */
        { 14, "-0008180" },                     /* mode */
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        char text[32];
        start();
        test_row((int64_t)i);
        memcpy(pack.bytes + row[i].at, row[i].bytes, strlen(row[i].bytes));
        EXPECT_EQ(ERR_CORRUPT, find_in(pack.used, "kernel", text));
    }
}

TEST(cpio, upper_case_digits_are_read)
{
    char text[32];
    start();
    memcpy(pack.bytes + 54, "00000002", 8);
    memcpy(pack.bytes + 94, "00000009", 8);
    EXPECT_OK(find_in(pack.used, "kernel", text));
    memset(&pack, 0, sizeof(pack));
    add("eleven", "12345678901");
    add("TRAILER!!!", "");
    memcpy(pack.bytes + 54, "0000000B", 8);
    EXPECT_OK(find_in(pack.used, "eleven", text));
    EXPECT_STR("12345678901", text);
}

TEST(cpio, a_position_outside_the_pack_is_corrupt)
{
    start();
    struct cpio_file file;
    uint64_t at = UINT64_MAX - 3;
    EXPECT_EQ(ERR_CORRUPT, cpio_next(pack.bytes, pack.used, &at, &file));
    at = pack.used;
    EXPECT_EQ(ERR_CORRUPT, cpio_next(pack.bytes, pack.used, &at, &file));
}
