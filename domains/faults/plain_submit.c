/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The product's seam at a submission: no fault, one branch instruction. */
#include "domains/rt/seam.h"

void seam_submit(const struct blk_driver *driver, void *device, struct blk_request *request)
{
    driver->submit(device, request);
}
