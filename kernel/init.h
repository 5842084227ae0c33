/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The first process: found, compared with its hash, loaded, given everything that main has. */
#pragma once
#include "abi/bootinfo.h"

/**
 * Makes init runnable. When that cannot be done: one clear line, then power-off.
 * Context: boot, last step
 */
void init_start(const struct bootinfo *boot, uint64_t bootinfo_pa);
