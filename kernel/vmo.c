/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Memory objects: a tree of pages, 512 to a node, filled at first touch. */
#include "kernel/vmo.h"

#include "kernel/page.h"
#include "kernel/process.h"
#include "kernel/slab.h"
#include "kernel/syscall.h"

#define NODE_SHIFT 9
#define NODE_COUNT (1U << NODE_SHIFT)
#define LEVEL_MAX  3

static struct slab vmo_slab = SLAB(struct vmo);

static struct vmo *vmo_new(enum vmo_kind kind, uint64_t size_bytes)
{
    struct vmo *v = slab_alloc(&vmo_slab);
    if (!v) return NULL;
    object_init(&v->object, OBJECT_VMO);
    v->kind = kind;
    v->size_bytes = ALIGN_UP(size_bytes, PAGE_SIZE);
    return v;
}

struct vmo *vmo_create(uint64_t size_bytes, struct account *account)
{
    struct vmo *v = vmo_new(VMO_PAGES, size_bytes);
    if (!v) return NULL;
    uint64_t page_count = v->size_bytes >> PAGE_SHIFT;
    while (page_count > UINT64_C(1) << (NODE_SHIFT * v->levels)) v->levels++;
    CHECK(v->levels <= LEVEL_MAX);
    account_get(account);
    v->account = account;
    return v;
}

struct vmo *vmo_create_fixed(enum vmo_kind kind, pa_t pa, uint64_t size_bytes)
{
    struct vmo *v = vmo_new(kind, size_bytes);
    if (v) v->pa = pa;
    return v;
}

void *vmo_page(struct vmo *v, uint64_t idx)
{
    void **slot = &v->root;
    for (uint32_t level = v->levels;; level--) {
        if (!*slot) {
            *slot = page_alloc(v->account);
            if (!*slot) return NULL;
            if (level == 0) {
                v->page_count++;
            } else {
                v->node_count++;
            }
        }
        if (level == 0) return *slot;
        void **node = *slot;
        slot = &node[(idx >> (NODE_SHIFT * (level - 1))) & (NODE_COUNT - 1)];
    }
}

void vmo_charge(struct vmo *v, struct account *to)
{
    if (v->account == to || !v->account) return;
    v->account->page_count -= v->page_count + v->node_count;
    to->page_count += v->page_count + v->node_count;
    account_get(to);
    account_put(v->account);
    v->account = to;
}

/* Frees a subtree without recursion: a path of nodes and positions, one for each level. */
static void tree_free(struct vmo *v)
{
    void **path[LEVEL_MAX + 1] = { NULL };
    uint32_t at[LEVEL_MAX + 1] = { 0 };
    uint32_t level = v->levels;
    path[level] = v->root;
    while (path[v->levels]) {
        if (level > 0 && at[level] < NODE_COUNT) {
            void **child = path[level][at[level]++];
            if (!child) continue;
            level--;
            path[level] = child;
            at[level] = 0;
            continue;
        }
        page_free(path[level], v->account);
        path[level] = NULL;
        if (level == v->levels) break;
        level++;
    }
    v->root = NULL;
}

void vmo_destroy(struct object *o)
{
    struct vmo *v = vmo_of(o);
    if (v->root) tree_free(v);
    if (v->account) account_put(v->account);
    slab_free(&vmo_slab, v);
}

err_t sys_vmo_create(struct thread *t)
{
    uint64_t size_bytes = t->frame.x[0];
    if (size_bytes == 0 || size_bytes > VMO_BYTES_MAX) return ERR_RANGE;
    err_t e = handle_reserve(&t->process->handles, 1);
    if (e != OK) return e;
    struct vmo *v = vmo_create(size_bytes, t->process->account);
    if (!v) return ERR_NO_MEMORY;
    t->frame.x[1] = process_handle_add(t->process, &v->object);
    object_put(&v->object);
    return OK;
}

err_t sys_vmo_info(struct thread *t)
{
    struct object *o;
    err_t e = syscall_object(t, t->frame.x[0], OBJECT_VMO, RIGHT_READ, &o);
    if (e != OK) return e;
    const struct vmo *v = vmo_of(o);
    t->frame.x[1] = v->size_bytes;
    t->frame.x[2] = v->page_count * PAGE_SIZE;
    t->frame.x[3] = v->kind == VMO_DEVICE;
    t->frame.x[4] = v->pa.raw;
    return OK;
}

/* The rights that a mapping needs of its VMO. A writable page is readable to the hardware as well. */
static uint32_t rights_for(uint64_t prot)
{
    uint32_t rights = RIGHT_READ;
    if (prot & PROT_WRITE) rights |= RIGHT_WRITE;
    if (prot & PROT_EXEC) rights |= RIGHT_EXEC;
    return rights;
}

err_t sys_vmo_map(struct thread *t)
{
    const uint64_t *x = t->frame.x;
    uint64_t prot = x[4];
    if (prot & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_DEVICE)) return ERR_ARG;
    if (!(prot & PROT_READ)) return ERR_ARG;
    if ((prot & PROT_WRITE) && (prot & PROT_EXEC)) return ERR_ARG;
    struct process *p;
    err_t e = syscall_process(t, x[0], RIGHT_MANAGE, &p);
    if (e != OK) return e;
    struct object *o;
    e = syscall_object(t, x[1], OBJECT_VMO, rights_for(prot), &o);
    if (e != OK) return e;
    struct vmo *v = vmo_of(o);
    bool is_device = v->kind == VMO_DEVICE;
    if (is_device != !!(prot & PROT_DEVICE) || (is_device && (prot & PROT_EXEC))) return ERR_ARG;
    if ((x[2] | x[3] | x[5]) & (PAGE_SIZE - 1)) return ERR_ALIGN;
    if (!range_is_inside(x[2], x[3], 0, v->size_bytes)) return ERR_RANGE;
    if (p->state == PROCESS_ENDED || p->is_doomed) return ERR_DEAD;
    struct map_request request = {
        .vmo = v, .offset = x[2], .size_bytes = x[3], .prot = (uint32_t)prot, .va = x[5]
    };
    e = aspace_map(&p->aspace, &request);
    if (e != OK) return e;
    if (p != t->process && v->account == t->process->account) vmo_charge(v, p->account);
    t->frame.x[1] = request.va;
    return OK;
}

err_t sys_vmo_unmap(struct thread *t)
{
    struct process *p;
    err_t e = syscall_process(t, t->frame.x[0], RIGHT_MANAGE, &p);
    if (e != OK) return e;
    if (p->state == PROCESS_ENDED) return ERR_DEAD;
    return aspace_unmap(&p->aspace, t->frame.x[1], t->frame.x[2]);
}
