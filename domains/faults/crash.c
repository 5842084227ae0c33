/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Fault build: the domain gives itself up in the middle of its work. */
#include "domains/faults/fault.h"
#include "domains/rt/hvc.h"
#include "domains/rt/seam.h"

err_t seam_fetch(struct virtq_device *q, struct virtq_chain *chain)
{
    err_t e = virtq_fetch(q, chain);
    if (e == OK && fault_is_of_link(q) && fault_due()) {
        hvc_panic("fault build: crash");
    }
    return e;
}
