/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The page pool: untouched ranges, which are cut from the front, and a list of pages that came back. */
#include "kernel/page.h"

#include "kernel/arch.h"
#include "kernel/slab.h"

#define FRESH_MAX 32

struct free_page {
    struct free_page *next; /* owned by the pool, lies in the page itself */
};

static struct {
    struct {
        uint64_t next, end; /* physical */
    } fresh[FRESH_MAX];
    uint32_t fresh_count, fresh_at;
    struct free_page *free;
    uint64_t free_count, total_count;
} pool;

static struct slab account_slab = SLAB(struct account);

void page_pool_add(pa_t pa, pa_t end)
{
    if (pool.fresh_count == FRESH_MAX || pa.raw >= end.raw) return;
    pool.fresh[pool.fresh_count].next = pa.raw;
    pool.fresh[pool.fresh_count].end = end.raw;
    pool.fresh_count++;
    pool.free_count += (end.raw - pa.raw) >> PAGE_SHIFT;
    pool.total_count += (end.raw - pa.raw) >> PAGE_SHIFT;
}

void page_give(void *page)
{
    pool.total_count++;
    page_free(page, NULL);
}

static void *page_take(void)
{
    struct free_page *page = pool.free;
    if (page) {
        pool.free = page->next;
        return page;
    }
    while (pool.fresh_at < pool.fresh_count) {
        uint64_t pa = pool.fresh[pool.fresh_at].next;
        if (pa < pool.fresh[pool.fresh_at].end) {
            pool.fresh[pool.fresh_at].next = pa + PAGE_SIZE;
            return arch_ptr((pa_t){ pa });
        }
        pool.fresh_at++;
    }
    return NULL;
}

void *page_alloc(struct account *to)
{
    void *page = page_take();
    if (!page) return NULL;
    pool.free_count--;
    if (to) to->page_count++;
    arch_page_zero(page);
    return page;
}

void page_free(void *page, struct account *from)
{
    struct free_page *f = page;
    f->next = pool.free;
    pool.free = f;
    pool.free_count++;
    if (from) from->page_count--;
}

uint64_t page_free_count(void)
{
    return pool.free_count;
}

uint64_t page_total_count(void)
{
    return pool.total_count;
}

struct account *account_create(void)
{
    struct account *a = slab_alloc(&account_slab);
    if (a) a->ref_count = 1;
    return a;
}

void account_get(struct account *a)
{
    a->ref_count++;
}

void account_put(struct account *a)
{
    CHECK(a->ref_count > 0);
    if (--a->ref_count == 0) slab_free(&account_slab, a);
}
