/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who gets which RAM: a list of taken ranges, filled from the top of memory downwards. Boot only. */
#include "hyp/aarch64/mmu.h"
#include "hyp/boot.h"
#include "hyp/console.h"

#define TAKEN_MAX 64
static struct {
    struct {
        uint64_t start, end;
        bool main; /* in main's memory all the same */
    } range[TAKEN_MAX];
    uint32_t count;
    const struct boot *b;
} taken;

static void take(uint64_t start, uint64_t end, bool for_main)
{
    if (taken.count == TAKEN_MAX) {
        boot_refuse("hyp: more than %d memory ranges: the manifest has too many parts", TAKEN_MAX);
    }
    taken.range[taken.count].start = start;
    taken.range[taken.count].end = end;
    taken.range[taken.count++].main = for_main;
}

void boot_memory_start(const struct boot *b)
{
    taken.b = b;
    taken.count = 0;
    struct pa_range image = mmu_image();
    take(ALIGN_DOWN(image.start.raw, PAGE_SIZE),
         ALIGN_UP(image.start.raw + image.size_bytes, PAGE_SIZE), false);
    const struct platform *p = &b->platform;
    for (uint32_t i = 0; i < p->reserved_count; i++) {
        uint64_t start = p->reserved[i].start.raw;
        take(ALIGN_DOWN(start, PAGE_SIZE), ALIGN_UP(start + p->reserved[i].size_bytes, PAGE_SIZE),
             false);
    }
    uint64_t initrd = p->initrd.start.raw, fdt = (uint64_t)(uintptr_t)b->tree.start;
    take(ALIGN_DOWN(initrd, PAGE_SIZE), ALIGN_UP(initrd + p->initrd.size_bytes, PAGE_SIZE), true);
    take(ALIGN_DOWN(fdt, PAGE_SIZE), ALIGN_UP(fdt + b->tree.total_bytes, PAGE_SIZE), true);
}

/* The lowest taken range that overlaps [start, end), or -1. */
static int overlap_of(uint64_t start, uint64_t end)
{
    int found = -1;
    for (uint32_t i = 0; i < taken.count; i++) {
        if (taken.range[i].start >= end || taken.range[i].end <= start) continue;
        if (found < 0 || taken.range[i].start < taken.range[found].start) found = (int)i;
    }
    return found;
}

struct pa_range boot_memory_take(uint64_t size_bytes, uint64_t align_bytes, bool for_main)
{
    const struct platform *p = &taken.b->platform;
    for (uint32_t r = p->ram_count; r-- > 0;) {
        uint64_t start = p->ram[r].start.raw, end = MIN(start + p->ram[r].size_bytes, GIB(4));
        while (end > start && size_bytes <= end - start) {
            uint64_t at = ALIGN_DOWN(end - size_bytes, align_bytes);
            if (at < start) break;
            int other = overlap_of(at, at + size_bytes);
            if (other < 0) {
                take(at, at + size_bytes, for_main);
                return (struct pa_range){ { at }, size_bytes };
            }
            end = taken.range[other].start;
        }
    }
    return (struct pa_range){ { 0 }, 0 };
}

uint64_t boot_memory_el2(void)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < taken.count; i++) {
        if (!taken.range[i].main) total += taken.range[i].end - taken.range[i].start;
    }
    return total;
}

/* The end of the free stretch that begins at `at`: the next range that is not main's. */
static uint64_t stretch_end(uint64_t at, uint64_t end)
{
    for (uint32_t i = 0; i < taken.count; i++) {
        if (!taken.range[i].main && taken.range[i].start >= at) {
            end = MIN(end, taken.range[i].start);
        }
    }
    return end;
}

/* Moves past ranges that are not main's. */
static uint64_t stretch_start(uint64_t at)
{
    for (uint32_t i = 0; i < taken.count; i++) {
        if (taken.range[i].main || at < taken.range[i].start || at >= taken.range[i].end) continue;
        at = taken.range[i].end;
        i = UINT32_MAX; /* look again from the first */
    }
    return at;
}

uint32_t boot_memory_main(const struct boot *b, pa_t first, struct boot_range out[BOOT_RANGE_MAX])
{
    uint32_t n = 0;
    for (uint32_t r = 0; r < b->platform.ram_count; r++) {
        uint64_t end = b->platform.ram[r].start.raw + b->platform.ram[r].size_bytes;
        for (uint64_t at = stretch_start(b->platform.ram[r].start.raw); at < end;) {
            uint64_t stop = stretch_end(at, end);
            if (n == BOOT_RANGE_MAX) return 0;
            out[n++] = (struct boot_range){ at, stop - at };
            at = stretch_start(stop);
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        if (first.raw - out[i].ipa >= out[i].size_bytes) continue;
        struct boot_range holds = out[i];
        out[i] = out[0];
        out[0] = holds;
    }
    return n;
}
