/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Threads: saved registers, what each waits for, how a wait ends. */
#pragma once
#include "abi/syscall.h"
#include "kernel/deadline.h"
#include "kernel/list.h"
#include "kernel/object.h"
#include "lib/base.h"

struct process;
struct notification;

/* Registers of EL0. vectors.S stores and loads them; x19..x29 only when threads change. */
struct frame {
    uint64_t x[31], sp, elr, spsr;
};

struct fp_state {
    uint64_t v[64]; /* 32 registers of 128 bits */
    uint64_t fpsr, fpcr;
};

enum thread_state {
    THREAD_READY,       /* in the run queue, or the one that runs */
    THREAD_WAIT_SEND,   /* in an endpoint's queue of senders */
    THREAD_WAIT_RECV,   /* in an endpoint's queue of receivers */
    THREAD_WAIT_REPLY,  /* its message was taken; somebody holds the reply */
    THREAD_WAIT_NOTIFY, /* in a notification's queue */
    THREAD_WAIT_SLEEP,
    THREAD_DEAD
};

struct thread {
    struct frame frame; /* first: SP_EL1 points here while EL0 runs */
    uint64_t tpidr_el0;
    uint64_t ttbr0;          /* copy of the process's */
    uint64_t *run_ticks;     /* the process's counter */
    uint64_t switched_ticks; /* when it last began to run */
    struct object object;
    struct process *process; /* one use */
    enum thread_state state;
    bool is_fault;            /* its message is fault_words, its answer decides its fate */
    struct list_node queue;   /* run queue, or the queue of what it waits for */
    struct list_node sibling; /* in process->threads */
    struct deadline deadline;
    struct object *
            waits_for; /* one use while WAIT_NOTIFY; an endpoint's death wakes all, so its queues need none */
    uint64_t wait_mask;                  /* WAIT_NOTIFY */
    uint64_t call_badge;                 /* WAIT_SEND */
    uint64_t call_number;                /* names the call that a reply handle answers */
    struct notification *bound;          /* one use */
    uint64_t fault_words[1 + IPC_WORDS]; /* tag, words */
    struct fp_state fp __attribute__((aligned(16))); /* valid unless the thread is cpu.fp_owner */
};

static inline struct thread *thread_of(struct object *o)
{
    return CONTAINER_OF(o, struct thread, object);
}

/**
 * A thread of a process that has not ended, not yet runnable. Takes a use of p; the caller gets the one use of the thread
 * that stands for its being alive (thread_end gives it back). NULL: no memory.
 */
struct thread *thread_create(struct process *p, uint64_t entry, uint64_t sp,
                             uint64_t arg) MUST_CHECK;
/** Ends a wait of t: out of its queue, deadline off, x0 := result, runnable. t waits. */
void thread_wake(struct thread *t, err_t result);
/** Takes t out of the queue it waits in and clears its deadline; the caller decides what becomes of it. */
static inline void thread_unwait(struct thread *t)
{
    list_remove(&t->queue);
    if (UNLIKELY(t->deadline.is_queued)) deadline_clear(&t->deadline);
    struct object *on = t->waits_for;
    if (!on) return;
    t->waits_for = NULL;
    object_put(on);
}
/** Puts the running thread to sleep in a queue (NULL: none) of `on` until deadline (DEADLINE_NEVER: no end). */
void thread_wait(struct thread *t, enum thread_state state, struct list_node *queue,
                 struct object *on, uint64_t deadline);
/** Ends t for good, whatever it does. */
void thread_end(struct thread *t);
/** Its deadline passed: the wait ends with ERR_TIMEOUT (a sleep with OK). */
void thread_expire(struct thread *t);
/** Frees the struct when nobody uses it any more. Context: work_run. */
void thread_destroy(struct object *o);

err_t sys_thread_create(struct thread *t);
err_t sys_thread_exit(struct thread *t);
err_t sys_yield(struct thread *t);
err_t sys_sleep(struct thread *t);
