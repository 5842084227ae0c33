/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The card's reactions: one request at a time, one interrupt a data command. */
#include "drivers/sdhci/sdhci.h"

enum { CMD_READ = 17, CMD_READ_MULTI = 18, CMD_WRITE = 24, CMD_WRITE_MULTI = 25 };

#define FLUSH_POLL_NS   100000
#define FLUSH_POLLS_MAX 100000 /* 10 s of programming */

void sdhci_init(struct sdhci *s, void *regs, uint32_t clock_hz, enum manifest_dma dma,
                const struct blk_env *env)
{
    s->regs = regs;
    s->dma = dma;
    s->clock_hz = clock_hz;
    s->env = env;
}

static void finish(struct sdhci *s, err_t result)
{
    struct blk_request *r = s->active;
    s->active = NULL;
    r->result = result;
    s->env->done(s->env->ctx, r);
}

/* After an error of the controller only this brings both sides back into a known state. */
static void recover(struct sdhci *s)
{
    s->state = card_init(s) == OK ? SDHCI_IDLE : SDHCI_BROKEN;
}

/* Starts the next command of the active request. Returns OK: it runs. */
static err_t start_command(struct sdhci *s)
{
    struct blk_request *r = s->active;
    uint64_t sector = r->sector + r->sectors_done;
    bool read = r->op == BLK_READ;
    if (!read && s->geometry.read_only) return ERR_READ_ONLY; /* guards: T-177 */
    uint64_t left = r->sector_count - r->sectors_done, end = s->geometry.sector_count;
    if (!range_is_inside(sector, left, 0, end)) return ERR_IO; /* guards: T-178 */
    /* Fits: card_csd_sectors states at most 2^32 sectors, and 2^23 where the card counts bytes. */
    uint32_t arg = (uint32_t)(s->block_addressed ? sector : sector * BLK_SECTOR_BYTES);
    err_t e = s->dma == MANIFEST_DMA_NONE ? pio_begin(s, r, &s->command_blocks)
                                          : adma_fill(s, r, &s->command_blocks);
    if (e != OK) return ERR_IO;
    bool multi = s->command_blocks > 1;
    uint8_t index =
            read ? (multi ? CMD_READ_MULTI : CMD_READ) : (multi ? CMD_WRITE_MULTI : CMD_WRITE);
    e = host_transfer(s, index, arg, s->command_blocks, read);
    if (e == OK) s->state = SDHCI_TRANSFER;
    return e;
}

/* All writes are acknowledged by the card; they are on the medium when it leaves the programming
 * state. */
static err_t poll_flush(struct sdhci *s)
{
    err_t e = card_status(s);
    if (e != ERR_AGAIN || ++s->flush_polls > FLUSH_POLLS_MAX) {
        return e == ERR_AGAIN ? ERR_TIMEOUT : e;
    }
    s->state = SDHCI_FLUSH;
    s->env->timer_arm(s->env->ctx, FLUSH_POLL_NS);
    return ERR_AGAIN;
}

/* Works on waiting requests until one keeps the device busy or none is left. */
static void run(struct sdhci *s)
{
    while (s->active == NULL) {
        s->active = blk_fifo_take(&s->waiting);
        if (s->active == NULL) return;
        if (s->active->cancelled) {
            finish(s, ERR_CANCELLED);
            continue;
        }
        if (s->state == SDHCI_BROKEN) recover(s);
        if (s->state == SDHCI_BROKEN) {
            finish(s, ERR_IO);
            continue;
        }
        if (s->active->op == BLK_FLUSH) {
            s->flush_polls = 0;
            err_t e = poll_flush(s);
            if (e == ERR_AGAIN) return;
            finish(s, e == OK ? OK : ERR_IO);
            if (e != OK) recover(s);
            continue;
        }
        err_t e = start_command(s);
        if (e == OK) return;
        finish(s, e == ERR_BUSY ? ERR_IO : e);
        if (e == ERR_BUSY) recover(s);
    }
}

static err_t on_start(void *device, struct blk_geometry *geometry)
{
    struct sdhci *s = device;
    err_t e = card_init(s);
    s->state = e == OK ? SDHCI_IDLE : SDHCI_BROKEN;
    *geometry = e == OK ? s->geometry : (struct blk_geometry){ .block_bytes = BLK_SECTOR_BYTES };
    return e;
}

static void on_submit(void *device, struct blk_request *request)
{
    struct sdhci *s = device;
    request->sectors_done = 0;
    request->piece_idx = 0;
    request->piece_offset = 0;
    blk_fifo_put(&s->waiting, request);
    run(s);
}

static void on_irq(void *device)
{
    struct sdhci *s = device;
    struct sdhci_event event = { 0 };
    err_t e = host_take_interrupt(s, &event);
    if (s->state != SDHCI_TRANSFER) return; /* guards: T-179 */
    if (event.buffer_ready && e != ERR_IO && s->dma == MANIFEST_DMA_NONE) {
        err_t moved = pio_block(s, s->active);
        if (moved != OK) e = moved;
    }
    if (e == ERR_AGAIN) return;
    if (e == OK && s->dma == MANIFEST_DMA_NONE && s->pio_blocks != 0) e = ERR_IO;
    s->state = SDHCI_IDLE;
    if (e == OK && !card_r1_is_error(event.r1)) {
        s->active->sectors_done += s->command_blocks;
        bool more = s->active->sectors_done < s->active->sector_count;
        err_t next = more ? start_command(s) : OK;
        if (more && next == OK) return;
        finish(s, next == OK ? OK : ERR_IO);
        if (next == ERR_BUSY) recover(s);
    } else {
        finish(s, ERR_IO);
        if (e != OK) recover(s);
    }
    run(s);
}

static void on_timer(void *device)
{
    struct sdhci *s = device;
    if (s->state != SDHCI_FLUSH) return;
    s->state = SDHCI_IDLE;
    err_t e = poll_flush(s);
    if (e == ERR_AGAIN) return;
    finish(s, e == OK ? OK : ERR_IO);
    if (e != OK) recover(s);
    run(s);
}

const struct blk_driver sdhci_driver = {
    .start = on_start,
    .submit = on_submit,
    .on_irq = on_irq,
    .on_timer = on_timer,
};
