/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The ADMA2 descriptor table of one command. */
#include "drivers/sdhci/sdhci.h"

#define DESC_VALID 0x0001
#define DESC_END   0x0002
#define DESC_TRAN  0x0020

/* A length field of 0 means 64 KiB, which some controllers get wrong: half of it keeps blocks
 * whole and avoids it. */
#define DESC_BYTES_MAX KIB(32)

/* The DesignWare controller of rk3566 must not cross this in one descriptor. */
#define DESC_BOUNDARY MIB(128)

/* The part of [addr, addr + size_bytes) that one descriptor may carry. */
static uint32_t desc_bytes(uint64_t addr, uint32_t size_bytes)
{
    uint64_t to_boundary = DESC_BOUNDARY - addr % DESC_BOUNDARY;
    return (uint32_t)MIN(MIN(size_bytes, DESC_BYTES_MAX), to_boundary);
}

err_t adma_fill(struct sdhci *s, struct blk_request *r, uint32_t *block_count)
{
    uint32_t desc_count = 0, filled_bytes = 0;
    const uint32_t want_bytes =
            MIN(r->sector_count - r->sectors_done, SDHCI_BLOCKS_MAX) * BLK_SECTOR_BYTES;
    while (filled_bytes < want_bytes && desc_count < SDHCI_DESC_MAX &&
           r->piece_idx < r->piece_count) {
        const struct blk_piece *p = &r->piece[r->piece_idx];
        uint64_t addr = p->addr + r->piece_offset;
        uint32_t left_bytes = p->size_bytes - r->piece_offset;
        if (((addr | left_bytes) & 3) != 0) return ERR_ARG;                /* guards: T-170 */
        if (!range_is_inside(addr, left_bytes, 0, GIB(4))) return ERR_ARG; /* guards: T-169 */
        uint32_t n = desc_bytes(addr, MIN(left_bytes, want_bytes - filled_bytes));
        s->table[desc_count++] =
                (struct sdhci_desc){ DESC_VALID | DESC_TRAN, (uint16_t)n, (uint32_t)addr };
        filled_bytes += n;
        r->piece_offset += n;
        if (r->piece_offset == p->size_bytes) {
            r->piece_idx++;
            r->piece_offset = 0;
        }
    }
    /* A command ends on a block: many tiny pieces may use up the table inside one. */
    /* guards: T-171 */
    if (filled_bytes == 0 || filled_bytes % BLK_SECTOR_BYTES != 0) return ERR_ARG;
    s->table[desc_count - 1].attr |= DESC_END;
    *block_count = filled_bytes / BLK_SECTOR_BYTES;
    return OK;
}
