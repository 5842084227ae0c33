/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The emulated GIC against its guests: any register access, any order of acknowledging and ending, several vCPUs, lines that fire. */
// LINK: hyp/vgic.c hyp/vgic_mmio.c tests/fake/gic.c
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/gic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

_Noreturn void panic_at(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, what);
    abort();
}

#define LINE_FIRST 136 /* physical, six of them; INTIDs 36..41 */
#define LINE_COUNT 6
#define SOFT_FIRST 48 /* to 63 */
#define LEVEL      64

struct op {
    uint8_t what, core;
    uint16_t where;
    uint32_t value;
};

static struct domain domain;

static void start(uint32_t vcpu_count, bool eoimode)
{
    fg_start(&domain, vcpu_count);
    for (uint32_t i = 0; i < LINE_COUNT; i++) {
        vgic_allow(&domain.vcpu[0], 36 + i, i & 1, LINE_FIRST + i);
        fg.line[LINE_FIRST + i].to = &domain.vcpu[0];
        fg.line[LINE_FIRST + i].vintid = 36 + i;
        fg.line[LINE_FIRST + i].edge = i & 1;
    }
    for (uint32_t i = SOFT_FIRST; i < LEVEL; i++) vgic_allow(&domain.vcpu[0], i, true, 0);
    vgic_allow(&domain.vcpu[0], LEVEL, false, 0);
    for (uint32_t k = 0; k < vcpu_count; k++) {
        for (uint32_t i = 0; i < 16; i++) vgic_allow(&domain.vcpu[k], i, true, 0);
        vgic_reset(&domain.vcpu[k]);
        if (eoimode) fg.core[k].vmcr |= FG_EOIMODE;
        fg_switch(k, &domain.vcpu[k]);
        fg_visit(k);
    }
}

/* An interrupt is in at most one list register of the machine; what nobody owns is nowhere; EL2 touches its own lines only. */
static void check_all(void)
{
    uint32_t seen[VGIC_INTID_MAX] = { 0 };
    for (uint32_t k = 0; k < domain.vcpu_count; k++) {
        for (uint32_t n = 0; n < VGIC_LR_COUNT; n++) {
            uint64_t lr = fg.core[k].lr[n];
            if (!(lr & (LR_PENDING | LR_ACTIVE))) continue;
            uint64_t intid = FIELD_OF(LR_VINTID, lr);
            CHECK(intid < VGIC_INTID_MAX && vgic_is_allowed(&domain.vcpu[k], (uint32_t)intid));
            CHECK((lr & (LR_PENDING | LR_ACTIVE | LR_HW)) != (LR_PENDING | LR_ACTIVE | LR_HW));
            CHECK(!(lr & LR_HW) || FIELD_OF(LR_PINTID, lr) == LINE_FIRST + intid - 36);
            CHECK(!(seen[intid] & (intid < 32 ? 1U << k : UINT32_MAX)));
            seen[intid] |= 1U << k;
        }
    }
    for (uint32_t w = 0; w + 1 < VGIC_WORDS; w++) {
        const struct vgic_word *p = &domain.dist.spi[w];
        CHECK(!((p->enabled | p->pending | p->active | p->line | p->phys) & ~p->allowed));
        CHECK(!(p->phys & ~p->linked));
        CHECK(!(p->held[0] & p->held[1]) && !(p->held[2] & p->held[3]));
    }
    for (uint32_t i = 0; i < FG_LINES; i++) {
        CHECK(fg.line[i].touched == 0 || i - LINE_FIRST < LINE_COUNT);
    }
}

static void access(const struct op *op, bool is_dist, bool is_write)
{
    uint64_t value = op->value | (uint64_t)op->value << 32;
    /* The frames are full of nothing: aim at what is there as often as not. */
    uint64_t offset = is_dist ? op->where
                      : op->what & 0x80
                              ? (uint64_t)op->where % 5 * 0x20000 + 0x10000 + op->where % 0xd00
                              : (uint64_t)op->where * 8 + op->value % 8;
    fg.here = op->core % domain.vcpu_count;
    if (op->what & 0x40) offset &= ~3UL;
    vgic_access(fg.core[fg.here].current, is_dist, offset, is_write,
                op->what & 0x40 ? 4 : 1U << (op->value & 3), &value);
    fg_visit(fg.here);
}

/* Acknowledged and not ended, by core: guests end what they took, mostly. */
static uint32_t taken[FG_CORES][64], taken_count[FG_CORES];

static void act(const struct op *op)
{
    uint32_t k = op->core % domain.vcpu_count, intid;
    struct vcpu *v = &domain.vcpu[k];
    fg.here = k;
    switch (op->what & 15) {
    case 0:
    case 1:
    case 2:
        access(op, true, true);
        break;
    case 3:
        access(op, true, false);
        break;
    case 4:
        access(op, false, true);
        break;
    case 5:
        access(op, false, false);
        break;
    case 6:
    case 7:
        fg_wire(LINE_FIRST + op->where % LINE_COUNT, op->value & 1);
        break;
    case 8:
        vgic_raise(v, op->where % 70);
        fg_visit(k);
        break;
    case 9:
        vgic_level(v, LEVEL, op->value & 1);
        fg_visit(k);
        break;
    case 10:
    case 11:
        intid = fg_ack(k);
        if (intid < VGIC_INTID_MAX && taken_count[k] < 64) taken[k][taken_count[k]++] = intid;
        break;
    case 12:
        if (taken_count[k]) fg_eoi(k, taken[k][--taken_count[k]]);
        if (taken_count[k] < 64 && op->value & 1) fg_dir(k, taken[k][taken_count[k]]);
        break;
    case 13:
        fg_dir(k, op->value & 1 ? op->where % 80 : op->value);
        break;
    case 14:
        (void)vgic_sysreg_write(v, 5 + op->where % 3, op->value | (uint64_t)op->where << 40);
        fg_visit(k);
        break;
    default: /* off the core and back on it */
        fg_switch(k, NULL);
        fg.here = (k + 1) % domain.vcpu_count;
        if (op->value & 1) vgic_raise(v, op->where % 70);
        fg.here = k;
        fg_switch(k, v);
        fg_visit(k);
        break;
    }
    fg_settle();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    if (size_bytes < 1) return 0;
    start(1 + (data[0] & 3), data[0] & 4);
    memset(taken_count, 0, sizeof taken_count);
    static const struct op on[] = { { 0x40, 0, 0x0, 3 },
                                    { 0x40, 0, 0x104, UINT32_MAX },
                                    { 0x40, 0, 0x108, UINT32_MAX } };
    for (size_t i = 0; i < ARRAY_COUNT(on); i++) act(&on[i]);
    for (size_t at = 1; at + sizeof(struct op) <= size_bytes; at += sizeof(struct op)) {
        struct op op;
        memcpy(&op, data + at, sizeof op);
        act(&op);
        check_all();
    }
    return 0;
}
