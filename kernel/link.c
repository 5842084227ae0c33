/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The client side of links. */
#include "kernel/link.h"

#include "abi/hypercall.h"
#include "kernel/arch.h"
#include "kernel/irq.h"
#include "kernel/slab.h"
#include "kernel/syscall.h"
#include "kernel/vmo.h"

static struct slab link_slab = SLAB(struct link);

struct link *link_create(const struct boot_link *info)
{
    if ((info->regs_ipa | info->window_ipa | info->window_bytes) & (PAGE_SIZE - 1)) return NULL;
    struct link *l = slab_alloc(&link_slab);
    if (!l) return NULL;
    object_init(&l->object, OBJECT_LINK);
    l->info = *info;
    l->regs = vmo_create_fixed(VMO_DEVICE, (pa_t){ info->regs_ipa }, PAGE_SIZE);
    l->window = vmo_create_fixed(VMO_MEMORY, (pa_t){ info->window_ipa }, info->window_bytes);
    l->interrupt = irq_create(info->intid, true);
    return l->regs && l->window && l->interrupt ? l : NULL;
}

static err_t link_find(struct thread *t, struct link **out)
{
    struct object *o;
    err_t e = syscall_object(t, t->frame.x[0], OBJECT_LINK, RIGHT_READ, &o);
    if (e == OK) *out = CONTAINER_OF(o, struct link, object);
    return e;
}

err_t sys_link_info(struct thread *t)
{
    struct link *l;
    err_t e = link_find(t, &l);
    if (e != OK) return e;
    uint64_t *x = t->frame.x;
    x[1] = l->info.device_id;
    x[2] = l->info.window_bytes;
    x[3] = l->info.queue_count;
    x[4] = l->info.queue_size;
    x[5] = l->info.client_window_ipa;
    x[6] = l->info.peer_domain;
    return OK;
}

err_t sys_link_open(struct thread *t)
{
    struct link *l;
    err_t e = link_find(t, &l);
    if (e != OK) return e;
    e = handle_reserve(&t->process->handles, 3);
    if (e != OK) return e;
    uint64_t *x = t->frame.x;
    x[1] = process_handle_add(t->process, &l->regs->object);
    x[2] = process_handle_add(t->process, &l->window->object);
    x[3] = process_handle_add(t->process, &l->interrupt->object);
    return OK;
}

err_t sys_link_kick(struct thread *t)
{
    struct link *l;
    err_t e = link_find(t, &l);
    if (e != OK) return e;
    irq_unmask(l->interrupt); /* first: what the kick leads to must signal again */
    struct hvc_regs regs = { .x = { HVC_LINK_KICK, l->info.id, t->frame.x[1] } };
    arch_hvc(&regs);
    t->frame.x[1] = regs.x[1];
    return regs.x[0] < ERR_COUNT ? (err_t)regs.x[0] : ERR_NOT_SUPPORTED;
}
