/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* EL2's log: a ring, copied to the UART until main starts and again in a panic. */
#pragma once
#include "lib/base.h"

/** Adds one line (without newline) to the ring. Text from a domain must be sanitized first. Context: EL2, any. */
void log_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** Prints why the boot cannot go on, and stops the machine (WFI for ever). */
_Noreturn void boot_refuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
