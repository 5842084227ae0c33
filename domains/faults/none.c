/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The product: no fault. Each seam is one branch instruction. */
#include "domains/rt/seam.h"

err_t seam_fetch(struct virtq_device *q, struct virtq_chain *chain)
{
    return virtq_fetch(q, chain);
}

void seam_complete(struct virtq_device *q, uint16_t head, uint32_t written_bytes)
{
    virtq_complete(q, head, written_bytes);
}

void seam_submit(const struct blk_driver *driver, void *device, struct blk_request *request)
{
    driver->submit(device, request);
}
