/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The GICv3 behind the emulated one, by the pseudocode of IHI 0069. */
#include "tests/fake/gic.h"

#include <string.h>

#include "hyp/sched.h"

struct fg fg;

static struct fg_core *here(void)
{
    return &fg.core[fg.here];
}

/* hyp/sched.h, hyp/vcpu.h */
struct vcpu *sched_current(void)
{
    return here()->current;
}

bool vcpu_is_loaded(const struct vcpu *v)
{
    return fg.core[v->core].current == v;
}

void vcpu_kick(struct vcpu *v)
{
    if (v->core != fg.here && vcpu_is_loaded(v)) fg.core[v->core].kicks++;
}

void vcpu_wake(struct vcpu *v)
{
    fg.wakes++;
    if (v->state == VCPU_WAITING) v->state = VCPU_READY;
    if (v->state == VCPU_READY) vcpu_kick(v);
}

/* hyp/aarch64/ich.h */
uint64_t ich_lr_read(uint32_t n)
{
    return here()->lr[n];
}

void ich_lr_write(uint32_t n, uint64_t value)
{
    here()->lr[n] = value;
}

uint64_t ich_empty(void)
{
    uint64_t empty = 0;
    for (uint32_t n = 0; n < VGIC_LR_COUNT; n++) {
        uint64_t lr = here()->lr[n];
        bool eoi_due = !(lr & LR_HW) && lr & LR_EOI;
        if (!(lr & (LR_PENDING | LR_ACTIVE)) && !eoi_due) empty |= BIT(n);
    }
    return empty;
}

uint64_t ich_hcr_read(void)
{
    return here()->hcr;
}

void ich_hcr_write(uint64_t value)
{
    here()->hcr = value;
}

bool ich_eoimode(void)
{
    return here()->vmcr & FG_EOIMODE;
}

/* hyp/aarch64/gicv3.h */
static void deliver(struct fg_line *l)
{
    if (!l->enabled || !l->pending || l->active || !l->to) return;
    l->active = true;
    l->pending = l->high && !l->edge;
    vgic_inject_hw(l->to, l->vintid);
}

void gic_enable(uint32_t intid, bool on)
{
    fg.line[intid].touched++;
    fg.line[intid].enabled = on;
    deliver(&fg.line[intid]);
}

void gic_deactivate(uint32_t intid)
{
    struct fg_line *l = &fg.line[intid];
    l->touched++;
    CHECK(l->active); /* ending what is not active would end somebody else's some day */
    l->active = false;
    deliver(l);
}

void gic_line_kill(uint32_t intid)
{
    struct fg_line *l = &fg.line[intid];
    l->enabled = l->pending = l->active = false;
}

bool gic_is_pending(uint32_t intid)
{
    fg.line[intid].touched++;
    return fg.line[intid].pending;
}

void gic_unpend(uint32_t intid)
{
    struct fg_line *l = &fg.line[intid];
    l->touched++;
    l->pending = l->high && !l->edge;
}

void gic_spi_target(uint32_t intid, uint32_t core)
{
    fg.line[intid].touched++;
    fg.line[intid].core = core;
}

void gic_ppi_enable(uint32_t mask)
{
    here()->ppis = mask;
}

/* The machine. */
void fg_start(struct domain *d, uint32_t vcpu_count)
{
    memset(&fg, 0, sizeof fg);
    memset(d, 0, sizeof *d);
    d->vcpu_count = vcpu_count;
    d->state = DOMAIN_RUNNING;
    for (uint32_t i = 0; i < VCPU_MAX; i++) {
        d->vcpu[i].domain = d;
        d->vcpu[i].index = d->vcpu[i].core = i;
        d->vcpu[i].state = i < vcpu_count ? VCPU_READY : VCPU_OFF;
    }
    for (uint32_t i = 0; i < FG_CORES; i++) fg.core[i].vmcr = FG_VMCR_ON;
}

void fg_switch(uint32_t core, struct vcpu *v)
{
    struct fg_core *c = &fg.core[core];
    if (c->current) {
        memcpy(c->current->vgic.lr, c->lr, sizeof c->lr);
        c->current->vgic.hcr = c->hcr;
    }
    c->current = v;
    if (!v) return;
    memcpy(c->lr, v->vgic.lr, sizeof c->lr);
    c->hcr = v->vgic.hcr | HCR_EN;
}

/* ICH_MISR, as far as it is used. */
static bool wants_maintenance(const struct fg_core *c)
{
    bool pends = false, ended = false;
    for (uint32_t n = 0; n < VGIC_LR_COUNT; n++) {
        uint64_t state = c->lr[n] & (LR_PENDING | LR_ACTIVE);
        pends |= state == LR_PENDING;
        ended |= !state && !(c->lr[n] & LR_HW) && c->lr[n] & LR_EOI;
    }
    return ended || (c->hcr & HCR_NPIE && !pends) ||
           (c->hcr & HCR_LRENPIE && c->hcr & HCR_EOICOUNT);
}

void fg_visit(uint32_t core)
{
    struct fg_core *c = &fg.core[core];
    uint32_t before = fg.here;
    fg.here = core;
    c->kicks = 0;
    if (c->current) {
        vgic_flush(c->current);
        for (int i = 0; wants_maintenance(c); i++) {
            CHECK(i < 3); /* a maintenance interrupt that its handler does not still */
            c->maintenance++;
            vgic_maintenance(c->current);
            vgic_flush(c->current);
        }
    }
    fg.here = before;
}

void fg_settle(void)
{
    for (uint32_t i = 0; i < 4 * FG_CORES; i++) {
        if (fg.core[i % FG_CORES].kicks) fg_visit(i % FG_CORES);
    }
}

void fg_wire(uint32_t pintid, bool high)
{
    struct fg_line *l = &fg.line[pintid];
    if (l->edge ? high && !l->high : high) l->pending = true;
    l->high = high;
    if (!l->edge && !high) l->pending = false;
    uint32_t before = fg.here;
    fg.here = l->core;
    deliver(l);
    fg_visit(l->core);
    fg.here = before;
}

static uint32_t priority_of(uint64_t lr)
{
    return (uint32_t)FIELD_OF(LR_PRIORITY, lr);
}

uint32_t fg_ack(uint32_t core)
{
    struct fg_core *c = &fg.core[core];
    uint32_t best = VGIC_LR_COUNT,
             limit = c->running ? (uint32_t)__builtin_ctz(c->running) * 8 : 256;
    limit = MIN(limit, (uint32_t)FIELD_OF(BITS(31, 24), c->vmcr));
    for (uint32_t n = 0; n < VGIC_LR_COUNT; n++) {
        uint64_t lr = c->lr[n];
        if ((lr & (LR_PENDING | LR_ACTIVE)) != LR_PENDING || !(lr & LR_GROUP1)) continue;
        if (priority_of(lr) >= limit) continue;
        limit = priority_of(lr);
        best = n;
    }
    if (best == VGIC_LR_COUNT) return FG_SPURIOUS;
    c->lr[best] = (c->lr[best] & ~LR_PENDING) | LR_ACTIVE;
    c->running |= 1U << limit / 8;
    uint32_t intid = (uint32_t)FIELD_OF(LR_VINTID, c->lr[best]);
    if (wants_maintenance(c)) fg_visit(core);
    return intid;
}

static void deactivate(struct fg_core *c, uint32_t intid)
{
    for (uint32_t n = 0; n < VGIC_LR_COUNT; n++) {
        if (!(c->lr[n] & LR_ACTIVE) || FIELD_OF(LR_VINTID, c->lr[n]) != intid) continue;
        c->lr[n] &= ~LR_ACTIVE;
        if (c->lr[n] & LR_HW) {
            struct fg_line *l = &fg.line[FIELD_OF(LR_PINTID, c->lr[n])];
            l->active = false;
            uint32_t before = fg.here;
            fg.here = l->core;
            deliver(l);
            fg_visit(l->core);
            fg.here = before;
        }
        return;
    }
    if (FIELD_OF(HCR_EOICOUNT, c->hcr) < 31) c->hcr += FIELD(HCR_EOICOUNT, 1);
}

void fg_eoi(uint32_t core, uint32_t intid)
{
    struct fg_core *c = &fg.core[core];
    if (!c->running) return;
    c->running &= c->running - 1; /* the most urgent one is dropped */
    if (!(c->vmcr & FG_EOIMODE)) deactivate(c, intid);
    if (wants_maintenance(c)) fg_visit(core);
}

void fg_dir(uint32_t core, uint32_t intid)
{
    struct fg_core *c = &fg.core[core];
    uint32_t before = fg.here;
    fg.here = core;
    if (c->hcr & HCR_TDIR) {
        CHECK(vgic_sysreg_write(c->current, 1, intid));
        fg_visit(core);
    } else if (c->vmcr & FG_EOIMODE) {
        deactivate(c, intid);
    }
    if (wants_maintenance(c)) fg_visit(core);
    fg.here = before;
}

uint32_t fg_in_lrs(uint32_t core, uint32_t intid, uint64_t state)
{
    uint32_t count = 0;
    for (uint32_t n = 0; n < VGIC_LR_COUNT; n++) {
        uint64_t lr = fg.core[core].lr[n];
        count += (lr & state) && FIELD_OF(LR_VINTID, lr) == intid;
    }
    return count;
}
