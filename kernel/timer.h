/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Timers: a notification at a tick. */
#pragma once
#include "kernel/thread.h"

struct timer {
    struct object object;
    struct deadline deadline;
    struct notification *notification; /* one use while armed */
    uint64_t bits;
};

/** Its tick has come; it is out of the queue already. */
void timer_expire(struct timer *timer);
void timer_destroy(struct object *o);

err_t sys_timer_create(struct thread *t);
err_t sys_timer_set(struct thread *t);
