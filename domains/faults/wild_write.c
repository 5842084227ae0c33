/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Fault build: it writes an address that is not its own. */
#include "domains/faults/fault.h"
#include "domains/rt/seam.h"

err_t seam_fetch(struct virtq_device *q, struct virtq_chain *chain)
{
    err_t e = virtq_fetch(q, chain);
    if (e == OK && fault_due()) {
        fault_unmapped();
        *(volatile uint64_t *)(uintptr_t)fault_addr() = UINT64_C(0xbadbadbadbadbad0);
    }
    return e;
}
