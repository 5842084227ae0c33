/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Memory objects: pages that come zeroed at first touch, or a fixed physical range (device, window, boot data). */
#pragma once
#include "kernel/object.h"
#include "kernel/thread.h"

#define VMO_BYTES_MAX GIB(64)

enum vmo_kind {
    VMO_PAGES,  /* own pages, in a tree */
    VMO_DEVICE, /* registers: Device-nGnRE, never executable */
    VMO_MEMORY  /* memory that is not ours to give back: a link's window, the pack */
};

struct account;

struct vmo {
    struct object object;
    enum vmo_kind kind;
    uint32_t levels;         /* VMO_PAGES: of the tree below root; 0: root is the only page */
    uint64_t size_bytes;     /* multiple of PAGE_SIZE */
    pa_t pa;                 /* VMO_DEVICE, VMO_MEMORY */
    void *root;              /* owned; NULL: nothing touched yet */
    uint64_t page_count;     /* pages of data held */
    uint64_t node_count;     /* nodes of the tree */
    struct account *account; /* one use; VMO_PAGES only */
};

static inline struct vmo *vmo_of(struct object *o)
{
    return CONTAINER_OF(o, struct vmo, object);
}

/** size_bytes is rounded up to pages and must be 1..VMO_BYTES_MAX; one use for the caller. NULL: no memory. */
struct vmo *vmo_create(uint64_t size_bytes, struct account *account) MUST_CHECK;
/** A fixed range, page-aligned. NULL: no memory. */
struct vmo *vmo_create_fixed(enum vmo_kind kind, pa_t pa, uint64_t size_bytes) MUST_CHECK;
/** The page at index idx (inside the VMO) of VMO_PAGES, made when it is missing. NULL: no memory. */
void *vmo_page(struct vmo *v, uint64_t idx) MUST_CHECK;
/** Charges it to another account from now on. */
void vmo_charge(struct vmo *v, struct account *to);
void vmo_destroy(struct object *o);

err_t sys_vmo_create(struct thread *t);
err_t sys_vmo_info(struct thread *t);
err_t sys_vmo_map(struct thread *t);
err_t sys_vmo_unmap(struct thread *t);
