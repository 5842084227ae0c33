/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Main's RAM at boot: the direct map of all of it, the page pool of what is free. */
#pragma once
#include "abi/bootinfo.h"
#include "lib/base.h"

#define MEMORY_HOLE_MAX 8

struct memory_span {
    uint64_t start, end; /* page-aligned, end exclusive */
};

/** True when bootinfo is one that this kernel understands. */
bool memory_bootinfo_is_sane(const struct bootinfo *boot);
/**
 * Calls take(start, end) for each part of [start, end) outside the holes, in order. Parts are whole pages.
 * Context: any; pure
 */
void memory_cut(struct memory_span whole, const struct memory_span *holes, size_t hole_count,
                void (*take)(struct memory_span part));
/** Direct map, then page pool. Context: boot, once. */
void memory_start(const struct bootinfo *boot, uint64_t bootinfo_pa);
