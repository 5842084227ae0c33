/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Timers: a notification at a tick. */
#include "kernel/timer.h"

#include "kernel/notify.h"
#include "kernel/sched.h"
#include "kernel/slab.h"
#include "kernel/syscall.h"

static struct slab timer_slab = SLAB(struct timer);

static struct timer *timer_of(struct object *o)
{
    return CONTAINER_OF(o, struct timer, object);
}

static void disarm(struct timer *timer)
{
    deadline_clear(&timer->deadline);
    if (timer->notification) object_put(&timer->notification->object);
    timer->notification = NULL;
}

void timer_expire(struct timer *timer)
{
    notify_signal(timer->notification, timer->bits);
    disarm(timer);
}

void timer_destroy(struct object *o)
{
    disarm(timer_of(o));
    slab_free(&timer_slab, timer_of(o));
}

err_t sys_timer_create(struct thread *t)
{
    err_t e = handle_reserve(&t->process->handles, 1);
    if (e != OK) return e;
    struct timer *timer = slab_alloc(&timer_slab);
    if (!timer) return ERR_NO_MEMORY;
    object_init(&timer->object, OBJECT_TIMER);
    timer->deadline.is_timer = true;
    t->frame.x[1] = process_handle_add(t->process, &timer->object);
    object_put(&timer->object);
    return OK;
}

err_t sys_timer_set(struct thread *t)
{
    struct object *o, *n;
    err_t e = syscall_object(t, t->frame.x[0], OBJECT_TIMER, RIGHT_WRITE, &o);
    if (e != OK) return e;
    struct timer *timer = timer_of(o);
    if (t->frame.x[1] == 0) {
        disarm(timer);
        return OK;
    }
    e = syscall_object(t, t->frame.x[2], OBJECT_NOTIFICATION, RIGHT_WRITE, &n);
    if (e != OK) return e;
    object_get(n);
    disarm(timer);
    timer->notification = notification_of(n);
    timer->bits = t->frame.x[3];
    sched_deadline_set(&timer->deadline, t->frame.x[1]);
    return OK;
}
