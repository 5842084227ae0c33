/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Registers of the emulated GICv3 distributor and redistributor (Arm IHI 0069, one core). */
#include "hyp/aarch64/gicv3.h"
#include "hyp/domain.h"
#include "hyp/vgic.h"

enum reg_kind {
    REG_NONE,
    REG_ENABLE,
    REG_DISABLE,
    REG_PEND,
    REG_UNPEND,
    REG_ACTIVATE,
    REG_DEACTIVATE,
    REG_GROUP,
    REG_PRIORITY,
    REG_CONFIG,
    REG_ROUTER
};

/* Register blocks that the distributor and the SGI frame have in common, by 128-byte slice of the first 2 KiB. */
static const uint8_t slices[16] = {
    [1] = REG_GROUP,     [2] = REG_ENABLE,    [3] = REG_DISABLE,    [4] = REG_PEND,
    [5] = REG_UNPEND,    [6] = REG_ACTIVATE,  [7] = REG_DEACTIVATE, [8] = REG_PRIORITY,
    [9] = REG_PRIORITY,  [10] = REG_PRIORITY, [11] = REG_PRIORITY,  [12] = REG_PRIORITY,
    [13] = REG_PRIORITY, [14] = REG_PRIORITY, [15] = REG_PRIORITY,
};

static enum reg_kind kind_of(uint64_t offset, uint64_t *in_block)
{
    if (offset < 0x800) {
        *in_block = offset < 0x400 ? offset & 0x7f : offset - 0x400;
        return (enum reg_kind)slices[offset >> 7];
    }
    *in_block = offset - 0xc00;
    if (offset - 0xc00 < 0x100) return REG_CONFIG;
    return offset - 0x6100 < 0x1ee0 ? REG_ROUTER : REG_NONE;
}

static void each_bit(struct vcpu *v, enum reg_kind kind, uint32_t w, uint32_t bits)
{
    struct vgic *g = &v->vgic;
    for (; bits; bits &= bits - 1) {
        uint32_t intid = w * 32 + (uint32_t)__builtin_ctz(bits);
        bool linked = g->linked[w] >> (intid & 31) & 1;
        switch (kind) {
        case REG_ENABLE:
            g->enabled[w] |= 1U << (intid & 31);
            if (linked && intid >= 32) gic_enable(g->pintid[intid], true);
            break;
        case REG_DISABLE:
            g->enabled[w] &= ~(1U << (intid & 31));
            if (linked && intid >= 32) gic_enable(g->pintid[intid], false);
            vgic_recall(v, intid);
            break;
        case REG_PEND:
            if (!linked) vgic_raise(v, intid);
            break;
        case REG_UNPEND:
            vgic_forget(v, intid);
            break;
        case REG_ACTIVATE:
            g->active[w] |= 1U << (intid & 31);
            break;
        case REG_DEACTIVATE:
            g->active[w] &= ~(1U << (intid & 31));
            break;
        case REG_NONE:
        case REG_GROUP:
        case REG_PRIORITY:
        case REG_CONFIG:
        case REG_ROUTER:
            break;
        }
    }
}

/* Bitmap registers; w = word. Only owned interrupts can be seen or changed. */
static void access_bits(struct vcpu *v, enum reg_kind kind, uint32_t w, bool is_write,
                        uint64_t *value)
{
    struct vgic *g = &v->vgic;
    if (w >= VGIC_INTID_MAX / 32) {
        if (!is_write) *value = 0;
        return;
    }
    if (is_write) {
        each_bit(v, kind, w, (uint32_t)*value & g->allowed[w]);
        return;
    }
    const uint32_t *map = kind == REG_GROUP                           ? g->allowed /* all group 1 */
                          : kind == REG_ENABLE || kind == REG_DISABLE ? g->enabled
                          : kind == REG_PEND || kind == REG_UNPEND    ? g->pending
                                                                      : g->active;
    *value = map[w] & g->allowed[w];
}

static void access_priority(struct vcpu *v, uint64_t first, bool is_write, uint32_t size_bytes,
                            uint64_t *value)
{
    uint64_t out = 0;
    for (uint32_t i = 0; i < size_bytes && i < 4; i++) {
        uint64_t intid = first + i;
        if (intid >= VGIC_INTID_MAX || !(v->vgic.allowed[intid / 32] >> (intid & 31) & 1)) continue;
        if (is_write) v->vgic.priority[intid] = (uint8_t)(*value >> (8 * i)) & 0xf8; /* 5 bits */
        out |= (uint64_t)v->vgic.priority[intid] << (8 * i);
    }
    if (!is_write) *value = out;
}

/* Trigger is fixed by what stands behind the interrupt: writes are ignored. */
static uint64_t read_config(const struct vgic *g, uint64_t first)
{
    uint64_t out = 0;
    for (uint32_t i = 0; i < 16 && first + i < VGIC_INTID_MAX; i++) {
        uint64_t intid = first + i;
        if (g->edge[intid / 32] >> (intid & 31) & 1) out |= 2UL << (2 * i);
    }
    return out;
}

static bool access_common(struct vcpu *v, bool is_dist, uint64_t offset, bool is_write,
                          uint32_t size_bytes, uint64_t *value)
{
    uint64_t in = 0;
    enum reg_kind kind = kind_of(offset, &in);
    if (kind == REG_NONE || (!is_dist && kind == REG_ROUTER)) return false;
    if (kind == REG_PRIORITY) {
        if (is_dist == (in >= 32)) access_priority(v, in, is_write, size_bytes, value);
    } else if (kind == REG_CONFIG) {
        if (!is_write) *value = is_dist == (in * 4 >= 32) ? read_config(&v->vgic, in * 4) : 0;
    } else if (kind == REG_ROUTER) {
        if (!is_write) *value = 0; /* affinity 0.0.0.0: the one core there is */
    } else if (is_dist == (in >= 4)) {
        access_bits(v, kind, (uint32_t)(in / 4), is_write, value);
    }
    return true;
}

void vgic_access(struct vcpu *v, bool is_dist, uint64_t offset, bool is_write, uint32_t size_bytes,
                 uint64_t *value)
{
    struct vgic *g = &v->vgic;
    uint64_t in = *value;
    if (!is_write) *value = 0;
    bool sgi_frame = !is_dist && offset >= 0x10000;
    if ((is_dist || sgi_frame) && access_common(v, is_dist, sgi_frame ? offset - 0x10000 : offset,
                                                is_write, size_bytes, value)) {
        return;
    }
    if (is_dist && offset == 0x0000) { /* GICD_CTLR: ARE and DS read as one */
        if (is_write) g->ctlr = (uint32_t)in & 3;
        if (!is_write) *value = g->ctlr | BIT(4) | BIT(6);
    } else if (is_dist && offset == 0x0004 && !is_write) { /* GICD_TYPER: 10 ID bits, no LPIs */
        *value = (VGIC_INTID_MAX / 32 - 1) | 9UL << 19;
    } else if (!is_dist && offset == 0x0008 && !is_write) { /* GICR_TYPER: core 0, last */
        *value = BIT(4);
    } else if (!is_dist && offset == 0x0014) { /* GICR_WAKER: children follow at once */
        if (is_write) g->waker = in & 2 ? 6 : 0;
        if (!is_write) *value = g->waker;
    } else if (offset == 0xffe8 && !is_write) { /* PIDR2: GICv3 */
        *value = 0x3b;
    }
}
