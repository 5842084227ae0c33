/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Cutting RAM around what lies in it; judging bootinfo. */
// LINK: kernel/memory.c kernel/aarch64/pagetable.c kernel/page.c kernel/slab.c kernel/log.c lib/format.c lib/string.c
#include "kernel/memory.h"

#include "kernel/aarch64/early.h"
#include "kernel/arch.h"
#include "kernel/lastwords.h"
#include "lib/test.h"

/* memory_start is not run here; these only satisfy the linker. */
uint64_t kernel_root[512];
uint64_t early_image_pa(void)
{
    return 0;
}
void *arch_ptr(pa_t pa)
{
    return (void *)(uintptr_t)pa.raw;
}
pa_t arch_pa(const void *ptr)
{
    return (pa_t){ (uintptr_t)ptr };
}
void arch_page_zero(void *page)
{
    (void)page;
}
void arch_table_publish(void)
{
}
void arch_hvc(struct hvc_regs *regs)
{
    (void)regs;
}
void lastwords_write(const char *text)
{
    (void)text;
}
_Noreturn void arch_halt(void)
{
    __builtin_trap();
}

static struct memory_span got[8];
static size_t got_count;

static void note(struct memory_span part)
{
    if (got_count < ARRAY_COUNT(got)) got[got_count] = part;
    got_count++;
}

TEST(memory, parts_lie_between_the_holes)
{
    const struct memory_span hole[] = {
        { 0x9000, 0xa000 }, { 0x3000, 0x5000 }, { 0x4000, 0x6000 }, { 0x20000, 0x30000 }, { 0, 0 }
    };
    got_count = 0;
    memory_cut((struct memory_span){ 0x1000, 0x10000 }, hole, ARRAY_COUNT(hole), note);
    REQUIRE_EQ(3, got_count);
    EXPECT_EQ(0x1000, got[0].start);
    EXPECT_EQ(0x3000, got[0].end);
    EXPECT_EQ(0x6000, got[1].start);
    EXPECT_EQ(0x9000, got[1].end);
    EXPECT_EQ(0xa000, got[2].start);
    EXPECT_EQ(0x10000, got[2].end);
}

TEST(memory, holes_at_the_edges_and_around)
{
    const struct memory_span edges[] = { { 0, 0x2000 }, { 0x8000, 0x20000 } };
    got_count = 0;
    memory_cut((struct memory_span){ 0x1000, 0x10000 }, edges, 2, note);
    REQUIRE_EQ(1, got_count);
    EXPECT_EQ(0x2000, got[0].start);
    EXPECT_EQ(0x8000, got[0].end);
    const struct memory_span all = { 0, UINT64_C(1) << 40 };
    got_count = 0;
    memory_cut((struct memory_span){ 0x1000, 0x10000 }, &all, 1, note);
    EXPECT_EQ(0, got_count);
    memory_cut((struct memory_span){ 0x1001, 0x1fff }, NULL, 0, note);
    EXPECT_EQ(0, got_count); /* not one whole page */
}

TEST(memory, bootinfo_of_another_kind_is_refused)
{
    struct bootinfo good = { .magic = BOOTINFO_MAGIC,
                             .version = BOOTINFO_VERSION,
                             .size_bytes = sizeof(struct bootinfo) };
    EXPECT_TRUE(memory_bootinfo_is_sane(&good));
    struct bootinfo b = good;
    b.magic++;
    EXPECT_FALSE(memory_bootinfo_is_sane(&b));
    b = good;
    b.version++;
    EXPECT_FALSE(memory_bootinfo_is_sane(&b));
    b = good;
    b.size_bytes--;
    EXPECT_FALSE(memory_bootinfo_is_sane(&b));
    b = good;
    b.range_count = BOOT_RANGE_MAX + 1;
    EXPECT_FALSE(memory_bootinfo_is_sane(&b));
    b = good;
    b.device_count = BOOT_DEVICE_MAX + 1;
    EXPECT_FALSE(memory_bootinfo_is_sane(&b));
    b = good;
    b.link_count = LINK_MAX + 1;
    EXPECT_FALSE(memory_bootinfo_is_sane(&b));
}
