/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Ranges that cannot wrap, bit fields as manuals print them. */
#include "lib/test.h"

TEST(base, range_is_inside_refuses_every_way_out)
{
    static const struct {
        uint64_t start, size, first, end;
        bool want;
    } rows[] = {
        { 0, 1, 0, 1, true },
        { 0, 0, 0, 1, false },                      /* empty */
        { 1, 1, 0, 1, false },                      /* starts at the end */
        { 0, 2, 0, 1, false },                      /* ends past the end */
        { 4, 4, 5, 100, false },                    /* starts before the start */
        { UINT64_MAX, 2, 0, UINT64_MAX, false },    /* wraps */
        { 8, UINT64_MAX - 4, 0, 100, false },       /* wraps to inside */
        { UINT64_MAX - 1, 1, 0, UINT64_MAX, true }, /* the last byte there is */
        { 50, 50, 50, 100, true },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(rows[i].want,
                  range_is_inside(rows[i].start, rows[i].size, rows[i].first, rows[i].end));
    }
}

TEST(base, ranges_overlap_by_a_byte)
{
    EXPECT_TRUE(ranges_overlap(0, 2, 1, 1));
    EXPECT_FALSE(ranges_overlap(0, 1, 1, 1));
    EXPECT_FALSE(ranges_overlap(1, 1, 0, 1));
    EXPECT_TRUE(ranges_overlap(5, 1, 0, 100));
}

TEST(base, bit_fields_match_values_written_by_hand)
{
    EXPECT_EQ(0x3f, BITS(5, 0));
    EXPECT_EQ(0xc0, BITS(7, 6));
    EXPECT_EQ(UINT64_MAX, BITS(63, 0));
    EXPECT_EQ(0x40, FIELD(BITS(7, 6), 1));
    EXPECT_EQ(3, FIELD_OF(BITS(7, 6), 0xff));
    EXPECT_EQ(UINT64_C(1) << 63, BIT(63));
    EXPECT_EQ(0x2000, ALIGN_UP(0x1001, 0x1000));
    EXPECT_EQ(0x1000, ALIGN_DOWN(0x1fff, 0x1000));
}

static void fails(void *arg)
{
    CHECK(arg == NULL);
}

TEST(base, check_stops_our_own_bugs)
{
    int thing = 0;
    EXPECT_TRUE(test_panics(fails, &thing));
    EXPECT_FALSE(test_panics(fails, NULL));
}
