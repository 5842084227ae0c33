/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Endpoints: synchronous call, and reply-and-wait. include/abi/syscall.h has the registers. */
#pragma once
#include "kernel/thread.h"

struct endpoint {
    struct object object;
    struct list_node senders, receivers; /* threads, oldest first */
    uint32_t reader_count; /* handles with RIGHT_READ; none left: nobody will ever receive */
    bool is_dead;          /* reader_count fell to 0 */
    bool is_unserved;      /* the process that received last has ended, no other has come yet */
    struct process
            *server; /* who received last; borrowed: process_end calls endpoint_server_gone */
    struct list_node served; /* in server->served */
};

static inline struct endpoint *endpoint_of(struct object *o)
{
    return CONTAINER_OF(o, struct endpoint, object);
}

/** A handle with RIGHT_READ came or went. With the last one every waiting caller gets ERR_DEAD. */
static inline void endpoint_reader_add(struct object *o)
{
    endpoint_of(o)->reader_count++;
}
void endpoint_reader_drop(struct object *o);
/** The process that served the endpoint with this node has ended: queued callers get ERR_DEAD unless another receives. */
void endpoint_server_gone(struct list_node *served);
/** Nobody will answer call `number` of this thread any more: its wait ends with `reason`, if it still waits for that. */
void reply_drop(struct object *caller, uint64_t number, err_t reason);
/** Fills the registers of a receiver with bits of its bound notification. */
void ipc_deliver_bits(struct thread *receiver, uint64_t bits);
/**
 * Sends the message in t->fault_words for the running thread as a call that its fault endpoint answers.
 * Returns OK: t waits now | ERR_DEAD, ERR_NO_MEMORY: nothing changed
 */
err_t ipc_fault_call(struct thread *t, struct endpoint *ep, uint64_t badge) MUST_CHECK;
void endpoint_destroy(struct object *o);

err_t sys_endpoint_create(struct thread *t);
err_t sys_endpoint_mint(struct thread *t);
err_t sys_call(struct thread *t);
err_t sys_reply_recv(struct thread *t);
