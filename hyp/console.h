/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* EL2's log: a ring, copied to the UART until main starts and again in a panic. */
#pragma once
#include "lib/base.h"

/** Adds one line (without newline) to the ring. Text from a domain must be sanitized first. Context: EL2, any. */
void log_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** Adds a piece of a domain's line: sanitized, shown as "name: text" at its newline or when 120 bytes are there. */
void log_domain(uint32_t index, const char *name, const char *text, uint32_t bytes);
/** Copies bytes from *position on (or the oldest still there); moves *position. Returns the count. */
uint64_t log_read(uint64_t *position, char *out, uint64_t out_bytes);
/** The UART becomes EL2's mouth: kind as platform.uart_kind. Until then lines are kept in the ring only. */
void log_uart_start(uint64_t regs, uint32_t kind);
/** The UART belongs to main from now on. */
void log_uart_release(void);
/** Prints why the boot cannot go on, and stops the machine (WFI for ever). */
_Noreturn void boot_refuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
