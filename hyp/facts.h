/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The machine as the manifest's judge sees it: nodes of the firmware tree and PCI functions. */
#pragma once
#include "hyp/dma/pci.h"
#include "hyp/manifest.h"
#include "hyp/platform.h"

/**
 * Fills facts from the checked tree: every node with registers, RAM and cores, then the functions found on the bus.
 * el2_bytes  RAM that EL2 keeps for itself, reserved ranges included
 * Returns    OK | ERR_NO_MEMORY: more devices than facts hold
 * Context    EL2 boot and host
 */
err_t facts_from_tree(const struct tree *t, const struct platform *p, uint64_t el2_bytes,
                      struct manifest_facts *out) MUST_CHECK;
/** Adds one PCI function. ERR_NO_MEMORY: full. */
err_t facts_add_function(const struct platform *p, const struct pci_function *f,
                         struct manifest_facts *out) MUST_CHECK;
