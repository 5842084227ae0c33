/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Priority scheduling with budgets on one core, without ticks. */
#include "hyp/sched.h"

#include "hyp/aarch64/mmu.h"
#include "hyp/aarch64/switch.h"
#include "hyp/arch.h"
#include "hyp/domain.h"
#include "hyp/link.h"
#include "hyp/stats.h"
#include "hyp/trace.h"
#include "hyp/trap.h"

static struct {
    struct vcpu *current; /* loaded */
    bool wanted;          /* somebody else may be due */
    struct vcpu *list[DOMAIN_MAX];
    uint32_t count;
    uint64_t since_ticks; /* current runs since; 0 while idle */
    uint64_t entry_ticks;
    uint64_t turn; /* FIFO among equals: who waited longest */
    uint64_t last_turn[DOMAIN_MAX];
} sched;

struct vcpu *sched_current(void)
{
    return sched.current;
}

void sched_request(void)
{
    sched.wanted = true;
}

void sched_add(struct vcpu *v)
{
    CHECK(sched.count < DOMAIN_MAX);
    sched.list[sched.count++] = v;
}

void sched_enter(uint64_t now_ticks)
{
    sched.entry_ticks = now_ticks;
}

bool vcpu_has_budget(struct vcpu *v, uint64_t now_ticks)
{
    if (!v->cpu.period_ticks) return true;
    if (now_ticks >= v->cpu.period_end_ticks) {
        v->cpu.left_ticks = v->cpu.budget_ticks;
        v->cpu.period_end_ticks = now_ticks + v->cpu.period_ticks;
    }
    return v->cpu.left_ticks != 0;
}

/* Charges the time since the vCPU came on to it. */
static void charge(uint64_t now)
{
    struct vcpu *v = sched.current;
    if (!v || !sched.since_ticks) return;
    uint64_t ran = now - sched.since_ticks;
    v->cpu.run_ticks += ran;
    if (v->cpu.period_ticks) v->cpu.left_ticks -= MIN(ran, v->cpu.left_ticks);
    sched.since_ticks = now;
}

/* Highest priority with budget; else anybody ready, the one that waited longest among equals. */
static struct vcpu *pick(uint64_t now)
{
    struct vcpu *best = NULL;
    uint64_t best_rank = 0, best_turn = 0;
    for (uint32_t i = 0; i < sched.count; i++) {
        struct vcpu *v = sched.list[i];
        if (v->state != VCPU_READY) continue;
        uint64_t rank = vcpu_has_budget(v, now) ? v->priority + 1UL : 0;
        if (!best || rank > best_rank || (rank == best_rank && sched.last_turn[i] < best_turn)) {
            best = v;
            best_rank = rank;
            best_turn = sched.last_turn[i];
        }
    }
    return best;
}

static bool vtimer_is_armed(const struct vcpu *v)
{
    return (v->sys.cntv_ctl & 3) == 1; /* ENABLE, not IMASK */
}

/* When EL2 must look again while `next` (NULL: nobody) has the core. */
static uint64_t next_event(const struct vcpu *next, uint64_t now)
{
    uint64_t at = watchdog_next();
    bool rival = false;
    for (uint32_t i = 0; i < sched.count; i++) {
        const struct vcpu *v = sched.list[i];
        if (v == next || v->state == VCPU_OFF) continue;
        if (v->state == VCPU_READY) {
            rival = true;
            if (v->cpu.period_ticks && !v->cpu.left_ticks) at = MIN(at, v->cpu.period_end_ticks);
        } else if (v != sched.current && vtimer_is_armed(v)) {
            at = MIN(at, v->sys.cntv_cval);
        }
    }
    if (next && rival && next->cpu.period_ticks) {
        at = MIN(at,
                 next->cpu.left_ticks ? now + next->cpu.left_ticks : next->cpu.period_end_ticks);
    }
    return at;
}

/* Keeps an earlier alarm: it costs one look; only idleness is exact. */
static void timer_update(const struct vcpu *next, uint64_t now)
{
    static uint64_t armed = UINT64_MAX;
    uint64_t at = next_event(next, now);
    if (next && armed > now && armed <= at) return;
    armed = at;
    arch_timer_set(at);
}

static void switch_to(struct vcpu *next)
{
    struct vcpu *old = sched.current;
    if (old == next) return;
    world_switch(old, next);
    sched.current = next;
    hyp_stats.value[HYP_STAT_SWITCHES]++;
    trace(TRACE_SWITCH, next->domain->index, old ? old->domain->index : UINT32_MAX, 0);
}

static void stretch_end(uint64_t now)
{
    uint64_t ticks = now - sched.entry_ticks;
    if (ticks <= hyp_stats.value[HYP_STAT_LONGEST_TICKS]) return;
    hyp_stats.value[HYP_STAT_LONGEST_TICKS] = ticks;
    hyp_stats.value[HYP_STAT_LONGEST_SYNDROME] = trap_last_syndrome();
}

/* A driver domain gives the core up: it waits, is dead, or has spent its budget. */
static bool driver_leaves(uint64_t now)
{
    struct vcpu *v = sched.current;
    return v && v->domain->index != 0 && (v->state != VCPU_READY || !vcpu_has_budget(v, now));
}

static struct vcpu *reschedule(void)
{
    for (;;) {
        uint64_t now = arch_ticks();
        charge(now);
        /* Before the choice: what is seen may end a server and wake main. */
        if (driver_leaves(now)) watchdog_look_all(now);
        sched.wanted = false;
        struct vcpu *next = pick(now);
        if (next) {
            uint32_t i = next->domain->index;
            sched.last_turn[i] = ++sched.turn;
            switch_to(next);
            sched.since_ticks = now;
            timer_update(next, now);
            return next;
        }
        sched.since_ticks = 0;
        watchdog_look_all(now);
        if (sched.wanted) continue; /* the look woke somebody */
        timer_update(NULL, now);
        stretch_end(arch_ticks());
        world_idle();
        sched_enter(arch_ticks());
        trap_take_interrupts();
    }
}

struct vcpu *sched_exit(void)
{
    struct vcpu *v = sched.current;
    if (sched.wanted || v->state != VCPU_READY) v = reschedule();
    vgic_flush(v);
    stretch_end(arch_ticks());
    return v;
}

void sched_wait(struct vcpu *v)
{
    if (vgic_is_deliverable(v) || world_vtimer_fires()) return;
    v->state = VCPU_WAITING;
}

void sched_timer(void)
{
    uint64_t now = arch_ticks();
    arch_timer_set(UINT64_MAX);
    for (uint32_t i = 0; i < sched.count; i++) {
        struct vcpu *v = sched.list[i];
        if (v != sched.current && v->state == VCPU_WAITING && vtimer_is_armed(v) &&
            v->sys.cntv_cval <= now) {
            vcpu_wake(v); /* its line rises as soon as it is loaded */
        }
    }
    charge(now);
    watchdog_expire(now);
    sched.wanted = true;
}

void vcpu_wake(struct vcpu *v)
{
    if (v->state != VCPU_WAITING) return;
    v->state = VCPU_READY;
    if (v != sched.current) sched.wanted = true;
}

void vcpu_park(struct vcpu *v)
{
    v->state = VCPU_OFF;
    if (v == sched.current) sched.wanted = true;
}

void vcpu_reset(struct vcpu *v, ipa_t entry, uint64_t arg)
{
    CHECK(v != sched.current); /* main steps the rebirth: the dead one was switched out long ago */
    for (size_t i = 0; i < ARRAY_COUNT(v->regs.x); i++) v->regs.x[i] = 0;
    world_reset(v);
    world_fp_drop(v);
    v->fp_owned = false;
    v->regs.pc = entry.raw;
    v->regs.x[0] = arg;
    v->cpu.left_ticks = v->cpu.budget_ticks;
    v->cpu.period_end_ticks = 0;
    v->state = VCPU_READY;
    sched.wanted = true;
}

void sched_start(void)
{
    mmu_seal();
    hyp_stats.value[HYP_STAT_BOOT_TICKS] = arch_ticks();
    sched_enter(arch_ticks());
    struct vcpu *v = reschedule();
    vgic_flush(v);
    enter_first(v);
}
