/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Processes: an address space, a handle table, threads, and what is left of them at the end. */
#pragma once
#include "kernel/aspace.h"
#include "kernel/handle.h"
#include "kernel/list.h"
#include "kernel/thread.h"

#define PROCESS_NAME_BYTES 32
#define PROCESS_THREAD_MAX 64
#define PROCESS_WATCH_MAX  4

/* Values of SYS_PROCESS_INFO. */
enum process_state { PROCESS_NEW = 0, PROCESS_RUNS = 1, PROCESS_ENDED = 2 };
enum process_cause { PROCESS_EXIT = 0, PROCESS_KILLED = 1, PROCESS_FAULT = 2 };

struct process_watch {
    struct notification *notification; /* one use, NULL: free */
    uint64_t bits;
};

struct process {
    struct object object;
    char name[PROCESS_NAME_BYTES]; /* NUL-terminated, printable */
    enum process_state state;
    enum process_cause cause;
    uint64_t exit_code;
    struct aspace aspace;
    struct handle_table handles;
    struct account *account; /* one use */
    struct list_node threads;
    uint32_t thread_count;
    bool is_doomed;
    struct process *next_doomed;
    uint64_t run_ticks;
    struct object *fault_endpoint; /* one use, or NULL */
    uint64_t fault_badge;
    struct process_watch watch[PROCESS_WATCH_MAX];
    struct list_node served; /* endpoints whose server it is */
    struct list_node all;    /* of every process */
};

static inline struct process *process_of(struct object *o)
{
    return CONTAINER_OF(o, struct process, object);
}

/** Head of the list of all processes, through their member `all`. */
struct list_node *process_list_head(void);
/** A new process without threads; the caller gets one use. NULL: no memory. name: PROCESS_NAME_BYTES bytes, any. */
struct process *process_create(const char *name) MUST_CHECK;
/** Enters a handle with all rights to an object; room is reserved. Returns its number. */
handle_t process_handle_add(struct process *p, struct object *o);
/** Makes the first thread and lets it run. OK | ERR_STATE, ERR_NO_MEMORY. */
err_t process_start(struct process *p, uint64_t entry, uint64_t sp, uint64_t arg) MUST_CHECK;
/** Puts a process aside for its end; the first cause stands. Context: kernel, any depth. */
void process_doom(struct process *p, enum process_cause cause, uint64_t exit_code);
struct process *process_doomed_next(void);
/** Ends it: threads, handles, memory, watchers. Context: work_run. */
void process_end(struct process *p);
void process_destroy(struct object *o);

err_t sys_process_create(struct thread *t);
err_t sys_process_grant(struct thread *t);
err_t sys_process_start(struct thread *t);
err_t sys_process_kill(struct thread *t);
err_t sys_process_info(struct thread *t);
err_t sys_process_watch(struct thread *t);
err_t sys_process_faults(struct thread *t);
err_t sys_process_list(struct thread *t);
err_t sys_exit(struct thread *t);
