/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The PL011 that a stock guest sees: its line ends in two small rings, which main empties and fills by hypercall. */
#pragma once
#include "hyp/domain.h"

#define VUART_BYTES PAGE_SIZE

/** Nothing sent, nothing received, interrupts off. Context: EL2, first start and rebirth. */
void vuart_reset(struct domain *guest);
/** One trapped access to the guest's register page; *value in or out. Undefined registers read 0, writes are ignored. Context: EL2. */
void vuart_access(struct domain *guest, uint64_t offset, bool is_write, uint64_t *value);
/** Main takes what the guest has sent: at most room_bytes <= 32. Returns the count. Context: EL2. */
uint32_t vuart_take(struct domain *guest, uint8_t *out, uint32_t room_bytes);
/** Main sends: at most size_bytes. Returns how many there was room for. Context: EL2. */
uint32_t vuart_give(struct domain *guest, const uint8_t *in, uint32_t size_bytes);
