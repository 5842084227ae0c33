/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the firmware's device tree says about the machine. All addresses come from here. Boot-only code. */
#pragma once
#include "abi/bootinfo.h"
#include "hyp/fdt_tree.h"

#define PLATFORM_RAM_MAX      8
#define PLATFORM_RESERVED_MAX 8

struct platform {
    uint32_t ram_count;
    struct pa_range ram[PLATFORM_RAM_MAX];
    uint32_t reserved_count; /* /memreserve/ and /reserved-memory */
    struct pa_range reserved[PLATFORM_RESERVED_MAX];
    struct pa_range initrd;
    struct pa_range uart;       /* PL011 of /chosen/stdout-path */
    uint32_t uart_kind;         /* 0 none, 1 pl011, 2 DesignWare 8250 with 32-bit registers */
    struct pa_range gicd, gicr; /* gicr: the region with this machine's cores */
    struct pa_range smmu;       /* size 0: none */
    uint32_t smmu_event_intid, smmu_gerror_intid; /* edge */
    struct {
        bool present;
        char path[64]; /* of the host bridge's node */
        struct pa_range ecam;
        struct pa_range mmio32;     /* CPU address of the 32-bit non-prefetchable window */
        uint64_t mmio32_bus;        /* its bus address */
        uint32_t intx_intid[32][4]; /* slot, pin (A = 0): INTID, 0 = none */
        bool behind_smmu;           /* iommu-map names the SMMU */
    } pci;
    uint32_t core_count;
    uint64_t core_mpidr[8];
    char bootargs[BOOT_PARAMS_MAX];
    uint64_t seed[4];
};

/** A node of the firmware tree that may become a domain's device. */
struct platform_device {
    char compatible[BOOT_NAME_MAX];
    struct pa_range
            mmio;   /* first reg entry, whole pages. manifest_check knows what else is in them */
    uint32_t intid; /* 0 none */
    bool edge;
    uint32_t clock_hz;
};

/**
 * Reads the machine out of its tree.
 * Returns OK | ERR_CORRUPT (*what names the node or property), ERR_NO_ENTRY (*what names what is missing: memory, gic, uart)
 * Context EL2 boot, and on the host.
 */
err_t platform_read(const struct tree *t, struct platform *out, const char **what) MUST_CHECK;
/** Looks a device up by path. ERR_NO_ENTRY: no such node or status is not okay. ERR_CORRUPT: node unusable. */
err_t platform_device(const struct tree *t, const char *path,
                      struct platform_device *out) MUST_CHECK;
/** Overwrites rng-seed and kaslr-seed of /chosen in place, name and value: every other offset stays. */
void platform_wipe_seeds(const struct tree *t);
