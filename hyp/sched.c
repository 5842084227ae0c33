/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Priority scheduling with budgets on each core, without ticks. */
#include "hyp/sched.h"

#include "hyp/aarch64/gicv3.h"
#include "hyp/aarch64/mmu.h"
#include "hyp/aarch64/switch.h"
#include "hyp/arch.h"
#include "hyp/budget.h"
#include "hyp/core.h"
#include "hyp/domain.h"
#include "hyp/life.h"
#include "hyp/limit.h"
#include "hyp/link.h"
#include "hyp/stats.h"
#include "hyp/trace.h"
#include "hyp/trap.h"

#define SLICE_NS 10000000 /* after which vCPUs of one rank without budgets take turns */

static uint64_t turns; /* counts up, under the lock */

struct vcpu *sched_current(void)
{
    return this_core()->current;
}

void sched_request(void)
{
    this_core()->wanted = true;
}

void sched_yield(struct vcpu *v)
{
    v->turn = ++turns;
    this_core()->wanted = true;
}

INIT_CODE void sched_add(struct vcpu *v)
{
    struct core *c = core_at(v->core);
    CHECK(c && c->count < CORE_VCPU_MAX);
    c->list[c->count++] = v;
}

void sched_enter(uint64_t now_ticks)
{
    core_lock();
    this_core()->entry_ticks = now_ticks;
}

void sched_charge_to(struct vcpu *v)
{
    this_core()->payer = v;
}

/* Charges the time since the vCPU came on to it; from the entry on to the payer, if it is another. */
static void charge(struct core *c, uint64_t now)
{
    struct vcpu *v = c->current, *payer = c->payer;
    uint64_t until = now;
    c->payer = NULL;
    if (payer && payer != v) {
        until = c->entry_ticks;
        budget_use(payer, until, now - until);
        payer->cpu.el2_ticks += now - until;
    }
    if (v && c->since_ticks) {
        if (until > c->since_ticks) budget_use(v, c->since_ticks, until - c->since_ticks);
        c->since_ticks = now;
    }
}

static uint64_t rank_of(struct vcpu *v, uint64_t now)
{
    return vcpu_has_budget(v, now) ? v->priority + 1UL : 0;
}

/* Highest priority with budget; else anybody ready; the one that waited longest among equals. */
static struct vcpu *pick(const struct core *c, uint64_t now)
{
    struct vcpu *best = NULL;
    uint64_t best_rank = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        struct vcpu *v = c->list[i];
        if (v->state != VCPU_READY) continue;
        uint64_t rank = rank_of(v, now);
        if (!best || rank > best_rank || (rank == best_rank && v->turn < best->turn)) {
            best = v;
            best_rank = rank;
        }
    }
    return best;
}

/* When a timer of a vCPU off the core fires that it lets through. */
static uint64_t timer_due(const struct vcpu *v)
{
    const struct vcpu_sysregs *s = &v->sys;
    uint64_t at = UINT64_MAX;
    uint32_t lets = v->vgic.own.enabled;
    /* ENABLE, not IMASK */
    if ((s->cntv_ctl & 3) == 1 && lets & 1U << PPI_VTIMER) at = s->cntv_cval;
    if ((s->cntp_ctl & 3) == 1 && lets & 1U << PPI_PTIMER) at = MIN(at, s->cntp_cval);
    return at;
}

/* Takes turns with its equals: a vCPU that no budget stops. */
static bool is_sliced(const struct vcpu *v)
{
    return !v->cpu.period_ticks || !v->cpu.left_ticks;
}

/* When EL2 must look again at this core while `next` (NULL: nobody) has it. */
static uint64_t next_event(const struct core *c, struct vcpu *next, uint64_t now)
{
    uint64_t at = watchdog_next(), mask_end = limit_next();
    bool rival = false, is_shared = next && is_sliced(next);
    uint64_t rank = is_shared ? rank_of(next, now) : 0;
    at = MIN(at, mask_end);
    for (uint32_t i = 0; i < c->count; i++) {
        struct vcpu *v = c->list[i];
        if (v == next || v->state == VCPU_OFF) continue;
        if (v->state == VCPU_READY) {
            rival = true;
            if (v->cpu.period_ticks && !v->cpu.left_ticks) at = MIN(at, vcpu_refill_ticks(v));
            if (is_shared && rank_of(v, now) == rank) at = MIN(at, c->slice_end_ticks);
        } else if (v != c->current) {
            at = MIN(at, timer_due(v));
        }
    }
    if (next && rival && next->cpu.period_ticks) {
        at = MIN(at, next->cpu.left_ticks ? now + next->cpu.left_ticks : vcpu_refill_ticks(next));
    }
    return at;
}

/* Keeps an earlier alarm: it costs one look; only idleness is exact. */
static void timer_update(struct core *c, struct vcpu *next, uint64_t now)
{
    uint64_t at = next_event(c, next, now);
    if (next && c->alarm_ticks > now && c->alarm_ticks <= at) return;
    c->alarm_ticks = at;
    arch_timer_set(at);
}

/* The core goes to `next`, or lets go of what it has (NULL). */
static void switch_to(struct core *c, struct vcpu *next, uint64_t now)
{
    struct vcpu *old = c->current;
    if (old == next) return;
    world_switch(old, next);
    c->current = next;
    if (old && old->state == VCPU_OFF) domain_vcpu_left(old);
    if (!next) return;
    c->slice_end_ticks = now + arch_ns_to_ticks(SLICE_NS);
    hyp_stats.value[HYP_STAT_SWITCHES]++;
    trace(TRACE_SWITCH, next->domain->index, old ? old->domain->index : UINT32_MAX, 0);
}

static void stretch_end(const struct core *c, uint64_t now)
{
    uint64_t ticks = now - c->entry_ticks;
    if (ticks <= hyp_stats.value[HYP_STAT_LONGEST_TICKS]) return;
    hyp_stats.value[HYP_STAT_LONGEST_TICKS] = ticks;
    hyp_stats.value[HYP_STAT_LONGEST_SYNDROME] = c->syndrome;
}

/* A driver domain gives the core up: it waits, is dead, or has spent its budget. */
static bool driver_leaves(const struct core *c, uint64_t now)
{
    struct vcpu *v = c->current;
    return v && v->domain->index != 0 && (v->state != VCPU_READY || !vcpu_has_budget(v, now));
}

/* All vCPUs of this core were switched off by their own domains: the core may be, too. */
static bool is_unused(const struct core *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->list[i]->state != VCPU_OFF || c->list[i]->domain->state != DOMAIN_RUNNING) {
            return false;
        }
    }
    return c->index != 0;
}

static struct vcpu *reschedule(struct core *c)
{
    for (;;) {
        uint64_t now = arch_ticks();
        charge(c, now);
        /* Before the choice: what is seen may end a server and wake main. */
        if (driver_leaves(c, now)) watchdog_look_all(now);
        c->wanted = false;
        struct vcpu *next = pick(c, now);
        if (next) {
            struct vcpu *left = c->current;
            switch_to(c, next, now);
            timer_update(c, next, now);
            c->since_ticks = now;
            /* The switch is paid by who caused it: one that went to sleep, or the one that comes first now. */
            if (left && left != next && left->state != VCPU_READY) {
                c->since_ticks = arch_ticks();
                budget_use(left, now, c->since_ticks - now);
            }
            return next;
        }
        c->since_ticks = 0;
        if (c->current && c->current->state == VCPU_OFF) switch_to(c, NULL, now);
        watchdog_look_all(now);
        if (c->wanted) continue; /* the look woke somebody */
        timer_update(c, NULL, now);
        stretch_end(c, arch_ticks());
        if (is_unused(c)) core_power_off();
        core_unlock();
        world_idle();
        sched_enter(arch_ticks());
        trap_take_interrupts();
    }
}

struct vcpu *sched_exit(void)
{
    struct core *c = this_core();
    struct vcpu *v = c->current;
    if (c->wanted || v->state != VCPU_READY) v = reschedule(c);
    vgic_flush(v);
    uint64_t now = arch_ticks();
    if (c->payer) charge(c, now);
    stretch_end(c, now);
    core_unlock();
    return v;
}

void sched_wait(struct vcpu *v)
{
    if (vgic_is_deliverable(v) || world_timer_fires(v)) return;
    v->state = VCPU_WAITING;
}

void sched_timer(void)
{
    struct core *c = this_core();
    uint64_t now = arch_ticks();
    charge(c, c->entry_ticks);
    c->alarm_ticks = UINT64_MAX;
    arch_timer_set(UINT64_MAX);
    for (uint32_t i = 0; i < c->count; i++) {
        struct vcpu *v = c->list[i];
        if (v != c->current && v->state == VCPU_WAITING && timer_due(v) <= now) {
            vcpu_wake(v); /* its line rises as soon as it is loaded */
            sched_charge_to(v);
        }
    }
    if (c->current && now >= c->slice_end_ticks && is_sliced(c->current)) {
        c->current->turn = ++turns;
        c->slice_end_ticks = now + arch_ns_to_ticks(SLICE_NS);
    }
    watchdog_expire(now);
    limit_expire(now);
    c->wanted = true;
}

bool vcpu_is_loaded(const struct vcpu *v)
{
    return core_at(v->core)->current == v;
}

void vcpu_kick(struct vcpu *v)
{
    struct core *c = core_at(v->core);
    if (c != this_core() && c->current == v) core_poke(c);
}

void vcpu_wake(struct vcpu *v)
{
    if (v->state == VCPU_READY) vcpu_kick(v);
    if (v->state != VCPU_WAITING) return;
    v->state = VCPU_READY;
    v->turn = ++turns;
    core_poke(core_at(v->core)); /* also when it is loaded there: the core may sleep */
}

void vcpu_park(struct vcpu *v)
{
    v->state = VCPU_OFF;
    if (vcpu_is_loaded(v)) core_poke(core_at(v->core));
}

void vcpu_reset(struct vcpu *v, ipa_t entry, uint64_t arg)
{
    CHECK(!vcpu_is_loaded(v)); /* the rebirth sequence and PSCI wait for that */
    for (size_t i = 0; i < ARRAY_COUNT(v->regs.x); i++) v->regs.x[i] = 0;
    world_reset(v);
    world_fp_drop(v);
    v->regs.pc = entry.raw;
    v->regs.x[0] = arg;
    budget_fill(v);
    v->state = VCPU_WAITING;
    vcpu_wake(v);
}

void sched_start(void)
{
    mmu_seal();
    if (!hyp_stats.value[HYP_STAT_BOOT_TICKS]) {
        hyp_stats.value[HYP_STAT_BOOT_TICKS] = arch_ticks();
    }
    struct core *c = this_core();
    c->entry_ticks = arch_ticks();
    struct vcpu *v = reschedule(c);
    vgic_flush(v);
    core_unlock();
    enter_first(v);
}
