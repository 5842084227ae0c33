/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Threads: creation, waits and their ends. */
#include "kernel/thread.h"

#include "kernel/arch.h"
#include "kernel/fault.h"
#include "kernel/notify.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/slab.h"
#include "kernel/syscall.h"

static struct slab thread_slab = SLAB(struct thread);

struct thread *thread_create(struct process *p, uint64_t entry, uint64_t sp, uint64_t arg)
{
    struct thread *t = slab_alloc(&thread_slab);
    if (!t) return NULL;
    object_init(&t->object, OBJECT_THREAD);
    t->frame.elr = entry;
    t->frame.sp = sp;
    t->frame.x[0] = arg;
    t->ttbr0 = p->aspace.ttbr0;
    t->run_ticks = &p->run_ticks;
    t->state = THREAD_READY;
    t->process = p;
    object_get(&p->object);
    list_init(&t->queue);
    list_init(&t->sibling);
    list_add(&p->threads, &t->sibling);
    p->thread_count++;
    return t;
}

void thread_wake(struct thread *t, err_t result)
{
    thread_unwait(t);
    if (t->is_fault) {
        fault_end(t);
    } else {
        t->frame.x[0] = result;
    }
    t->state = THREAD_READY;
    sched_ready(t);
}

void thread_wait(struct thread *t, enum thread_state state, struct list_node *queue,
                 struct object *on, uint64_t deadline)
{
    t->state = state;
    if (queue) list_add(queue, &t->queue);
    if (on) {
        object_get(on);
        t->waits_for = on;
    }
    if (deadline != DEADLINE_NEVER) sched_deadline_set(&t->deadline, deadline);
    sched_leave(t);
}

void thread_expire(struct thread *t)
{
    thread_wake(t, t->state == THREAD_WAIT_SLEEP ? OK : ERR_TIMEOUT);
}

void thread_end(struct thread *t)
{
    if (t->state == THREAD_DEAD) return;
    thread_unwait(t);
    t->state = THREAD_DEAD;
    sched_forget(t);
    arch_fp_drop(t);
    if (t->bound) notify_unbind(t);
    list_remove(&t->sibling);
    t->process->thread_count--;
    object_put(&t->object);
}

void thread_destroy(struct object *o)
{
    struct thread *t = thread_of(o);
    object_put(&t->process->object);
    slab_free(&thread_slab, t);
}

err_t sys_thread_create(struct thread *t)
{
    struct process *p = t->process;
    if (p->thread_count >= PROCESS_THREAD_MAX) return ERR_NO_MEMORY;
    err_t e = handle_reserve(&p->handles, 1);
    if (e != OK) return e;
    struct thread *made = thread_create(p, t->frame.x[0], t->frame.x[1], t->frame.x[2]);
    if (!made) return ERR_NO_MEMORY;
    made->tpidr_el0 = t->frame.x[3];
    t->frame.x[1] = process_handle_add(p, &made->object);
    sched_ready(made);
    return OK;
}

err_t sys_thread_exit(struct thread *t)
{
    struct process *p = t->process;
    if (p->thread_count == 1) process_doom(p, PROCESS_EXIT, 0);
    thread_end(t);
    return SYSCALL_NO_RESULT;
}

err_t sys_yield(struct thread *t)
{
    t->frame.x[0] = OK;
    sched_requeue(t);
    return SYSCALL_NO_RESULT;
}

err_t sys_sleep(struct thread *t)
{
    uint64_t deadline = t->frame.x[0];
    if (deadline != DEADLINE_NEVER && deadline <= arch_ticks()) return OK;
    thread_wait(t, THREAD_WAIT_SLEEP, NULL, NULL, deadline);
    return SYSCALL_NO_RESULT;
}
