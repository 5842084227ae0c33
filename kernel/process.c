/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Processes: how they begin, and how they end without anything of theirs staying behind. */
#include "kernel/process.h"

#include "kernel/endpoint.h"
#include "kernel/notify.h"
#include "kernel/page.h"
#include "kernel/sched.h"
#include "kernel/slab.h"
#include "lib/format.h"
#include "lib/string.h"

static struct slab process_slab = SLAB(struct process);

static struct {
    struct list_node all;
    struct process *doomed; /* one use of each */
    bool is_started;
} processes;

struct list_node *process_list_head(void)
{
    if (!processes.is_started) {
        list_init(&processes.all);
        processes.is_started = true;
    }
    return &processes.all;
}

struct process *process_create(const char *name)
{
    struct account *account = account_create();
    if (!account) return NULL;
    struct process *p = slab_alloc(&process_slab);
    if (!p || aspace_create(&p->aspace, account) != OK) {
        if (p) slab_free(&process_slab, p);
        account_put(account);
        return NULL;
    }
    object_init(&p->object, OBJECT_PROCESS);
    memcpy(p->name, name, PROCESS_NAME_BYTES - 1);
    text_sanitize(p->name, strnlen(p->name, PROCESS_NAME_BYTES));
    p->account = account;
    p->handles.account = account;
    list_init(&p->threads);
    list_init(&p->served);
    list_init(&p->all);
    list_add(process_list_head(), &p->all);
    return p;
}

handle_t process_handle_add(struct process *p, struct object *o)
{
    struct handle_entry e = { .object = o, .type = o->type, .rights = RIGHT_ALL };
    return handle_insert(&p->handles, &e);
}

err_t process_start(struct process *p, uint64_t entry, uint64_t sp, uint64_t arg)
{
    if (p->state != PROCESS_NEW || p->is_doomed) return ERR_STATE;
    struct thread *t = thread_create(p, entry, sp, arg);
    if (!t) return ERR_NO_MEMORY;
    p->state = PROCESS_RUNS;
    sched_ready(t);
    return OK;
}

void process_doom(struct process *p, enum process_cause cause, uint64_t exit_code)
{
    if (p->is_doomed || p->state == PROCESS_ENDED) return;
    p->is_doomed = true;
    p->cause = cause;
    p->exit_code = exit_code;
    object_get(&p->object);
    p->next_doomed = processes.doomed;
    processes.doomed = p;
    sched_work_note();
}

struct process *process_doomed_next(void)
{
    struct process *p = processes.doomed;
    if (p) processes.doomed = p->next_doomed;
    return p;
}

/* All but the struct and the use that process_doom took. */
static void process_tear_down(struct process *p)
{
    p->state = PROCESS_ENDED;
    while (!list_is_empty(&p->threads)) {
        thread_end(CONTAINER_OF(p->threads.next, struct thread, sibling));
    }
    while (!list_is_empty(&p->served)) endpoint_server_gone(p->served.next);
    handle_close_all(&p->handles, ERR_DEAD);
    aspace_destroy(&p->aspace);
    if (p->fault_endpoint) object_put(p->fault_endpoint);
    p->fault_endpoint = NULL;
    for (size_t i = 0; i < PROCESS_WATCH_MAX; i++) {
        struct notification *n = p->watch[i].notification;
        if (!n) continue;
        p->watch[i].notification = NULL;
        notify_signal(n, p->watch[i].bits);
        object_put(&n->object);
    }
}

void process_end(struct process *p)
{
    process_tear_down(p);
    object_put(&p->object);
}

void process_destroy(struct object *o)
{
    struct process *p = process_of(o);
    if (p->state != PROCESS_ENDED) process_tear_down(p); /* never started */
    list_remove(&p->all);
    account_put(p->account);
    slab_free(&process_slab, p);
}
