/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The kernel's own log lines; they go to EL2's log ring. */
#pragma once
#include "lib/base.h"

/** One piece of a log, printf style (lib/format.h); lines end with \n. Longer than LOG_BYTES is cut. Context: any. */
#define LOG_BYTES 256
void klog(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** Bytes as they are. */
void klog_write(const char *text, size_t size_bytes);
