/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Calls to EL2: log, panic, DMA. */
#pragma once
#include "lib/base.h"

/** Writes one line to EL2's log; a newline is added. Context: any. */
void hvc_log(const char *line);
/** Ends this incarnation with the reason for the crash record. */
_Noreturn void hvc_panic(const char *reason);
/** Opens the DMA stream of bootinfo device `device_idx`, after its reset was proven. */
err_t hvc_dma_enable(uint32_t device_idx) MUST_CHECK;
/**
 * Used-buffer interrupts for the links of ring_mask, then sleeps until a link has an event or an interrupt is pending; with `stay` it
 * does not sleep. Returns LINK_EV_* of each link, 8 bits at 8 * id. Link interrupts never come to this domain again.
 */
uint64_t hvc_link_wait(uint64_t ring_mask, bool stay);
