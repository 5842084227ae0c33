/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Where test builds misbehave. The product links domains/faults/none.c: three plain calls.
 * module.mk chooses. */
#pragma once
#include "abi/bootinfo.h"
#include "drivers/blk.h"
#include "lib/virtq/device.h"

/** virtq_fetch, once for each request. */
err_t seam_fetch(struct virtq_device *q, struct virtq_chain *chain) MUST_CHECK;
/** virtq_complete. */
void seam_complete(struct virtq_device *q, uint16_t head, uint32_t written_bytes);
/** driver->submit. */
void seam_submit(const struct blk_driver *driver, void *device, struct blk_request *request);

/* These two do nothing where no test build defines them. */
/** Before the program starts. */
void seam_start(const struct bootinfo *boot);
/** Before features and configuration (struct virtio_blk_config up to blk_size) are published. */
void seam_publish(uint32_t *features, void *config);
