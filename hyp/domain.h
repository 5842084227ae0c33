/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A domain: its memory, vCPU, devices and state. The one struct that the modules of hyp/ share. */
#pragma once
#include "abi/bootinfo.h"
#include "abi/domain.h"
#include "abi/manifest.h"
#include "hyp/addr.h"
#include "hyp/stage2.h"
#include "hyp/vcpu.h"

/* A device given to a domain. Everything here is fixed at boot. */
struct domain_device {
    char name[BOOT_NAME_MAX];
    char compatible[BOOT_NAME_MAX];
    struct pa_range mmio; /* size 0: none */
    ipa_t ipa;            /* where the domain sees it */
    uint32_t pintid;      /* physical SPI; 0 none */
    uint32_t vintid;      /* as the domain sees it */
    bool edge;
    uint32_t acks;            /* of its interrupt in this budget period, edge only */
    uint64_t limit_end_ticks; /* of that period; while the line is masked, of the mask */
    bool is_pci;
    uint32_t pci_slot;   /* bus 0 */
    uint32_t stream_id;  /* SMMU StreamID; valid when is_pci and dma == MANIFEST_DMA_SMMU */
    bool dma_open;       /* HVC_DMA_ENABLE was called in this incarnation */
    struct guard *guard; /* hyp/dma/guard.h has its registers; NULL: nobody has, or the domain */
    uint32_t clock_hz;
};

struct domain {
    char name[DOMAIN_NAME_MAX];
    uint32_t index;                     /* 0 = main */
    uint16_t vmid;                      /* index + 1 */
    const struct manifest_domain *conf; /* borrowed: the manifest lives for ever */
    enum domain_state state;
    uint32_t generation;
    uint32_t deaths;

    struct {
        enum death_cause cause;
        uint64_t detail, info;
        uint64_t pc, sp, esr, far, lr, pstate;
        uint32_t vcpu; /* whose registers these are */
        bool dump_due; /* a core had the vCPU loaded: the dump is taken when it lets go */
    } death;           /* of the last incarnation */

    struct pa_range ram;      /* drivers: the one block; main: block 0 is where its image lies */
    struct pa_range pristine; /* sealed copy of the image file, EL2 memory */
    uint64_t image_mem_bytes; /* file plus bss */
    uint64_t code_bytes;      /* of the file, from its start: made good for instruction fetch */
    uint64_t memory_bytes;    /* RAM in all */
    uint32_t event_intid;     /* main: some domain died */
    struct s2 s2;
    ipa_t gicd_ipa, gicr_ipa; /* emulated, unmapped */
    uint32_t vcpu_count;      /* of vcpu[], from the manifest */
    struct vcpu vcpu
            [VCPU_MAX]; /* vCPU i has MPIDR affinity 0.0.0.i; 0 starts, the others wait for PSCI CPU_ON */

    struct vgic_dist dist; /* of its emulated GIC */

    uint32_t device_count;
    struct domain_device device[BOOT_DEVICE_MAX];

    uint32_t links_off; /* links it serves that its incarnations do not get: HVC_DOMAIN_LINKS */
    uint64_t
            link_events; /* LINK_EV_* that it has not taken yet, 8 bits for each link that it serves */
    uint64_t listen_pc; /* after its last HVC_LINK_WAIT; 0: none yet, its links interrupt */

    uint32_t violations; /* in this period, for on-violation = inject */
    uint64_t violation_end_ticks;
    uint64_t log_budget; /* bytes it may still log in this period */
    uint64_t log_period_end_ticks;

    struct {
        uint32_t step;     /* index in life.c's sequence */
        uint64_t progress; /* bytes done within the step */
    } rebirth;
};

/** All domains: [0, count). Context: EL2, after boot. Never NULL below domain_count(). */
struct domain *domain_at(uint32_t index);
uint32_t domain_count(void);

/**
 * Takes a running domain down: state DEAD with the first cause given, vCPU never scheduled again in this incarnation, main's event
 * interrupt raised, its links told. Idempotent: a second cause for the same death is dropped. Main's death is EL2's panic.
 * Context  EL2, any time; O(links)
 */
void domain_kill(struct domain *d, enum death_cause cause, uint64_t detail, uint64_t info);

/** A core let go of a vCPU that was taken out. Context: EL2, its registers are saved. */
void domain_vcpu_left(struct vcpu *v);
/** True while some core has registers of a vCPU of d. */
bool domain_is_loaded(const struct domain *d);

/** Raises main's event interrupt: a domain died, or a guest's console has output. Context: EL2, any. */
void domain_event(void);
/** Makes the next domain in order of the manifest. Context: EL2 boot. */
struct domain *domain_add(const struct manifest_domain *conf);
/** The domain whose device has this SMMU stream, or NULL. */
struct domain *domain_of_stream(uint32_t stream_id);
