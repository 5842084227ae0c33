/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who runs: one FIFO of runnable threads, a slice only while several want the core, a timer only while somebody waits. */
#pragma once
#include "kernel/cpu.h"
#include "kernel/thread.h"

static inline struct thread *sched_current(void)
{
    return this_cpu()->current;
}
/** Lets t run at once (NULL: whom the queue has) in place of the current thread, which waits by now or is in the queue. */
static inline void sched_switch_to(struct thread *t)
{
    this_cpu()->current = t;
}
/** Puts a thread that does not wait at the end of the run queue. */
void sched_ready(struct thread *t);
/** The current thread stops running; it waits, is queued elsewhere, or is dead. */
static inline void sched_leave(const struct thread *t)
{
    if (this_cpu()->current == t) this_cpu()->current = NULL;
}
/** The current thread goes to the end of the run queue. */
void sched_requeue(struct thread *t);
/**
 * Between these two, threads that become runnable go to the head of the queue, and the current one makes room for them:
 * whoever waited for an interrupt does not wait for other threads' slices as well.
 */
void sched_interrupts_begin(void);
void sched_interrupts_end(void);
/** The thread whose registers are in the core ends: they are not saved into it any more. */
void sched_forget(struct thread *t);
/** Somebody has put work aside for work_run. */
static inline void sched_work_note(void)
{
    this_cpu()->work = 1;
}
/** Chooses the next thread; waits for interrupts while there is none. Called by vectors.S when current is NULL. */
struct thread *sched_pick(void);
/** Charges the thread whose registers are in the core up to now. */
void sched_account(void);
/** Queues a deadline and programs the timer when it has become the nearest. */
void sched_deadline_set(struct deadline *d, uint64_t at_ticks);
/** Another core asked this one to look: deadlines that it left behind, work in the queue. */
void sched_kicked(void);
/** The timer fired: wakes everybody whose deadline passed, ends the slice. */
void sched_on_timer(void);
/** work.c: ends processes and destroys objects put aside, until nothing is left. Called by vectors.S when cpu.work is set. */
void work_run(void);
