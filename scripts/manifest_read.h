/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The compiler of manifests: from dtc's output to struct manifest. On the host only; EL2 gets the struct. */
#pragma once
#include "hyp/manifest.h"

#define MANIFEST_VERSION 1 /* of the bindings, docs/manifest.md */

/**
 * Reads a system.dtb: shape only, the rules are manifest_check's.
 * dtb      8-byte aligned, of dtb_bytes, untrusted
 * Returns  true | false: *problem filled, *out holds what was read so far
 * Context  host
 */
bool manifest_read(const void *dtb, uint64_t dtb_bytes, struct manifest *out,
                   struct manifest_problem *problem) MUST_CHECK;
