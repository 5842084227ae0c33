/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Life of the link: reset, negotiation, rebirth. */
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#include "lib/mmio.h"
#include "servers/blk/internal.h"

#define QUEUE_COUNT       1U
#define VIRTIO_MAGIC      0x74726976U /* virtio v1.2 section 4.2.2 */
#define VIRTIO_VERSION    2U
#define WAIT_STEP_NS      UINT64_C(1000000) /* first wait for a word without an interrupt */
#define WAIT_STEP_MAX_NS  UINT64_C(100000000)
#define WAIT_ROUNDS_MAX   1200U /* about two minutes: longer than any back-off of the supervisor */
#define WAIT_ROUNDS_FIRST 100U  /* about ten seconds for a server that was never seen */
#define ACCUSE_ROUND      30U   /* a reset unanswered for so many rounds (some 2 s) is reported */
#define IDLE_RESETS_MAX   64U   /* resets in a row without one accepted completion */
#define CONFIG_TRIES_MAX  8U
#define ACCUSE_RESETS \
    16U /* of IDLE_RESETS_MAX: a server that asks for one after the other is reported */

#define FEATURES_NEEDED (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM))
#define FEATURES_USED \
    (FEATURES_NEEDED | BIT(VIRTIO_BLK_F_RO) | BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_SIZE_MAX))

static uint32_t reg_read(const struct blk *b, uint32_t offset)
{
    return mmio_read32(b->env.regs + offset);
}

static void reg_write(struct blk *b, uint32_t offset, uint32_t value)
{
    mmio_write32(b->env.regs + offset, value);
}

bool blk_life_server_is_gone(const struct blk *b)
{
    return reg_read(b, LINK_CLIENT_SERVER) == LINK_SERVER_GONE;
}

bool blk_server_is_published(const struct blk *b)
{
    return reg_read(b, LINK_CLIENT_SERVER) == LINK_SERVER_PUBLISHED;
}

/*
 * Takes note of interrupt causes; a change of configuration or state shows in them. The interrupt of a link is an edge for each
 * event, whatever the status says: used buffers need no acknowledgement, which would be one more trap for each request.
 */
static uint32_t life_take_causes(struct blk *b)
{
    uint32_t causes = reg_read(b, VIRTIO_MMIO_INTERRUPT_STATUS);
    if (causes & VIRTIO_MMIO_INT_CONFIG) {
        reg_write(b, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG);
    }
    return causes;
}

bool blk_life_kick(struct blk *b)
{
    mmio_barrier(); /* the ring before the doorbell; pairs with the server's acquire of avail.idx */
    b->is_stale = false;
    return !(b->env.kick(b->env.ctx) & VIRTIO_MMIO_INT_CONFIG) || blk_life_is_well(b);
}

bool blk_life_is_well(struct blk *b)
{
    b->is_stale = false;
    uint32_t causes = life_take_causes(b);
    if (!(causes & VIRTIO_MMIO_INT_CONFIG)) return true;
    uint32_t status = reg_read(b, VIRTIO_MMIO_STATUS);
    return !(status & VIRTIO_CONFIG_S_NEEDS_RESET) && (status & VIRTIO_CONFIG_S_DRIVER_OK) &&
           reg_read(b, LINK_CLIENT_SERVER) == LINK_SERVER_PUBLISHED &&
           reg_read(b, LINK_CLIENT_INCARNATION) == b->incarnation;
}

void blk_life_accuse(struct blk *b, enum sup_violation what, uint64_t detail)
{
    /* One that died meanwhile is not told of: the report would hit its innocent successor. */
    bool still_there = reg_read(b, LINK_CLIENT_INCARNATION) == b->incarnation &&
                       reg_read(b, LINK_CLIENT_SERVER) == LINK_SERVER_PUBLISHED;
    b->stats.violations++;
    b->is_up = false;
    reg_write(b, VIRTIO_MMIO_STATUS, 0);
    if (still_there) b->env.report(b->env.ctx, what, detail);
}

/* Status := 0 and waits until it took effect: then no byte of the window is touched any more. */
static err_t life_reset(struct blk *b)
{
    uint64_t step_ns = WAIT_STEP_NS;
    reg_write(b, VIRTIO_MMIO_STATUS, 0);
    for (uint32_t round = 0; round < WAIT_ROUNDS_MAX; round++) {
        if (reg_read(b, VIRTIO_MMIO_STATUS) == 0) return OK;
        if (blk_life_server_is_gone(b)) return ERR_DEAD;
        if (round == ACCUSE_ROUND) {
            b->stats.violations++;
            b->env.report(b->env.ctx, SUP_TIMEOUT, VIRTIO_MMIO_STATUS);
        }
        b->env.wait(b->env.ctx, step_ns);
        (void)life_take_causes(b);
        step_ns = MIN(step_ns * 2, WAIT_STEP_MAX_NS);
    }
    return ERR_DEAD;
}

static err_t life_wait_published(struct blk *b)
{
    uint64_t step_ns = WAIT_STEP_NS;
    uint32_t rounds = b->is_known ? WAIT_ROUNDS_MAX : WAIT_ROUNDS_FIRST;
    for (uint32_t round = 0; round < rounds; round++) {
        uint32_t state = reg_read(b, LINK_CLIENT_SERVER);
        if (state == LINK_SERVER_PUBLISHED) return OK;
        if (state == LINK_SERVER_GONE) return ERR_DEAD;
        /* The publication interrupts; the time-out is for a supervisor that never brings the server back. */
        b->env.wait(b->env.ctx, step_ns);
        (void)life_take_causes(b);
        step_ns = MIN(step_ns * 2, WAIT_STEP_MAX_NS);
    }
    return ERR_DEAD;
}

static uint64_t life_read_features(struct blk *b)
{
    reg_write(b, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
    uint64_t low = reg_read(b, VIRTIO_MMIO_DEVICE_FEATURES);
    reg_write(b, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
    return low | (uint64_t)reg_read(b, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
}

/* Configuration as one consistent copy (virtio v1.2 section 4.2.2.2). */
static err_t life_read_config(struct blk *b, uint64_t *sector_count, uint32_t *size_max)
{
    for (uint32_t i = 0; i < CONFIG_TRIES_MAX; i++) {
        uint32_t generation = reg_read(b, VIRTIO_MMIO_CONFIG_GENERATION);
        *sector_count = reg_read(b, VIRTIO_MMIO_CONFIG) |
                        (uint64_t)reg_read(b, VIRTIO_MMIO_CONFIG + 4) << 32;
        *size_max = reg_read(b, VIRTIO_MMIO_CONFIG +
                                        (uint32_t)offsetof(struct virtio_blk_config, size_max));
        if (generation == reg_read(b, VIRTIO_MMIO_CONFIG_GENERATION)) return OK;
    }
    return ERR_AGAIN;
}

/* First time: learns. Later: everything must be as it was. */
static err_t life_learn(struct blk *b, uint64_t features, uint64_t sector_count, uint32_t size_max)
{
    uint64_t io_sectors = BLK_IO_SECTORS_MAX;
    if (features & BIT(VIRTIO_BLK_F_SIZE_MAX)) {
        io_sectors = MIN(io_sectors, size_max / BLK_SECTOR_BYTES);
    }
    io_sectors = MIN(io_sectors, b->data_bytes / BLK_SECTOR_BYTES);
    io_sectors = ALIGN_DOWN(io_sectors, BLK_BLOCK_SECTORS);
    if (b->is_known) {
        bool same = features == b->features && sector_count == b->sector_count &&
                    io_sectors == b->io_sectors;
        return same ? OK : ERR_PEER;
    }
    if (io_sectors < BLK_BLOCK_SECTORS) return ERR_NOT_SUPPORTED;
    b->io_sectors = (uint32_t)io_sectors;
    b->features = features;
    b->sector_count = sector_count;
    b->is_read_only = features & BIT(VIRTIO_BLK_F_RO);
    b->has_flush = features & BIT(VIRTIO_BLK_F_FLUSH);
    b->is_known = true;
    return OK;
}

static void life_write_address(struct blk *b, uint32_t low, uint32_t high, uint64_t offset)
{
    uint64_t address = b->env.window_ipa + offset;
    reg_write(b, low, (uint32_t)address);
    reg_write(b, high, (uint32_t)(address >> 32));
}

static err_t life_set_queue(struct blk *b)
{
    uint8_t *w = b->env.window;
    memset(w, 0,
           LINK_DATA_OFF(QUEUE_COUNT)); /* rings, headers, status bytes: nothing old is believed */
    err_t err = virtq_driver_start(&b->queue, w + LINK_DESC_OFF(0), w + LINK_AVAIL_OFF(0),
                                   w + LINK_USED_OFF(QUEUE_COUNT, 0), b->env.queue_size);
    if (err != OK) return ERR_NOT_SUPPORTED;
    reg_write(b, VIRTIO_MMIO_QUEUE_SEL, 0);
    if (reg_read(b, VIRTIO_MMIO_QUEUE_NUM_MAX) < b->env.queue_size) return ERR_NOT_SUPPORTED;
    reg_write(b, VIRTIO_MMIO_QUEUE_NUM, b->env.queue_size);
    life_write_address(b, VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_DESC_HIGH,
                       LINK_DESC_OFF(0));
    life_write_address(b, VIRTIO_MMIO_QUEUE_AVAIL_LOW, VIRTIO_MMIO_QUEUE_AVAIL_HIGH,
                       LINK_AVAIL_OFF(0));
    life_write_address(b, VIRTIO_MMIO_QUEUE_USED_LOW, VIRTIO_MMIO_QUEUE_USED_HIGH,
                       LINK_USED_OFF(QUEUE_COUNT, 0));
    reg_write(b, VIRTIO_MMIO_QUEUE_READY, 1);
    return reg_read(b, VIRTIO_MMIO_QUEUE_READY) == 1 ? OK : ERR_AGAIN;
}

/* From Status 0 to DRIVER_OK. ERR_AGAIN: the server may have died under us. */
static err_t life_negotiate(struct blk *b)
{
    uint64_t sector_count = 0;
    uint32_t size_max = 0;
    if (reg_read(b, VIRTIO_MMIO_MAGIC_VALUE) != VIRTIO_MAGIC ||
        reg_read(b, VIRTIO_MMIO_VERSION) != VIRTIO_VERSION ||
        reg_read(b, VIRTIO_MMIO_DEVICE_ID) != VIRTIO_ID_BLOCK) {
        return ERR_NOT_SUPPORTED;
    }
    b->incarnation = reg_read(b, LINK_CLIENT_INCARNATION);
    uint32_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
    reg_write(b, VIRTIO_MMIO_STATUS, status);
    uint64_t features = life_read_features(b);
    if ((features & FEATURES_NEEDED) != FEATURES_NEEDED) return ERR_AGAIN;
    features &= FEATURES_USED;
    reg_write(b, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    reg_write(b, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
    reg_write(b, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    reg_write(b, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
    status |= VIRTIO_CONFIG_S_FEATURES_OK;
    reg_write(b, VIRTIO_MMIO_STATUS, status);
    if (!(reg_read(b, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK)) return ERR_AGAIN;
    err_t err = life_read_config(b, &sector_count, &size_max);
    if (err == OK) err = life_set_queue(b);
    if (err != OK) return err;
    reg_write(b, VIRTIO_MMIO_STATUS, status | VIRTIO_CONFIG_S_DRIVER_OK);
    status = reg_read(b, VIRTIO_MMIO_STATUS);
    if (!(status & VIRTIO_CONFIG_S_DRIVER_OK) || (status & VIRTIO_CONFIG_S_NEEDS_RESET) ||
        reg_read(b, LINK_CLIENT_INCARNATION) != b->incarnation) {
        return ERR_AGAIN; /* what was read may be of two incarnations */
    }
    return life_learn(b, features, sector_count, size_max);
}

/* Everything kept is written again, but for sectors that an unfinished write may have overwritten already: its turn comes. */
static void life_prepare_replay(struct blk *b)
{
    blk_keep_rewind(&b->keep);
    for (const struct blk_io *io = b->first; io; io = io->next) {
        if (io->op == BLK_WRITE && io->was_posted) {
            blk_keep_skip(&b->keep, io->lba, io->sector_count);
        }
    }
}

err_t blk_life_bring_up(struct blk *b)
{
    b->is_up = false;
    blk_flight_requeue(b);
    while (b->idle_resets < IDLE_RESETS_MAX) {
        b->idle_resets++;
        b->stats.resets++;
        b->same_resets = b->incarnation == b->reset_incarnation && b->idle_resets > 1
                                 ? b->same_resets + 1
                                 : 0;
        b->reset_incarnation = b->incarnation;
        /* guards: T-751 */
        if (b->same_resets == ACCUSE_RESETS) blk_life_accuse(b, SUP_RESETS, b->same_resets);
        err_t err = life_reset(b);
        if (err == OK) err = life_wait_published(b);
        if (err == OK) err = life_negotiate(b);
        if (err == ERR_AGAIN) continue;
        if (err == ERR_PEER) {
            blk_life_accuse(b, SUP_CONFIG, b->incarnation);
            continue;
        }
        if (err != OK) return err;
        life_prepare_replay(b);
        b->is_up = true;
        return OK;
    }
    b->idle_resets = 0; /* the next caller tries again */
    return ERR_DEAD;
}
