/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A virtio block device on one link (virtio v1.2 section 5.2). */
#include "domains/rt/serve_blk.h"

#include <linux/virtio_blk.h>

#include "domains/rt/seam.h"
#include "lib/string.h"

#define QUEUE 0 /* the one request queue; VIRTIO_BLK_F_MQ is not offered */

STATIC_ASSERT(sizeof(struct virtio_blk_outhdr) == 16, "virtio v1.2 section 5.2.6");
STATIC_ASSERT(offsetof(struct virtio_blk_config, blk_size) == 20, "virtio v1.2 section 5.2.4");

/* The config fields up to the last one that we offer. */
struct blk_config {
    uint64_t capacity;
    uint32_t size_max, seg_max, geometry, blk_size;
};
STATIC_ASSERT(offsetof(struct blk_config, seg_max) == 12 &&
                      offsetof(struct blk_config, blk_size) == 20,
              "as above");

__attribute__((weak)) void seam_publish(uint32_t *features, void *config)
{
    (void)features;
    (void)config;
}

static uint64_t range_clip(uint64_t first, uint64_t count, uint64_t device_count)
{
    if (first >= device_count) return 0;
    return count == 0 ? device_count - first : MIN(count, device_count - first);
}

err_t serve_blk_start(struct serve_blk *b, const struct boot_link *boot,
                      const struct blk_driver *driver, void *device,
                      const struct blk_geometry *geometry)
{
    err_t e = serve_init(&b->serve, boot, VIRTIO_ID_BLOCK);
    if (e != OK) return e;
    b->driver = driver;
    b->device = device;
    b->sector_first = boot->lba_first;
    b->sector_count = range_clip(boot->lba_first, boot->lba_count, geometry->sector_count);
    b->read_only = boot->read_only || geometry->read_only;
    for (uint32_t i = 0; i < SERVE_BLK_IN_FLIGHT; i++) {
        b->slot[i].link = b;
    }
    struct blk_config config = {
        .capacity = b->sector_count,
        .seg_max = SERVE_BLK_SEG_MAX,
        .blk_size = geometry->block_bytes,
    };
    uint32_t features =
            1U << VIRTIO_BLK_F_FLUSH | 1U << VIRTIO_BLK_F_SEG_MAX | 1U << VIRTIO_BLK_F_BLK_SIZE;
    if (b->read_only) features |= 1U << VIRTIO_BLK_F_RO;
    seam_publish(&features, &config);
    serve_publish(&b->serve, features, &config, sizeof(config));
    return OK;
}

/* The request header, fetched once. It may lie anywhere in the window, at any alignment. */
static struct virtio_blk_outhdr header_fetch(const uint8_t *at)
{
    struct virtio_blk_outhdr header;
    if ((uintptr_t)at % 8 == 0) {
        const volatile uint64_t *words = (const volatile uint64_t *)(uintptr_t)at;
        uint64_t copy[2] = { words[0], words[1] };
        memcpy(&header, copy, sizeof(header));
    } else {
        for (size_t i = 0; i < sizeof(header); i++) {
            ((uint8_t *)&header)[i] = ((const volatile uint8_t *)at)[i];
        }
    }
    return header;
}

/* Copies the data descriptors into the request: [first, first + count) of the chain. False: not
 * whole sectors. */
static bool pieces_take(const struct serve_blk *b, const struct virtq_chain *chain, uint32_t first,
                        uint32_t count, struct blk_request *r)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct virtq_piece *p = &chain->piece[first + i];
        r->piece[i] = (struct blk_piece){ b->serve.boot->window_ipa + p->offset, p->size_bytes };
        bytes += p->size_bytes;
    }
    r->piece_count = count;
    r->sector_count =
            (uint32_t)(bytes /
                       BLK_SECTOR_BYTES); /* 30 descriptors of less than 4 GiB: 2^28 at most */
    return bytes != 0 && bytes % BLK_SECTOR_BYTES == 0;
}

/* The serial number that a guest shows: the link's name. */
static void id_write(const struct serve_blk *b, const struct virtq_piece *p)
{
    volatile uint8_t *out = b->serve.window + p->offset;
    for (uint32_t i = 0; i < MIN(p->size_bytes, VIRTIO_BLK_ID_BYTES); i++) {
        out[i] = (uint8_t)b->serve.boot->name[i];
    }
}

/*
 * Judges a request whose chain is already bounded by the window. Returns OK: r is ready for the
 * driver;
 * ERR_EXISTS: answered here; else what the client is told.
 */
static err_t judge(const struct serve_blk *b, const struct virtq_chain *chain,
                   const struct virtio_blk_outhdr *header, struct blk_request *r)
{
    const uint32_t reads = chain->read_count - 1U,
                   writes = chain->write_count - 1U; /* data descriptors */
    const uint32_t data_first = chain->read_count;
    switch (header->type) {
    case VIRTIO_BLK_T_IN:
        if (reads != 0 || !pieces_take(b, chain, data_first, writes, r)) return ERR_ARG;
        r->op = BLK_READ;
        break;
    case VIRTIO_BLK_T_OUT:
        if (b->read_only) return ERR_READ_ONLY;
        if (writes != 0 || !pieces_take(b, chain, 1, reads, r)) return ERR_ARG;
        r->op = BLK_WRITE;
        break;
    case VIRTIO_BLK_T_FLUSH:
        if (reads != 0 || writes != 0) return ERR_ARG;
        *r = (struct blk_request){ .op = BLK_FLUSH };
        return OK;
    case VIRTIO_BLK_T_GET_ID:
        if (reads != 0 || writes != 1) return ERR_ARG;
        id_write(b, &chain->piece[data_first]);
        return ERR_EXISTS;
    default:
        return ERR_NOT_SUPPORTED;
    }
    if (!range_is_inside(header->sector, r->sector_count, 0, b->sector_count)) return ERR_RANGE;
    r->sector = b->sector_first + header->sector;
    return OK;
}

static uint8_t status_of(err_t result)
{
    if (result == OK) return VIRTIO_BLK_S_OK;
    return result == ERR_NOT_SUPPORTED ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
}

/* Places a fetched chain in the next slot. Returns OK: submit it | ERR_AGAIN: it is done already
 * | ERR_PEER: no request. */
static err_t slot_fill(struct serve_blk *b, const struct virtq_chain *chain,
                       struct serve_blk_slot *slot)
{
    if (chain->read_count == 0 || chain->write_count == 0) {
        return ERR_PEER; /* neither header nor status */
    }
    const struct virtq_piece *last = &chain->piece[chain->read_count + chain->write_count - 1];
    if (chain->piece[0].size_bytes != sizeof(struct virtio_blk_outhdr) || last->size_bytes != 1) {
        return ERR_PEER;
    }
    slot->head = chain->head;
    slot->status_offset = last->offset;
    slot->done = false;
    slot->request.cancelled = false;
    const struct virtio_blk_outhdr header = header_fetch(b->serve.window + chain->piece[0].offset);
    err_t e = judge(b, chain, &header, &slot->request);
    uint32_t data_bytes = 0;
    for (uint32_t i = 0; i + 1U < chain->write_count; i++) {
        data_bytes += chain->piece[chain->read_count + i].size_bytes;
    }
    slot->written_bytes = data_bytes + 1;
    if (e == OK) return OK;
    slot->request.op = BLK_READ;
    slot->request.result = e == ERR_EXISTS ? OK : e;
    slot->done = true;
    return ERR_AGAIN;
}

void serve_blk_done(struct blk_request *request)
{
    struct serve_blk_slot *slot = (struct serve_blk_slot *)(void *)request;
    STATIC_ASSERT(offsetof(struct serve_blk_slot, request) == 0,
                  "a request is the start of its slot");
    slot->done = true;
}

/* Completes what is done, oldest first: a younger request waits for an older one. Returns how
 * many. */
static uint32_t complete_in_order(struct serve_blk *b)
{
    uint32_t count = 0;
    while (b->in_flight != 0 && b->slot[b->oldest].done) {
        struct serve_blk_slot *slot = &b->slot[b->oldest];
        if (b->serve.running) {
            err_t result = slot->request.result;
            volatile uint8_t *status = b->serve.window + slot->status_offset;
            *status = status_of(result);
            /* The used index is released after the status byte; pairs with the client's acquire. */
            seam_complete(&b->serve.queue[QUEUE], slot->head,
                          result == OK ? slot->written_bytes : 1);
        }
        b->oldest = (b->oldest + 1) % SERVE_BLK_IN_FLIGHT;
        b->in_flight--;
        b->told_slow = false;
        count++;
    }
    return count;
}

/* Fetches while there is room. The chain lives on the stack: it is read once and gone. */
static void fetch(struct serve_blk *b)
{
    while (b->look && b->in_flight < SERVE_BLK_IN_FLIGHT) {
        struct serve_blk_slot *slot = &b->slot[(b->oldest + b->in_flight) % SERVE_BLK_IN_FLIGHT];
        struct virtq_chain chain;
        err_t e = seam_fetch(&b->serve.queue[QUEUE], &chain);
        if (e == OK) {
            e = slot_fill(b, &chain, slot);
        } else if (e == ERR_AGAIN) {
            b->look = false;
            return;
        }
        if (e == ERR_PEER) {
            b->look = false;
            serve_fail(&b->serve);
            return;
        }
        b->in_flight++;
        if (e == OK) seam_submit(b->driver, b->device, &slot->request);
    }
}

/* Requests that did not start yet need not: their client has forgotten them. */
static void cancel_all(struct serve_blk *b)
{
    for (uint32_t i = 0; i < b->in_flight; i++) {
        b->slot[(b->oldest + i) % SERVE_BLK_IN_FLIGHT].request.cancelled = true;
    }
}

void serve_blk_on_events(void *ctx, uint32_t events)
{
    struct serve_blk *b = ctx;
    if ((events & LINK_EV_RESET) != 0) {
        b->resetting = true;
        b->look = false;
        b->serve.running = false;
        cancel_all(b);
    } else if (!b->serve.running && (events & LINK_EV_STATUS) != 0) {
        /* Requests of a life before were drained before its reset was acknowledged, or the link
         * never ran. */
        b->look = b->in_flight == 0 && serve_try_start(&b->serve) == OK;
    } else {
        b->look = b->serve.running;
    }
}

bool serve_blk_turn(struct serve_blk *b)
{
    uint32_t completed = complete_in_order(b);
    if (b->resetting && b->in_flight == 0) {
        b->resetting = false;
        serve_ack_reset(&b->serve);
    }
    if (!b->serve.running) return false;
    fetch(b);
    completed += complete_in_order(b);
    if (completed != 0) serve_interrupt(&b->serve, QUEUE);
    struct serve_blk_slot *oldest = &b->slot[b->oldest];
    if (b->in_flight != 0 && !b->told_slow && oldest->request.op == BLK_FLUSH) {
        b->told_slow = true;
        serve_declare_slow(&b->serve);
    }
    return b->look && b->in_flight < SERVE_BLK_IN_FLIGHT;
}
