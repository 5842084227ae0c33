/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Arm PL011 UART: FIFOs and interrupts. Line speed and format stay as the firmware set them. */
#pragma once
#include "lib/base.h"

/*
 * Usage: pl011_start; on interrupt: pl011_read until it gives less than asked for, pl011_write what waits,
 * pl011_want_room when some is left. Only 32-bit accesses.
 */
struct pl011 {
    volatile uint8_t *regs; /* borrowed: 4 KiB, mapped as device memory */
};

/** Switches the UART on with FIFOs; it interrupts for received bytes. Pending interrupts are cleared. Context: any. */
void pl011_start(struct pl011 *u, volatile void *regs);

/** Takes received bytes, room_bytes at most; returns how many. A byte with a line error is dropped. Context: any. */
size_t pl011_read(struct pl011 *u, uint8_t *out, size_t room_bytes);

/** Gives bytes to the FIFO until it is full; returns how many it took. Context: any. */
size_t pl011_write(struct pl011 *u, const uint8_t *data, size_t size_bytes);

/** Asks for an interrupt when the transmit FIFO has room again, or ends that. Context: any. */
void pl011_want_room(struct pl011 *u, bool wanted);

/** True when every byte has left the line. Context: any. */
bool pl011_is_idle(const struct pl011 *u);
