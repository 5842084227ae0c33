/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Stage-2 tables: what is mapped translates, what is refused changes nothing. */
// LINK: hyp/stage2.c
#include <string.h>

#include "hyp/pool.h"
#include "hyp/stage2.h"
#include "lib/test.h"

#define TABLES 24
static uint64_t tables[TABLES][512] __attribute__((aligned(4096)));
static uint32_t used, limit;

void *pool_take_table(void)
{
    return used < limit ? tables[used++] : NULL;
}

static struct s2 fresh(uint32_t table_limit)
{
    struct s2 s2 = { 0 };
    memset(tables, 0, sizeof tables);
    used = 0;
    limit = table_limit;
    EXPECT_EQ(OK, s2_create(&s2));
    return s2;
}

/* The tables as the architecture walks them: 4 KiB granule, from level 1. */
static uint64_t translate(const struct s2 *s2, uint64_t ipa)
{
    const uint64_t *table = s2->root;
    if (ipa >= BIT(39)) return UINT64_MAX;
    for (unsigned shift = 30;; shift -= 9) {
        uint64_t desc = table[ipa >> shift & 511];
        if (!(desc & 1)) return UINT64_MAX;
        if (shift == 12 || !(desc & 2)) {
            return (desc & BITS(47, 12) & ~(BIT(shift) - 1)) | (ipa & (BIT(shift) - 1));
        }
        table = (const uint64_t *)(uintptr_t)(desc & BITS(47, 12));
    }
}

TEST(stage2, maps_exactly_the_range_and_nothing_beside_it)
{
    struct s2 s2 = fresh(TABLES);
    EXPECT_EQ(OK, s2_map(&s2, (ipa_t){ 0x10001000 }, (pa_t){ 0x7f201000 }, 0x3000, S2_MEM_RW));
    EXPECT_EQ(UINT64_MAX, translate(&s2, 0x10000fff));
    EXPECT_EQ(0x7f201000, translate(&s2, 0x10001000));
    EXPECT_EQ(0x7f203fff, translate(&s2, 0x10003fff));
    EXPECT_EQ(UINT64_MAX, translate(&s2, 0x10004000));
}

TEST(stage2, uses_the_largest_block_that_both_alignments_allow)
{
    struct s2 s2 = fresh(TABLES);
    EXPECT_EQ(OK, s2_map(&s2, (ipa_t){ GIB(1) }, (pa_t){ GIB(1) }, GIB(1) + MIB(2) + KIB(4),
                         S2_MEM_RWX));
    EXPECT_EQ(3, used); /* root, one level 2, one level 3 */
    EXPECT_EQ(GIB(2) + MIB(2) + 0xfff, translate(&s2, GIB(2) + MIB(2) + 0xfff));
    EXPECT_EQ(UINT64_MAX, translate(&s2, GIB(2) + MIB(2) + KIB(4)));
}

TEST(stage2, does_not_use_a_block_when_only_one_side_is_aligned)
{
    struct s2 s2 = fresh(TABLES);
    EXPECT_EQ(OK, s2_map(&s2, (ipa_t){ MIB(2) }, (pa_t){ MIB(2) + KIB(4) }, MIB(2), S2_MEM_RW));
    EXPECT_EQ(MIB(2) + KIB(4), translate(&s2, MIB(2)));
    EXPECT_EQ(MIB(4) + KIB(4) - 1, translate(&s2, MIB(4) - 1));
}

TEST(stage2, rejects_bad_ranges_and_changes_nothing)
{
    static const struct {
        uint64_t ipa, pa, bytes;
        err_t want;
    } rows[] = {
        { 0x1001, 0x1000, 0x1000, ERR_ALIGN },      { 0x1000, 0x1800, 0x1000, ERR_ALIGN },
        { 0x1000, 0x1000, 0x1234, ERR_ALIGN },      { 0x1000, 0x1000, 0, ERR_RANGE },
        { BIT(39) - 0x1000, 0, 0x2000, ERR_RANGE }, { UINT64_MAX & ~0xfffUL, 0, 0x2000, ERR_RANGE },
        { 0, BIT(48) - 0x1000, 0x2000, ERR_RANGE }, { 0, 0, UINT64_MAX & ~0xfffUL, ERR_RANGE },
    };
    struct s2 s2 = fresh(TABLES);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(rows[i].want, s2_map(&s2, (ipa_t){ rows[i].ipa }, (pa_t){ rows[i].pa },
                                       rows[i].bytes, S2_MEM_RW));
        EXPECT_EQ(1, used);
    }
}

TEST(stage2, never_maps_over_what_is_mapped_already)
{
    struct s2 s2 = fresh(TABLES);
    EXPECT_EQ(OK, s2_map(&s2, (ipa_t){ 0x40003000 }, (pa_t){ 0x1000 }, 0x1000, S2_MEM_RO));
    EXPECT_EQ(ERR_EXISTS,
              s2_map(&s2, (ipa_t){ 0x40000000 }, (pa_t){ 0x80000000 }, 0x8000, S2_MEM_RW));
    EXPECT_EQ(UINT64_MAX,
              translate(&s2, 0x40000000)); /* the part before the clash is not there either */
    EXPECT_EQ(0x1000, translate(&s2, 0x40003000));
    EXPECT_EQ(OK, s2_map(&s2, (ipa_t){ GIB(2) }, (pa_t){ GIB(2) }, GIB(1), S2_MEM_RWX));
    EXPECT_EQ(ERR_EXISTS, s2_map(&s2, (ipa_t){ GIB(2) + 0x1000 }, (pa_t){ 0x1000 }, 0x1000,
                                 S2_MEM_RW)); /* inside a block */
}

TEST(stage2, an_empty_pool_changes_no_translation)
{
    struct s2 s2 = fresh(2); /* root and one more */
    EXPECT_EQ(ERR_NO_MEMORY, s2_map(&s2, (ipa_t){ 0x1000 }, (pa_t){ 0x1000 }, 0x1000, S2_MEM_RW));
    EXPECT_EQ(UINT64_MAX, translate(&s2, 0x1000));
}

TEST(stage2, leaves_carry_the_permissions_that_were_asked_for)
{
    static const struct {
        enum s2_prot prot;
        uint64_t set, clear; /* S2AP 6:7, XN 54, MemAttr 5:2 */
    } rows[] = {
        { S2_MEM_RO, BIT(54) | BIT(6) | 0x3c, BIT(7) },
        { S2_MEM_RW, BIT(54) | BIT(6) | BIT(7) | 0x3c, 0 },
        { S2_MEM_RX, BIT(6) | 0x3c, BIT(7) | BIT(54) },
        { S2_MEM_RWX, BIT(6) | BIT(7) | 0x3c, BIT(54) },
        { S2_DEVICE_RW, BIT(54) | BIT(6) | BIT(7) | 0x04, 0x38 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        struct s2 s2 = fresh(TABLES);
        EXPECT_EQ(OK, s2_map(&s2, (ipa_t){ 0 }, (pa_t){ GIB(1) }, GIB(1), rows[i].prot));
        EXPECT_EQ(rows[i].set, s2.root[0] & rows[i].set);
        EXPECT_EQ(0, s2.root[0] & rows[i].clear);
        EXPECT_EQ(BIT(10), s2.root[0] & BIT(10));
    }
}

TEST(stage2, memory_is_found_only_within_one_mapping_and_with_its_permission)
{
    struct s2 s2 = fresh(TABLES);
    EXPECT_EQ(OK, s2_map(&s2, (ipa_t){ 0x10000000 }, (pa_t){ 0x7fe00000 }, 0x4000, S2_MEM_RX));
    EXPECT_EQ(OK, s2_map(&s2, (ipa_t){ 0x10004000 }, (pa_t){ 0x7fe04000 }, 0x1000, S2_MEM_RO));
    EXPECT_EQ(OK, s2_map(&s2, (ipa_t){ 0x10005000 }, (pa_t){ 0x7fe05000 }, 0x3000, S2_MEM_RW));
    EXPECT_EQ(OK, s2_map(&s2, (ipa_t){ 0x02000000 }, (pa_t){ 0x10000000 }, 0x1000, S2_DEVICE_RW));
    EXPECT_EQ(OK, s2_map(&s2, (ipa_t){ 0x40000000 }, (pa_t){ 0x40000000 }, 0x1000, S2_MEM_RWX));
    static const struct {
        uint64_t ipa, size_bytes;
        bool is_write;
        err_t want;
        uint64_t pa;
    } row[] = {
        { 0x10000000, 0x4000, false, OK, 0x7fe00000 },
        { 0x10000000, 4, true, ERR_RIGHTS, 0 }, /* code */
        { 0x10004ffc, 4, false, OK, 0x7fe04ffc },
        { 0x10004ffc, 4, true, ERR_RIGHTS, 0 },
        { 0x10005000, 0x3000, true, OK, 0x7fe05000 },
        { 0x10005000, 0x3001, true, ERR_RANGE, 0 },
        { 0x10004fff, 2, false, ERR_RANGE, 0 }, /* two mappings */
        { 0x10007fff, 1, true, OK, 0x7fe07fff },
        { 0x10008000, 1, true, ERR_RANGE, 0 },
        { 0x0fffffff, 2, false, ERR_RANGE, 0 },
        { 0x10005000, 0, true, ERR_RANGE, 0 },
        { 0x10005000, UINT64_MAX, true, ERR_RANGE, 0 },
        { UINT64_MAX, 2, false, ERR_RANGE, 0 },
        { 0x02000000, 4, false, ERR_RIGHTS, 0 }, /* a device */
        { 0x02000000, 4, true, ERR_RIGHTS, 0 },
        { 0x40000ff0, 16, true, OK, 0x40000ff0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        test_row((int64_t)i);
        pa_t pa = { 0 };
        EXPECT_EQ(row[i].want,
                  s2_memory(&s2, (ipa_t){ row[i].ipa }, row[i].size_bytes, row[i].is_write, &pa));
        if (row[i].want == OK) EXPECT_EQ(row[i].pa, pa.raw);
    }
}

TEST(stage2, a_mapping_that_failed_is_not_remembered_and_the_list_has_an_end)
{
    struct s2 s2 = fresh(3);
    pa_t pa;
    EXPECT_EQ(OK, s2_map(&s2, (ipa_t){ 0x10000000 }, (pa_t){ 0x1000 }, 0x1000, S2_MEM_RW));
    EXPECT_EQ(ERR_NO_MEMORY,
              s2_map(&s2, (ipa_t){ 0x50000000 }, (pa_t){ 0x2000 }, 0x1000, S2_MEM_RW));
    EXPECT_EQ(ERR_EXISTS, s2_map(&s2, (ipa_t){ 0x10000000 }, (pa_t){ 0 }, 0x2000, S2_MEM_RW));
    EXPECT_EQ(ERR_RANGE, s2_memory(&s2, (ipa_t){ 0x50000000 }, 4, false, &pa));
    EXPECT_EQ(ERR_RANGE, s2_memory(&s2, (ipa_t){ 0x10001000 }, 4, false, &pa));
    for (uint64_t i = 1; i < S2_RANGE_MAX; i++) {
        EXPECT_EQ(OK, s2_map(&s2, (ipa_t){ 0x10000000 + i * 0x1000 }, (pa_t){ 0x1000 }, 0x1000,
                             S2_MEM_RO));
    }
    EXPECT_EQ(ERR_NO_MEMORY,
              s2_map(&s2, (ipa_t){ 0x10100000 }, (pa_t){ 0x1000 }, 0x1000, S2_MEM_RO));
}
