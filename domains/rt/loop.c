/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The event loop. PSTATE.I stays set: the wait ends for a pending interrupt all the same, and no
 * handler interrupts another. */
#include "domains/rt/loop.h"

#include "domains/rt/gic.h"
#include "domains/rt/hvc.h"
#include "domains/rt/sysreg.h"

struct source {
    uint32_t intid;
    bool deferred; /* came during loop_sleep_ns */
    void (*fn)(void *ctx);
    void *ctx; /* borrowed (outlives the loop) */
};

static struct {
    struct source source[LOOP_SOURCE_MAX];
    uint32_t source_count;
    struct {
        void (*fn)(void *ctx, uint32_t events);
        void *ctx;      /* borrowed (outlives the loop) */
    } link[LINK_MAX];   /* by id */
    uint64_t ring_mask; /* links whose clients wait for an interrupt */
    uint32_t timer_intid;
    uint64_t freq_hz;
    uint64_t timer_at_ticks; /* 0: nobody waits */
    void (*timer_fn)(void *ctx);
    void *timer_ctx; /* borrowed (outlives the loop) */
    bool any_deferred;
} loop;

static uint64_t ticks_of(uint64_t duration_ns)
{
    const uint64_t second_ns = 1000000000;
    return duration_ns / second_ns * loop.freq_hz +
           duration_ns % second_ns * loop.freq_hz / second_ns + 1;
}

static uint64_t now_ticks(void)
{
    isb(); /* the counter may not be read early */
    return SYSREG_READ(cntvct_el0);
}

/* Programs the virtual timer for `at_ticks`; 0: off. */
static void timer_set(uint64_t at_ticks)
{
    if (at_ticks != 0) SYSREG_WRITE(cntv_cval_el0, at_ticks);
    SYSREG_WRITE(cntv_ctl_el0, at_ticks != 0 ? 1 : 0);
    isb();
}

void loop_start(const struct bootinfo *boot)
{
    loop.freq_hz = SYSREG_READ(cntfrq_el0);
    loop.timer_intid = boot->vtimer_intid;
    timer_set(0);
    gic_start(boot);
    gic_enable(loop.timer_intid);
}

void loop_add(uint32_t intid, void (*fn)(void *ctx), void *ctx)
{
    CHECK(loop.source_count < LOOP_SOURCE_MAX);
    loop.source[loop.source_count++] = (struct source){ .intid = intid, .fn = fn, .ctx = ctx };
    gic_enable(intid);
}

void loop_add_link(uint32_t id, void (*fn)(void *ctx, uint32_t events), void *ctx)
{
    CHECK(id < LINK_MAX && loop.link[id].fn == NULL);
    loop.link[id].fn = fn;
    loop.link[id].ctx = ctx;
}

void loop_ring(uint32_t id)
{
    loop.ring_mask |= BIT(id);
}

void loop_timer_arm(uint64_t delay_ns, void (*fn)(void *ctx), void *ctx)
{
    loop.timer_fn = fn;
    loop.timer_ctx = ctx;
    loop.timer_at_ticks = now_ticks() + ticks_of(delay_ns);
    timer_set(loop.timer_at_ticks);
}

/* The timer fired: off before its interrupt ends, or the level would bring it back. */
static void timer_fire(void)
{
    timer_set(0);
    if (loop.timer_at_ticks == 0 || now_ticks() < loop.timer_at_ticks) return;
    loop.timer_at_ticks = 0;
    loop.timer_fn(loop.timer_ctx);
}

static struct source *source_of(uint32_t intid)
{
    for (uint32_t i = 0; i < loop.source_count; i++) {
        if (loop.source[i].intid == intid) return &loop.source[i];
    }
    return NULL;
}

static void dispatch(uint32_t intid)
{
    if (intid == loop.timer_intid) {
        timer_fire();
        return;
    }
    struct source *s = source_of(intid);
    if (s != NULL) s->fn(s->ctx);
}

static void wait_for_interrupt(void)
{
    __asm__ volatile("dsb sy\n\twfi" ::: "memory");
}

void loop_sleep_ns(uint64_t duration_ns)
{
    uint64_t end_ticks = now_ticks() + ticks_of(duration_ns);
    while (now_ticks() < end_ticks) {
        timer_set(end_ticks);
        wait_for_interrupt();
        uint32_t intid = gic_ack();
        if (intid >= GIC_NONE) continue;
        if (intid == loop.timer_intid) timer_set(0);
        struct source *s = source_of(intid);
        if (s != NULL) {
            s->deferred = true;
            loop.any_deferred = true;
        }
        gic_end(intid);
    }
    timer_set(loop.timer_at_ticks); /* what was waited for before, if anything */
}

static void dispatch_deferred(void)
{
    loop.any_deferred = false;
    for (uint32_t i = 0; i < loop.source_count; i++) {
        struct source *s = &loop.source[i];
        if (!s->deferred) continue;
        s->deferred = false;
        s->fn(s->ctx);
    }
}

/* Rings, sleeps unless there is work, and hands the events out. */
static void wait_for_events(bool stay)
{
    uint64_t events = hvc_link_wait(loop.ring_mask, stay);
    loop.ring_mask = 0;
    for (uint32_t id = 0; events != 0; id++, events >>= 8) {
        if ((events & 0xff) != 0 && loop.link[id].fn != NULL) {
            loop.link[id].fn(loop.link[id].ctx, (uint32_t)events & 0xff);
        }
    }
}

_Noreturn void loop_run(bool (*work)(void *ctx), void *ctx)
{
    bool skipped = false;
    for (;;) {
        /* Bounded: a device whose line is stuck must not keep the work from being done. */
        for (uint32_t i = 0; i < LOOP_SOURCE_MAX; i++) {
            uint32_t intid = gic_ack();
            if (intid >= GIC_NONE) break;
            dispatch(intid);
            gic_end(intid);
        }
        if (loop.any_deferred) dispatch_deferred();
        bool stay = work(ctx) || loop.any_deferred;
        /* An interrupt is here already: no call only to return at once. Once, for others' doorbells come with the call. */
        skipped = !skipped && !stay && loop.ring_mask == 0 && gic_is_pending();
        if (!skipped && (!stay || loop.ring_mask != 0)) wait_for_events(stay);
    }
}
