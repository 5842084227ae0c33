/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The GICv3 that a domain sees: one distributor, a redistributor and four list registers for each vCPU. */
#pragma once
#include "abi/domain.h"
#include "lib/base.h"

#define VGIC_INTID_MAX 288 /* SGIs, PPIs, SPIs 32..287; per domain */
#define VGIC_WORDS     (VGIC_INTID_MAX / 32)
#define VGIC_LR_COUNT  4 /* Cortex-A55 and -A53 have four */
#define VGIC_FIXED_BYTES \
    0x80 /* of the distributor: identification and CTLR; reading these changes nothing */
#define VGIC_GICR_BYTES KIB(128) /* frames of one vCPU, one after the other */

struct vcpu;
struct domain;

/*
 * 32 interrupts: bit i of each map is INTID 32 * n + i. While an interrupt is in a list register, whether it is pending or active
 * stands there; `active` here means active with no list register.
 */
struct vgic_word {
    uint32_t allowed, linked; /* owned (others are RAZ/WI); a physical interrupt stands behind it */
    uint32_t edge, edge_reset; /* ICFGR */
    uint32_t ready;            /* enabled, and its group is */
    uint32_t group, enabled;   /* as the registers show them */
    uint32_t pending, active,
            line;                /* latched; taken by a guest; level of an emulated device's wire */
    uint32_t phys;               /* the physical one is active on behalf of this one */
    uint32_t any;                /* IROUTER.IRM */
    uint32_t routed[VCPU_MAX];   /* this vCPU may get it */
    uint32_t held[VCPU_MAX];     /* in a list register of this vCPU, or active there */
    uint32_t unpend, deactivate; /* asked for while in a list register of another core */
    uint8_t priority[32];
    uint16_t pintid[32]; /* of linked ones */
};

/* Of a domain. */
struct vgic_dist {
    uint32_t ctlr; /* GICD_CTLR group enables */
    struct vgic_word spi[VGIC_WORDS - 1];
};

/* Of a vCPU. */
struct vgic {
    struct vgic_word own; /* SGIs and PPIs */
    uint32_t work;        /* for vgic_flush: bit w: word w has something new; VGIC_REBUILD */
    uint32_t waker;       /* GICR_WAKER */
    bool crowded;         /* more is pending or active than the list registers hold */
    uint16_t slot[VGIC_LR_COUNT]; /* INTID last put into each list register, or VGIC_INTID_MAX */
    uint64_t lr[VGIC_LR_COUNT];   /* these five while not loaded */
    uint64_t vmcr, ap0r0, ap1r0, hcr;
    uint32_t ppi_active; /* physical active state of PPIs 27 and 30 while off the core */
};
#define VGIC_REBUILD BIT(31)

/**
 * Latches an interrupt that no physical line stands behind (links, events) as pending and wakes the vCPU that gets it; v matters for
 * SGIs and PPIs only. Not owned or out of range: ignored. Context: EL2, lock held, any core.
 */
void vgic_raise(struct vcpu *v, uint32_t intid);
/** The wire of an emulated device: the interrupt is pending as long as it is high (edge-configured: once each time it rises). */
void vgic_level(struct vcpu *v, uint32_t intid, bool high);
/** A physical interrupt was acknowledged and its priority dropped: it stays active until the guest ends it. */
void vgic_inject_hw(struct vcpu *v, uint32_t intid);
/** The same when nothing else goes on and its list register of last time is free: done at once. False: nothing was done. Context: v is loaded. */
bool vgic_inject_again(struct vcpu *v, uint32_t intid);
/** Declares ownership at boot: linked ones come with their physical INTID. SPIs are the domain's: any of its vCPUs will do. */
void vgic_allow(struct vcpu *v, uint32_t intid, bool edge, uint32_t pintid);
/** The guest wants this SPI. */
bool vgic_is_enabled(const struct vcpu *v, uint32_t intid);
bool vgic_is_allowed(const struct vcpu *v, uint32_t intid);
/** Back to reset values, ownership kept; vCPU 0 takes the distributor with it. Context: v is not loaded. */
void vgic_reset(struct vcpu *v);
/** The virtual CPU interface as after PSCI CPU_ON; the redistributor keeps its state. Context: v is not loaded. */
void vgic_power_on(struct vcpu *v);
/** Disables, clears and deactivates every physical line of the domain. Death, before scrubbing; none of its vCPUs is loaded. */
void vgic_lines_kill(struct domain *d);

/** Makes the list registers agree with memory. Context: EL2, v is loaded on this core; before each return to EL1. */
void vgic_flush(struct vcpu *v);
/** The maintenance interrupt: list registers ran dry, or an interrupt that is in none was ended. */
void vgic_maintenance(struct vcpu *v);
/** True when something waits that would end a WFI. Context: v is loaded on this core. */
bool vgic_is_deliverable(const struct vcpu *v);
/** A trapped write to ICC_SGI1R, ICC_ASGI1R, ICC_SGI0R or ICC_DIR_EL1, told apart by Op2. False: none of these. */
bool vgic_sysreg_write(struct vcpu *v, uint32_t op2, uint64_t value);
/**
 * One trapped access to the emulated distributor (is_dist) or the redistributors; offset from the start of the first one. Wrong
 * sizes, misalignment and what nobody defined: reads 0, writes are ignored. Context: EL2, v is loaded.
 */
void vgic_access(struct vcpu *v, bool is_dist, uint64_t offset, bool is_write, uint32_t size_bytes,
                 uint64_t *value);

/* Between vgic.c and vgic_mmio.c. */

/** Brings the state of these interrupts into memory; one that is in a list register of another core stays there, which is told to come. */
void vgic_sync(struct vcpu *v, struct vgic_word *p, uint32_t bits);
/** After a change of word w (SPIs: of the domain): whoever has something to deliver or retract is woken. */
void vgic_changed(struct vcpu *v, uint32_t w);
void vgic_unpend(struct vcpu *v, struct vgic_word *p, uint32_t bits);
void vgic_activate(struct vcpu *v, struct vgic_word *p, uint32_t bits);
void vgic_deactivate(struct vcpu *v, uint32_t intid);
