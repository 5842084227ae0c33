/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Delivery of interrupts: who gets which, list registers, life and death of physical lines. */
#include "hyp/vgic.h"

#include "hyp/aarch64/gicv3.h"
#include "hyp/aarch64/ich.h"
#include "hyp/domain.h"
#include "hyp/sched.h"
#include "lib/string.h"

#define SLOT_NONE VGIC_INTID_MAX

static struct vgic_word *word_of(struct vcpu *v, uint32_t w)
{
    return w ? &v->domain->dist.spi[w - 1] : &v->vgic.own;
}

static uint32_t held_by_any(const struct vgic_word *p)
{
    uint32_t held = 0;
    for (uint32_t i = 0; i < VCPU_MAX; i++) held |= p->held[i];
    return held;
}

/* Pending for this vCPU, enabled, and in no list register (or to be merged with what is in one of its own). */
static uint32_t waiting(const struct vcpu *v, const struct vgic_word *p)
{
    uint32_t free = p->routed[v->index] & ~held_by_any(p);
    return p->ready & ((p->pending & (free | p->held[v->index])) | (p->line & ~p->edge & free));
}

/* Taken by this vCPU and in none of its list registers. */
static uint32_t spilled(const struct vcpu *v, const struct vgic_word *p)
{
    return p->active & p->held[v->index];
}

static uint64_t lr_get(const struct vcpu *v, uint32_t n)
{
    return v == sched_current() ? ich_lr_read(n) : v->vgic.lr[n];
}

static void lr_set(struct vcpu *v, uint32_t n, uint64_t value)
{
    if (v == sched_current()) {
        ich_lr_write(n, value);
    } else {
        v->vgic.lr[n] = value;
    }
}

static void notify(struct vcpu *v, uint32_t w, uint32_t bits)
{
    uint32_t before = v->vgic.work;
    if (!bits) return;
    v->vgic.work = before | 1U << w;
    if (!(before & ~VGIC_REBUILD)) vcpu_wake(v);
}

/* Each waiting interrupt of the word is announced to one vCPU that may have it. */
static void notify_all(struct vcpu *v, uint32_t w)
{
    struct domain *d = v->domain;
    if (w == 0 || d->vcpu_count == 1) {
        notify(v, w, waiting(v, word_of(v, w)));
        return;
    }
    uint32_t told = 0;
    for (uint32_t i = 0; i < d->vcpu_count; i++) {
        struct vcpu *u = &d->vcpu[i];
        if (u->state == VCPU_OFF) continue;
        uint32_t bits = waiting(u, word_of(u, w)) & ~told;
        told |= bits;
        notify(u, w, bits);
    }
}

/* The physical interrupt behind it may come again. */
static void phys_end(struct vcpu *v, struct vgic_word *p, uint32_t intid)
{
    p->phys &= ~(1U << (intid & 31));
    if (intid < 32 && v != sched_current()) {
        v->vgic.ppi_active &= ~(1U << intid);
    } else {
        gic_deactivate(p->pintid[intid & 31]);
    }
}

/* The guest ended it while it was in no list register. */
static void end(struct vcpu *v, struct vgic_word *p, uint32_t intid)
{
    uint32_t bit = 1U << (intid & 31);
    p->active &= ~bit;
    p->held[v->index] &= ~bit;
    if (p->phys & bit) phys_end(v, p, intid);
    if (p->pending & bit) notify_all(v, intid / 32);
}

/* The most urgent one of those that `which` names; VGIC_INTID_MAX: none. */
static uint32_t best_of(struct vcpu *v,
                        uint32_t (*which)(const struct vcpu *, const struct vgic_word *))
{
    uint32_t best = VGIC_INTID_MAX, best_priority = 256;
    for (uint32_t w = 0; w < VGIC_WORDS; w++) {
        const struct vgic_word *p = word_of(v, w);
        for (uint32_t bits = which(v, p); bits; bits &= bits - 1) {
            uint32_t i = (uint32_t)__builtin_ctz(bits);
            if (p->priority[i] >= best_priority) continue;
            best = w * 32 + i;
            best_priority = p->priority[i];
        }
    }
    return best;
}

/* One list register goes back to memory. */
static void lr_fold(struct vcpu *v, uint32_t n)
{
    uint32_t intid = v->vgic.slot[n], bit = 1U << (intid & 31);
    if (intid == SLOT_NONE) return;
    struct vgic_word *p = word_of(v, intid / 32);
    uint64_t lr = lr_get(v, n);
    lr_set(v, n, 0);
    v->vgic.slot[n] = SLOT_NONE;
    bool pends = lr & LR_PENDING && !(p->unpend & bit);
    bool acts = lr & LR_ACTIVE && !(p->deactivate & bit);
    p->unpend &= ~bit;
    p->deactivate &= ~bit;
    if (pends) p->pending |= bit;
    if (acts) {
        p->active |= bit;
        return;
    }
    p->held[v->index] &= ~bit;
    /* Ended by the guest: the hardware let the line go. What is pending now came after that, with its own claim to the line. */
    if (!(lr & (LR_PENDING | LR_ACTIVE)) && !(p->pending & bit)) p->phys &= ~bit;
    if (p->phys & bit && !(p->pending & bit)) phys_end(v, p, intid);
    if (p->pending & bit || p->line & bit) notify_all(v, intid / 32);
}

/* All of the virtual CPU interface's interrupts go back to memory. */
static void fold(struct vcpu *v)
{
    bool here = v == sched_current();
    uint64_t hcr = here ? ich_hcr_read() : v->vgic.hcr;
    /* Interrupts in no list register were ended, by EOImode 0: in order, the most urgent first. */
    for (uint64_t count = FIELD_OF(HCR_EOICOUNT, hcr); count; count--) {
        uint32_t intid = best_of(v, spilled);
        if (intid == VGIC_INTID_MAX) break;
        end(v, word_of(v, intid / 32), intid);
    }
    v->vgic.hcr = hcr & ~HCR_EOICOUNT;
    if (here) ich_hcr_write(v->vgic.hcr);
    for (uint32_t n = 0; n < VGIC_LR_COUNT; n++) lr_fold(v, n);
    v->vgic.work |= VGIC_REBUILD;
}

/* Memory to list register n. */
static void lr_load(struct vcpu *v, struct vgic_word *p, uint32_t n, uint32_t intid, uint64_t state)
{
    uint32_t i = intid & 31, bit = 1U << i;
    if (state & LR_PENDING) p->pending &= ~bit;
    p->held[v->index] |= bit;
    v->vgic.slot[n] = (uint16_t)intid;
    uint64_t lr = state | FIELD(LR_PRIORITY, p->priority[i]) | intid;
    if (p->group & bit) lr |= LR_GROUP1;
    if (p->phys & bit) {
        lr |= LR_HW | FIELD(LR_PINTID, p->pintid[i]);
    } else if (!(p->edge & bit)) {
        lr |= LR_EOI; /* at its end the wire is looked at again: it may rise after this */
    }
    ich_lr_write(n, lr);
}

static uint32_t placeable_pending(const struct vcpu *v, const struct vgic_word *p)
{
    return waiting(v, p) & ~p->active;
}

/* A hardware list register cannot be active and pending: such a one stays out, so that its end comes here. */
static uint32_t placeable_active(const struct vcpu *v, const struct vgic_word *p)
{
    return spilled(v, p) & ~(p->pending & p->phys);
}

/*
 * The list registers anew. First what is pending, because only that can be missed: an active one that finds no place is ended
 * through EOIcount (EOImode 0) or the trap on DIR (EOImode 1).
 */
static void rebuild(struct vcpu *v)
{
    fold(v);
    uint32_t n = 0, intid = VGIC_INTID_MAX;
    for (; n < VGIC_LR_COUNT; n++) {
        intid = best_of(v, placeable_pending);
        if (intid == VGIC_INTID_MAX) break;
        lr_load(v, word_of(v, intid / 32), n, intid, LR_PENDING);
    }
    bool more = n == VGIC_LR_COUNT && best_of(v, placeable_pending) != VGIC_INTID_MAX;
    for (; n < VGIC_LR_COUNT; n++) {
        intid = best_of(v, placeable_active);
        if (intid == VGIC_INTID_MAX) break;
        struct vgic_word *p = word_of(v, intid / 32);
        uint32_t bit = 1U << (intid & 31);
        lr_load(v, p, n, intid, waiting(v, p) & bit ? LR_ACTIVE | LR_PENDING : LR_ACTIVE);
        p->active &= ~bit;
    }
    bool spills = best_of(v, spilled) != VGIC_INTID_MAX;
    uint64_t hcr = ich_hcr_read() & ~(HCR_NPIE | HCR_LRENPIE | HCR_TDIR);
    if (more) hcr |= HCR_NPIE;
    if (spills) hcr |= HCR_LRENPIE;
    /* An SPI may be deactivated by another vCPU than took it. */
    if (spills || v->domain->vcpu_count > 1) hcr |= HCR_TDIR;
    ich_hcr_write(hcr);
    v->vgic.crowded = more || spills;
    gic_ppi_enable(v->vgic.own.enabled & v->vgic.own.linked);
    v->vgic.work = 0;
}

/* The usual case: a new interrupt and a free list register. False: it takes a rebuild. */
static bool place(struct vcpu *v, struct vgic_word *p, uint32_t intid)
{
    const uint16_t *slot = v->vgic.slot;
    uint64_t empty = ich_empty();
    uint32_t n = 0, bit = 1U << (intid & 31);
    if (p->held[v->index] & bit) { /* it was there before: ended, if its list register is empty */
        while (n < VGIC_LR_COUNT && slot[n] != intid) n++;
        if (!(empty >> n & 1) || !(p->routed[v->index] & bit)) return false;
    } else {
        if (!empty) return false;
        n = (uint32_t)__builtin_ctzll(empty);
        if (slot[n] != SLOT_NONE) lr_fold(v, n); /* who was there before has ended */
    }
    lr_load(v, p, n, intid, LR_PENDING);
    return true;
}

static bool place_all(struct vcpu *v, uint32_t words)
{
    for (; words; words &= words - 1) {
        uint32_t w = (uint32_t)__builtin_ctz(words);
        struct vgic_word *p = word_of(v, w);
        for (uint32_t bits = waiting(v, p); bits; bits &= bits - 1) {
            if (!place(v, p, w * 32 + (uint32_t)__builtin_ctz(bits))) return false;
        }
    }
    return true;
}

void vgic_flush(struct vcpu *v)
{
    struct vgic *g = &v->vgic;
    uint32_t work = g->work;
    if (!work) return;
    g->work = 0;
    if (work & VGIC_REBUILD || g->crowded || !place_all(v, work) || g->work) rebuild(v);
}

void vgic_maintenance(struct vcpu *v)
{
    v->vgic.work |= VGIC_REBUILD;
    vgic_flush(v); /* now: the line stays up until its reason is gone */
}

bool vgic_is_deliverable(const struct vcpu *v)
{
    uint64_t empty = ich_empty();
    for (uint32_t n = 0; n < VGIC_LR_COUNT; n++) {
        if (!(empty >> n & 1) && ich_lr_read(n) & LR_PENDING) return true;
    }
    return v->vgic.work != 0;
}

bool vgic_is_allowed(const struct vcpu *v, uint32_t intid)
{
    if (intid >= VGIC_INTID_MAX) return false; /* guards: T-300 */
    const struct vgic_word *p = intid < 32 ? &v->vgic.own : &v->domain->dist.spi[intid / 32 - 1];
    return p->allowed >> (intid & 31) & 1;
}

/* A new pending interrupt. Straight into a list register when its only possible taker is loaded here and has nothing else to sort. */
static void latch(struct vcpu *v, uint32_t intid, bool hw)
{
    struct vgic_word *p = word_of(v, intid / 32);
    uint32_t bit = 1U << (intid & 31);
    p->pending |= bit;
    if (hw) p->phys |= bit;
    bool alone = intid < 32 || v->domain->vcpu_count == 1;
    if (alone && v == sched_current() && v->state == VCPU_READY && !v->vgic.work &&
        !v->vgic.crowded) {
        if (!(p->ready & bit)) return;
        if (p->routed[v->index] & bit && place(v, p, intid)) return;
    }
    notify_all(v, intid / 32);
}

bool vgic_is_enabled(const struct vcpu *v, uint32_t intid)
{
    return v->domain->dist.spi[intid / 32 - 1].enabled >> (intid & 31) & 1;
}

void vgic_raise(struct vcpu *v, uint32_t intid)
{
    if (vgic_is_allowed(v, intid)) latch(v, intid, false);
}

void vgic_level(struct vcpu *v, uint32_t intid, bool high)
{
    if (!vgic_is_allowed(v, intid)) return;
    struct vgic_word *p = word_of(v, intid / 32);
    uint32_t bit = 1U << (intid & 31);
    if (!!(p->line & bit) == high) return;
    p->line ^= bit;
    if (!high && !(p->edge & bit)) {
        vgic_sync(v, p, bit);
        vgic_unpend(v, p, bit);
    }
    if (high) p->pending |= p->edge & bit;
    notify_all(v, intid / 32);
}

void vgic_inject_hw(struct vcpu *v, uint32_t intid)
{
    if (intid < VGIC_INTID_MAX) latch(v, intid, true);
}

bool vgic_inject_again(struct vcpu *v, uint32_t intid)
{
    struct vgic *g = &v->vgic;
    uint32_t n = 0, i = intid & 31, bit = 1U << i;
    while (n < VGIC_LR_COUNT && g->slot[n] != intid) n++;
    if (n == VGIC_LR_COUNT || !(ich_empty() >> n & 1) || g->work || g->crowded) return false;
    struct vgic_word *p = word_of(v, intid / 32);
    uint32_t busy = p->pending | p->active | p->unpend | p->deactivate;
    bool is_on = v->domain->dist.ctlr & (p->group & bit ? 2 : 1);
    if (!is_on || !(p->enabled & p->routed[v->index] & ~busy & bit)) return false;
    p->phys |= bit; /* it is still held here */
    ich_lr_write(n, LR_PENDING | LR_HW | (p->group & bit ? LR_GROUP1 : 0) | intid |
                            FIELD(LR_PRIORITY, p->priority[i]) | FIELD(LR_PINTID, p->pintid[i]));
    return true;
}

static bool is_remote(const struct vcpu *v)
{
    return v != sched_current() && vcpu_is_loaded(v);
}

void vgic_sync(struct vcpu *v, struct vgic_word *p, uint32_t bits)
{
    for (uint32_t i = 0; i < v->domain->vcpu_count; i++) {
        struct vcpu *u = &v->domain->vcpu[i];
        if (!(p->held[i] & bits)) continue;
        if (is_remote(u)) {
            u->vgic.work |= VGIC_REBUILD;
            vcpu_kick(u);
        } else {
            fold(u);
        }
    }
}

void vgic_changed(struct vcpu *v, uint32_t w)
{
    struct vgic_word *p = word_of(v, w);
    uint32_t ctlr = v->domain->dist.ctlr;
    p->ready = p->enabled & ((ctlr & 2 ? p->group : 0) | (ctlr & 1 ? ~p->group : 0));
    if (w == 0) { /* the enable bits of PPIs have to reach the hardware */
        v->vgic.work |= VGIC_REBUILD;
        vcpu_kick(v);
    }
    notify_all(v, w);
}

void vgic_unpend(struct vcpu *v, struct vgic_word *p, uint32_t bits)
{
    p->pending &= ~bits;
    p->unpend |= bits & held_by_any(p) & ~p->active;
    for (bits &= p->phys & ~held_by_any(p); bits; bits &= bits - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(bits);
        phys_end(v, p, p == &v->vgic.own ? i : i + 32);
    }
}

void vgic_activate(struct vcpu *v, struct vgic_word *p, uint32_t bits)
{
    for (bits &= ~held_by_any(p); bits; bits &= bits - 1) {
        uint32_t bit = bits & (0 - bits), i = 0;
        while (i < VCPU_MAX - 1 && !(p->routed[i] & bit)) i++;
        struct vcpu *u = i < v->domain->vcpu_count ? &v->domain->vcpu[i] : v;
        p->active |= bit;
        p->held[u->index] |= bit;
        u->vgic.work |= VGIC_REBUILD;
        vcpu_kick(u);
    }
}

void vgic_deactivate(struct vcpu *v, uint32_t intid)
{
    if (!vgic_is_allowed(v, intid)) return; /* guards: T-301 */
    struct vgic_word *p = word_of(v, intid / 32);
    uint32_t bit = 1U << (intid & 31);
    vgic_sync(v, p, bit);
    for (uint32_t i = 0; i < v->domain->vcpu_count; i++) {
        if (!(p->held[i] & bit)) continue;
        if (p->active & bit) {
            end(&v->domain->vcpu[i], p, intid);
        } else {
            p->deactivate |= bit;
        }
        return;
    }
}

static void sgi(struct vcpu *v, uint64_t value, bool group0_only)
{
    uint32_t bit = 1U << FIELD_OF(BITS(27, 24), value);
    bool others = value & BIT(40);
    /* Affinities are 0.0.0.n with n < 4: nobody else can be meant. */
    if (!others && value & (BITS(55, 44) | BITS(39, 32) | BITS(23, 16))) return; /* guards: T-302 */
    for (uint32_t i = 0; i < v->domain->vcpu_count; i++) {
        struct vcpu *u = &v->domain->vcpu[i];
        if (others ? u == v : !(value >> i & 1)) continue;
        if (group0_only && u->vgic.own.group & bit) continue;
        u->vgic.own.pending |= bit;
        notify(u, 0, waiting(u, &u->vgic.own));
    }
}

/* DIR of what is in a list register of this vCPU: done in place. */
static bool dir_here(struct vcpu *v, uint32_t intid)
{
    for (uint32_t n = 0; n < VGIC_LR_COUNT; n++) {
        if (v->vgic.slot[n] != intid) continue;
        uint64_t lr = ich_lr_read(n);
        if (!(lr & LR_ACTIVE)) return false;
        ich_lr_write(n, lr & ~LR_ACTIVE);
        if (lr & LR_HW) gic_deactivate((uint32_t)FIELD_OF(LR_PINTID, lr));
        return true;
    }
    return false;
}

bool vgic_sysreg_write(struct vcpu *v, uint32_t op2, uint64_t value)
{
    enum { DIR = 1, SGI1R = 5, ASGI1R = 6, SGI0R = 7 };
    if (op2 == DIR) {
        uint32_t intid = (uint32_t)value & 0xffffff;
        /* In EOImode 0 a write to DIR has no effect. */
        if (ich_eoimode() && !dir_here(v, intid)) vgic_deactivate(v, intid);
        return true;
    }
    if (op2 == SGI1R || op2 == ASGI1R || op2 == SGI0R) {
        sgi(v, value, op2 != SGI1R); /* one security state: ASGI1R makes group 0, SGI1R either */
        return true;
    }
    return false;
}

INIT_CODE void vgic_allow(struct vcpu *v, uint32_t intid, bool edge, uint32_t pintid)
{
    CHECK(intid < VGIC_INTID_MAX);
    struct vgic_word *p = word_of(v, intid / 32);
    uint32_t bit = 1U << (intid & 31);
    p->allowed |= bit;
    if (edge) p->edge_reset |= bit;
    if (pintid) p->linked |= bit;
    p->pintid[intid & 31] = (uint16_t)pintid;
    p->edge = p->edge_reset;
}

static void word_reset(struct vgic_word *p, uint32_t owner)
{
    struct vgic_word fresh = {
        .allowed = p->allowed,
        .linked = p->linked,
        .edge = p->edge_reset,
        .edge_reset = p->edge_reset,
        .group = UINT32_MAX, /* a guest that knows one group only finds it */
    };
    memcpy(fresh.pintid, p->pintid, sizeof fresh.pintid);
    fresh.routed[owner] = UINT32_MAX;
    *p = fresh;
}

void vgic_reset(struct vcpu *v)
{
    struct vgic *g = &v->vgic;
    word_reset(&g->own, v->index);
    g->own.enabled = 0xffff; /* SGIs */
    if (v->index == 0) {
        v->domain->dist.ctlr = 0;
        for (uint32_t w = 1; w < VGIC_WORDS; w++) word_reset(word_of(v, w), 0);
    }
    g->work = (uint32_t)VGIC_REBUILD;
    g->waker = 6; /* asleep, children asleep */
    g->crowded = false;
    for (uint32_t n = 0; n < VGIC_LR_COUNT; n++) {
        g->slot[n] = SLOT_NONE;
        lr_set(v, n, 0);
    }
    g->vmcr = g->ap0r0 = g->ap1r0 = g->hcr = 0;
    g->ppi_active = 0;
}

void vgic_power_on(struct vcpu *v)
{
    fold(v);
    v->vgic.work = UINT32_MAX; /* what came while it was off */
    v->vgic.vmcr = v->vgic.ap0r0 = v->vgic.ap1r0 = 0;
}

void vgic_lines_kill(struct domain *d)
{
    for (uint32_t i = 0; i < d->device_count; i++) {
        if (d->device[i].pintid) gic_line_kill(d->device[i].pintid);
    }
    for (uint32_t i = 0; i < VCPU_MAX; i++) d->vcpu[i].vgic.ppi_active = 0;
}
