/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The registers of the emulated GIC, one row each (IHI 0069, one security state, affinity routing); what is reserved is RAZ/WI. */
// LINK: hyp/vgic.c hyp/vgic_mmio.c tests/fake/gic.c
#include <string.h>

#include "lib/test.h"
#include "tests/fake/gic.h"

static struct domain domain;

#define LINE            36 /* linked to physical 136 */
#define SOFT            48
#define GICR(k, offset) ((uint64_t)(k)*VGIC_GICR_BYTES + (offset))
#define SGI_FRAME       0x10000

static void start(uint32_t vcpu_count)
{
    fg_start(&domain, vcpu_count);
    vgic_allow(&domain.vcpu[0], LINE, false, 136);
    fg.line[136].to = &domain.vcpu[0];
    fg.line[136].vintid = LINE;
    vgic_allow(&domain.vcpu[0], SOFT, true, 0);
    for (uint32_t k = 0; k < vcpu_count; k++) {
        for (uint32_t i = 0; i < 16; i++) vgic_allow(&domain.vcpu[k], i, true, 0);
        vgic_allow(&domain.vcpu[k], 27, false, 27);
        vgic_reset(&domain.vcpu[k]);
        fg_switch(k, &domain.vcpu[k]);
        fg_visit(k);
    }
}

static uint64_t get(bool is_dist, uint64_t offset, uint32_t size_bytes)
{
    uint64_t value = 0xdeadbeefdeadbeef;
    vgic_access(&domain.vcpu[0], is_dist, offset, false, size_bytes, &value);
    fg_visit(0);
    return value;
}

static void put(bool is_dist, uint64_t offset, uint32_t size_bytes, uint64_t value)
{
    vgic_access(&domain.vcpu[0], is_dist, offset, true, size_bytes, &value);
    fg_visit(0);
}

struct row {
    bool is_dist;
    uint64_t offset;
    uint32_t size_bytes;
    uint64_t want;
};

static void expect_reads(const struct row *row, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        test_row((int64_t)i);
        EXPECT_EQ(row[i].want, get(row[i].is_dist, row[i].offset, row[i].size_bytes));
    }
}

TEST(vgic_mmio, identification_registers_name_a_gicv3_with_288_interrupts)
{
    start(1);
    static const struct row rows[] = {
        { true, 0x0000, 4, 0x50 },  { true, 0x0004, 4, 0x480008 }, { true, 0x0008, 4, 0x5a00043b },
        { true, 0xffe8, 4, 0x3b },  { false, 0x0000, 4, 0 },       { false, 0x0004, 4, 0x5a00043b },
        { false, 0xffe8, 4, 0x3b }, { false, 0x0008, 8, 0x10 },    { false, 0x0008, 4, 0x10 },
        { false, 0x000c, 4, 0 },    { false, 0x0014, 4, 6 },
    };
    expect_reads(rows, ARRAY_COUNT(rows));
}

TEST(vgic_mmio, each_vcpu_has_a_redistributor_and_the_last_says_so)
{
    for (uint32_t count = 1; count <= VCPU_MAX; count++) {
        start(count);
        for (uint32_t k = 0; k < count; k++) {
            test_row(k);
            uint64_t want = (uint64_t)k << 32 | k << 8 | (k + 1 == count ? 0x10 : 0);
            EXPECT_EQ(want, get(false, GICR(k, 8), 8));
            EXPECT_EQ(want & UINT32_MAX, get(false, GICR(k, 8), 4));
            EXPECT_EQ(want >> 32, get(false, GICR(k, 12), 4));
        }
        EXPECT_EQ(0, get(false, GICR(count, 8), 8)); /* nobody's frame */
        EXPECT_EQ(0, get(false, GICR(count, 0xffe8), 4));
        EXPECT_EQ(0, get(false, UINT64_MAX - 7, 4));
    }
}

TEST(vgic_mmio, identification_registers_cannot_be_written)
{
    start(1);
    static const struct row rows[] = {
        { true, 4, 4, 0x480008 }, { true, 8, 4, 0x5a00043b }, { true, 0xffe8, 4, 0x3b },
        { false, 8, 8, 0x10 },    { false, 0xffe8, 4, 0x3b },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        put(rows[i].is_dist, rows[i].offset, rows[i].size_bytes, UINT64_MAX);
    }
    expect_reads(rows, ARRAY_COUNT(rows));
}

TEST(vgic_mmio, ctlr_keeps_the_group_enables_and_shows_are_and_ds)
{
    start(1);
    for (uint32_t value = 0; value < 4; value++) {
        put(true, 0, 4, value | 0xffffffac);
        EXPECT_EQ(value | 0x50, get(true, 0, 4));
    }
}

TEST(vgic_mmio, children_of_a_redistributor_wake_and_sleep_with_it)
{
    start(2);
    put(false, GICR(1, 0x14), 4, 0);
    EXPECT_EQ(0, get(false, GICR(1, 0x14), 4));
    EXPECT_EQ(6, get(false, GICR(0, 0x14), 4));
    put(false, GICR(1, 0x14), 4, 2);
    EXPECT_EQ(6, get(false, GICR(1, 0x14), 4));
}

TEST(vgic_mmio, bitmaps_show_and_take_owned_interrupts_only)
{
    static const struct {
        uint64_t set, clear;
    } rows[] = { { 0x100, 0x180 }, { 0x200, 0x280 }, { 0x300, 0x380 } };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        start(1);
        for (uint32_t w = 0; w < 32; w++) {
            put(true, rows[i].set + 4 * w, 4, UINT32_MAX);
            if (w) continue;
            put(false, SGI_FRAME + rows[i].set, 4, UINT32_MAX);
        }
        uint64_t own = BIT(LINE - 32) | BIT(SOFT - 32);
        EXPECT_EQ(own, get(true, rows[i].set + 4, 4));
        EXPECT_EQ(own, get(true, rows[i].clear + 4, 4));
        EXPECT_EQ(0x800ffff, get(false, SGI_FRAME + rows[i].set, 4));
        EXPECT_EQ(0, get(true, rows[i].set, 4)); /* word 0 is the redistributor's */
        EXPECT_EQ(0, get(false, SGI_FRAME + rows[i].set + 4, 4)); /* and the rest is not */
        for (uint32_t w = 2; w < 32; w++) EXPECT_EQ(0, get(true, rows[i].set + 4 * w, 4));
        put(true, rows[i].clear + 4, 4, BIT(SOFT - 32));
        EXPECT_EQ(BIT(LINE - 32), get(true, rows[i].set + 4, 4));
    }
}

TEST(vgic_mmio, group_bits_of_owned_interrupts_can_be_changed)
{
    start(1);
    EXPECT_EQ(BIT(LINE - 32) | BIT(SOFT - 32), get(true, 0x84, 4));
    put(true, 0x84, 4, BIT(SOFT - 32) | 1);
    EXPECT_EQ(BIT(SOFT - 32), get(true, 0x84, 4));
    put(true, 0x84, 4, 0);
    EXPECT_EQ(0, get(true, 0x84, 4));
}

TEST(vgic_mmio, priorities_have_five_bits_and_come_in_bytes_halves_and_words)
{
    start(1);
    put(true, 0x400 + LINE, 4, 0xffffffff);
    EXPECT_EQ(0xf8, get(true, 0x400 + LINE, 4)); /* 37..39 are foreign */
    EXPECT_EQ(0xf8, get(true, 0x400 + LINE, 1));
    EXPECT_EQ(0xf8, get(true, 0x400 + LINE, 2));
    EXPECT_EQ(0, get(true, 0x400 + LINE + 1, 1));
    EXPECT_EQ(0, get(true, 0x400 + LINE, 8)); /* no such access */
    put(true, 0x400 + SOFT, 1, 0xa7);
    EXPECT_EQ(0xa0, get(true, 0x400 + SOFT, 1));
    put(false, SGI_FRAME + 0x404, 4, 0x10203040);
    EXPECT_EQ(0x10203040, get(false, SGI_FRAME + 0x404, 4));
    put(false, SGI_FRAME + 0x400 + LINE, 4, 0); /* not in this frame */
    EXPECT_EQ(0xf8, get(true, 0x400 + LINE, 1));
    put(true, 0x404, 4, 0);
    EXPECT_EQ(0x10203040, get(false, SGI_FRAME + 0x404, 4));
}

TEST(vgic_mmio, triggers_of_sgis_ppis_and_physical_lines_are_fixed)
{
    start(1);
    EXPECT_EQ(0xaaaaaaaa, get(false, SGI_FRAME + 0xc00, 4));
    EXPECT_EQ(0, get(false, SGI_FRAME + 0xc04, 4));
    put(false, SGI_FRAME + 0xc00, 4, 0);
    put(false, SGI_FRAME + 0xc04, 4, UINT32_MAX);
    put(true, 0xc00 + LINE / 16 * 4, 4, UINT32_MAX);
    EXPECT_EQ(0xaaaaaaaa, get(false, SGI_FRAME + 0xc00, 4));
    EXPECT_EQ(0, get(false, SGI_FRAME + 0xc04, 4));
    EXPECT_EQ(0, get(true, 0xc00 + LINE / 16 * 4, 4));
    EXPECT_EQ(2, get(true, 0xc00 + SOFT / 16 * 4, 4));
    put(true, 0xc00 + SOFT / 16 * 4, 4, 0xfffffffc);
    EXPECT_EQ(0, get(true, 0xc00 + SOFT / 16 * 4, 4));
}

TEST(vgic_mmio, routers_take_words_and_doublewords_of_owned_spis)
{
    start(4);
    uint64_t at = 0x6000 + SOFT * 8;
    put(true, at, 8, 3);
    EXPECT_EQ(3, get(true, at, 8));
    put(true, at, 4, 2);
    put(true, at + 4, 4, UINT32_MAX); /* Aff3 is 0 here */
    EXPECT_EQ(2, get(true, at, 8));
    EXPECT_EQ(0, get(true, at + 4, 4));
    put(true, at, 8, BIT(31) | 1);
    EXPECT_EQ(BIT(31), get(true, at, 8));
    put(true, at, 8, BIT(32)); /* Aff3 = 1: nobody */
    EXPECT_EQ(0xff, get(true, at, 8));
    EXPECT_EQ(0, get(true, at, 1));
    EXPECT_EQ(0, get(true, at, 2));
    static const uint32_t foreign[] = { 0, 31, 32, 37, 287, 288, 1019, 1023 };
    for (size_t i = 0; i < ARRAY_COUNT(foreign); i++) {
        test_row(foreign[i]);
        put(true, 0x6000 + 8 * foreign[i], 8, 1);
        EXPECT_EQ(0, get(true, 0x6000 + 8 * foreign[i], 8));
    }
}

TEST(vgic_mmio, wrong_sizes_and_misalignment_read_zero_and_ignore_writes)
{
    start(1);
    put(true, 0x104, 4, UINT32_MAX);
    static const struct row rows[] = {
        { true, 0x0, 1, 0 },
        { true, 0x4, 2, 0 },
        { true, 0x0, 8, 0 },
        { true, 0x105, 1, 0 },
        { true, 0x104, 1, 0 },
        { true, 0x104, 2, 0 },
        { true, 0x100, 8, 0 },
        { true, 0x106, 4, 0 },
        { true, 0x2, 4, 0 },
        { true, 0xffe8, 8, 0 },
        { true, 0xffe8, 1, 0 },
        { true, 0xc0c, 1, 0 },
        { false, 0x4, 1, 0 },
        { false, 0xa, 4, 0 },
        { false, 0x14, 8, 0 },
        { false, 0x14, 2, 0 },
        { false, 0xc, 8, 0 },
        { true, 0x421, 2, 0 },
        { false, 0xffe8, 2, 0 },
        { false, 0x8, 2, 0 },
        { false, SGI_FRAME + 0x100, 8, 0 },
        { false, SGI_FRAME + 0x100, 2, 0 },
    };
    struct domain before = domain;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        put(rows[i].is_dist, rows[i].offset, rows[i].size_bytes, UINT64_MAX);
        EXPECT_EQ(0, get(rows[i].is_dist, rows[i].offset, rows[i].size_bytes));
    }
    EXPECT_EQ(0, memcmp(&before, &domain, sizeof before));
}

TEST(vgic_mmio, reserved_and_secure_registers_read_zero_and_ignore_writes)
{
    start(1);
    static const uint64_t dist[] = { 0xc,    0x10,   0x40,   0x48,   0x50,    0x58,      0x7c,
                                     0x80,   0x100,  0x400,  0x800,  0xa20,   0xd04,     0xe04,
                                     0xf00,  0xf10,  0xf20,  0xfff8, 0x1000,  0x3000,    0x5ffc,
                                     0x8000, 0xc000, 0xffd0, 0xfffc, 0x10000, 0xfffffff0 };
    static const uint64_t redist[] = { 0x0,     0x10,    0x40,    0x70,    0x78,    0xa0,
                                       0xb0,    0xc0,    0x100,   0xfff0,  0x10000, 0x10004,
                                       0x10084, 0x10104, 0x10420, 0x10800, 0x10c08, 0x10d00,
                                       0x10e00, 0x11000, 0x1fffc };
    struct domain before = domain;
    for (size_t i = 0; i < ARRAY_COUNT(dist); i++) {
        test_row((int64_t)i);
        put(true, dist[i], 4, UINT32_MAX);
        EXPECT_EQ(0, get(true, dist[i], 4));
    }
    for (size_t i = 0; i < ARRAY_COUNT(redist); i++) {
        test_row((int64_t)i);
        put(false, redist[i], 4, UINT32_MAX);
        EXPECT_EQ(0, get(false, redist[i], 4));
    }
    EXPECT_EQ(0, memcmp(&before, &domain, sizeof before));
}

TEST(vgic_mmio, no_access_whatever_reaches_a_foreign_line)
{
    start(2);
    for (uint64_t offset = 0; offset < 0x60000;
         offset += 1 + (offset > 0x1100 && offset % 64 == 8) * 37) {
        for (uint32_t size_bytes = 1; size_bytes <= 8; size_bytes *= 2) {
            if (offset < 0x10000) put(true, offset, size_bytes, offset * 0x9e3779b97f4a7c15);
            if (offset % 7 == 0) put(false, offset, size_bytes, offset * 0x9e3779b97f4a7c15);
            if (offset % 5 == 0) (void)get(offset % 2, offset, size_bytes);
        }
    }
    for (uint32_t i = 0; i < FG_LINES; i++) {
        test_row(i);
        EXPECT_TRUE(i == 136 || fg.line[i].touched == 0);
    }
    for (uint32_t w = 0; w + 1 < VGIC_WORDS; w++) {
        const struct vgic_word *p = &domain.dist.spi[w];
        EXPECT_EQ(0, (p->enabled | p->pending | p->active) & ~p->allowed);
    }
}
