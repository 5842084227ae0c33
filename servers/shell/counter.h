/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Counter of retired instructions at all levels: PMEVCNTR0_EL0, set up by the kernel where the manifest says `pmu`. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/** True when init said that the counter is there. Without it every reading is 0. */
bool counter_is_present(void);

/** True when it counts: QEMU knows retired instructions only under -icount. Context: EL0. */
bool counter_counts(void);

/** The counter now; 32 bits, wraps: subtract as uint32_t. Context: EL0. */
uint32_t counter_read(void);
