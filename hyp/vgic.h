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
    uint32_t active
            [VGIC_INTID_MAX /
             32]; /* as a guest wrote it: kept for GICv3 save and restore, no effect on delivery */
    uint32_t edge[VGIC_INTID_MAX / 32];    /* ICFGR */
    uint32_t allowed[VGIC_INTID_MAX / 32]; /* this domain owns it; others are RAZ/WI */
    uint32_t linked[VGIC_INTID_MAX / 32];  /* a physical interrupt stands behind it */
    uint8_t priority[VGIC_INTID_MAX];
    uint16_t pintid[VGIC_INTID_MAX]; /* for linked ones */
    uint32_t pending_words;          /* bit w: pending[w] is not 0 */
    uint32_t ctlr;                   /* GICD_CTLR group enables */
    uint32_t waker;                  /* GICR_WAKER */
    uint64_t lr[VGIC_LR_COUNT];
    uint64_t vmcr, ap1r0, hcr;
    uint32_t ppi_active; /* active state of PPIs 27 and 30 while off the core */
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
/** A pending interrupt goes back from the list registers to the pending set (disabled), or is dropped (cleared). */
void vgic_recall(struct vcpu *v, uint32_t intid);
void vgic_forget(struct vcpu *v, uint32_t intid);
/** Back to reset values, ownership kept. */
void vgic_reset(struct vcpu *v);
/** A physical interrupt of this vCPU was acknowledged and its priority dropped: it stays active until the guest ends it. */
void vgic_inject_hw(struct vcpu *v, uint32_t intid);
/** Moves pending interrupts of the loaded vCPU into free list registers. Context: EL2, before going back to EL1. */
void vgic_flush(struct vcpu *v);
/** True when something waits that would end a WFI. */
bool vgic_is_deliverable(const struct vcpu *v);
/**
 * One trapped access to the emulated distributor (is_dist) or redistributor frame. Offsets nobody defined read 0, writes are ignored.
 * Context: EL2, v is loaded.
 */
void vgic_access(struct vcpu *v, bool is_dist, uint64_t offset, bool is_write, uint32_t size_bytes,
                 uint64_t *value);
