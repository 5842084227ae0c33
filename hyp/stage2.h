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

struct s2 {
    uint64_t *root; /* level-1 table, 4 KiB, EL2 memory, owned */
    pa_t root_pa;
};

/** Makes an empty address space. ERR_NO_MEMORY: nothing changed. Context: EL2 boot. */
err_t s2_create(struct s2 *s2) MUST_CHECK;
/**
 * Maps [ipa, ipa + size_bytes) to pa, in the largest blocks that alignment allows.
 * size_bytes  multiple of PAGE_SIZE, > 0
 * Returns     OK | ERR_ALIGN, ERR_RANGE: nothing changed | ERR_EXISTS, ERR_NO_MEMORY: no translation changed
 * Context     EL2 boot only
 */
err_t s2_map(struct s2 *s2, ipa_t ipa, pa_t pa, uint64_t size_bytes, enum s2_prot prot) MUST_CHECK;
/** Translates; *pa gets the address and *prot_bits S2AP (1 read, 2 write). False: unmapped. Context: any, O(3). */
bool s2_lookup(const struct s2 *s2, ipa_t ipa, pa_t *pa, uint32_t *prot_bits);
