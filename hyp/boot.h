/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Building the domains at boot: memory, tables, images, bootinfo. All of it is dropped before the first domain runs. */
#pragma once
#include "abi/image.h"
#include "hyp/domain.h"
#include "hyp/link.h"
#include "hyp/platform.h"

struct boot {
    struct tree tree; /* the firmware's, in main's RAM */
    struct platform platform;
    struct manifest manifest;
    uint32_t refused; /* bit per domain whose device is absent */
};

/** Remembers what RAM is taken already: EL2's image, the initrd, the device tree, reserved ranges. */
void boot_memory_start(const struct boot *b);
/** Takes RAM from the top, below 4 GiB. for_main: it stays main's memory. size 0: none left. */
struct pa_range boot_memory_take(uint64_t size_bytes, uint64_t align_bytes, bool for_main);
/** RAM that is EL2's or reserved, in bytes. */
uint64_t boot_memory_el2(void);
/** Main's RAM in pieces; [0] is the one that holds `first`. Returns the count, 0: too many pieces. */
uint32_t boot_memory_main(const struct boot *b, pa_t first, struct boot_range out[BOOT_RANGE_MAX]);

/** Makes every domain and link of the manifest. Refuses the boot when main cannot be; other domains are refused one by one. */
void boot_domains(struct boot *b);
/** Main: image, stage 2, bootinfo; ready to run. After boot_domains. */
void boot_main_domain(struct boot *b);
/** Devices of one domain: found, mapped, lines routed. False: refused, with a log line. Used by both. */
bool boot_devices(struct boot *b, struct domain *d);
/** A file of the pack, checked against its hash. NULL: missing or wrong, *why says which. */
const void *boot_file(const struct boot *b, const struct manifest_file *file, const char **why);
/** The same for an image of ours: its header is sound, too, and in *h. */
const void *boot_image(const struct boot *b, const struct manifest_file *file,
                       struct image_header *h, const char **why);
