/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Translation tables of stage 1: map, unmap, free; no recursion, three fixed levels. */
#include "kernel/aarch64/pagetable.h"

#include "kernel/arch.h"
#include "kernel/page.h"

#define ENTRY_COUNT 512
STATIC_ASSERT((PT_NORMAL) == 0x304, "by hand: AttrIndx 1, Inner Shareable");

/* Bytes that one entry of a level spans. */
static uint64_t span_of(uint32_t level)
{
    return PAGE_SIZE << (9 * (3 - level));
}

static uint64_t *entry_of(uint64_t *table, uint64_t va, uint32_t level)
{
    return &table[(va / span_of(level)) % ENTRY_COUNT];
}

static bool is_table(uint64_t entry, uint32_t level)
{
    return level < 3 && (entry & (PT_VALID | PT_TABLE)) == (PT_VALID | PT_TABLE);
}

static uint64_t *table_of(uint64_t entry)
{
    return arch_ptr((pa_t){ entry & PT_ADDRESS });
}

/* The table below an entry, made when there is none. NULL: no memory, or a block stands there. */
static uint64_t *table_below(uint64_t *entry, uint32_t level, struct account *account)
{
    if (is_table(*entry, level)) return table_of(*entry);
    if (*entry & PT_VALID) return NULL;
    uint64_t *table = page_alloc(account);
    if (!table) return NULL;
    arch_table_publish(); /* its zeros are there before the walker can follow the entry */
    *entry = arch_pa(table).raw | PT_TABLE | PT_VALID;
    return table;
}

err_t pt_map(const struct pt_range *range)
{
    uint64_t done = 0;
    while (done < range->size_bytes) {
        uint64_t va = range->va + done, pa = range->pa.raw + done, left = range->size_bytes - done;
        uint64_t *table = range->root;
        uint32_t level = 1;
        for (; level < 3; level++) {
            uint64_t span = span_of(level);
            uint64_t *entry = entry_of(table, va, level);
            if (((va | pa) & (span - 1)) == 0 && left >= span && !(*entry & PT_VALID)) break;
            table = table_below(entry, level, range->account);
            if (!table) return ERR_NO_MEMORY;
        }
        uint64_t *leaf = entry_of(table, va, level);
        if (!(*leaf & PT_VALID)) {
            *leaf = pa | range->attributes | PT_AF | PT_VALID | (level == 3 ? PT_TABLE : 0);
        }
        done += span_of(level);
    }
    return OK;
}

void pt_unmap(void *root, uint64_t va, uint64_t size_bytes)
{
    uint64_t done = 0;
    while (done < size_bytes) {
        uint64_t at = va + done;
        uint64_t *table = root;
        uint32_t level = 1;
        uint64_t *entry = entry_of(table, at, level);
        while (is_table(*entry, level)) {
            table = table_of(*entry);
            level++;
            entry = entry_of(table, at, level);
        }
        *entry = 0;
        done += span_of(level) - (at & (span_of(level) - 1));
    }
}

void pt_free(void *root, struct account *account)
{
    uint64_t *l1 = root;
    for (uint32_t i = 0; i < ENTRY_COUNT; i++) {
        if (!is_table(l1[i], 1)) continue;
        uint64_t *l2 = table_of(l1[i]);
        for (uint32_t j = 0; j < ENTRY_COUNT; j++) {
            if (is_table(l2[j], 2)) page_free(table_of(l2[j]), account);
        }
        page_free(l2, account);
    }
    page_free(root, account);
}
