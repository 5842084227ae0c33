/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The GICv3 that a domain sees: emulated distributor and redistributor, list registers. One vCPU each for now. */
#pragma once
#include "lib/base.h"

#define VGIC_INTID_MAX 288 /* SGIs, PPIs, SPIs 32..287; per domain */
#define VGIC_LR_COUNT  4   /* Cortex-A55 and -A53 have four */

struct vcpu;
struct domain;

struct vgic {
    uint32_t enabled[VGIC_INTID_MAX / 32];
    uint32_t pending[VGIC_INTID_MAX / 32]; /* latched here, not in a list register */
    uint32_t active[VGIC_INTID_MAX / 32];  /* saved active state of interrupts not in a list register */
    uint32_t edge[VGIC_INTID_MAX / 32];    /* ICFGR */
    uint32_t allowed[VGIC_INTID_MAX / 32]; /* this domain owns it; others are RAZ/WI */
    uint32_t linked[VGIC_INTID_MAX / 32];  /* a physical interrupt stands behind it */
    uint8_t priority[VGIC_INTID_MAX];
    uint16_t pintid[VGIC_INTID_MAX]; /* for linked ones */
    uint32_t ctlr;                   /* GICD_CTLR group enables */
    uint32_t waker;                  /* GICR_WAKER */
    uint64_t lr[VGIC_LR_COUNT];
    uint64_t vmcr, ap1r0, hcr;
};

/**
 * Latches an interrupt that no physical line stands behind (links, events) as pending and wakes the vCPU when it is deliverable.
 * Not owned or out of range: ignored. Context: EL2.
 */
void vgic_raise(struct vcpu *v, uint32_t intid);
/** Declares ownership at boot: linked ones come with their physical INTID. */
void vgic_allow(struct vcpu *v, uint32_t intid, bool edge, uint32_t pintid);
/** Disables, clears and deactivates every physical line of the domain. Death, before scrubbing. */
void vgic_lines_kill(struct domain *d);
/** Back to reset values, ownership kept. */
void vgic_reset(struct vcpu *v);
