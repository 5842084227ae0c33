/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Pages of main's RAM, and who is charged for them. */
#pragma once
#include "lib/base.h"

/* What a process is charged with. Outlives the process while VMOs it made live in other processes. */
struct account {
    uint32_t ref_count;
    uint32_t reserved;
    uint64_t page_count;
};

/** Gives [pa, end) to the pool; both are page-aligned. Ranges past the pool's table are ignored. Context: boot. */
void page_pool_add(pa_t pa, pa_t end);
/** Gives one page, by its address here. Context: boot. */
void page_give(void *page);
/** A zeroed page charged to `to` (NULL: to the kernel), or NULL when there is none. Context: kernel. */
void *page_alloc(struct account *to) MUST_CHECK;
/** Takes back a page of page_alloc; `from` is who was charged. */
void page_free(void *page, struct account *from);
/** Pages that are free now, and that were given to the pool. */
uint64_t page_free_count(void);
uint64_t page_total_count(void);

/** A new account, or NULL; get and put count its users, the last put frees it. */
struct account *account_create(void) MUST_CHECK;
void account_get(struct account *a);
void account_put(struct account *a);
