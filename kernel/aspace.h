/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Address spaces: what is mapped where, and the translation tables that follow at first touch. */
#pragma once
#include "kernel/list.h"
#include "lib/base.h"

#define USER_VA_FIRST UINT64_C(0x1000) /* page 0 is never mapped: NULL faults */
#define USER_VA_END   (UINT64_C(1) << 39)
#define USER_VA_ANY   UINT64_C(0x1000000000) /* where "any address" begins to look */

struct vmo;
struct account;

struct mapping {
    struct list_node node; /* in aspace->mappings, by address */
    uint64_t va, size_bytes;
    struct vmo *vmo; /* one use */
    uint64_t offset; /* in the VMO */
    uint32_t prot;   /* PROT_* */
};

struct aspace {
    struct list_node mappings;
    struct mapping *last; /* of the latest fault; NULL after an unmap */
    void *root;           /* table, owned; NULL after the end */
    uint64_t ttbr0;
    uint64_t any_hint; /* no gap is known below it */
    uint16_t asid;
    uint32_t mapping_count;
    struct account *account; /* borrowed from the process */
};

#define MAPPING_MAX 1024

struct map_request {
    struct vmo *vmo;
    uint64_t offset, size_bytes; /* page-aligned, inside the VMO */
    uint64_t va;                 /* in: 0 = any; out: where it is */
    uint32_t prot;
};

enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC };

/** OK | ERR_NO_MEMORY: no page, or every address-space number is in use. */
err_t aspace_create(struct aspace *as, struct account *account) MUST_CHECK;
/** Unmaps all, frees the tables and the number. */
void aspace_destroy(struct aspace *as);
/**
 * Maps part of a VMO; takes a use of it. Fixed ranges get their translations at once, pages at first touch.
 * Returns OK | ERR_RANGE: outside user addresses, ERR_EXISTS: overlaps, ERR_NO_MEMORY; nothing changed
 */
err_t aspace_map(struct aspace *as, struct map_request *request) MUST_CHECK;
/** Undoes exactly one aspace_map. ERR_NO_ENTRY: there is none with this address and size. */
err_t aspace_unmap(struct aspace *as, uint64_t va, uint64_t size_bytes) MUST_CHECK;
/** EL0 touched va where no translation is. OK: it is there now | ERR_NO_ENTRY, ERR_RIGHTS, ERR_NO_MEMORY: a fault. */
err_t aspace_touch(struct aspace *as, uint64_t va, enum access access) MUST_CHECK;
