/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who called whom, out of a crash dump that nobody believes. Pure. */
#pragma once
#include "abi/domain.h"
#include "servers/supervisor/symbols.h"

#define BACKTRACE_MAX 32

/**
 * Addresses from the innermost function outwards: pc, the link register where it names another function, then the frame records
 * (x29) that lie in the dumped piece of stack, each above the one before. Bounded whatever the dump says.
 * Returns how many were written to out.
 */
uint32_t backtrace_take(const struct domain_dump *dump, const struct symbols *s,
                        uint64_t out[BACKTRACE_MAX]);

/** The innermost place that lies in none of the functions by which a domain ends itself, as text. Returns out. */
const char *backtrace_blame(const struct domain_dump *dump, const struct symbols *s,
                            char out[SYMBOL_TEXT_BYTES]);
