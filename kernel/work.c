/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Work put aside inside a system call: ends of processes and objects, one after the other, without recursion. */
#include "kernel/endpoint.h"
#include "kernel/notify.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/timer.h"
#include "kernel/vmo.h"

static void object_destroy(struct object *o)
{
    static void (*const destroy[OBJECT_TYPE_COUNT])(struct object *) = {
        [OBJECT_PROCESS] = process_destroy,
        [OBJECT_THREAD] = thread_destroy,
        [OBJECT_VMO] = vmo_destroy,
        [OBJECT_ENDPOINT] = endpoint_destroy,
        [OBJECT_NOTIFICATION] = notify_destroy,
        [OBJECT_TIMER] = timer_destroy,
    };
    CHECK(o->type < OBJECT_TYPE_COUNT &&
          destroy[o->type]); /* the others are made at boot and stay */
    destroy[o->type](o);
}

void work_run(void)
{
    this_cpu()->work = 0;
    for (;;) {
        struct process *p = process_doomed_next();
        if (p) {
            process_end(p);
            continue;
        }
        struct object *o = object_exhume();
        if (!o) break;
        object_destroy(o);
    }
    this_cpu()->work = 0;
}
