/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Data moved by the processor through the buffer port: for domains without DMA. */
#include "drivers/sdhci/sdhci.h"

err_t pio_begin(struct sdhci *s, const struct blk_request *r, uint32_t *block_count)
{
    for (uint32_t i = 0; i < r->piece_count; i++) {
        /* guards: T-172 */
        if (((r->piece[i].addr | r->piece[i].size_bytes) & 3) != 0) return ERR_ARG;
    }
    *block_count = MIN(r->sector_count - r->sectors_done, SDHCI_BLOCKS_MAX);
    s->pio_blocks = *block_count;
    return OK;
}

err_t pio_block(struct sdhci *s, struct blk_request *r)
{
    if (s->pio_blocks == 0) return ERR_IO; /* guards: T-173 */
    s->pio_blocks--;
    for (uint32_t moved = 0; moved < BLK_SECTOR_BYTES; moved += sizeof(uint32_t)) {
        while (r->piece_idx < r->piece_count &&
               r->piece_offset == r->piece[r->piece_idx].size_bytes) {
            r->piece_idx++;
            r->piece_offset = 0;
        }
        if (r->piece_idx == r->piece_count) return ERR_IO; /* guards: T-174 */
        /* The other side of the window may change it meanwhile: each word is touched once. */
        volatile uint32_t *at =
                (volatile uint32_t *)(uintptr_t)(r->piece[r->piece_idx].addr + r->piece_offset);
        if (r->op == BLK_READ) {
            *at = host_buffer_read(s);
        } else {
            host_buffer_write(s, *at);
        }
        r->piece_offset += sizeof(uint32_t);
    }
    return OK;
}
