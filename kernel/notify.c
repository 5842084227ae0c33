/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Notifications: signal, wait, and the binding to a receiving thread. */
#include "kernel/notify.h"

#include "kernel/arch.h"
#include "kernel/endpoint.h"
#include "kernel/process.h"
#include "kernel/slab.h"
#include "kernel/syscall.h"

static struct slab notification_slab = SLAB(struct notification);

void notify_signal(struct notification *n, uint64_t bits)
{
    n->bits |= bits;
    for (struct list_node *at = n->waiters.next, *next; at != &n->waiters; at = next) {
        struct thread *t = CONTAINER_OF(at, struct thread, queue);
        next = at->next;
        uint64_t taken = n->bits & t->wait_mask;
        if (!taken) continue;
        n->bits &= ~taken;
        t->frame.x[1] = taken;
        thread_wake(t, OK);
    }
    struct thread *b = n->bound;
    if (n->bits && b && b->state == THREAD_WAIT_RECV) {
        ipc_deliver_bits(b, n->bits);
        n->bits = 0;
        thread_wake(b, OK);
    }
}

void notify_unbind(struct thread *t)
{
    t->bound->bound = NULL;
    object_put(&t->bound->object);
    t->bound = NULL;
}

void notify_destroy(struct object *o)
{
    slab_free(&notification_slab, notification_of(o));
}

err_t sys_notification_create(struct thread *t)
{
    err_t e = handle_reserve(&t->process->handles, 1);
    if (e != OK) return e;
    struct notification *n = slab_alloc(&notification_slab);
    if (!n) return ERR_NO_MEMORY;
    object_init(&n->object, OBJECT_NOTIFICATION);
    list_init(&n->waiters);
    t->frame.x[1] = process_handle_add(t->process, &n->object);
    object_put(&n->object);
    return OK;
}

err_t sys_notification_signal(struct thread *t)
{
    struct handle_entry *h;
    err_t e =
            handle_find(&t->process->handles, t->frame.x[0], OBJECT_NOTIFICATION, RIGHT_WRITE, &h);
    if (e != OK) return e;
    notify_signal(notification_of(h->object), t->frame.x[1]);
    return OK;
}

err_t sys_notification_wait(struct thread *t)
{
    struct handle_entry *h;
    err_t e = handle_find(&t->process->handles, t->frame.x[0], OBJECT_NOTIFICATION, RIGHT_READ, &h);
    if (e != OK) return e;
    uint64_t mask = t->frame.x[1], deadline = t->frame.x[2];
    if (!mask) return ERR_ARG; /* would wait for ever */
    struct notification *n = notification_of(h->object);
    uint64_t taken = n->bits & mask;
    if (taken) {
        n->bits &= ~taken;
        t->frame.x[1] = taken;
        return OK;
    }
    if (deadline != DEADLINE_NEVER && deadline <= arch_ticks()) return ERR_TIMEOUT;
    t->wait_mask = mask;
    thread_wait(t, THREAD_WAIT_NOTIFY, &n->waiters, &n->object, deadline);
    return SYSCALL_NO_RESULT;
}

err_t sys_notification_bind(struct thread *t)
{
    if (t->frame.x[0] == HANDLE_NONE) {
        if (t->bound) notify_unbind(t);
        return OK;
    }
    struct handle_entry *h;
    err_t e = handle_find(&t->process->handles, t->frame.x[0], OBJECT_NOTIFICATION, RIGHT_READ, &h);
    if (e != OK) return e;
    struct notification *n = notification_of(h->object);
    if (n->bound == t) return OK;
    if (n->bound) return ERR_BUSY;
    if (t->bound) notify_unbind(t);
    object_get(&n->object);
    n->bound = t;
    t->bound = n;
    return OK;
}
