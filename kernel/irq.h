/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Interrupts as objects: each occurrence signals a notification once, until it is acknowledged. */
#pragma once
#include "kernel/thread.h"

struct notification;

struct interrupt {
    struct object object;
    uint32_t intid;
    bool is_edge;
    bool is_late;                      /* to be deactivated by core 0 */
    bool is_masked;                    /* has occurred, SYS_IRQ_ACK has not come */
    bool is_pending;                   /* edge: came again while masked */
    struct notification *notification; /* one use, or NULL */
    uint64_t bits;
    struct interrupt *next; /* in the list of all */
};

/** Takes what the interrupt controller has, a bounded number of interrupts. Context: interrupts masked. */
void irq_dispatch(void);
/** Tells irq_dispatch which interrupt other cores send. Context: boot. */
void irq_kick_set(uint32_t intid);
/** Tells irq_dispatch which interrupt is the timer's. Context: boot. */
void irq_timer_set(uint32_t intid);
/** A new interrupt object, one use for the caller, never destroyed. NULL: no memory. Context: boot. */
struct interrupt *irq_create(uint32_t intid, bool is_edge);

/** Lets it in again; an edge that came meanwhile signals now. */
void irq_unmask(struct interrupt *i);

err_t sys_irq_bind(struct thread *t);
err_t sys_irq_ack(struct thread *t);
