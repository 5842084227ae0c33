/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A GICv3 for the emulated one to stand on: physical lines, and four cores with the virtual CPU interface of IHI 0069 each. */
#pragma once
#include "hyp/aarch64/gicv3.h"
#include "hyp/aarch64/ich.h"
#include "hyp/domain.h"

#define FG_CORES    4
#define FG_SPURIOUS 1023
#define FG_LINES    320 /* physical INTIDs; those below 32 are of core 0 */
#define FG_EOIMODE  BIT(9)
#define FG_VMCR_ON  (FIELD(BITS(31, 24), 0xff) | 3) /* PMR 0xff, both groups */

struct fg_line {
    bool enabled, pending, active, high, edge;
    uint32_t core;   /* IROUTER */
    struct vcpu *to; /* of which domain; NULL: nobody's */
    uint32_t vintid;
    uint32_t touched; /* calls of the emulation that named it */
};

struct fg_core {
    struct vcpu *current;
    uint64_t lr[VGIC_LR_COUNT], hcr, vmcr;
    uint32_t running; /* active priorities: bit p / 8 */
    uint32_t ppis;    /* gic_ppi_enable */
    uint32_t kicks;
    uint32_t maintenance; /* interrupts of that kind so far */
};

struct fg {
    uint32_t here; /* the core that executes EL2 now */
    struct fg_core core[FG_CORES];
    struct fg_line line[FG_LINES];
    uint32_t wakes;
};
extern struct fg fg;

/** Everything at reset; vCPU i of d is pinned to core i, loaded there, running. */
void fg_start(struct domain *d, uint32_t vcpu_count);
/** The world switch: core gets v, or nobody (NULL). */
void fg_switch(uint32_t core, struct vcpu *v);
/** The core enters EL2 (kick, timer, trap) and leaves: lists are flushed, maintenance is served. */
void fg_visit(uint32_t core);
/** Every kicked core comes through EL2, until none is. */
void fg_settle(void);
/** A wire moves; what it raises is taken by its core and handed to its owner. */
void fg_wire(uint32_t pintid, bool high);
/** As the guest on that core: IAR, EOIR, DIR. */
uint32_t fg_ack(uint32_t core);
void fg_eoi(uint32_t core, uint32_t intid);
void fg_dir(uint32_t core, uint32_t intid);
/** INTIDs in list registers of the core in this state (LR_PENDING, LR_ACTIVE). */
uint32_t fg_in_lrs(uint32_t core, uint32_t intid, uint64_t state);
