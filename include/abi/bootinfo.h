/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What EL2 hands a domain at entry: x0 = IPA of struct bootinfo, MMU off, EL1h, interrupts masked. */
#pragma once
#include <stdint.h>

#include "abi/domain.h"
#include "abi/link.h"

#define BOOTINFO_MAGIC   0x4f464e49544f4f42UL /* "BOOTINFO" */
#define BOOTINFO_VERSION 1

#define BOOT_RANGE_MAX  16
#define BOOT_DEVICE_MAX 8
#define BOOT_NAME_MAX   32
#define BOOT_PARAMS_MAX 128

struct boot_range {
    uint64_t ipa;
    uint64_t size_bytes;
};

/* A device of this domain: its pages are mapped, its interrupt is linked. */
struct boot_device {
    char name[BOOT_NAME_MAX]; /* label in the manifest, e.g. "uart0", "disk" */
    char compatible
            [BOOT_NAME_MAX]; /* first compatible string; "pci,CCSSPP" (class code, hex) for a PCI function */
    uint64_t mmio_ipa;
    uint64_t mmio_bytes;
    uint32_t intid;    /* as this domain's GIC numbers it; 0 = none */
    uint32_t edge;     /* 1 = edge-triggered */
    uint32_t clock_hz; /* functional clock, where the firmware tree states one; else 0 */
    uint32_t dma;      /* enum: 0 none (PIO only), 1 smmu, 2 guard */
};

struct boot_link {
    char name[BOOT_NAME_MAX]; /* node name in the manifest, e.g. "disk0" */
    uint32_t is_server;       /* 1: this domain serves it; 0: it is the client */
    uint32_t device_id;       /* virtio device type */
    uint32_t queue_count;
    uint32_t queue_size; /* entries of each */
    uint64_t regs_ipa;   /* client or server register page, 4 KiB */
    uint64_t window_ipa; /* as this domain sees it */
    uint64_t window_bytes;
    uint64_t client_window_ipa; /* as the client sees it */
    uint64_t lba_first; /* block links, server side: first sector of the range, 512-byte units */
    uint64_t lba_count; /* 0 = to the end of the device */
    uint32_t intid;     /* interrupt of this side, edge */
    uint32_t
            own_client; /* 1: client is ours: layout of abi/link.h; resets and replays after a death */
    uint32_t peer_domain;   /* index of the other side's domain */
    uint32_t read_only;     /* 1: writes must be refused by the server */
    uint32_t id;            /* names the link in HVC_LINK_* */
    uint32_t client_memory; /* 1: the window is all of the client's RAM */
};

struct bootinfo {
    uint64_t magic;
    uint32_t version;
    uint32_t size_bytes;      /* sizeof(struct bootinfo) */
    char name[BOOT_NAME_MAX]; /* of this domain */
    uint32_t generation;      /* 0 at first start, counts up */
    uint32_t vcpu_count;
    uint64_t gicd_ipa, gicr_ipa; /* emulated GICv3 */
    uint32_t vtimer_intid;       /* EL1 virtual timer, 27 */
    uint32_t pmu;                /* 1: PMU may be used */
    uint32_t range_count;        /* RAM; range 0 holds the image */
    uint32_t device_count;
    uint32_t link_count;
    uint32_t event_intid;            /* main: raised when some domain dies; 0 elsewhere */
    uint64_t image_ipa, image_bytes; /* where this image was loaded, memory size from its header */
    /* main only, else 0 */
    uint64_t pack_ipa, pack_bytes;         /* the system pack (newc cpio), in main's RAM */
    uint64_t manifest_ipa, manifest_bytes; /* struct manifest, verified; in the pack */
    uint64_t fdt_ipa, fdt_bytes;           /* the firmware's device tree, a copy in main's RAM */
    uint32_t domain_count;                 /* in all, main included */
    uint32_t reserved;
    char params[BOOT_PARAMS_MAX]; /* from the manifest; for main the kernel command line */
    uint64_t seed[4];             /* of the firmware's rng-seed, or 0 */
    struct boot_range range[BOOT_RANGE_MAX];
    struct boot_device device[BOOT_DEVICE_MAX];
    struct boot_link link[LINK_MAX];
};
_Static_assert(sizeof(struct bootinfo) <= 4096, "bootinfo is one page");
