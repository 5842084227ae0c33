/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Lines for EL2's log ring, where the parent gave a "log" handle. */
#pragma once
#include <stdarg.h>
#include <stddef.h>

/** Writes one line "name: text" to the log; without a log handle, nothing. 200 bytes at most, cut. Context: any thread. */
void log_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_vprintf(const char *fmt, va_list args);

/** Raw bytes to the log. Context: any thread. */
void log_write(const char *text, size_t size_bytes);
