/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Address spaces: a list of mappings in order of address, tables filled at first touch. */
#include "kernel/aspace.h"

#include "abi/syscall.h"
#include "kernel/aarch64/pagetable.h"
#include "kernel/arch.h"
#include "kernel/page.h"
#include "kernel/slab.h"
#include "kernel/vmo.h"

#define ASID_COUNT 1024 /* number 0 belongs to the kernel's empty table */

static struct slab mapping_slab = SLAB(struct mapping);
static uint64_t asid_used[ASID_COUNT / 64] = { 1 };

static uint16_t asid_take(void)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(asid_used); i++) {
        if (asid_used[i] == UINT64_MAX) continue;
        uint32_t bit = (uint32_t)__builtin_ctzll(~asid_used[i]);
        asid_used[i] |= BIT(bit);
        return (uint16_t)(i * 64 + bit);
    }
    return 0;
}

err_t aspace_create(struct aspace *as, struct account *account)
{
    as->asid = asid_take();
    if (as->asid == 0) return ERR_NO_MEMORY;
    as->root = page_alloc(account);
    if (!as->root) {
        asid_used[as->asid / 64] &= ~BIT(as->asid % 64);
        return ERR_NO_MEMORY;
    }
    list_init(&as->mappings);
    as->account = account;
    as->ttbr0 = arch_ttbr(arch_pa(as->root), as->asid);
    as->any_hint = USER_VA_ANY;
    return OK;
}

static struct mapping *mapping_of(struct list_node *n)
{
    return CONTAINER_OF(n, struct mapping, node);
}

/* The first mapping that ends above va, or the list's head. */
static struct list_node *first_above(struct aspace *as, uint64_t va)
{
    struct list_node *n = as->mappings.next;
    while (n != &as->mappings && mapping_of(n)->va + mapping_of(n)->size_bytes <= va) n = n->next;
    return n;
}

/* Is [va, va + size) free, with `next` the first mapping above va? */
static bool is_gap(const struct aspace *as, struct list_node *next, uint64_t va,
                   uint64_t size_bytes)
{
    return next == &as->mappings || mapping_of(next)->va >= va + size_bytes;
}

/* Large fixed ranges are placed so that blocks of the tables can map them. */
static uint64_t place_in_step(uint64_t va, const struct map_request *r)
{
    if (r->vmo->kind == VMO_PAGES || r->size_bytes < PT_BLOCK_BYTES) return va;
    uint64_t phase = (r->vmo->pa.raw + r->offset) & (PT_BLOCK_BYTES - 1);
    uint64_t at = ALIGN_DOWN(va, PT_BLOCK_BYTES) + phase;
    return at >= va ? at : at + PT_BLOCK_BYTES;
}

/* Looks for a free place from `from` on, a page of distance before and after. 0: none. */
static uint64_t place_find(struct aspace *as, const struct map_request *r, uint64_t from)
{
    uint64_t va = place_in_step(from + PAGE_SIZE, r);
    for (;;) {
        if (!range_is_inside(va, r->size_bytes + PAGE_SIZE, USER_VA_FIRST, USER_VA_END)) return 0;
        struct list_node *next = first_above(as, va - PAGE_SIZE);
        if (is_gap(as, next, va, r->size_bytes + PAGE_SIZE)) return va;
        va = place_in_step(mapping_of(next)->va + mapping_of(next)->size_bytes + PAGE_SIZE, r);
    }
}

static err_t place_choose(struct aspace *as, struct map_request *r)
{
    if (r->va != 0) {
        if (!range_is_inside(r->va, r->size_bytes, USER_VA_FIRST, USER_VA_END)) return ERR_RANGE;
        return is_gap(as, first_above(as, r->va), r->va, r->size_bytes) ? OK : ERR_EXISTS;
    }
    r->va = place_find(as, r, as->any_hint);
    if (r->va == 0) r->va = place_find(as, r, USER_VA_ANY);
    if (r->va == 0) return ERR_NO_MEMORY;
    as->any_hint = r->va + r->size_bytes;
    return OK;
}

static uint64_t attributes_of(const struct mapping *m)
{
    uint64_t a = PT_USER;
    a |= m->vmo->kind == VMO_DEVICE ? PT_DEVICE : PT_NORMAL;
    if (!(m->prot & PROT_WRITE)) a |= PT_READ_ONLY;
    if (!(m->prot & PROT_EXEC)) a |= PT_NO_EXEC;
    return a;
}

static void mapping_drop(struct aspace *as, struct mapping *m)
{
    list_remove(&m->node);
    as->mapping_count--;
    as->last = NULL;
    object_put(&m->vmo->object);
    slab_free(&mapping_slab, m);
}

static err_t map_fixed(struct aspace *as, const struct mapping *m)
{
    struct pt_range range = { .root = as->root,
                              .va = m->va,
                              .size_bytes = m->size_bytes,
                              .pa = { m->vmo->pa.raw + m->offset },
                              .attributes = attributes_of(m),
                              .account = as->account };
    err_t e = pt_map(&range);
    if (e != OK) pt_unmap(as->root, m->va, m->size_bytes);
    arch_table_publish();
    return e;
}

err_t aspace_map(struct aspace *as, struct map_request *request)
{
    if (as->mapping_count == MAPPING_MAX) return ERR_NO_MEMORY;
    err_t e = place_choose(as, request);
    if (e != OK) return e;
    struct mapping *m = slab_alloc(&mapping_slab);
    if (!m) return ERR_NO_MEMORY;
    m->va = request->va;
    m->size_bytes = request->size_bytes;
    m->vmo = request->vmo;
    m->offset = request->offset;
    m->prot = request->prot;
    object_get(&m->vmo->object);
    list_add(first_above(as, m->va), &m->node);
    as->mapping_count++;
    if (m->vmo->kind == VMO_PAGES) return OK;
    e = map_fixed(as, m);
    if (e != OK) mapping_drop(as, m);
    return e;
}

static void flush(const struct aspace *as, uint64_t va, uint64_t size_bytes)
{
    if (size_bytes > 16 * PAGE_SIZE) {
        arch_tlb_flush_asid(as->asid);
        return;
    }
    for (uint64_t at = va; at < va + size_bytes; at += PAGE_SIZE) {
        arch_tlb_flush_page(as->asid, at);
    }
}

err_t aspace_unmap(struct aspace *as, uint64_t va, uint64_t size_bytes)
{
    struct list_node *n = first_above(as, va);
    if (n == &as->mappings) return ERR_NO_ENTRY;
    struct mapping *m = mapping_of(n);
    if (m->va != va || m->size_bytes != size_bytes) return ERR_NO_ENTRY;
    pt_unmap(as->root, va, size_bytes);
    flush(as, va, size_bytes);
    mapping_drop(as, m);
    /* Tables stay, so addresses are used again: else a process that maps and unmaps for ever would fill memory with them. */
    if (va >= USER_VA_ANY && va - PAGE_SIZE < as->any_hint) {
        as->any_hint = MAX(USER_VA_ANY, va - PAGE_SIZE);
    }
    return OK;
}

void aspace_destroy(struct aspace *as)
{
    arch_user_table_drop(as->ttbr0);
    while (!list_is_empty(&as->mappings)) mapping_drop(as, mapping_of(as->mappings.next));
    pt_free(as->root, as->account);
    as->root = NULL;
    arch_tlb_flush_asid(as->asid);
    asid_used[as->asid / 64] &= ~BIT(as->asid % 64);
}

static bool may_access(const struct mapping *m, enum access access)
{
    if (access == ACCESS_WRITE) return m->prot & PROT_WRITE;
    if (access == ACCESS_EXEC) return m->prot & PROT_EXEC;
    return m->prot & PROT_READ;
}

static bool holds(const struct mapping *m, uint64_t va)
{
    return m && va >= m->va && va - m->va < m->size_bytes;
}

err_t aspace_touch(struct aspace *as, uint64_t va, enum access access)
{
    struct mapping *m = as->last;
    if (!holds(m, va)) {
        struct list_node *n = first_above(as, va);
        m = n == &as->mappings ? NULL : mapping_of(n);
        if (!holds(m, va)) return ERR_NO_ENTRY;
        as->last = m;
    }
    if (!may_access(m, access)) return ERR_RIGHTS;
    if (m->vmo->kind != VMO_PAGES) return ERR_RIGHTS; /* these were mapped at once: a real fault */
    uint64_t page_va = ALIGN_DOWN(va, PAGE_SIZE);
    void *page = vmo_page(m->vmo, (page_va - m->va + m->offset) >> PAGE_SHIFT);
    if (!page) return ERR_NO_MEMORY;
    if (m->prot & PROT_EXEC) arch_page_sync_code(page);
    struct pt_range range = { .root = as->root,
                              .va = page_va,
                              .size_bytes = PAGE_SIZE,
                              .pa = arch_pa(page),
                              .attributes = attributes_of(m),
                              .account = as->account };
    err_t e = pt_map(&range);
    arch_table_publish();
    return e;
}
