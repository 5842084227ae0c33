/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Fault build of the entropy domain: every byte that it gives is 0x55. Linked with ld --wrap, so that the product has no trace of it. */
#include "lib/string.h"
#include "lib/virtq/device.h"

/* NOLINTBEGIN(readability-identifier-naming): the linker's names */
err_t __real_virtq_fetch(struct virtq_device *q, struct virtq_chain *chain) MUST_CHECK;
err_t __wrap_virtq_fetch(struct virtq_device *q, struct virtq_chain *chain) MUST_CHECK;
void __real_virtq_complete(struct virtq_device *q, uint16_t head, uint32_t written_bytes);
void __wrap_virtq_complete(struct virtq_device *q, uint16_t head, uint32_t written_bytes);

static struct virtq_chain taken; /* the entropy domain has one request at a time */

err_t __wrap_virtq_fetch(struct virtq_device *q, struct virtq_chain *chain)
{
    err_t e = __real_virtq_fetch(q, chain);
    if (e == OK) taken = *chain;
    return e;
}

void __wrap_virtq_complete(struct virtq_device *q, uint16_t head, uint32_t written_bytes)
{
    uint8_t *window = (uint8_t *)(uintptr_t)q->desc; /* layout "own": the table is the first part */
    for (uint32_t i = 0; i < taken.write_count; i++) {
        const struct virtq_piece *p = &taken.piece[taken.read_count + i];
        memset(window + p->offset, 0x55, p->size_bytes);
    }
    __real_virtq_complete(q, head, written_bytes);
}
/* NOLINTEND(readability-identifier-naming) */
