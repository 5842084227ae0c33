/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The scheduler: a FIFO, slices while it is not empty, the timer for the nearest deadline, work put aside. */
#include "kernel/sched.h"

#include "kernel/arch.h"
#include "kernel/irq.h"
#include "kernel/timer.h"

#define SLICE_PER_SECOND 100 /* 10 ms */

struct cpu cpu;

static struct {
    struct list_node run; /* runnable threads but the current one */
    uint64_t armed_ticks; /* what the timer is programmed to */
    uint64_t slice_ticks; /* end of the slice; valid while has_slice */
    bool has_slice;
    bool is_started;
    bool is_urgent; /* interrupts are being taken: who wakes now runs before all others */
    struct list_node *first_before; /* head of the queue when that began */
} sched;

static void sched_start(void)
{
    if (sched.is_started) return;
    list_init(&sched.run);
    sched.armed_ticks = ARCH_TIMER_NEVER;
    sched.is_started = true;
}

/* Programs the timer for what is waited for now; no write when it stands there already. */
static void timer_update(void)
{
    const struct deadline *first = deadline_first();
    uint64_t at = first ? first->at_ticks : ARCH_TIMER_NEVER;
    if (sched.has_slice && sched.slice_ticks < at) at = sched.slice_ticks;
    if (at == sched.armed_ticks) return;
    sched.armed_ticks = at;
    arch_timer_set(at);
}

void sched_deadline_set(struct deadline *d, uint64_t at_ticks)
{
    if (deadline_set(d, at_ticks) && at_ticks < sched.armed_ticks) timer_update();
}

/* A slice begins to count when a second thread wants the core. */
static void slice_begin(void)
{
    sched.has_slice = true;
    sched.slice_ticks = arch_ticks() + arch_freq_hz() / SLICE_PER_SECOND;
    if (sched.slice_ticks < sched.armed_ticks) timer_update();
}

void sched_ready(struct thread *t)
{
    sched_start();
    list_add(sched.is_urgent ? sched.run.next : &sched.run, &t->queue);
    if (!sched.has_slice && cpu.current) slice_begin();
}

void sched_requeue(struct thread *t)
{
    sched_leave(t);
    list_add(&sched.run, &t->queue);
}

void sched_interrupts_begin(void)
{
    sched_start();
    sched.is_urgent = true;
    sched.first_before = sched.run.next;
}

void sched_interrupts_end(void)
{
    sched.is_urgent = false;
    if (cpu.current && sched.run.next != sched.first_before) sched_requeue(cpu.current);
}

void sched_forget(struct thread *t)
{
    sched_leave(t);
    if (cpu.live == t) cpu.live = NULL;
}

void sched_account(void)
{
    struct thread *t = cpu.live;
    if (!t) return;
    uint64_t now = arch_ticks();
    *t->run_ticks += now - t->switched_ticks;
    t->switched_ticks = now;
}

struct thread *sched_pick(void)
{
    sched_start();
    for (;;) {
        if (!list_is_empty(&sched.run)) {
            struct thread *t = CONTAINER_OF(sched.run.next, struct thread, queue);
            list_remove(&t->queue);
            sched.has_slice = false;
            if (!list_is_empty(&sched.run)) slice_begin();
            cpu.current = t;
            return t;
        }
        sched.has_slice = false;
        timer_update();
        sched_account();
        arch_wait_for_interrupt();
        if (cpu.live) cpu.live->switched_ticks = arch_ticks(); /* nobody is charged for idleness */
        irq_dispatch();
        if (cpu.work) work_run();
    }
}

void sched_on_timer(void)
{
    uint64_t now = arch_ticks();
    for (struct deadline *d = deadline_first(); d && d->at_ticks <= now; d = deadline_first()) {
        deadline_clear(d);
        if (d->is_timer) {
            timer_expire(CONTAINER_OF(d, struct timer, deadline));
        } else {
            thread_expire(CONTAINER_OF(d, struct thread, deadline));
        }
    }
    if (sched.has_slice && sched.slice_ticks <= now) {
        sched.has_slice = false;
        if (cpu.current && !list_is_empty(&sched.run)) sched_requeue(cpu.current);
    }
    sched.armed_ticks = 0; /* it has fired: whatever comes next is programmed anew */
    timer_update();
}
