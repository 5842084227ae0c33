/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Stage-2 tables: built at boot, never changed after. 39-bit IPA, 4 KiB granule, walk starts at level 1. */
#pragma once
#include "hyp/addr.h"
#include "lib/base.h"

enum s2_prot {
    S2_MEM_RO,    /* normal, read */
    S2_MEM_RW,    /* normal, read-write */
    S2_MEM_RX,    /* normal, read-execute */
    S2_MEM_RWX,   /* main only: its own tables keep W^X */
    S2_DEVICE_RW, /* device-nGnRE */
    S2_PROT_COUNT
};

/* What one s2_map made, in the order of the calls. */
struct s2_range {
    uint64_t ipa, pa, size_bytes;
    enum s2_prot prot;
};
#define S2_RANGE_MAX 48 /* main: pieces of RAM, devices, windows */

struct s2 {
    uint64_t *root; /* level-1 table, 4 KiB, EL2 memory, owned */
    pa_t root_pa;
    uint32_t range_count;
    struct s2_range range[S2_RANGE_MAX];
};

/* Descriptors of both stages, Arm ARM "VMSAv8-64 translation table format descriptors". */
#define TABLE_VALID BIT(0)
#define TABLE_TABLE BIT(1) /* table at levels 1 and 2, page at level 3 */
#define TABLE_OA    BITS(47, 12)

/**
 * Maps [va, va + size_bytes) to pa in the tables below root, stage 1 of EL2 or stage 2: 39 bits, 4 KiB granule, largest blocks.
 * attr     of each leaf, without TABLE_VALID and TABLE_TABLE; addresses and size are whole pages
 * Returns  OK | ERR_EXISTS, ERR_NO_MEMORY: no translation changed
 * Context  EL2 boot only
 */
err_t table_map(uint64_t *root, uint64_t va, uint64_t pa, uint64_t size_bytes,
                uint64_t attr) MUST_CHECK;
/** Makes an empty address space. ERR_NO_MEMORY: nothing changed. Context: EL2 boot. */
err_t s2_create(struct s2 *s2) MUST_CHECK;
/**
 * Maps [ipa, ipa + size_bytes) to pa, in the largest blocks that alignment allows.
 * size_bytes  multiple of PAGE_SIZE, > 0
 * Returns     OK | ERR_ALIGN, ERR_RANGE: nothing changed | ERR_EXISTS, ERR_NO_MEMORY: no translation changed
 * Context     EL2 boot only
 */
err_t s2_map(struct s2 *s2, ipa_t ipa, pa_t pa, uint64_t size_bytes, enum s2_prot prot) MUST_CHECK;
/**
 * Translates [ipa, ipa + size_bytes), all of which must lie in one mapping of memory.
 * Returns  OK, *pa its start | ERR_RIGHTS: a device, or is_write and it is read-only | ERR_RANGE: not mapped as a whole, empty, wraps
 * Context  EL2, any; O(mappings)
 */
err_t s2_memory(const struct s2 *s2, ipa_t ipa, uint64_t size_bytes, bool is_write,
                pa_t *pa) MUST_CHECK;
