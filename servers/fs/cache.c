/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Page cache: lookup, use order, filling, write-back. */
#include "servers/fs/cache.h"

#include <stdlib.h>
#include <string.h>

#define AHEAD_PAGES_MIN 4U
#define BATCH_MAX       8U /* write-back requests in flight together */

static uint8_t *page_data(const struct cache *c, uint32_t idx)
{
    return c->data + (size_t)idx * CACHE_PAGE_BYTES;
}

static uint32_t page_bucket(const struct cache *c, uint64_t number)
{
    return (uint32_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 32) % c->page_count;
}

static uint32_t page_find(const struct cache *c, uint64_t number)
{
    uint32_t idx = c->hash[page_bucket(c, number)];
    while (idx != CACHE_NONE && c->page[idx].number != number) idx = c->page[idx].hash_next;
    return idx;
}

static void order_remove(struct cache *c, uint32_t idx)
{
    struct cache_page *p = &c->page[idx];
    if (p->newer != CACHE_NONE) c->page[p->newer].older = p->older;
    if (p->older != CACHE_NONE) c->page[p->older].newer = p->newer;
    if (c->newest == idx) c->newest = p->older;
    if (c->oldest == idx) c->oldest = p->newer;
}

static void order_put_newest(struct cache *c, uint32_t idx)
{
    struct cache_page *p = &c->page[idx];
    p->newer = CACHE_NONE;
    p->older = c->newest;
    if (c->newest != CACHE_NONE) c->page[c->newest].newer = idx;
    c->newest = idx;
    if (c->oldest == CACHE_NONE) c->oldest = idx;
}

static void order_put_oldest(struct cache *c, uint32_t idx)
{
    struct cache_page *p = &c->page[idx];
    p->older = CACHE_NONE;
    p->newer = c->oldest;
    if (c->oldest != CACHE_NONE) c->page[c->oldest].older = idx;
    c->oldest = idx;
    if (c->newest == CACHE_NONE) c->newest = idx;
}

static void page_touch(struct cache *c, uint32_t idx)
{
    if (c->newest == idx) return;
    order_remove(c, idx);
    order_put_newest(c, idx);
}

/* Takes a page out of the hash; it becomes the first to be reused. */
static void page_forget(struct cache *c, uint32_t idx)
{
    struct cache_page *p = &c->page[idx];
    if (!p->is_used) return;
    uint32_t *link = &c->hash[page_bucket(c, p->number)];
    while (*link != idx) link = &c->page[*link].hash_next;
    *link = p->hash_next;
    if (p->is_dirty) c->dirty_count--;
    p->is_used = false;
    p->is_dirty = false;
    order_remove(c, idx);
    order_put_oldest(c, idx);
}

err_t cache_start(struct cache *c, struct blk *blk, uint32_t page_count)
{
    *c = (struct cache){ .blk = blk, .page_count = MAX(page_count, CACHE_PAGES_MIN) };
    c->size_bytes = blk->sector_count * BLK_SECTOR_BYTES;
    c->page = calloc(c->page_count, sizeof(*c->page));
    c->data = malloc((size_t)c->page_count * CACHE_PAGE_BYTES);
    c->hash = malloc(c->page_count * sizeof(*c->hash));
    c->order = malloc(c->page_count * sizeof(*c->order));
    if (!c->page || !c->data || !c->hash || !c->order) {
        free(c->page);
        free(c->data);
        free(c->hash);
        free(c->order);
        return ERR_NO_MEMORY;
    }
    memset(c->hash, 0xff, c->page_count * sizeof(*c->hash));
    c->newest = c->oldest = CACHE_NONE;
    for (uint32_t i = 0; i < c->page_count; i++) order_put_newest(c, i);
    c->ahead_pages = AHEAD_PAGES_MIN;
    return OK;
}

void cache_drop(struct cache *c)
{
    for (uint32_t i = 0; i < c->page_count; i++) page_forget(c, i);
    c->sequential_end = 0;
    c->ahead_pages = AHEAD_PAGES_MIN;
}

/* Sectors of the device from page number on, page_count pages at most: the last page may be cut. */
static uint32_t page_sectors(const struct cache *c, uint64_t number, uint32_t page_count)
{
    uint64_t first = number * BLK_BLOCK_SECTORS;
    return (uint32_t)MIN((uint64_t)page_count * BLK_BLOCK_SECTORS, c->blk->sector_count - first);
}

/* A page for number, the oldest clean one; its content is garbage. */
static err_t page_take(struct cache *c, uint64_t number, uint32_t *out)
{
    if (c->page[c->oldest].is_dirty) {
        err_t err = cache_write_back(c);
        if (err != OK) return err;
    }
    uint32_t idx = c->oldest;
    page_forget(c, idx);
    struct cache_page *p = &c->page[idx];
    p->number = number;
    p->is_used = true;
    uint32_t *head = &c->hash[page_bucket(c, number)];
    p->hash_next = *head;
    *head = idx;
    page_touch(c, idx);
    *out = idx;
    return OK;
}

/* Reads pages [number, number + count), none of which is cached, in one go. */
static err_t cache_fill(struct cache *c, uint64_t number, uint32_t count)
{
    void *pages[CACHE_RUN_PAGES];
    uint32_t idx[CACHE_RUN_PAGES];
    struct blk_io ios[BATCH_MAX];
    uint32_t taken = 0, io_count = 0;
    err_t err = OK;
    uint32_t io_pages = blk_io_sectors(c->blk) / BLK_BLOCK_SECTORS;
    count = MIN(count, MIN((uint32_t)CACHE_RUN_PAGES, io_pages * BATCH_MAX));
    for (; err == OK && taken < count; taken++) {
        err = page_take(c, number + taken, &idx[taken]);
        if (err != OK) break;
        pages[taken] = page_data(c, idx[taken]);
    }
    for (uint32_t at = 0; err == OK && at < taken; at += io_pages) {
        ios[io_count++] = (struct blk_io){
            .op = BLK_READ,
            .lba = (number + at) * BLK_BLOCK_SECTORS,
            .sector_count = page_sectors(c, number + at, MIN(io_pages, taken - at)),
            .pages = pages + at,
        };
    }
    if (err == OK) err = blk_batch(c->blk, ios, io_count);
    if (err != OK) {
        for (uint32_t i = 0; i < taken; i++) page_forget(c, idx[i]);
    }
    return err;
}

/* Number of pages from number on that are not cached, at most max. */
static uint32_t cache_missing(const struct cache *c, uint64_t number, uint32_t max)
{
    uint64_t end = (c->size_bytes + CACHE_PAGE_BYTES - 1) / CACHE_PAGE_BYTES;
    uint32_t count = 0;
    while (count < max && number + count < end && page_find(c, number + count) == CACHE_NONE) {
        count++;
    }
    return count;
}

/* Gets page number, reading ahead when the reader goes on where it was. */
static err_t cache_get(struct cache *c, uint64_t number, uint32_t *out)
{
    uint32_t idx = page_find(c, number);
    if (idx == CACHE_NONE) {
        if (number == c->sequential_end) {
            c->ahead_pages = MIN(c->ahead_pages * 2, CACHE_RUN_PAGES);
        } else {
            c->ahead_pages = AHEAD_PAGES_MIN;
        }
        uint32_t count = cache_missing(c, number, MIN(c->ahead_pages, c->page_count / 4));
        err_t err = cache_fill(c, number, count);
        c->sequential_end = number + count;
        if (err == ERR_IO && count > 1) err = cache_fill(c, number, 1); /* a neighbour is bad */
        if (err != OK) return err;
        idx = page_find(c, number);
        CHECK(idx != CACHE_NONE);
    }
    page_touch(c, idx);
    *out = idx;
    return OK;
}

void cache_prefetch(struct cache *c, uint64_t offset, uint64_t size_bytes)
{
    if (!range_is_inside(offset, size_bytes, 0, c->size_bytes)) return;
    uint64_t at = offset / CACHE_PAGE_BYTES;
    uint64_t end = (offset + size_bytes + CACHE_PAGE_BYTES - 1) / CACHE_PAGE_BYTES;
    while (at < end) {
        uint32_t most = (uint32_t)MIN(end - at, (uint64_t)MIN(CACHE_RUN_PAGES, c->page_count / 4));
        uint32_t count = cache_missing(c, at, most);
        if (count && cache_fill(c, at, count) != OK) return;
        at += MAX(count, 1U);
    }
}

err_t cache_read(struct cache *c, uint64_t offset, uint64_t size_bytes, void *out)
{
    uint8_t *to = out;
    if (size_bytes == 0) return OK;
    if (!range_is_inside(offset, size_bytes, 0, c->size_bytes)) return ERR_RANGE;
    while (size_bytes) {
        uint32_t idx = CACHE_NONE;
        uint64_t in_page = offset % CACHE_PAGE_BYTES;
        uint64_t bytes = MIN(size_bytes, CACHE_PAGE_BYTES - in_page);
        err_t err = cache_get(c, offset / CACHE_PAGE_BYTES, &idx);
        if (err != OK) return err;
        memcpy(to, page_data(c, idx) + in_page, bytes);
        to += bytes;
        offset += bytes;
        size_bytes -= bytes;
    }
    return OK;
}

/* data NULL: zeros. */
static err_t cache_change(struct cache *c, uint64_t offset, uint64_t size_bytes,
                          const uint8_t *data)
{
    if (size_bytes == 0) return OK;
    if (!range_is_inside(offset, size_bytes, 0, c->size_bytes)) return ERR_RANGE;
    if (c->blk->is_read_only) return ERR_READ_ONLY;
    if (c->dirty_count > c->page_count / 2) {
        err_t err = cache_write_back(c);
        if (err != OK) return err;
    }
    while (size_bytes) {
        uint64_t number = offset / CACHE_PAGE_BYTES, in_page = offset % CACHE_PAGE_BYTES;
        uint64_t bytes = MIN(size_bytes, CACHE_PAGE_BYTES - in_page);
        uint32_t idx = page_find(c, number);
        err_t err = OK;
        if (idx == CACHE_NONE) {
            err = bytes == CACHE_PAGE_BYTES ? page_take(c, number, &idx)
                                            : cache_get(c, number, &idx);
        }
        if (err != OK) return err;
        page_touch(c, idx);
        if (data) {
            memcpy(page_data(c, idx) + in_page, data, bytes);
            data += bytes;
        } else {
            memset(page_data(c, idx) + in_page, 0, bytes);
        }
        if (!c->page[idx].is_dirty) c->dirty_count++;
        c->page[idx].is_dirty = true;
        offset += bytes;
        size_bytes -= bytes;
    }
    return OK;
}

err_t cache_write(struct cache *c, uint64_t offset, uint64_t size_bytes, const void *data)
{
    return cache_change(c, offset, size_bytes, data);
}

err_t cache_zero(struct cache *c, uint64_t offset, uint64_t size_bytes)
{
    return cache_change(c, offset, size_bytes, NULL);
}

/* Indices of all dirty pages into c->order, by page number (Shell's sort). */
static uint32_t cache_sort_dirty(struct cache *c)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->page_count; i++) {
        if (c->page[i].is_dirty) c->order[count++] = i;
    }
    for (uint32_t gap = count / 2; gap > 0; gap /= 2) {
        for (uint32_t i = gap; i < count; i++) {
            uint32_t moved = c->order[i], j = i;
            for (; j >= gap && c->page[c->order[j - gap]].number > c->page[moved].number;
                 j -= gap) {
                c->order[j] = c->order[j - gap];
            }
            c->order[j] = moved;
        }
    }
    return count;
}

/* One request for the dirty pages order[at..] that follow each other. Returns their number. */
static uint32_t cache_make_run(const struct cache *c, uint32_t at, uint32_t end, void **pages,
                               struct blk_io *io)
{
    uint64_t first = c->page[c->order[at]].number;
    uint32_t most = MIN(CACHE_RUN_PAGES, blk_io_sectors(c->blk) / BLK_BLOCK_SECTORS);
    uint32_t count = 0;
    while (count < most && at + count < end &&
           c->page[c->order[at + count]].number == first + count) {
        pages[count] = page_data(c, c->order[at + count]);
        count++;
    }
    *io = (struct blk_io){ .op = BLK_WRITE,
                           .lba = first * BLK_BLOCK_SECTORS,
                           .sector_count = page_sectors(c, first, count),
                           .pages = pages };
    return count;
}

err_t cache_write_back(struct cache *c)
{
    static void *pages[BATCH_MAX][CACHE_RUN_PAGES]; /* one thread; too large for a stack */
    uint32_t count = cache_sort_dirty(c);
    for (uint32_t at = 0; at < count;) {
        struct blk_io ios[BATCH_MAX];
        uint32_t run[BATCH_MAX], io_count = 0, next = at;
        while (io_count < BATCH_MAX && next < count) {
            run[io_count] = cache_make_run(c, next, count, pages[io_count], &ios[io_count]);
            next += run[io_count++];
        }
        err_t err = blk_batch(c->blk, ios, io_count);
        for (uint32_t i = 0; i < io_count; i++) {
            /* While the disk is away its data waits here. What it refuses will never fit: told at the next flush. */
            bool keep = ios[i].result == ERR_DEAD;
            if (!keep && ios[i].result != OK) c->lost_write = true;
            for (uint32_t k = 0; k < run[i] && !keep; k++) {
                c->page[c->order[at + k]].is_dirty = false;
            }
            if (!keep) c->dirty_count -= run[i];
            at += run[i];
        }
        if (err == ERR_DEAD) return err;
    }
    return OK;
}

err_t cache_flush(struct cache *c)
{
    err_t err = cache_write_back(c);
    if (err == OK) err = blk_flush(c->blk);
    if (err == OK && c->lost_write) {
        c->lost_write = false;
        err = ERR_IO;
    }
    return err;
}
