/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Interrupt state of a vCPU: pending set, list registers, life and death of physical lines. */
#include "hyp/vgic.h"

#include "hyp/aarch64/gicv3.h"
#include "hyp/aarch64/ich.h"
#include "hyp/aarch64/switch.h"
#include "hyp/domain.h"
#include "hyp/sched.h"
#include "lib/string.h"

#define WORDS (VGIC_INTID_MAX / 32)

static bool bit_get(const uint32_t *map, uint32_t i)
{
    return map[i / 32] >> (i & 31) & 1;
}

static void bit_set(uint32_t *map, uint32_t i)
{
    map[i / 32] |= 1U << (i & 31);
}

static void bit_clear(uint32_t *map, uint32_t i)
{
    map[i / 32] &= ~(1U << (i & 31));
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

void vgic_allow(struct vcpu *v, uint32_t intid, bool edge, uint32_t pintid)
{
    CHECK(intid < VGIC_INTID_MAX);
    bit_set(v->vgic.allowed, intid);
    if (edge) bit_set(v->vgic.edge, intid);
    if (pintid) bit_set(v->vgic.linked, intid);
    v->vgic.pintid[intid] = (uint16_t)pintid;
}

void vgic_reset(struct vcpu *v)
{
    struct vgic *g = &v->vgic;
    memset(g->enabled, 0, sizeof g->enabled);
    memset(g->pending, 0, sizeof g->pending);
    memset(g->active, 0, sizeof g->active);
    memset(g->priority, 0, sizeof g->priority);
    g->enabled[0] = 0xffff; /* SGIs */
    g->pending_words = 0;
    g->ctlr = 0;
    g->waker = 6; /* asleep, children asleep */
    for (uint32_t i = 0; i < VGIC_LR_COUNT; i++) lr_set(v, i, 0);
    g->vmcr = g->ap1r0 = g->hcr = 0;
    g->ppi_active = 0;
}

static uint64_t lr_make(const struct vcpu *v, uint32_t intid)
{
    const struct vgic *g = &v->vgic;
    uint64_t lr = LR_PENDING | LR_GROUP1 | FIELD(LR_PRIORITY, g->priority[intid]) | intid;
    if (bit_get(g->linked, intid)) lr |= LR_HW | FIELD(LR_PINTID, g->pintid[intid]);
    return lr;
}

/* The enabled pending interrupt with the highest priority, or VGIC_INTID_MAX. */
static uint32_t best_pending(const struct vgic *g)
{
    uint32_t best = VGIC_INTID_MAX, best_prio = 256;
    for (uint32_t words = g->pending_words; words; words &= words - 1) {
        uint32_t w = (uint32_t)__builtin_ctz(words);
        for (uint32_t bits = g->pending[w] & g->enabled[w]; bits; bits &= bits - 1) {
            uint32_t i = w * 32 + (uint32_t)__builtin_ctz(bits);
            if (g->priority[i] < best_prio) {
                best = i;
                best_prio = g->priority[i];
            }
        }
    }
    return best;
}

static void pending_clear(struct vgic *g, uint32_t intid)
{
    bit_clear(g->pending, intid);
    if (!g->pending[intid / 32]) g->pending_words &= ~(1U << (intid / 32));
}

/* Puts one interrupt into a list register. False: none is free. */
static bool lr_place(struct vcpu *v, uint32_t intid)
{
    uint32_t free = VGIC_LR_COUNT;
    for (uint32_t n = 0; n < VGIC_LR_COUNT; n++) {
        uint64_t lr = lr_get(v, n);
        if (!(lr & (LR_PENDING | LR_ACTIVE))) {
            if (free == VGIC_LR_COUNT) free = n;
        } else if (FIELD_OF(LR_VINTID, lr) == intid) {
            if (lr & LR_HW) return true; /* the line is still active: it cannot come twice */
            lr_set(v, n, lr | LR_PENDING);
            return true;
        }
    }
    if (free == VGIC_LR_COUNT) return false;
    lr_set(v, free, lr_make(v, intid));
    return true;
}

void vgic_flush(struct vcpu *v)
{
    struct vgic *g = &v->vgic;
    if (!g->pending_words || !(g->ctlr & 2)) return;
    for (;;) {
        uint32_t intid = best_pending(g);
        if (intid == VGIC_INTID_MAX) break;
        if (!lr_place(v, intid)) {
            ich_underflow_set(true);
            return;
        }
        pending_clear(g, intid);
    }
    ich_underflow_set(false);
}

static void pending_latch(struct vcpu *v, uint32_t intid)
{
    struct vgic *g = &v->vgic;
    bit_set(g->pending, intid);
    g->pending_words |= 1U << (intid / 32);
    if (bit_get(g->enabled, intid) && (g->ctlr & 2)) vcpu_wake(v);
}

void vgic_raise(struct vcpu *v, uint32_t intid)
{
    if (intid >= VGIC_INTID_MAX || !bit_get(v->vgic.allowed, intid)) return;
    pending_latch(v, intid);
}

void vgic_inject_hw(struct vcpu *v, uint32_t intid)
{
    if (intid < VGIC_INTID_MAX) pending_latch(v, intid);
}

bool vgic_is_deliverable(const struct vcpu *v)
{
    const struct vgic *g = &v->vgic;
    for (uint32_t n = 0; n < VGIC_LR_COUNT; n++) {
        if (lr_get(v, n) & LR_PENDING) return true;
    }
    return (g->ctlr & 2) && g->pending_words && best_pending(g) != VGIC_INTID_MAX;
}

void vgic_lines_kill(struct domain *d)
{
    for (uint32_t i = 0; i < d->device_count; i++) {
        if (d->device[i].pintid) gic_line_kill(d->device[i].pintid);
    }
    d->vcpu[0].vgic.ppi_active = 0;
}

/* Takes a pending interrupt back out of the list registers: it was disabled. */
void vgic_recall(struct vcpu *v, uint32_t intid)
{
    for (uint32_t n = 0; n < VGIC_LR_COUNT; n++) {
        uint64_t lr = lr_get(v, n);
        if (FIELD_OF(LR_VINTID, lr) != intid || !(lr & LR_PENDING)) continue;
        lr_set(v, n, lr & LR_ACTIVE ? lr & ~LR_PENDING : 0);
        bit_set(v->vgic.pending, intid);
        v->vgic.pending_words |= 1U << (intid / 32);
    }
}

/* Drops a pending interrupt wherever it is; a linked line is let go. */
void vgic_forget(struct vcpu *v, uint32_t intid)
{
    bool was = bit_get(v->vgic.pending, intid);
    for (uint32_t n = 0; n < VGIC_LR_COUNT; n++) {
        uint64_t lr = lr_get(v, n);
        if (FIELD_OF(LR_VINTID, lr) != intid || !(lr & LR_PENDING)) continue;
        lr_set(v, n, lr & LR_ACTIVE ? lr & ~LR_PENDING : 0);
        was |= !(lr & LR_ACTIVE);
    }
    pending_clear(&v->vgic, intid);
    if (was && bit_get(v->vgic.linked, intid)) gic_deactivate(v->vgic.pintid[intid]);
}
