/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Interrupts as objects. A level interrupt stays active in the controller from its occurrence to its SYS_IRQ_ACK, so it
 * cannot come again; an edge one is deactivated at once and held back here, which costs no access to the controller.
 */
#include "kernel/irq.h"

#include "kernel/arch.h"
#include "kernel/log.h"
#include "kernel/notify.h"
#include "kernel/sched.h"
#include "kernel/slab.h"
#include "kernel/syscall.h"

#define INTID_NONE 1020 /* and above: nothing, or special */
#define CLAIM_MAX  16   /* in one go; a storm leaves the rest for the next entry */

static struct slab interrupt_slab = SLAB(struct interrupt);

static struct {
    struct interrupt *all;
    uint32_t timer_intid, kick_intid;
    bool has_late; /* some line is to be deactivated by core 0, which took it */
} irqs;

static struct interrupt *interrupt_of(struct object *o)
{
    return CONTAINER_OF(o, struct interrupt, object);
}

void irq_timer_set(uint32_t intid)
{
    irqs.timer_intid = intid;
}

void irq_kick_set(uint32_t intid)
{
    irqs.kick_intid = intid;
}

struct interrupt *irq_create(uint32_t intid, bool is_edge)
{
    struct interrupt *i = slab_alloc(&interrupt_slab);
    if (!i) return NULL;
    object_init(&i->object, OBJECT_INTERRUPT);
    i->intid = intid;
    i->is_edge = is_edge;
    i->next = irqs.all;
    irqs.all = i;
    return i;
}

static void occurred(struct interrupt *i)
{
    if (i->is_edge) arch_irq_deactivate(i->intid);
    if (i->is_masked) {
        i->is_pending = true;
        return;
    }
    i->is_masked = true;
    if (i->notification) notify_signal(i->notification, i->bits);
}

/* Only the core that took a line can let it go: lines are all core 0's. */
static void line_release(struct interrupt *i)
{
    if (this_cpu()->index == 0) {
        arch_irq_deactivate(i->intid);
        return;
    }
    i->is_late = true;
    irqs.has_late = true;
    cpu_kick(cpu_at(0));
}

static void kicked(void)
{
    sched_kicked();
    if (!irqs.has_late || this_cpu()->index != 0) return;
    irqs.has_late = false;
    for (struct interrupt *i = irqs.all; i; i = i->next) {
        if (i->is_late) arch_irq_deactivate(i->intid);
        i->is_late = false;
    }
}

static void one_dispatch(uint32_t intid)
{
    arch_irq_complete(intid);
    if (intid == irqs.kick_intid) {
        arch_irq_deactivate(intid);
        kicked();
        return;
    }
    if (intid == irqs.timer_intid) {
        sched_on_timer(); /* takes the line back before the deactivation lets it in again */
        arch_irq_deactivate(intid);
        return;
    }
    struct interrupt *i = irqs.all;
    while (i && i->intid != intid) i = i->next;
    if (i) {
        occurred(i);
    } else {
        arch_irq_disable(intid); /* nobody asked for it */
        arch_irq_deactivate(intid);
    }
}

void irq_dispatch(void)
{
    sched_interrupts_begin();
    for (int i = 0; i < CLAIM_MAX; i++) {
        uint32_t intid = arch_irq_claim();
        if (intid >= INTID_NONE) break;
        one_dispatch(intid);
    }
    sched_interrupts_end();
}

err_t sys_irq_bind(struct thread *t)
{
    struct object *o, *n;
    err_t e = syscall_object(t, t->frame.x[0], OBJECT_INTERRUPT, RIGHT_READ, &o);
    if (e != OK) return e;
    e = syscall_object(t, t->frame.x[1], OBJECT_NOTIFICATION, RIGHT_WRITE, &n);
    if (e != OK) return e;
    struct interrupt *i = interrupt_of(o);
    bool is_first = !i->notification;
    object_get(n);
    if (i->notification) object_put(&i->notification->object);
    i->notification = notification_of(n);
    i->bits = t->frame.x[2];
    if (is_first) arch_irq_enable(i->intid, i->is_edge);
    return OK;
}

void irq_unmask(struct interrupt *i)
{
    if (!i->is_masked) return;
    i->is_masked = false;
    if (!i->is_edge) line_release(i);
    if (i->is_pending) {
        i->is_pending = false;
        i->is_masked = true;
        notify_signal(i->notification, i->bits);
    }
}

err_t sys_irq_ack(struct thread *t)
{
    struct object *o;
    err_t e = syscall_object(t, t->frame.x[0], OBJECT_INTERRUPT, RIGHT_READ, &o);
    if (e == OK) irq_unmask(interrupt_of(o));
    return e;
}
