/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Fault build: it spins with interrupts masked, as all its code runs. */
#include "domains/faults/fault.h"
#include "domains/rt/seam.h"

err_t seam_fetch(struct virtq_device *q, struct virtq_chain *chain)
{
    err_t e = virtq_fetch(q, chain);
    if (e == OK && fault_due()) {
        for (;;) __asm__ volatile("");
    }
    return e;
}
