/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Judging the manifest. Pure: runs on the host at build time and again at boot. */
#pragma once
#include "abi/manifest.h"
#include "lib/base.h"

#define MANIFEST_NO_DOMAIN       UINT32_MAX /* end of a link: no domain of that name */
#define MANIFEST_PRIORITY_MAX    31
#define MANIFEST_PERIOD_US_MIN   1000
#define MANIFEST_PERIOD_US_MAX   1000000
#define MANIFEST_DEADLINE_MS_MAX 600000
#define MANIFEST_MAIN_MIN        MIB(16) /* what must be left for main */
#define MANIFEST_CLIENT_RAM_MAX \
    (GIB(4) - DOMAIN_WINDOW_IPA) /* client-memory: below 4 GiB at the server */

/* One verdict for each rule, in the order of docs/manifest.md. manifest.c's table has a sentence for each. */
enum manifest_verdict {
    MANIFEST_OK = 0,
    MANIFEST_BAD_TREE,     /* not a manifest: broken DTB, wrong compatible, unknown version */
    MANIFEST_BAD_PROPERTY, /* a property is missing, has the wrong size or an unknown value */
    MANIFEST_TOO_MANY,     /* more domains, devices, links, services than fit */
    MANIFEST_NAME,         /* empty, too long, forbidden character, or used twice */
    MANIFEST_NO_MAIN,      /* no domain, or more than one, of kind main */
    MANIFEST_MEMORY, /* size not a multiple of 2 MiB, 0 for a driver, or more than the machine has */
    MANIFEST_VCPU,   /* vCPU count or core out of range */
    MANIFEST_BUDGET, /* budget 0 with a period, budget > period, period out of range, or a driver without one */
    MANIFEST_PRIORITY, /* a driver domain not above main, a guest without budget above it, or out of range */
    MANIFEST_DEVICE_UNKNOWN, /* no such node or PCI function: only its domain is refused */
    MANIFEST_DEVICE_TWICE,   /* one device given to two domains, or twice to one */
    MANIFEST_DEVICE_RESERVED, /* the interrupt controller, SMMU, PCI host, or another device that is EL2's */
    MANIFEST_DEVICE_OVERLAP, /* a device shares a page with one that is not its domain's */
    MANIFEST_LINE_SHARED,    /* two domains on one interrupt line */
    MANIFEST_MASTER_OUTSIDE, /* a DMA master that bypasses every fence (virtio-mmio, fw_cfg, PL330, PCI without SMMU) */
    MANIFEST_DMA, /* dma = smmu without a stream, guard on another device than a controller it knows */
    MANIFEST_LINK_ENDS,   /* unknown server or client, or both the same, or a canary */
    MANIFEST_LINK_WINDOW, /* window too small for its queues, too large, or not page-aligned */
    MANIFEST_LINK_QUEUES, /* counts or sizes out of range or not a power of two */
    MANIFEST_CLIENT_MEMORY, /* a client whose RAM is no stock guest's, or a server with another link */
    MANIFEST_LINK_WATCH, /* a watched queue that does not exist, or a deadline of 0 or slower than slow */
    MANIFEST_LBA_OVERLAP, /* two links of one server share sectors */
    MANIFEST_HASH,        /* no hash for an image */
    MANIFEST_VERDICT_COUNT
};

struct manifest_problem {
    enum manifest_verdict verdict;
    char who[BOOT_NAME_MAX];      /* domain or link */
    char what[MANIFEST_PATH_MAX]; /* property, path or number */
};

#define MANIFEST_FACT_DEVICES 256

/* A possible device: a node of the firmware tree, or a PCI function. */
struct manifest_fact {
    char path[MANIFEST_PATH_MAX]; /* node; for PCI the bridge's */
    bool is_pci;
    uint32_t slot, class_code;
    uint64_t mmio_start, mmio_bytes; /* PCI: 0 before BARs are assigned */
    uint32_t intid;
    bool has_stream;  /* behind the SMMU */
    bool has_guard;   /* a controller that hyp/dma's guard knows */
    bool is_master;   /* can do DMA */
    bool is_reserved; /* EL2 keeps it */
};

struct manifest_facts {
    uint64_t ram_bytes; /* usable, EL2's own share already taken off */
    uint32_t core_count;
    bool has_smmu;
    uint32_t device_count;
    struct manifest_fact device[MANIFEST_FACT_DEVICES];
};

/**
 * Judges a manifest against the machine. Returns true when the system may boot; *refused then has a bit for every domain
 * whose device is absent (MANIFEST_DEVICE_UNKNOWN): these are not started and their links are not there. *problem then names the
 * last of them, or has verdict MANIFEST_OK. False: *problem names the rule broken; an absent device of main is such a case.
 */
bool manifest_check(const struct manifest *m, const struct manifest_facts *facts, uint32_t *refused,
                    struct manifest_problem *problem) MUST_CHECK;

/** The sentence of a verdict, for people: names the thing and the remedy. Never NULL. */
const char *manifest_verdict_text(enum manifest_verdict v);
