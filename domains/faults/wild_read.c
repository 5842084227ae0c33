/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Fault build: it reads an address that is not its own. */
#include "domains/faults/fault.h"
#include "domains/rt/seam.h"

err_t seam_fetch(struct virtq_device *q, struct virtq_chain *chain)
{
    err_t e = virtq_fetch(q, chain);
    if (e == OK && fault_due()) {
        fault_unmapped();
        (void)*(const volatile uint64_t *)(uintptr_t)fault_addr();
    }
    return e;
}
