/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Page cache over a block device: 4 KiB pages, write-back, read-ahead. */
#pragma once
#include "servers/blk/blk.h"

#define CACHE_PAGE_BYTES 4096U
#define CACHE_PAGES_MIN  512U
#define CACHE_RUN_PAGES  256U /* 1 MiB: longest request */
#define CACHE_NONE       UINT32_MAX

struct cache_page {
    uint64_t number; /* device offset / CACHE_PAGE_BYTES */
    uint32_t hash_next;
    uint32_t newer, older; /* use order */
    bool is_used, is_dirty;
};

/* One thread only. */
struct cache {
    struct blk *blk;     /* borrowed: outlives the cache */
    uint64_t size_bytes; /* of the device */
    uint32_t page_count, dirty_count;
    struct cache_page *page; /* owned */
    uint8_t *data;           /* owned: page_count pages */
    uint32_t *hash;          /* owned: page_count heads */
    uint32_t *order;         /* owned: scratch of cache_write_back */
    uint32_t newest, oldest;
    uint64_t sequential_end; /* page after the last read stretch */
    uint32_t ahead_pages;    /* read-ahead window now */
    bool lost_write;         /* a write-back failed since the last flush */
};

/** Takes page_count pages from the heap (ERR_NO_MEMORY). The cache is empty afterwards. */
err_t cache_start(struct cache *c, struct blk *blk, uint32_t page_count) MUST_CHECK;

/**
 * Copies device bytes [offset, offset + size_bytes) to out, or in from data.
 * Returns  OK | ERR_RANGE: not on the device | ERR_IO, ERR_DEAD, ERR_READ_ONLY (while making room)
 */
err_t cache_read(struct cache *c, uint64_t offset, uint64_t size_bytes, void *out) MUST_CHECK;
err_t cache_write(struct cache *c, uint64_t offset, uint64_t size_bytes,
                  const void *data) MUST_CHECK;
err_t cache_zero(struct cache *c, uint64_t offset, uint64_t size_bytes) MUST_CHECK;

/** Gets [offset, offset + size_bytes) into the cache in as few requests as possible; what fails is read again by cache_read. */
void cache_prefetch(struct cache *c, uint64_t offset, uint64_t size_bytes);

/** Writes every dirty page, lowest first, neighbours together. Errors as cache_read. */
err_t cache_write_back(struct cache *c) MUST_CHECK;

/** Write-back, then the device's flush. ERR_IO also when an earlier write-back failed; told once. */
err_t cache_flush(struct cache *c) MUST_CHECK;

/** Forgets every page, dirty ones too. */
void cache_drop(struct cache *c);
