/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The containment probe: a test build of the kernel tries what this domain must not be able to do. */
#pragma once
#include "abi/bootinfo.h"
#include "kernel/thread.h"

/** Tries and reports. Nothing in the normal build. Context: boot, before init. */
void probe_run(const struct bootinfo *boot);
/** True when the exception was a probe's: f then goes on after it. Always false in the normal build. */
bool probe_on_fault(struct frame *f, uint64_t esr, uint64_t far);
