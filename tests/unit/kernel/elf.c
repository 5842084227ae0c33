/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Reading init's ELF: every field may lie. */
// LINK: kernel/elf.c lib/string.c
#include "kernel/elf.h"

#include <string.h>

#include "lib/test.h"

struct image {
    uint8_t header[64];
    uint8_t phdr[2][56];
    uint8_t data[256];
};

static struct image good(void)
{
    struct image i = { 0 };
    static const uint8_t ident[16] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
    memcpy(i.header, ident, sizeof(ident));
    i.header[16] = 2;   /* ET_EXEC */
    i.header[18] = 183; /* AArch64 */
    uint64_t entry = 0x400010, phoff = 64;
    memcpy(i.header + 24, &entry, 8);
    memcpy(i.header + 32, &phoff, 8);
    i.header[54] = 56;
    i.header[56] = 1;
    const uint32_t type_flags[2] = { 1, 5 };
    const uint64_t rest[6] = { 176, 0x400010, 0, 100, 200, 4096 };
    memcpy(i.phdr[0], type_flags, 8);
    memcpy(i.phdr[0] + 8, rest, 48);
    return i;
}

static err_t first_segment(const struct image *i, struct elf_segment *s)
{
    uint64_t entry;
    err_t e = elf_entry(i, sizeof(*i), &entry);
    return e == OK ? elf_segment_get(i, sizeof(*i), 0, s) : e;
}

TEST(elf, good_program_is_read)
{
    struct image i = good();
    struct elf_segment s;
    uint64_t entry = 0;
    EXPECT_OK(elf_entry(&i, sizeof(i), &entry));
    EXPECT_EQ(0x400010, entry);
    REQUIRE_EQ(OK, first_segment(&i, &s));
    EXPECT_EQ(0x400000, s.va);
    EXPECT_EQ(4096, s.mem_bytes);
    EXPECT_EQ(0x10, s.lead_bytes);
    EXPECT_EQ(100, s.data_bytes);
    EXPECT_TRUE(s.is_executable);
    EXPECT_FALSE(s.is_writable);
    EXPECT_EQ(ERR_NO_ENTRY, elf_segment_get(&i, sizeof(i), 1, &s));
}

TEST(elf, lies_in_the_header_are_refused)
{
    static const struct {
        uint32_t at;
        uint8_t value;
    } lie[] = { { 0, 0 },   { 4, 1 },  { 5, 2 },    { 16, 3 },    { 18, 62 },
                { 54, 55 }, { 56, 0 }, { 56, 200 }, { 33, 0x80 }, { 39, 0xff } };
    for (size_t n = 0; n < ARRAY_COUNT(lie); n++) {
        test_row((int64_t)n);
        struct image i = good();
        struct elf_segment s;
        i.header[lie[n].at] = lie[n].value;
        EXPECT_EQ(ERR_CORRUPT, first_segment(&i, &s));
    }
    uint64_t entry;
    struct image i = good();
    EXPECT_EQ(ERR_CORRUPT, elf_entry(&i, 63, &entry));
}

TEST(elf, lies_in_a_segment_are_refused)
{
    static const struct {
        uint32_t flags;
        uint64_t field[5]; /* offset, vaddr, paddr, filesz, memsz */
    } lie[] = {
        { 7, { 176, 0x400000, 0, 100, 200 } },             /* writable and executable */
        { 5, { 176, 0x400000, 0, 201, 200 } },             /* more in the file than in memory */
        { 5, { 400, 0x400000, 0, 100, 200 } },             /* past the file */
        { 5, { UINT64_MAX - 10, 0x400000, 0, 100, 200 } }, /* wraps */
        { 5, { 176, 0, 0, 100, 200 } },                    /* page 0 */
        { 5, { 176, UINT64_MAX - 50, 0, 100, 200 } },      /* address wraps */
        { 5, { 176, UINT64_C(1) << 39, 0, 100, 200 } },    /* past user addresses */
        { 5, { 176, 0x400000, 0, 100, UINT64_MAX } },      /* memory wraps */
    };
    for (size_t n = 0; n < ARRAY_COUNT(lie); n++) {
        test_row((int64_t)n);
        struct image i = good();
        struct elf_segment s;
        memcpy(i.phdr[0] + 4, &lie[n].flags, 4);
        memcpy(i.phdr[0] + 8, lie[n].field, 40);
        EXPECT_EQ(ERR_CORRUPT, first_segment(&i, &s));
    }
}
