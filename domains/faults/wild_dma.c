/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Fault build: it has its disk transfer to or from an address that is not its own. */
#include "domains/faults/fault.h"
#include "domains/rt/seam.h"

void seam_submit(const struct blk_driver *driver, void *device, struct blk_request *request)
{
    if (request->op != BLK_FLUSH && fault_due()) request->piece[0].addr = fault_addr();
    driver->submit(device, request);
}
