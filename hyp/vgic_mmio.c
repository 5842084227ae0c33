/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Registers of the emulated GICv3 distributor and redistributors (Arm IHI 0069, one security state, affinity routing only). */
#include "hyp/aarch64/gicv3.h"
#include "hyp/domain.h"
#include "hyp/vgic.h"

enum reg_kind {
    REG_NONE,
    REG_GROUP,
    REG_ENABLE,
    REG_DISABLE,
    REG_PEND,
    REG_UNPEND,
    REG_ACTIVATE,
    REG_DEACTIVATE,
    REG_PRIORITY,
    REG_CONFIG
};

/* What the distributor and the SGI frames have in common, by 128-byte slice. */
static const uint8_t slices[32] = {
    [1] = REG_GROUP,     [2] = REG_ENABLE,    [3] = REG_DISABLE,    [4] = REG_PEND,
    [5] = REG_UNPEND,    [6] = REG_ACTIVATE,  [7] = REG_DEACTIVATE, [8] = REG_PRIORITY,
    [9] = REG_PRIORITY,  [10] = REG_PRIORITY, [11] = REG_PRIORITY,  [12] = REG_PRIORITY,
    [13] = REG_PRIORITY, [14] = REG_PRIORITY, [15] = REG_PRIORITY,  [24] = REG_CONFIG,
    [25] = REG_CONFIG,
};

#define GICD_TYPER_VALUE ((VGIC_WORDS - 1) | 9U << 19) /* 288 INTIDs of 10 bits, no LPIs */
#define IIDR_VALUE       0x5a00043bU                   /* 'Z', Arm's JEP106 code */
#define PIDR2_VALUE      0x3b                          /* GICv3 */
#define GICD_CTLR_FIXED  (BIT(4) | BIT(6))             /* ARE, DS */
#define GICR_TYPER_LAST  BIT(4)
#define WAKER_ASLEEP     6U /* ProcessorSleep, ChildrenAsleep */
#define GICR_SGI_FRAME   0x10000U
#define PIDR2_OFF        0xffe8U
#define IROUTER_IRM      BIT(31)
#define ROUTE_NOBODY     0xff /* reads back for an affinity that no vCPU has */

static uint64_t dist_read(const struct vgic_dist *dist, uint64_t offset)
{
    return offset == 4   ? GICD_TYPER_VALUE
           : offset == 0 ? dist->ctlr | GICD_CTLR_FIXED
           : offset == 8 ? IIDR_VALUE
                         : 0;
}

static void ctlr_write(struct vcpu *v, uint32_t value)
{
    struct domain *d = v->domain;
    for (uint32_t w = 1; w < VGIC_WORDS; w++) vgic_sync(v, &d->dist.spi[w - 1], UINT32_MAX);
    for (uint32_t i = 0; i < d->vcpu_count; i++) {
        vgic_sync(v, &d->vcpu[i].vgic.own, UINT32_MAX);
    }
    d->dist.ctlr = value & 3;
    for (uint32_t w = 1; w < VGIC_WORDS; w++) vgic_changed(v, w);
    for (uint32_t i = 0; i < d->vcpu_count; i++) vgic_changed(&d->vcpu[i], 0);
}

/* The first page pair of a redistributor. */
static uint64_t redist_access(struct vcpu *u, uint64_t offset, bool is_write, uint32_t size_bytes,
                              uint64_t in)
{
    if (size_bytes != 4 && (size_bytes != 8 || offset != 8)) return 0;
    bool last = u->index + 1 == u->domain->vcpu_count;
    uint64_t typer =
            (uint64_t)u->index << 32 | (uint64_t)u->index << 8 | (last ? GICR_TYPER_LAST : 0);
    switch (offset) {
    case 0x0004:
        return IIDR_VALUE;
    case 0x0008:
        return size_bytes == 8 ? typer : typer & UINT32_MAX;
    case 0x000c:
        return typer >> 32;
    case 0x0014: /* WAKER: children follow at once */
        if (is_write) u->vgic.waker = in & 2 ? WAKER_ASLEEP : 0;
        return u->vgic.waker;
    default:
        return 0;
    }
}

/* Linked SPIs are on or off at the physical distributor, too. */
static void lines_enable(const struct vgic_word *p, uint32_t bits, bool on)
{
    for (bits &= p->linked; bits; bits &= bits - 1) gic_enable(p->pintid[__builtin_ctz(bits)], on);
}

static uint32_t lines_pending(const struct vgic_word *p)
{
    uint32_t out = 0;
    for (uint32_t bits = p->linked; bits; bits &= bits - 1) {
        if (gic_is_pending(p->pintid[__builtin_ctz(bits)])) out |= bits & (0 - bits);
    }
    return out;
}

static uint32_t bits_read(struct vcpu *u, enum reg_kind kind, struct vgic_word *p, uint32_t w)
{
    if (kind == REG_GROUP) return p->group & p->allowed;
    if (kind <= REG_DISABLE) return p->enabled;
    vgic_sync(u, p, UINT32_MAX);
    vgic_changed(u, w);
    if (kind <= REG_UNPEND) return p->pending | (p->line & ~p->edge) | (w ? lines_pending(p) : 0);
    return p->active;
}

static void bits_write(struct vcpu *u, enum reg_kind kind, struct vgic_word *p, uint32_t w,
                       uint32_t bits)
{
    if ((bits &= p->allowed) == 0 && kind != REG_GROUP) return; /* guards: T-303 */
    vgic_sync(u, p, kind == REG_GROUP ? p->allowed : kind == REG_ENABLE ? 0 : bits);
    if (kind == REG_GROUP) {
        p->group = (p->group & ~p->allowed) | bits;
    } else if (kind == REG_ENABLE) {
        p->enabled |= bits;
        if (w) lines_enable(p, bits, true);
    } else if (kind == REG_DISABLE) {
        p->enabled &= ~bits;
        if (w) lines_enable(p, bits, false);
        /* A level that waits to be taken goes back to the line, which may fall meanwhile. */
        vgic_unpend(u, p, bits & p->phys & p->pending & ~p->active & ~p->edge);
    } else if (kind == REG_PEND) {
        p->pending |= bits;
    } else if (kind == REG_UNPEND) {
        vgic_unpend(u, p, bits);
        for (uint32_t b = w ? bits & p->linked : 0; b; b &= b - 1) {
            gic_unpend(p->pintid[__builtin_ctz(b)]);
        }
    } else if (kind == REG_ACTIVATE) {
        vgic_activate(u, p, bits);
    } else {
        for (; bits; bits &= bits - 1) {
            vgic_deactivate(u, w * 32 + (uint32_t)__builtin_ctz(bits));
        }
    }
    vgic_changed(u, w);
}

/* Five bits of priority, one byte each. */
static uint64_t priority_access(struct vcpu *u, struct vgic_word *p, uint32_t first, bool is_write,
                                uint32_t size_bytes, uint64_t in)
{
    uint64_t out = 0;
    for (uint32_t i = 0; i < size_bytes; i++) {
        uint32_t at = first + i;
        if (!(p->allowed >> at & 1)) continue; /* guards: T-304 */
        if (is_write) p->priority[at] = (uint8_t)(in >> (8 * i)) & 0xf8;
        out |= (uint64_t)p->priority[at] << (8 * i);
    }
    if (is_write) vgic_sync(u, p, p->allowed);
    return out;
}

/* Two bits each of which the upper one is set for edge. What a physical line or the SGIs are is fixed. */
static uint64_t config_access(struct vcpu *u, struct vgic_word *p, uint32_t w, uint32_t first,
                              bool is_write, uint64_t in)
{
    uint32_t free = w ? p->allowed & ~p->linked : 0;
    uint64_t out = 0;
    if (is_write) vgic_sync(u, p, free);
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t bit = 1U << (first + i);
        if (is_write && free & bit)
            p->edge = in >> (2 * i + 1) & 1 ? p->edge | bit : p->edge & ~bit;
        if (p->edge & p->allowed & bit) out |= 2UL << (2 * i);
    }
    if (is_write) vgic_changed(u, w);
    return out;
}

static void route(struct vcpu *v, struct vgic_word *p, uint32_t i, uint64_t in)
{
    struct domain *d = v->domain;
    uint32_t bit = 1U << i;
    p->any = in & IROUTER_IRM ? p->any | bit : p->any & ~bit;
    uint64_t affinity = in & (BITS(39, 32) | BITS(23, 0));
    for (uint32_t k = 0; k < d->vcpu_count; k++) {
        bool to = in & IROUTER_IRM || affinity == k;
        p->routed[k] = to ? p->routed[k] | bit : p->routed[k] & ~bit;
        if (affinity == k && p->linked & bit) gic_spi_target(p->pintid[i], d->vcpu[k].core);
    }
}

/* GICD_IROUTER<n>, as a whole or in halves; the upper one holds Aff3, which is 0 here. */
static uint64_t router_access(struct vcpu *v, uint64_t offset, bool is_write, uint64_t in)
{
    uint32_t intid = (uint32_t)(offset - 0x6000) / 8, i = intid & 31, bit = 1U << i;
    if (offset & 4 || intid < 32 || !vgic_is_allowed(v, intid)) return 0; /* guards: T-306 */
    struct vgic_word *p = &v->domain->dist.spi[intid / 32 - 1];
    if (is_write) {
        vgic_sync(v, p, bit);
        route(v, p, i, in);
        vgic_changed(v, intid / 32);
    }
    if (p->any & bit) return IROUTER_IRM;
    for (uint32_t k = 0; k < v->domain->vcpu_count; k++) {
        if (p->routed[k] & bit) return k;
    }
    return ROUTE_NOBODY;
}

/* Bitmaps, priorities and triggers: of vCPU u in an SGI frame (word 0), of the domain in the distributor (the others). */
static uint64_t common_access(struct vcpu *u, bool is_dist, uint64_t offset, bool is_write,
                              uint32_t size_bytes, uint64_t in)
{
    enum reg_kind kind = (enum reg_kind)slices[offset >> 7];
    uint32_t first = kind == REG_PRIORITY ? (uint32_t)offset - 0x400
                     : kind == REG_CONFIG ? ((uint32_t)offset - 0xc00) * 4
                                          : ((uint32_t)offset & 0x7f) * 8;
    uint32_t w = first / 32;
    if (kind == REG_NONE || w >= VGIC_WORDS) return 0;     /* guards: T-307 */
    if (is_dist != (w != 0)) return 0;                     /* guards: T-305 */
    if (size_bytes != 4 && kind != REG_PRIORITY) return 0; /* guards: T-308 */
    struct vgic_word *p = w ? &u->domain->dist.spi[w - 1] : &u->vgic.own;
    if (kind == REG_PRIORITY) {
        return priority_access(u, p, first & 31, is_write, size_bytes, in);
    }
    if (kind == REG_CONFIG) return config_access(u, p, w, first & 31, is_write, in);
    if (!is_write) return bits_read(u, kind, p, w);
    bits_write(u, kind, p, w, (uint32_t)in);
    return 0;
}

static uint64_t reg_access(struct vcpu *v, bool is_dist, uint64_t offset, bool is_write,
                           uint32_t size_bytes, uint64_t in)
{
    struct domain *d = v->domain;
    if (offset & (size_bytes - 1)) return 0; /* guards: T-309 */
    if (is_dist && offset < VGIC_FIXED_BYTES) {
        if (size_bytes != 4) return 0; /* guards: T-311 */
        if (is_write && offset == 0) ctlr_write(v, (uint32_t)in);
        return dist_read(&d->dist, offset);
    }
    struct vcpu *u = v;
    if (!is_dist) {
        if (offset / VGIC_GICR_BYTES >= d->vcpu_count) return 0; /* guards: T-310 */
        u = &d->vcpu[offset / VGIC_GICR_BYTES];
        offset %= VGIC_GICR_BYTES;
    }
    if (offset == PIDR2_OFF) return size_bytes == 4 ? PIDR2_VALUE : 0;
    if (!is_dist && offset < GICR_SGI_FRAME) {
        return redist_access(u, offset, is_write, size_bytes, in);
    }
    if (is_dist && offset >> 13 == 3) {
        return size_bytes >= 4 ? router_access(v, offset, is_write, in) : 0;
    }
    offset -= is_dist ? 0 : GICR_SGI_FRAME;
    if (offset >= 0x1000 || size_bytes > 4) return 0; /* guards: T-312 */
    return common_access(u, is_dist, offset, is_write, size_bytes, in);
}

void vgic_access(struct vcpu *v, bool is_dist, uint64_t offset, bool is_write, uint32_t size_bytes,
                 uint64_t *value)
{
    uint64_t out = reg_access(v, is_dist, offset, is_write, size_bytes, *value);
    if (!is_write) *value = out;
}
