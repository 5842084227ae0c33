/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* EL2's page pool: part of the image's bss, handed out once at boot. */
#include "hyp/pool.h"

#include "lib/string.h"

#define POOL_PAGES 320 /* tables of all domains, SMMU structures, dumps: 1.25 MiB */

static uint8_t pages[POOL_PAGES * PAGE_SIZE] __attribute__((aligned(65536)));
static uint64_t used; /* pages; boot only, one core */

void *pool_take(uint64_t page_count, bool aligned)
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
