/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* EL2's own memory: pages handed out at boot, never returned. */
#pragma once
#include "hyp/addr.h"

/** Zeroed pages, contiguous, aligned to their size rounded up to a power of two when aligned is true. NULL: exhausted. Context: EL2 boot. EL2 virtual address == physical address. */
void *pool_take(uint64_t page_count, bool aligned);
/** One zeroed page for a table that never changes after boot: all of them lie together, so that a test can hash them. NULL: exhausted. */
void *pool_take_table(void);
/** Where both lie, the second as far as handed out. */
struct pa_range pool_range(void);
struct pa_range pool_tables(void);
