/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The scheduler: a FIFO, slices while it is not empty, the timer for the nearest deadline, work put aside. */
#include "kernel/sched.h"

#include "kernel/arch.h"
#include "kernel/irq.h"
#include "kernel/timer.h"

#define SLICE_PER_SECOND  100 /* 10 ms */
#define LINGER_PER_SECOND 50  /* how long a core with nothing to do stays on: 20 ms */

static struct {
    struct list_node run; /* runnable threads but the current ones */
    bool is_started;
    bool is_urgent; /* interrupts are being taken: who wakes now runs before all others */
    struct list_node *first_before; /* head of the queue when that began */
} sched;

static void sched_start(void)
{
    if (sched.is_started) return;
    list_init(&sched.run);
    sched.is_started = true;
}

/* Programs the timer for what is waited for now; no write when it stands there already. */
static void timer_update(struct cpu *c)
{
    const struct deadline *first = deadline_first();
    uint64_t at = first ? first->at_ticks : ARCH_TIMER_NEVER;
    if (c->has_slice && c->slice_ticks < at) at = c->slice_ticks;
    if (at == c->armed_ticks) return;
    c->armed_ticks = at;
    arch_timer_set(at);
}

void sched_deadline_set(struct deadline *d, uint64_t at_ticks)
{
    struct cpu *c = this_cpu();
    if (deadline_set(d, at_ticks) && at_ticks < c->armed_ticks) timer_update(c);
}

/* A slice begins to count when a second thread wants the core. */
static void slice_begin(struct cpu *c)
{
    c->has_slice = true;
    c->slice_ticks = arch_ticks() + arch_freq_hz() / SLICE_PER_SECOND;
    if (c->slice_ticks < c->armed_ticks) timer_update(c);
}

/* One core that sleeps comes for what is in the queue. */
static void idle_wake(void)
{
    struct cpu *c;
    for (uint32_t i = 0; (c = cpu_at(i)) != NULL; i++) {
        if (!c->is_idle || c == this_cpu()) continue;
        cpu_kick(c);
        return;
    }
}

void sched_ready(struct thread *t)
{
    sched_start();
    list_add(sched.is_urgent ? sched.run.next : &sched.run, &t->queue);
    struct cpu *c = this_cpu();
    if (!c->has_slice && c->current) slice_begin(c);
    if (c->is_shared) idle_wake();
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
    struct thread *t = this_cpu()->current;
    if (t && sched.run.next != sched.first_before) sched_requeue(t);
}

void sched_forget(struct thread *t)
{
    struct cpu *self = this_cpu(), *c;
    sched_leave(t);
    if (self->live == t) self->live = NULL;
    for (uint32_t i = 0; self->is_shared && (c = cpu_at(i)) != NULL; i++) {
        if (c != self && (c->current == t || c->live == t)) cpu_expel(c);
    }
}

void sched_account(void)
{
    struct thread *t = this_cpu()->live;
    if (!t) return;
    uint64_t now = arch_ticks();
    *t->run_ticks += now - t->switched_ticks;
    t->switched_ticks = now;
}

/* Nobody to run. Core 0 sleeps until an interrupt; another one leaves the deadlines to it, lingers a while and goes off. */
static void idle(struct cpu *c)
{
    c->has_slice = false;
    sched_account();
    uint64_t linger_ticks = 0;
    if (c->index == 0) {
        timer_update(c);
    } else {
        linger_ticks = arch_ticks() + arch_freq_hz() / LINGER_PER_SECOND;
        c->armed_ticks = linger_ticks;
        arch_timer_set(linger_ticks);
        if (deadline_first()) cpu_kick(cpu_at(0));
    }
    bool has_lock = c->is_inside;
    c->is_idle = true;
    if (has_lock) arch_unlock();
    arch_wait_for_interrupt();
    if (has_lock) arch_lock();
    c->is_idle = false;
    if (c->live) c->live->switched_ticks = arch_ticks(); /* nobody is charged for idleness */
    irq_dispatch();
    if (c->work) work_run();
    if (linger_ticks && arch_ticks() >= linger_ticks && list_is_empty(&sched.run)) cpu_leave();
}

struct thread *sched_pick(void)
{
    sched_start();
    struct cpu *c = this_cpu();
    while (list_is_empty(&sched.run)) idle(c);
    struct thread *t = CONTAINER_OF(sched.run.next, struct thread, queue);
    list_remove(&t->queue);
    c->has_slice = false;
    if (!list_is_empty(&sched.run)) slice_begin(c);
    c->current = t;
    return t;
}

void sched_kicked(void)
{
    struct cpu *c = this_cpu();
    if (c->index == 0) timer_update(c);
}

void sched_on_timer(void)
{
    struct cpu *c = this_cpu();
    uint64_t now = arch_ticks();
    for (struct deadline *d = deadline_first(); d && d->at_ticks <= now; d = deadline_first()) {
        deadline_clear(d);
        if (d->is_timer) {
            timer_expire(CONTAINER_OF(d, struct timer, deadline));
        } else {
            thread_expire(CONTAINER_OF(d, struct thread, deadline));
        }
    }
    if (c->has_slice && c->slice_ticks <= now) {
        c->has_slice = false;
        if (c->current && !list_is_empty(&sched.run)) {
            cpu_more();
            sched_requeue(c->current);
        }
    }
    c->armed_ticks = 0; /* it has fired: whatever comes next is programmed anew */
    timer_update(c);
}
