/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Physical region pages: how an NVMe command names memory (NVM Express Base Specification 1.4,
 * section 4.3). */
#include "drivers/nvme/nvme.h"

/* Only the first entry may start inside a page, and only the last may end inside one. */
static bool joins(uint64_t end_addr, const struct blk_piece *next)
{
    return end_addr % NVME_PAGE_BYTES == 0 && next->addr % NVME_PAGE_BYTES == 0;
}

/* Bytes of the run that starts where the request stands. */
static uint32_t run_bytes(const struct blk_request *r, uint32_t max_bytes)
{
    const struct blk_piece *p = &r->piece[r->piece_idx], *end = &r->piece[r->piece_count];
    uint64_t bytes = p->size_bytes - r->piece_offset;
    for (; bytes < max_bytes && p + 1 < end && joins(p->addr + p->size_bytes, p + 1); p++) {
        bytes += p[1].size_bytes;
    }
    return (uint32_t)MIN(bytes, max_bytes);
}

/* Moves the request on by n bytes and notes the address of each page after the first. Returns
 * how many. */
static uint32_t pages_take(struct blk_request *r, uint32_t size_bytes, uint64_t *list)
{
    uint32_t count = 0;
    bool first = true;
    while (size_bytes != 0) {
        const struct blk_piece *p = &r->piece[r->piece_idx];
        uint64_t addr = p->addr + r->piece_offset;
        uint32_t in_page = NVME_PAGE_BYTES - (uint32_t)(addr % NVME_PAGE_BYTES);
        uint32_t n = MIN(MIN(in_page, p->size_bytes - r->piece_offset), size_bytes);
        if (!first) list[count++] = addr;
        first = false;
        size_bytes -= n;
        r->piece_offset += n;
        if (r->piece_offset == p->size_bytes) {
            r->piece_idx++;
            r->piece_offset = 0;
        }
    }
    return count;
}

err_t nvme_prp_fill(struct blk_request *r, uint64_t *list, uint32_t max_bytes, uint32_t block_bytes,
                    struct nvme_prp *out)
{
    if (r->piece_idx >= r->piece_count) return ERR_ARG;
    uint64_t start = r->piece[r->piece_idx].addr + r->piece_offset;
    uint32_t size_bytes = run_bytes(r, max_bytes);
    size_bytes -= size_bytes % block_bytes;
    if (size_bytes == 0 || start % 4 != 0) return ERR_ARG;
    uint32_t count = pages_take(r, size_bytes, list);
    CHECK(count <= NVME_PRP_MAX);
    out->prp1 = start;
    out->prp2 = count == 0 ? 0 : count == 1 ? list[0] : (uintptr_t)list;
    out->size_bytes = size_bytes;
    return OK;
}
