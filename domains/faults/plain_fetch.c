/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The product's seam at a fetch: no fault, one branch instruction. */
#include "domains/rt/seam.h"

err_t seam_fetch(struct virtq_device *q, struct virtq_chain *chain)
{
    return virtq_fetch(q, chain);
}
