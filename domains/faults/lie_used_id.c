/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Fault build: one completion names a request that is not this one. */
#include "domains/faults/fault.h"
#include "domains/rt/rt.h"
#include "domains/rt/seam.h"

void seam_complete(struct virtq_device *q, uint16_t head, uint32_t written_bytes)
{
    if (fault_due()) head = (uint16_t)rt_param("id", 0xffff);
    virtq_complete(q, head, written_bytes);
}
