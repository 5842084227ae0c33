/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Translation tables of stage 1: 4 KiB granule, 39-bit addresses, three levels. */
#pragma once
#include "lib/base.h"

#define PT_BLOCK_BYTES MIB(2)

/* Arm ARM DDI 0487, "Block descriptor and Page descriptor formats", stage 1. */
#define PT_VALID      BIT(0)
#define PT_TABLE      BIT(1) /* at levels 1 and 2: a table; at level 3: a page */
#define PT_ATTR_INDEX BITS(4, 2)
#define PT_AP_EL0     BIT(6)
#define PT_AP_RO      BIT(7)
#define PT_SH         BITS(9, 8)
#define PT_AF         BIT(10)
#define PT_NG         BIT(11)
#define PT_PXN        BIT(53)
#define PT_UXN        BIT(54)
#define PT_ADDRESS    BITS(47, 12)

/* MAIR_EL1 indices (start.S writes the register). */
#define PT_NORMAL (FIELD(PT_ATTR_INDEX, 1) | FIELD(PT_SH, 3))
#define PT_DEVICE FIELD(PT_ATTR_INDEX, 0)

/* What callers put together. */
#define PT_USER      (PT_AP_EL0 | PT_NG | PT_PXN)
#define PT_READ_ONLY PT_AP_RO
#define PT_NO_EXEC   (PT_PXN | PT_UXN)

struct account;

struct pt_range {
    void *root;
    uint64_t va, size_bytes; /* page-aligned */
    pa_t pa;
    uint64_t attributes;
    struct account *account; /* who pays for tables; NULL: the kernel */
};

/**
 * Maps a range, with blocks where va and pa allow. Entries that are there already are left as they are.
 * Returns OK | ERR_NO_MEMORY: part of it is mapped
 */
err_t pt_map(const struct pt_range *range) MUST_CHECK;
/** Clears all entries of a range that pt_map has made as a whole; tables stay. The caller flushes the TLB. */
void pt_unmap(void *root, uint64_t va, uint64_t size_bytes);
/** Frees root and every table below it. */
void pt_free(void *root, struct account *account);
