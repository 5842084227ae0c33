/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The product's seam at a completion: no fault, one branch instruction. */
#include "domains/rt/seam.h"

void seam_complete(struct virtq_device *q, uint16_t head, uint32_t written_bytes)
{
    virtq_complete(q, head, written_bytes);
}
