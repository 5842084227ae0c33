/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Notifications: a word of bits that somebody sets and somebody waits for. */
#pragma once
#include "kernel/thread.h"

struct notification {
    struct object object;
    uint64_t bits;
    struct list_node waiters;
    struct thread *
            bound; /* its SYS_REPLY_RECV also ends for these bits; borrowed: it unbinds before it ends */
};

static inline struct notification *notification_of(struct object *o)
{
    return CONTAINER_OF(o, struct notification, object);
}

/** Sets bits and wakes who waits for one of them. Context: kernel, interrupt dispatch included. */
void notify_signal(struct notification *n, uint64_t bits);
/** Bound bits for a thread about to receive: taken and cleared, or 0. */
static inline uint64_t notify_take_bound(const struct thread *t)
{
    if (!t->bound) return 0;
    uint64_t bits = t->bound->bits;
    t->bound->bits = 0;
    return bits;
}
void notify_unbind(struct thread *t);
void notify_destroy(struct object *o);

err_t sys_notification_create(struct thread *t);
err_t sys_notification_signal(struct thread *t);
err_t sys_notification_wait(struct thread *t);
err_t sys_notification_bind(struct thread *t);
