/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Main's RAM at boot. The kernel's image is left out of the direct map, so its code has no writable alias. */
#include "kernel/memory.h"

#include "kernel/aarch64/early.h"
#include "kernel/aarch64/offsets.h"
#include "kernel/aarch64/pagetable.h"
#include "kernel/arch.h"
#include "kernel/log.h"
#include "kernel/page.h"

#define DIRECT_BYTES GIB(256)
/* Tables of the direct map come from here, before there is a page pool: some for each range, mostly 2 MiB blocks. */
#define EARLY_PAGES 32

static char early_pool[EARLY_PAGES][PAGE_SIZE] __attribute__((aligned(4096), section(".noinit")));

bool memory_bootinfo_is_sane(const struct bootinfo *boot)
{
    return boot->magic == BOOTINFO_MAGIC && boot->version == BOOTINFO_VERSION &&
           boot->size_bytes == sizeof(*boot) && boot->range_count <= BOOT_RANGE_MAX &&
           boot->device_count <= BOOT_DEVICE_MAX && boot->link_count <= LINK_MAX;
}

/* The hole that reaches into [at, end) first, or NULL. */
static const struct memory_span *next_hole(uint64_t at, uint64_t end,
                                           const struct memory_span *holes, size_t hole_count)
{
    const struct memory_span *first = NULL;
    for (size_t i = 0; i < hole_count; i++) {
        const struct memory_span *h = &holes[i];
        if (h->start >= h->end || h->end <= at || h->start >= end) continue;
        if (!first || h->start < first->start) first = h;
    }
    return first;
}

void memory_cut(struct memory_span whole, const struct memory_span *holes, size_t hole_count,
                void (*take)(struct memory_span part))
{
    uint64_t at = ALIGN_UP(whole.start, PAGE_SIZE), end = ALIGN_DOWN(whole.end, PAGE_SIZE);
    while (at < end) {
        const struct memory_span *hole = next_hole(at, end, holes, hole_count);
        uint64_t stop = hole ? MAX(hole->start, at) : end;
        if (stop > at) take((struct memory_span){ at, stop });
        if (!hole) return;
        at = hole->end;
    }
}

static struct memory_span span_of(uint64_t start, uint64_t size_bytes)
{
    return (struct memory_span){ ALIGN_DOWN(start, PAGE_SIZE),
                                 ALIGN_UP(start + size_bytes, PAGE_SIZE) };
}

static void map_part(struct memory_span part)
{
    struct pt_range range = { .root = kernel_root,
                              .va = DIRECT_VA + part.start,
                              .size_bytes = part.end - part.start,
                              .pa = { part.start },
                              .attributes = PT_NORMAL | PT_NO_EXEC };
    CHECK(pt_map(&range) == OK);
}

static void pool_part(struct memory_span part)
{
    page_pool_add((pa_t){ part.start }, (pa_t){ part.end });
}

static void each_range(const struct bootinfo *boot, const struct memory_span *holes,
                       size_t hole_count, void (*take)(struct memory_span part))
{
    for (uint32_t i = 0; i < boot->range_count; i++) {
        const struct boot_range *r = &boot->range[i];
        if (!range_is_inside(r->ipa, r->size_bytes, 0, DIRECT_BYTES)) {
            klog("kernel: memory at 0x%lx is out of reach and left unused\n", r->ipa);
            continue;
        }
        memory_cut((struct memory_span){ r->ipa, r->ipa + r->size_bytes }, holes, hole_count, take);
    }
}

void memory_start(const struct bootinfo *boot, uint64_t bootinfo_pa)
{
    const struct memory_span hole[] = {
        span_of(boot->image_ipa, boot->image_bytes),
        span_of(early_image_pa(), boot->image_bytes),
        span_of(bootinfo_pa, sizeof(struct bootinfo)),
        span_of(boot->pack_ipa, boot->pack_bytes),
        span_of(boot->manifest_ipa, boot->manifest_bytes),
        span_of(boot->fdt_ipa, boot->fdt_bytes),
    };
    STATIC_ASSERT(ARRAY_COUNT(hole) <= MEMORY_HOLE_MAX, "holes of this kernel");
    for (size_t i = 0; i < EARLY_PAGES; i++) page_give(early_pool[i]);
    each_range(boot, hole, 2, map_part);
    arch_table_publish();
    each_range(boot, hole, ARRAY_COUNT(hole), pool_part);
}
