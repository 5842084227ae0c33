/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Fault build: one completion claims more bytes than were posted. */
#include "domains/faults/fault.h"
#include "domains/rt/seam.h"

void seam_complete(struct virtq_device *q, uint16_t head, uint32_t written_bytes)
{
    if (fault_due()) written_bytes += 0x10000;
    virtq_complete(q, head, written_bytes);
}
