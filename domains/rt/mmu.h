/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The domain's own translation: identity, W^X, device pages as device memory. Called by start.S
 * only. */
#pragma once
#include "abi/bootinfo.h"

/** Fills the tables from bootinfo. Runs with the MMU off: touches only the tables and the stack.
 * Returns their address. */
const void *mmu_build(const struct bootinfo *boot);
/** Loads the translation registers; start.S turns the MMU on right after. Touches no memory. */
void mmu_start(void);
