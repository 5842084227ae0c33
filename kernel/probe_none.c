/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The normal build probes nothing: an exception of the kernel is its end. */
#include "kernel/probe.h"

void probe_run(const struct bootinfo *boot)
{
    (void)boot;
}

bool probe_on_fault(struct frame *f, uint64_t esr, uint64_t far)
{
    (void)f;
    (void)esr;
    (void)far;
    return false;
}
