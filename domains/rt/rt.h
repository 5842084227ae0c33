/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the runtime gives a domain's main, and expects of it. */
#pragma once
#include "abi/bootinfo.h"

/** The program: never returns. Each domain defines it; called with MMU and caches on. */
_Noreturn void domain_main(const struct bootinfo *boot);

/** This domain's bootinfo. Context: after start. */
const struct bootinfo *rt_bootinfo(void);

/** Value of "name=number" in the manifest's params (decimal or 0x); fallback when it is not
 * there. */
uint64_t rt_param(const char *name, uint64_t fallback);

/* Called by start.S and vectors.S. */
_Noreturn void rt_start(const struct bootinfo *boot);
_Noreturn void rt_exception(uint64_t vector, uint64_t lr);
