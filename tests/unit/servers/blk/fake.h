/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A link and a block server that can die at any step and lie in any word; registers by lib/mmio.h's host functions. */
#pragma once
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mmio.h"
#include "lib/test.h"
#include "lib/virtq/device.h"
#include "servers/blk/blk.h"

#define FAKE_SECTORS      4096U
#define FAKE_QUEUE        64U
#define FAKE_WINDOW_BYTES MIB(4)
#define FAKE_WINDOW_IPA   UINT64_C(0x80000000)
#define FAKE_FEATURES \
    (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM) | BIT(VIRTIO_BLK_F_FLUSH))

enum fake_lie {
    LIE_NONE = 0,
    LIE_ID_RANGE,      /* used.id beyond the ring */
    LIE_ID_NOT_FLYING, /* used.id of a descriptor that is no head in flight */
    LIE_ID_ORDER,      /* completes the second before the first */
    LIE_LEN_LONG,      /* more written than was posted */
    LIE_LEN_SHORT,     /* "read", but not all of it */
    LIE_IDX_JUMP,      /* used.idx beyond what is in flight */
    LIE_IDX_BACK,      /* used.idx runs backwards */
    LIE_STATUS,        /* a status byte that virtio does not know */
    LIE_STATUS_UNSET,  /* completes without writing the status */
    LIE_COUNT
};

enum fake_death {
    DEATH_NONE = 0,
    DEATH_BEFORE,
    DEATH_HALF,
    DEATH_DONE,
    DEATH_COMPLETED,
    DEATH_COUNT
};

static struct fake {
    uint8_t regs[4096]; /* only its address is used */
    uint8_t *window;
    uint32_t status, causes, incarnation, server, feature_select, queue_ready, queue_num;
    uint32_t driver_feature_select;
    uint64_t driver_features, features, sector_count;
    uint64_t desc, avail, used;
    struct virtq_device queue;
    bool is_live;
    /* the medium: what survives, and what a volatile cache holds */
    uint8_t stable[FAKE_SECTORS][512], cached[FAKE_SECTORS][512];
    bool in_cache[FAKE_SECTORS];
    uint64_t newest[FAKE_SECTORS]; /* highest sequence number ever executed there */
    uint64_t falls;   /* writes with a lower number than one before: done out of order */
    bool is_random;   /* may die at any step */
    bool wants_reset; /* asks for a reset in place of an answer, until it is restarted */
    bool dies_of_lie; /* EL2 sees the lie before the client does */
    uint32_t die_one_in;
    enum fake_lie lie;
    uint32_t lie_at; /* completions until the lie */
    uint32_t reports[8];
    uint32_t deaths, idle_waits, publish_delay, requests, error_status, error_at;
    bool edge;         /* an interrupt came since the last wait */
    bool no_wait_left; /* a wait without anything that could end it */
    uint64_t seed;
} fake;

static uint32_t fake_random(uint32_t below)
{
    fake.seed = fake.seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(fake.seed >> 33) % below;
}

static void fake_interrupt(uint32_t cause)
{
    fake.causes |= cause;
    fake.edge = true;
}

static void fake_die(void)
{
    fake.deaths++;
    fake.is_live = false;
    fake.server = LINK_SERVER_DOWN;
    if (fake.status) fake.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
    fake_interrupt(VIRTIO_MMIO_INT_CONFIG);
    fake.publish_delay = fake_random(3);
    /* A device reset may drop what its volatile cache holds. */
    for (uint32_t i = 0; i < FAKE_SECTORS; i++) {
        if (!fake.in_cache[i]) continue;
        if (fake_random(2)) memcpy(fake.stable[i], fake.cached[i], 512);
        fake.in_cache[i] = false;
    }
}

static void fake_publish(void)
{
    fake.incarnation++;
    fake.server = LINK_SERVER_PUBLISHED;
    fake_interrupt(VIRTIO_MMIO_INT_CONFIG);
    fake.lie = LIE_NONE; /* the image is loaded afresh */
    fake.wants_reset = false;
}

static bool fake_dies_now(void)
{
    if (!fake.is_random || fake_random(fake.die_one_in)) return false;
    fake_die();
    return true;
}

static void fake_write_sector(uint64_t sector, const uint8_t *data)
{
    uint64_t sequence = 0;
    memcpy(&sequence, data, sizeof(sequence));
    if (sequence < fake.newest[sector]) fake.falls++;
    fake.newest[sector] = MAX(fake.newest[sector], sequence);
    memcpy(fake.cached[sector], data, 512);
    fake.in_cache[sector] = true;
}

static void fake_flush(void)
{
    for (uint32_t i = 0; i < FAKE_SECTORS; i++) {
        if (fake.in_cache[i]) memcpy(fake.stable[i], fake.cached[i], 512);
        fake.in_cache[i] = false;
    }
}

/* Executes one chain; returns false when the server died in it. */
static bool fake_execute(const struct virtq_chain *chain, uint32_t *written)
{
    struct virtio_blk_outhdr header;
    const struct virtq_piece *data = &chain->piece[1];
    const struct virtq_piece *last = &chain->piece[chain->read_count + chain->write_count - 1];
    enum fake_death death = fake.is_random && !fake_random(fake.die_one_in)
                                    ? (enum fake_death)(1 + fake_random(DEATH_COUNT - 1))
                                    : DEATH_NONE;
    memcpy(&header, fake.window + chain->piece[0].offset, sizeof(header));
    *written = 1;
    if (death == DEATH_BEFORE) return false;
    uint32_t sectors = header.type == VIRTIO_BLK_T_FLUSH ? 0 : data->size_bytes / 512;
    uint32_t limit = death == DEATH_HALF ? sectors / 2 : sectors;
    bool failing = fake.error_at && --fake.error_at == 0;
    for (uint32_t i = 0; i < limit && !failing; i++) {
        uint8_t *at = fake.window + data->offset + (size_t)i * 512;
        uint64_t sector = header.sector + i;
        if (header.type == VIRTIO_BLK_T_OUT) {
            fake_write_sector(sector, at);
        } else {
            memcpy(at, fake.in_cache[sector] ? fake.cached[sector] : fake.stable[sector], 512);
        }
    }
    if (death == DEATH_HALF) return false;
    if (header.type == VIRTIO_BLK_T_FLUSH && !failing) fake_flush();
    if (header.type == VIRTIO_BLK_T_IN) *written += data->size_bytes;
    fake.window[last->offset] = failing ? (uint8_t)fake.error_status : VIRTIO_BLK_S_OK;
    fake.requests++;
    return death != DEATH_DONE;
}

/* Hands a chain back, or a lie in its place. */
static void fake_complete(const struct virtq_chain *chain, uint32_t written)
{
    const struct virtq_piece *last = &chain->piece[chain->read_count + chain->write_count - 1];
    enum fake_lie lie = fake.lie != LIE_NONE && fake.lie_at-- == 0 ? fake.lie : LIE_NONE;
    uint16_t head = chain->head;
    switch (lie) {
    case LIE_ID_RANGE:
        fake.queue.used->ring[fake.queue.used_idx % FAKE_QUEUE].id = 5000;
        break;
    case LIE_LEN_LONG:
        written += 512;
        break;
    case LIE_LEN_SHORT:
        written = 1;
        break;
    case LIE_STATUS:
        fake.window[last->offset] = 7;
        break;
    case LIE_STATUS_UNSET:
        fake.window[last->offset] = 0xff;
        break;
    default:
        break;
    }
    if (lie == LIE_ID_RANGE) {
        fake.queue.used_idx++;
        ring_publish(&fake.queue.used->idx, fake.queue.used_idx);
    } else if (lie == LIE_IDX_JUMP) {
        fake.queue.used_idx = (uint16_t)(fake.queue.used_idx + 40);
        ring_publish(&fake.queue.used->idx, fake.queue.used_idx);
    } else if (lie == LIE_IDX_BACK) {
        fake.queue.used_idx--;
        ring_publish(&fake.queue.used->idx, fake.queue.used_idx);
    } else if (lie == LIE_ID_NOT_FLYING) {
        virtq_complete(&fake.queue, (uint16_t)(head + 1), written);
    } else if (lie == LIE_ID_ORDER) {
        virtq_complete(&fake.queue, (uint16_t)((head + 3) % 63), written);
    } else {
        virtq_complete(&fake.queue, head, written);
    }
    fake_interrupt(VIRTIO_MMIO_INT_VRING);
    if (lie != LIE_NONE && fake.dies_of_lie) fake_die();
}

static void fake_start_queue(void)
{
    uint8_t *w = fake.window;
    fake.queue.window =
            (struct virtq_window){ FAKE_WINDOW_IPA, FAKE_WINDOW_BYTES, LINK_USED_OFF(1, 0) };
    EXPECT_EQ(OK, virtq_device_start(&fake.queue, w + (fake.desc - FAKE_WINDOW_IPA),
                                     w + (fake.avail - FAKE_WINDOW_IPA),
                                     w + (fake.used - FAKE_WINDOW_IPA), fake.queue_num, 0));
    fake.is_live = true;
}

/* Serves up to count requests. */
static void fake_serve(uint32_t count)
{
    while (fake.is_live && count--) {
        struct virtq_chain chain;
        uint32_t written = 0;
        if (virtq_fetch(&fake.queue, &chain) != OK) return;
        if (fake.wants_reset) {
            fake.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
            fake.is_live = false;
            fake_interrupt(VIRTIO_MMIO_INT_CONFIG);
            return;
        }
        if (!fake_execute(&chain, &written)) {
            fake_die();
            return;
        }
        fake_complete(&chain, written);
        if (fake.is_live && fake_dies_now()) return;
    }
}

uint32_t mmio_read32(const volatile void *reg)
{
    uint64_t offset = (uint64_t)((const volatile uint8_t *)reg - fake.regs);
    (void)fake_dies_now();
    switch (offset) {
    case VIRTIO_MMIO_MAGIC_VALUE:
        return 0x74726976;
    case VIRTIO_MMIO_VERSION:
        return 2;
    case VIRTIO_MMIO_DEVICE_ID:
        return 2;
    case VIRTIO_MMIO_DEVICE_FEATURES:
        return (uint32_t)(fake.features >> (32 * fake.feature_select));
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
        return FAKE_QUEUE;
    case VIRTIO_MMIO_QUEUE_READY:
        return fake.queue_ready;
    case VIRTIO_MMIO_INTERRUPT_STATUS:
        return fake.causes;
    case VIRTIO_MMIO_STATUS:
        return fake.status;
    case VIRTIO_MMIO_CONFIG_GENERATION:
        return fake.incarnation;
    case VIRTIO_MMIO_CONFIG:
        return (uint32_t)fake.sector_count;
    case VIRTIO_MMIO_CONFIG + 4:
        return (uint32_t)(fake.sector_count >> 32);
    case LINK_CLIENT_INCARNATION:
        return fake.incarnation;
    case LINK_CLIENT_SERVER:
        return fake.server;
    default:
        return 0;
    }
}

void mmio_write32(volatile void *reg, uint32_t value)
{
    uint64_t offset = (uint64_t)((volatile uint8_t *)reg - fake.regs);
    (void)fake_dies_now();
    switch (offset) {
    case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
        fake.feature_select = value;
        break;
    case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
        fake.driver_feature_select = value;
        break;
    case VIRTIO_MMIO_INTERRUPT_ACK:
        fake.causes &= ~value;
        break;
    case VIRTIO_MMIO_QUEUE_NUM:
        fake.queue_num = value;
        break;
    case VIRTIO_MMIO_QUEUE_DESC_LOW:
        fake.desc = value;
        break;
    case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
        fake.avail = value;
        break;
    case VIRTIO_MMIO_QUEUE_USED_LOW:
        fake.used = value;
        break;
    case VIRTIO_MMIO_QUEUE_READY:
        fake.queue_ready = value;
        break;
    case VIRTIO_MMIO_STATUS:
        if (value == 0) {
            fake.is_live = false;
            fake.queue_ready = 0;
        } else if (fake.status & VIRTIO_CONFIG_S_NEEDS_RESET) {
            break; /* dead: only a reset helps */
        } else if ((value & VIRTIO_CONFIG_S_DRIVER_OK) && fake.server == LINK_SERVER_PUBLISHED) {
            fake_start_queue();
        }
        fake.status = value;
        break;
    default:
        break;
    }
}

void mmio_barrier(void)
{
}

static uint32_t fake_kick(void *ctx)
{
    (void)ctx;
    uint32_t causes = fake.causes;
    fake.causes &= ~(uint32_t)VIRTIO_MMIO_INT_VRING;
    fake_serve(fake_random(4));
    return causes;
}

static void fake_wait(void *ctx, uint64_t timeout_ns)
{
    (void)ctx;
    if (fake.server == LINK_SERVER_DOWN) {
        if (fake.publish_delay) {
            fake.publish_delay--;
        } else {
            fake_publish();
        }
    } else if (fake.is_live) {
        fake_serve(1 + fake_random(5));
    }
    if (timeout_ns == 0 && !fake.edge && ++fake.idle_waits > 1000) {
        fake.no_wait_left = true; /* nothing would ever end this wait but the watchdog of EL2 */
        fake_die();
    }
    fake.edge = false;
}

/* The supervisor: kills and restarts what was reported. */
static void fake_report(void *ctx, enum sup_violation what, uint64_t detail)
{
    (void)ctx;
    (void)detail;
    fake.reports[what]++;
    if (fake.server == LINK_SERVER_PUBLISHED) fake_die();
}

static struct blk *fake_start(struct blk *b)
{
    uint8_t *window = fake.window ? fake.window : aligned_alloc(4096, FAKE_WINDOW_BYTES);
    uint64_t seed = fake.seed;
    memset(&fake, 0, sizeof(fake));
    memset(window, 0, FAKE_WINDOW_BYTES);
    fake.window = window;
    fake.seed = seed ? seed : 1;
    fake.features = FAKE_FEATURES;
    fake.sector_count = FAKE_SECTORS;
    fake.die_one_in = 100;
    fake.server = LINK_SERVER_PUBLISHED;
    struct blk_env env = { .regs = fake.regs,
                           .window = window,
                           .window_bytes = FAKE_WINDOW_BYTES,
                           .window_ipa = FAKE_WINDOW_IPA,
                           .queue_size = FAKE_QUEUE,
                           .kick = fake_kick,
                           .wait = fake_wait,
                           .report = fake_report };
    EXPECT_EQ(OK, blk_start(b, &env));
    return b;
}
