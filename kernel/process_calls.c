/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* System calls on processes. */
#include "kernel/notify.h"
#include "kernel/page.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "lib/string.h"

err_t sys_process_create(struct thread *t)
{
    err_t e = handle_reserve(&t->process->handles, 1);
    if (e != OK) return e;
    char name[PROCESS_NAME_BYTES];
    memcpy(name, &t->frame.x[0], sizeof(name));
    struct process *p = process_create(name);
    if (!p) return ERR_NO_MEMORY;
    t->frame.x[1] = process_handle_add(t->process, &p->object);
    object_put(&p->object);
    return OK;
}

err_t sys_process_grant(struct thread *t)
{
    struct process *p;
    err_t e = syscall_process(t, t->frame.x[0], RIGHT_MANAGE, &p);
    if (e != OK) return e;
    struct handle_entry *h = handle_at(&t->process->handles, t->frame.x[1]);
    if (!h) return ERR_HANDLE;
    uint64_t mask = t->frame.x[2];
    if (h->type == OBJECT_REPLY) return ERR_TYPE; /* an answer cannot be given twice */
    if ((h->rights & (RIGHT_GRANT | RIGHT_DUP)) != (RIGHT_GRANT | RIGHT_DUP)) return ERR_RIGHTS;
    if (p->state == PROCESS_ENDED || p->is_doomed) return ERR_DEAD;
    struct handle_entry copy = *h;
    copy.rights &= (uint32_t)mask;
    e = handle_reserve(&p->handles, 1);
    if (e != OK) return e;
    t->frame.x[1] = handle_insert(&p->handles, &copy);
    return OK;
}

err_t sys_process_start(struct thread *t)
{
    struct process *p;
    err_t e = syscall_process(t, t->frame.x[0], RIGHT_MANAGE, &p);
    if (e != OK) return e;
    return process_start(p, t->frame.x[1], t->frame.x[2], t->frame.x[3]);
}

err_t sys_process_kill(struct thread *t)
{
    struct process *p;
    err_t e = syscall_process(t, t->frame.x[0], RIGHT_MANAGE, &p);
    if (e != OK) return e;
    process_doom(p, PROCESS_KILLED, t->frame.x[1]);
    return OK;
}

err_t sys_exit(struct thread *t)
{
    process_doom(t->process, PROCESS_EXIT, t->frame.x[0]);
    return SYSCALL_NO_RESULT;
}

err_t sys_process_info(struct thread *t)
{
    struct process *p;
    err_t e = syscall_process(t, t->frame.x[0], RIGHT_READ, &p);
    if (e != OK) return e;
    sched_account();
    uint64_t *x = t->frame.x;
    x[1] = p->state;
    x[2] = p->exit_code;
    x[3] = p->run_ticks;
    x[4] = p->account->page_count * PAGE_SIZE;
    x[5] = p->object.id;
    x[6] = p->cause;
    return OK;
}

err_t sys_process_watch(struct thread *t)
{
    struct process *p;
    err_t e = syscall_process(t, t->frame.x[0], RIGHT_READ, &p);
    if (e != OK) return e;
    struct object *o;
    e = syscall_object(t, t->frame.x[1], OBJECT_NOTIFICATION, RIGHT_WRITE, &o);
    if (e != OK) return e;
    struct notification *n = CONTAINER_OF(o, struct notification, object);
    if (p->state == PROCESS_ENDED) {
        notify_signal(n, t->frame.x[2]);
        return OK;
    }
    for (size_t i = 0; i < PROCESS_WATCH_MAX; i++) {
        struct process_watch *w = &p->watch[i];
        if (w->notification) continue;
        object_get(o);
        w->notification = n;
        w->bits = t->frame.x[2];
        return OK;
    }
    return ERR_NO_MEMORY;
}

err_t sys_process_faults(struct thread *t)
{
    struct process *p;
    err_t e = syscall_process(t, t->frame.x[0], RIGHT_MANAGE, &p);
    if (e != OK) return e;
    struct handle_entry *h;
    e = handle_find(&t->process->handles, t->frame.x[1], OBJECT_ENDPOINT, RIGHT_WRITE, &h);
    if (e != OK) return e;
    if (p->state == PROCESS_ENDED) return ERR_DEAD;
    object_get(h->object);
    if (p->fault_endpoint) object_put(p->fault_endpoint);
    p->fault_endpoint = h->object;
    p->fault_badge = h->badge;
    return OK;
}

err_t sys_process_list(struct thread *t)
{
    struct object *system;
    err_t e = syscall_object(t, t->frame.x[0], OBJECT_SYSTEM, RIGHT_READ, &system);
    if (e != OK) return e;
    uint64_t *x = t->frame.x;
    struct list_node *head = process_list_head(), *at = head->next;
    for (uint64_t i = 0; i < x[1] && at != head; i++) at = at->next;
    if (at == head) return ERR_NO_ENTRY;
    sched_account();
    struct process *p = CONTAINER_OF(at, struct process, all);
    x[1] = p->object.id;
    x[2] = p->state;
    x[3] = p->run_ticks;
    x[4] = p->account->page_count * PAGE_SIZE;
    x[5] = p->thread_count;
    x[6] = handle_count(&p->handles);
    memcpy(&x[9], p->name, PROCESS_NAME_BYTES);
    return OK;
}
