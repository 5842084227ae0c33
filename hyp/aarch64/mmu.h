/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* EL2's own stage-1 maps: one for boot, one for ever. VA == PA but for the windows. */
#pragma once
#include "hyp/platform.h"

/**
 * Builds both maps and turns the MMU on with the boot map: EL2's image W^X, devices, and all RAM read-write for boot.
 * Returns ERR_NO_MEMORY when the page pool is too small. Context: EL2 boot, MMU off.
 */
err_t mmu_start(const struct platform *p) MUST_CHECK;
/** Switches to the final map: no boot-only code, no RAM but EL2's own. Nothing of .init may run afterwards. */
void mmu_seal(void);
/** Adds EL2-private memory (sealed images) to the final map, read-only. Context: EL2 boot. */
err_t mmu_keep_ro(struct pa_range r) MUST_CHECK;
/** Adds the registers of a device that EL2 drives, at once and for ever. Context: EL2 boot. */
err_t mmu_keep_device(struct pa_range r) MUST_CHECK;
/** [start, end) of EL2's image and pool. */
struct pa_range mmu_image(void);
/** Names and ranges for the boot log and the canaries. */
struct pa_range mmu_text(void);
struct pa_range mmu_rodata(void);
