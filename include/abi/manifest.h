/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The manifest as EL2 and main get it: compiled from system.dts by build/host/manifest, the first file of the system pack. */
#pragma once
#include <stdint.h>

#include "abi/bootinfo.h"

#define MANIFEST_MAGIC       0x46494e414d4f525aU /* "ZROMANIF" little-endian */
#define MANIFEST_FORMAT      2                   /* counts changes of the structs below */
#define MANIFEST_PACK_OFFSET 128 /* of its first byte in the pack: a newc header and the name */
#define MANIFEST_PATH_MAX    64
#define MANIFEST_HASH_BYTES  32
#define MANIFEST_SERVICE_MAX 16

enum manifest_dma { MANIFEST_DMA_NONE = 0, MANIFEST_DMA_SMMU, MANIFEST_DMA_GUARD };
enum manifest_violation { MANIFEST_KILL = 0, MANIFEST_INJECT };
enum manifest_kind { MANIFEST_MAIN = 0, MANIFEST_DRIVER, MANIFEST_CANARY, MANIFEST_GUEST };

/* A file of the system pack. All of it lies inside the pack, or EL2 refuses it; the kernel and init look files up by name. */
struct manifest_file {
    char name[BOOT_NAME_MAX];          /* "": none */
    uint8_t hash[MANIFEST_HASH_BYTES]; /* SHA-256 */
    uint32_t offset, size_bytes;       /* from the start of the pack; a multiple of 8 */
};

/* A device of a domain: a node of the firmware tree by path, or a PCI function by bridge path, slot and class. */
struct manifest_device {
    char name[BOOT_NAME_MAX];
    char path[MANIFEST_PATH_MAX]; /* node, or for PCI the host bridge's node */
    uint32_t is_pci;
    uint32_t slot;       /* PCI device number on bus 0 */
    uint32_t class_code; /* 24 bits: base class, subclass, interface */
};

struct manifest_domain {
    char name[DOMAIN_NAME_MAX];
    uint32_t kind; /* enum manifest_kind */
    struct manifest_file image;
    uint64_t memory_bytes; /* 0 for main: the rest */
    uint32_t vcpus, core,
            priority;              /* vCPU i on core + i modulo cores; a higher number runs first */
    uint32_t budget_us, period_us; /* 0, 0: none (main, guests) */
    uint32_t dma;                  /* enum manifest_dma */
    uint32_t on_violation;         /* enum manifest_violation */
    uint32_t pmu;
    uint32_t device_count;
    struct manifest_device device[BOOT_DEVICE_MAX];
    char params[BOOT_PARAMS_MAX];
};

struct manifest_link {
    char name[BOOT_NAME_MAX];
    uint32_t device_id;      /* virtio type: 2 block, 1 net, 4 entropy */
    uint32_t server, client; /* domain indices */
    uint64_t window_bytes;   /* 0 with client_memory */
    uint32_t queue_count, queue_size;
    uint32_t watch_mask; /* bit q: request queue with a deadline */
    uint32_t deadline_ms, slow_ms;
    uint32_t own_client; /* layout = "own" */
    uint32_t read_only;
    uint32_t
            client_memory; /* the client's RAM is the window; it is a guest, and the server's only link */
    uint64_t lba_first, lba_count;
};

/* A program of the main domain that init starts; the kernel checks init's hash, init the others'. */
struct manifest_service {
    char name[BOOT_NAME_MAX];
    struct manifest_file image;
};

struct manifest {
    uint64_t magic;
    uint32_t format, size_bytes; /* MANIFEST_FORMAT, sizeof(struct manifest) */
    uint32_t domain_count, link_count, service_count;
    struct manifest_domain domain[DOMAIN_MAX]; /* [0] is main */
    struct manifest_link link[LINK_MAX];
    struct manifest_service service[MANIFEST_SERVICE_MAX];
};
