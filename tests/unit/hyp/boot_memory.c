/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who gets which RAM: nothing is given twice, main gets the rest. */
// LINK: hyp/boot_memory.c
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "hyp/aarch64/mmu.h"
#include "hyp/boot.h"
#include "hyp/console.h"
#include "lib/test.h"

#define RAM GIB(1)
static uint64_t image_at = RAM + MIB(2);

struct pa_range mmu_image(void)
{
    return (struct pa_range){ { image_at }, MIB(1) };
}

static jmp_buf refused;
void boot_refuse(const char *fmt, ...)
{
    (void)fmt;
    longjmp(refused, 1);
}

static struct boot b;
static void start(uint64_t ram_bytes)
{
    memset(&b, 0, sizeof b);
    b.platform.ram_count = 1;
    b.platform.ram[0] = (struct pa_range){ { RAM }, ram_bytes };
    b.platform.initrd = (struct pa_range){ { RAM + MIB(128) }, MIB(3) + 17 };
    b.tree.start = (const uint8_t *)(uintptr_t)(RAM + MIB(132));
    b.tree.total_bytes = MIB(1);
    b.platform.reserved_count = 1;
    b.platform.reserved[0] = (struct pa_range){ { RAM + MIB(140) + 5 }, 100 };
    boot_memory_start(&b);
}

static uint64_t main_bytes(struct boot_range out[BOOT_RANGE_MAX], uint32_t n)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < n; i++) total += out[i].size_bytes;
    return total;
}

TEST(boot_memory, ranges_are_aligned_apart_and_inside_ram)
{
    static uint64_t starts[20];
    start(MIB(256));
    for (uint32_t i = 0; i < ARRAY_COUNT(starts); i++) {
        struct pa_range r = boot_memory_take(MIB(4), MIB(2), false);
        starts[i] = r.start.raw;
        EXPECT_EQ(MIB(4), r.size_bytes);
        EXPECT_EQ(0, r.start.raw & (MIB(2) - 1));
        EXPECT_TRUE(range_is_inside(r.start.raw, MIB(4), RAM, RAM + MIB(256)));
        EXPECT_FALSE(ranges_overlap(r.start.raw, MIB(4), RAM + MIB(128), MIB(3) + 17));
        EXPECT_FALSE(ranges_overlap(r.start.raw, MIB(4), RAM + MIB(132), MIB(1)));
        EXPECT_FALSE(ranges_overlap(r.start.raw, MIB(4), RAM + MIB(140), PAGE_SIZE));
        EXPECT_FALSE(ranges_overlap(r.start.raw, MIB(4), image_at, MIB(1)));
        for (uint32_t k = 0; k < i; k++)
            EXPECT_FALSE(ranges_overlap(r.start.raw, MIB(4), starts[k], MIB(4)));
    }
}

TEST(boot_memory, what_does_not_fit_is_refused_with_size_zero)
{
    start(MIB(256));
    EXPECT_EQ(0, boot_memory_take(MIB(512), MIB(2), false).size_bytes);
    EXPECT_EQ(0, boot_memory_take(UINT64_MAX - MIB(2), MIB(2), false).size_bytes);
}

TEST(boot_memory, main_gets_all_but_what_others_own)
{
    struct boot_range out[BOOT_RANGE_MAX];
    start(MIB(256));
    struct pa_range theirs = boot_memory_take(MIB(2), MIB(2), false);
    struct pa_range mine = boot_memory_take(MIB(2), MIB(2), true);
    uint32_t n = boot_memory_main(&b, mine.start, out);
    EXPECT_EQ(MIB(256) - MIB(1) - PAGE_SIZE - MIB(2), main_bytes(out, n));
    EXPECT_EQ(MIB(256) - main_bytes(out, n), boot_memory_el2());
    EXPECT_TRUE(mine.start.raw - out[0].ipa < out[0].size_bytes); /* [0] holds the image */
    for (uint32_t i = 0; i < n; i++) {
        EXPECT_FALSE(
                ranges_overlap(out[i].ipa, out[i].size_bytes, theirs.start.raw, theirs.size_bytes));
        EXPECT_FALSE(ranges_overlap(out[i].ipa, out[i].size_bytes, image_at, MIB(1)));
        EXPECT_EQ(0, (out[i].ipa | out[i].size_bytes) & (PAGE_SIZE - 1));
    }
}

TEST(boot_memory, nothing_is_taken_above_four_gib)
{
    struct boot_range out[BOOT_RANGE_MAX];
    start(GIB(6));
    struct pa_range r = boot_memory_take(MIB(2), MIB(2), false);
    EXPECT_EQ(GIB(4) - MIB(2), r.start.raw);
    EXPECT_EQ(GIB(6) - MIB(3) - PAGE_SIZE,
              main_bytes(out, boot_memory_main(&b, (pa_t){ RAM }, out)));
}
