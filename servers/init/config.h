/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the manifest says about the main domain: its programs with their hashes, and its links. Pure. */
#pragma once
#include "abi/link.h"
#include "abi/manifest.h"
#include "lib/base.h"

struct config_link {
    char name[BOOT_NAME_MAX];
    bool is_disk;    /* a block link whose client is main */
    bool is_entropy; /* the same for one of random bytes */
};

struct config {
    uint32_t service_count, link_count;
    struct manifest_service service[MANIFEST_SERVICE_MAX];
    struct config_link link[LINK_MAX]; /* in the manifest's order: the index EL2 uses */
};

/**
 * Takes what main needs out of the manifest. Returns OK | ERR_CORRUPT: not a manifest of this format
 * | ERR_NO_ENTRY: no services. Context: any.
 */
err_t config_read(const struct manifest *m, uint64_t manifest_bytes, struct config *out);

/** The service of that name, or NULL. */
const struct manifest_service *config_service(const struct config *c, const char *name);
