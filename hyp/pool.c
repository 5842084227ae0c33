/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* EL2's page pool: behind the image's bss, handed out once at boot, zeroed when it is. */
#include "hyp/pool.h"

#include "lib/string.h"

#define POOL_PAGES  256 /* EL2's own tables, SMMU structures, dumps */
#define TABLE_PAGES 128 /* EL2's tables and the stage-2 tables of all domains */

static uint8_t pages[POOL_PAGES * PAGE_SIZE] __attribute__((aligned(65536), section(".noinit")));
static uint8_t tables[TABLE_PAGES * PAGE_SIZE] __attribute__((aligned(4096), section(".noinit")));
static uint64_t used, tables_used; /* pages; boot only, one core */

INIT_CODE void *pool_take(uint64_t page_count, bool aligned)
{
    uint64_t align = 1;
    while (aligned && align < page_count) align <<= 1;
    uint64_t first = ALIGN_UP(used, align);
    if (page_count == 0 || first > POOL_PAGES || page_count > POOL_PAGES - first) return NULL;
    used = first + page_count;
    void *start = &pages[first * PAGE_SIZE];
    memset(start, 0, page_count * PAGE_SIZE);
    return start;
}

INIT_CODE void *pool_take_table(void)
{
    if (tables_used == TABLE_PAGES) return NULL;
    return memset(&tables[tables_used++ * PAGE_SIZE], 0, PAGE_SIZE);
}

INIT_CODE struct pa_range pool_range(void)
{
    return (struct pa_range){ { (uint64_t)(uintptr_t)pages }, sizeof pages };
}

INIT_CODE struct pa_range pool_tables(void)
{
    return (struct pa_range){ { (uint64_t)(uintptr_t)tables }, tables_used * PAGE_SIZE };
}
