/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Endpoints: the rendezvous of a caller and a server, and all the ways in which it can end. */
#include "kernel/endpoint.h"

#include "kernel/arch.h"
#include "kernel/fault.h"
#include "kernel/notify.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/slab.h"
#include "kernel/syscall.h"

/* Registers of a message, see include/abi/syscall.h. */
enum { X_TAG = 1, X_WORD0 = 2, X_HANDLE0 = 9, X_DEADLINE = 13, X_REPLY = 14, X_BADGE = 15 };

static struct slab endpoint_slab = SLAB(struct endpoint);

/* May t send the message in its registers? Tags of the kernel cannot be forged. */
static err_t message_check(struct thread *t)
{
    uint64_t tag = t->frame.x[X_TAG];
    if (tag > UINT32_MAX) return ERR_ARG;
    uint64_t count = TAG_HANDLE_COUNT(tag);
    if (count > IPC_HANDLES) return ERR_ARG;
    const uint64_t *handle = &t->frame.x[X_HANDLE0];
    for (uint64_t i = 0; i < count; i++) {
        const struct handle_entry *h = handle_at(&t->process->handles, handle[i]);
        if (!h) return ERR_HANDLE;
        if (!(h->rights & RIGHT_GRANT)) return ERR_RIGHTS;
        for (uint64_t j = 0; j < i; j++) {
            if (handle[j] == handle[i]) return ERR_ARG;
        }
    }
    return OK;
}

/* An ordinary tag, no handles. */
static inline bool is_plain(uint64_t tag)
{
    return (tag & ~UINT64_C(0xfffffff8)) == 0;
}

/* Moves the handles of a message; room is reserved. One that a sibling thread has closed since arrives as HANDLE_NONE. */
static void handles_move(struct thread *from, struct thread *to, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t h = from->frame.x[X_HANDLE0 + i];
        const struct handle_entry *e = handle_at(&from->process->handles, h);
        bool may = e && (e->rights & RIGHT_GRANT);
        to->frame.x[X_HANDLE0 + i] =
                may ? handle_move(&from->process->handles, (handle_t)h, &to->process->handles)
                    : HANDLE_NONE;
    }
}

/* Spelled out: as a loop it is three times as long. */
static inline void words_copy(uint64_t *restrict to, const uint64_t *restrict from)
{
    uint64_t tag = from[0], a = from[1], b = from[2], c = from[3], d = from[4], e = from[5],
             f = from[6];
    to[0] = tag;
    to[1] = a;
    to[2] = b;
    to[3] = c;
    to[4] = d;
    to[5] = e;
    to[6] = f;
}

/*
 * Hands the message of `from` to the receiver `to`, with a reply handle; from waits for the answer then.
 * ERR_NO_MEMORY: the receiver has no room for the handles; nothing changed.
 */
static err_t message_take(struct thread *from, struct thread *to, uint64_t badge)
{
    struct handle_table *table = &to->process->handles;
    if (UNLIKELY(from->is_fault)) {
        if (handle_reserve(table, 1) != OK) return ERR_NO_MEMORY;
        words_copy(&to->frame.x[X_TAG], from->fault_words);
    } else {
        uint64_t count = TAG_HANDLE_COUNT(from->frame.x[X_TAG]);
        if (handle_reserve(table, (uint32_t)count + 1) != OK) return ERR_NO_MEMORY;
        words_copy(&to->frame.x[X_TAG], &from->frame.x[X_TAG]);
        if (UNLIKELY(count)) handles_move(from, to, count);
    }
    to->frame.x[0] = OK;
    to->frame.x[X_REPLY] = handle_insert_reply(table, &from->object, ++from->call_number);
    to->frame.x[X_BADGE] = badge;
    from->state = THREAD_WAIT_REPLY;
    return OK;
}

/* A receiver that waits becomes the running thread, in place of the caller that now waits for it. */
static void receiver_run(struct thread *receiver)
{
    thread_unwait(receiver);
    receiver->state = THREAD_READY;
    sched_switch_to(receiver);
}

static inline struct thread *first_thread(struct list_node *head)
{
    return CONTAINER_OF(head->next, struct thread, queue);
}

/* Nobody receives now: the caller queues up. */
static err_t call_wait(struct thread *t, struct endpoint *ep, uint64_t badge, uint64_t deadline)
{
    if (deadline != DEADLINE_NEVER && deadline <= arch_ticks()) return ERR_TIMEOUT;
    t->call_badge = badge;
    thread_wait(t, THREAD_WAIT_SEND, &ep->senders, NULL, deadline);
    return SYSCALL_NO_RESULT;
}

static err_t call_slow(struct thread *t)
{
    struct handle_entry *h;
    err_t e = handle_find(&t->process->handles, t->frame.x[0], OBJECT_ENDPOINT, RIGHT_WRITE, &h);
    if (e != OK) return e;
    e = message_check(t);
    if (e != OK) return e;
    struct endpoint *ep = endpoint_of(h->object);
    if (UNLIKELY(ep->is_dead || ep->is_unserved)) return ERR_DEAD;
    uint64_t deadline = t->frame.x[X_DEADLINE];
    if (UNLIKELY(list_is_empty(&ep->receivers))) return call_wait(t, ep, h->badge, deadline);
    struct thread *receiver = first_thread(&ep->receivers);
    e = message_take(t, receiver, h->badge);
    if (e != OK) return e;
    if (deadline != DEADLINE_NEVER) sched_deadline_set(&t->deadline, deadline);
    receiver_run(receiver);
    return SYSCALL_NO_RESULT;
}

err_t ipc_fault_call(struct thread *t, struct endpoint *ep, uint64_t badge)
{
    if (ep->is_dead || ep->is_unserved) return ERR_DEAD;
    t->is_fault = true;
    if (list_is_empty(&ep->receivers)) {
        t->call_badge = badge;
        thread_wait(t, THREAD_WAIT_SEND, &ep->senders, NULL, DEADLINE_NEVER);
        return OK;
    }
    struct thread *receiver = first_thread(&ep->receivers);
    err_t e = message_take(t, receiver, badge);
    if (e != OK) {
        t->is_fault = false;
        return e;
    }
    receiver_run(receiver);
    return OK;
}

/* Drops the handles of an answer that nobody takes: they have left the sender's table either way. */
static void answer_drop(struct thread *t, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t h = t->frame.x[X_HANDLE0 + i];
        if (handle_at(&t->process->handles, h)) {
            handle_remove(&t->process->handles, (handle_t)h, ERR_CANCELLED);
        }
    }
}

/*
 * Gives the answer in t's registers to the caller behind a reply handle, which is used up.
 * Returns the caller, off every queue and runnable, or NULL when it is not waiting any more.
 */
static struct thread *reply_give(struct thread *t, struct handle_entry *h)
{
    struct handle_table *table = &t->process->handles;
    struct thread *caller = thread_of(h->object);
    uint64_t count = TAG_HANDLE_COUNT(t->frame.x[X_TAG]);
    bool waits = caller->state == THREAD_WAIT_REPLY && caller->call_number == h->badge;
    if (waits && UNLIKELY(caller->is_fault)) {
        waits = false;
        if (t->frame.x[X_WORD0] == 1) {
            caller->is_fault = false;
            caller->state = THREAD_READY;
            sched_ready(caller);
        } else {
            fault_end(caller);
        }
    }
    if (waits && UNLIKELY(count)) {
        err_t e = handle_reserve(&caller->process->handles, (uint32_t)count);
        if (e == OK) {
            handles_move(t, caller, count);
            count = 0;
        } else {
            waits = false;
            thread_wake(caller, e);
        }
    }
    if (UNLIKELY(count)) answer_drop(t, count);
    if (waits) {
        words_copy(&caller->frame.x[X_TAG], &t->frame.x[X_TAG]);
        caller->frame.x[0] = OK;
        if (UNLIKELY(caller->deadline.is_queued)) deadline_clear(&caller->deadline);
        caller->state = THREAD_READY;
    }
    handle_consume(table, h, (handle_t)t->frame.x[X_REPLY]);
    object_put(&caller->object);
    return waits ? caller : NULL;
}

static void server_adopt(struct endpoint *ep, struct process *p)
{
    ep->server = p;
    ep->is_unserved = false;
    list_remove(&ep->served);
    list_add(&p->served, &ep->served);
}

/* Takes the oldest queued message. False: there is none. One that does not fit fails for its sender, and the next is tried. */
static bool sender_take(struct thread *t, struct endpoint *ep)
{
    while (!list_is_empty(&ep->senders)) {
        struct thread *sender = first_thread(&ep->senders);
        if (message_take(sender, t, sender->call_badge) != OK) {
            thread_wake(sender, ERR_NO_MEMORY);
            continue;
        }
        list_remove(
                &sender->queue); /* its deadline goes on: it now bounds the wait for the answer */
        return true;
    }
    return false;
}

/* The waiting half: bound bits first, then the oldest message, then sleep. `next` may run at once (NULL: nobody). */
static err_t receive(struct thread *t, struct endpoint *ep, struct thread *next)
{
    uint64_t deadline = t->frame.x[X_DEADLINE];
    if (UNLIKELY(ep->server != t->process)) server_adopt(ep, t->process);
    uint64_t bits = notify_take_bound(t);
    if (UNLIKELY(bits)) {
        ipc_deliver_bits(t, bits);
        t->frame.x[0] = OK;
    } else if (list_is_empty(&ep->senders) || !sender_take(t, ep)) {
        t->frame.x[X_REPLY] = HANDLE_NONE;
        t->frame.x[X_BADGE] = 0;
        if (UNLIKELY(deadline != DEADLINE_NEVER) && deadline <= arch_ticks()) {
            t->frame.x[0] = ERR_TIMEOUT;
        } else {
            t->state = THREAD_WAIT_RECV;
            list_add(&ep->receivers, &t->queue);
            if (UNLIKELY(deadline != DEADLINE_NEVER)) sched_deadline_set(&t->deadline, deadline);
            sched_switch_to(next);
            return SYSCALL_NO_RESULT;
        }
    }
    if (next) sched_ready(next);
    return SYSCALL_NO_RESULT;
}

static err_t reply_recv_slow(struct thread *t)
{
    struct handle_table *table = &t->process->handles;
    struct handle_entry *h;
    struct endpoint *ep = NULL;
    err_t e;
    if (t->frame.x[0] != HANDLE_NONE) {
        e = handle_find(table, t->frame.x[0], OBJECT_ENDPOINT, RIGHT_READ, &h);
        if (e != OK) return e;
        ep = endpoint_of(h->object);
    }
    struct thread *caller = NULL;
    if (t->frame.x[X_REPLY] != HANDLE_NONE) {
        e = handle_find(table, t->frame.x[X_REPLY], OBJECT_REPLY, RIGHT_WRITE, &h);
        if (e != OK) return e;
        e = message_check(t);
        if (e != OK) return e;
        caller = reply_give(t, h);
        t->frame.x[X_REPLY] = HANDLE_NONE;
    }
    if (ep) return receive(t, ep, caller);
    if (caller) sched_ready(caller);
    return OK;
}

/*
 * The path that is measured: no handles, no deadlines, the receiver waits. It calls nothing, so it needs no stack; whatever
 * is out of the ordinary goes the long way, which checks everything again. Uses of objects that end here are never the last:
 * the caller's handle, or the caller's life, is another one.
 */
err_t sys_call(struct thread *t)
{
    struct handle_entry *h;
    if (handle_find(&t->process->handles, t->frame.x[0], OBJECT_ENDPOINT, RIGHT_WRITE, &h) != OK) {
        return call_slow(t);
    }
    struct endpoint *ep = endpoint_of(h->object);
    if (UNLIKELY(!is_plain(t->frame.x[X_TAG]) || t->frame.x[X_DEADLINE] != DEADLINE_NEVER)) {
        return call_slow(t);
    }
    if (UNLIKELY(list_is_empty(&ep->receivers))) return call_slow(t);
    struct thread *receiver = first_thread(&ep->receivers);
    struct handle_table *table = &receiver->process->handles;
    if (UNLIKELY(receiver->deadline.is_queued || table->free_head == 0)) return call_slow(t);

    words_copy(&receiver->frame.x[X_TAG], &t->frame.x[X_TAG]);
    receiver->frame.x[0] = OK;
    receiver->frame.x[X_REPLY] = handle_insert_reply(table, &t->object, ++t->call_number);
    receiver->frame.x[X_BADGE] = h->badge;
    t->state = THREAD_WAIT_REPLY;
    list_remove(&receiver->queue);
    receiver->state = THREAD_READY;
    sched_switch_to(receiver);
    return SYSCALL_NO_RESULT;
}

err_t sys_reply_recv(struct thread *t)
{
    struct handle_table *table = &t->process->handles;
    struct handle_entry *h, *r;
    if (handle_find(table, t->frame.x[0], OBJECT_ENDPOINT, RIGHT_READ, &h) != OK) {
        return reply_recv_slow(t);
    }
    if (handle_find(table, t->frame.x[X_REPLY], OBJECT_REPLY, RIGHT_WRITE, &r) != OK) {
        return reply_recv_slow(t);
    }
    struct endpoint *ep = endpoint_of(h->object);
    struct thread *caller = thread_of(r->object);
    if (UNLIKELY(!is_plain(t->frame.x[X_TAG]) || t->frame.x[X_DEADLINE] != DEADLINE_NEVER)) {
        return reply_recv_slow(t);
    }
    if (UNLIKELY(caller->state != THREAD_WAIT_REPLY || caller->call_number != r->badge)) {
        return reply_recv_slow(t);
    }
    if (UNLIKELY(caller->is_fault || caller->deadline.is_queued || (t->bound && t->bound->bits))) {
        return reply_recv_slow(t);
    }
    if (UNLIKELY(ep->server != t->process || !list_is_empty(&ep->senders))) {
        return reply_recv_slow(t);
    }

    words_copy(&caller->frame.x[X_TAG], &t->frame.x[X_TAG]);
    caller->frame.x[0] = OK;
    caller->state = THREAD_READY;
    handle_consume(table, r, (handle_t)t->frame.x[X_REPLY]);
    caller->object.ref_count--;
    t->frame.x[X_REPLY] = HANDLE_NONE; /* should the wait fail; a message overwrites it */
    t->state = THREAD_WAIT_RECV;
    list_add(&ep->receivers, &t->queue);
    sched_switch_to(caller);
    return SYSCALL_NO_RESULT;
}

void ipc_deliver_bits(struct thread *receiver, uint64_t bits)
{
    receiver->frame.x[X_TAG] = TAG_NOTIFICATION;
    receiver->frame.x[X_WORD0] = bits;
    receiver->frame.x[X_REPLY] = HANDLE_NONE;
    receiver->frame.x[X_BADGE] = 0;
}

void reply_drop(struct object *caller, uint64_t number, err_t reason)
{
    struct thread *t = thread_of(caller);
    if (t->state == THREAD_WAIT_REPLY && t->call_number == number) thread_wake(t, reason);
}

static void wake_all(struct list_node *queue, err_t reason)
{
    while (!list_is_empty(queue)) thread_wake(first_thread(queue), reason);
}

void endpoint_reader_drop(struct object *o)
{
    struct endpoint *ep = endpoint_of(o);
    CHECK(ep->reader_count > 0);
    if (--ep->reader_count > 0) return;
    ep->is_dead = true;
    wake_all(&ep->senders, ERR_DEAD);
    wake_all(&ep->receivers, ERR_DEAD);
}

void endpoint_server_gone(struct list_node *served)
{
    struct endpoint *ep = CONTAINER_OF(served, struct endpoint, served);
    list_remove(served);
    ep->server = NULL;
    if (!list_is_empty(&ep->receivers)) {
        server_adopt(ep, first_thread(&ep->receivers)->process);
        return;
    }
    ep->is_unserved = true;
    wake_all(&ep->senders, ERR_DEAD);
}

void endpoint_destroy(struct object *o)
{
    struct endpoint *ep = endpoint_of(o);
    list_remove(&ep->served);
    slab_free(&endpoint_slab, ep);
}

err_t sys_endpoint_create(struct thread *t)
{
    err_t e = handle_reserve(&t->process->handles, 1);
    if (e != OK) return e;
    struct endpoint *ep = slab_alloc(&endpoint_slab);
    if (!ep) return ERR_NO_MEMORY;
    object_init(&ep->object, OBJECT_ENDPOINT);
    list_init(&ep->senders);
    list_init(&ep->receivers);
    list_init(&ep->served);
    t->frame.x[1] = process_handle_add(t->process, &ep->object);
    object_put(&ep->object);
    return OK;
}

err_t sys_endpoint_mint(struct thread *t)
{
    struct handle_table *table = &t->process->handles;
    struct handle_entry *h;
    err_t e = handle_find(table, t->frame.x[0], OBJECT_ENDPOINT, RIGHT_MANAGE, &h);
    if (e != OK) return e;
    if (t->frame.x[1] == 0) return ERR_ARG;
    if (h->badge != 0) return ERR_STATE; /* a badge says who calls: nobody renames himself */
    struct handle_entry minted = *h;
    minted.badge = t->frame.x[1];
    minted.rights &= (uint32_t)t->frame.x[2];
    e = handle_reserve(table, 1);
    if (e != OK) return e;
    t->frame.x[1] = handle_insert(table, &minted);
    return OK;
}
