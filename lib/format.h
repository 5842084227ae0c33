/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* printf without a C library: integers, strings, characters. */
#pragma once
#include <stdarg.h>

#include "lib/base.h"

/**
 * Formats into out[out_bytes], always NUL-terminated. Knows %s %c %d %i %u %x %X %p %% with width, '0', '-', l, ll, z,
 * and %.Ns. From an unknown directive on, the text is printed as it stands. Returns the bytes written, without the NUL; what does not fit is cut.
 * Context: any; no memory, no floating point.
 */
size_t format_v(char *out, size_t out_bytes, const char *fmt, va_list args);
size_t format(char *out, size_t out_bytes, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/** Replaces every byte that is not printable ASCII by '?': what a stranger sent never steers a terminal. */
void text_sanitize(char *text, size_t size_bytes);
