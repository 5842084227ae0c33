/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Requests in flight: posting in order, checking what comes back. */
#include <linux/virtio_blk.h>
#include <string.h>

#include "servers/blk/internal.h"

#define QUEUE_COUNT  1U /* of a block link */
#define DESC_MAX     3U /* header, data, status */
#define STATUS_UNSET 0xffU
#define DATA_ALIGN   64U

STATIC_ASSERT(sizeof(struct virtio_blk_outhdr) == 16, "abi/link.h: 16 bytes each");

void blk_enqueue(struct blk *b, struct blk_io *io)
{
    io->next = NULL;
    io->was_posted = false;
    if (b->first) {
        b->last->next = io;
    } else {
        b->first = io;
    }
    b->last = io;
    b->unfinished++;
}

/* Start of sector number sector of io's data; the rest of its page follows it. */
static uint8_t *io_sector(const struct blk_io *io, uint32_t sector)
{
    if (!io->pages) return (uint8_t *)io->data + (size_t)sector * BLK_SECTOR_BYTES;
    return (uint8_t *)io->pages[sector / BLK_BLOCK_SECTORS] +
           (size_t)(sector % BLK_BLOCK_SECTORS) * BLK_SECTOR_BYTES;
}

void blk_io_copy_out(const struct blk_io *io, uint32_t first, uint32_t count, uint8_t *to)
{
    for (uint32_t done = 0; done < count;) {
        uint32_t at = first + done;
        uint32_t piece =
                io->pages ? MIN(BLK_BLOCK_SECTORS - at % BLK_BLOCK_SECTORS, count - done) : count;
        blk_copy(to + (size_t)done * BLK_SECTOR_BYTES, io_sector(io, at),
                 (size_t)piece * BLK_SECTOR_BYTES);
        done += piece;
    }
}

void blk_io_copy_in(const struct blk_io *io, const uint8_t *from)
{
    for (uint32_t done = 0; done < io->sector_count;) {
        uint32_t piece =
                io->pages ? MIN(BLK_BLOCK_SECTORS, io->sector_count - done) : io->sector_count;
        blk_copy(io_sector(io, done), from + (size_t)done * BLK_SECTOR_BYTES,
                 (size_t)piece * BLK_SECTOR_BYTES);
        done += piece;
    }
}

static void blk_dequeue_first(struct blk *b)
{
    b->first = b->first->next;
    if (!b->first) b->last = NULL;
}

static void blk_finish(struct blk *b, struct blk_io *io, err_t result)
{
    io->result = result;
    b->unfinished--;
    b->stats.requests++;
    if (result == ERR_IO) b->stats.io_errors++;
}

static struct blk_flight *flight_at(struct blk *b, uint32_t idx)
{
    return &b->flight[(b->flight_first + idx) % BLK_FLIGHT_MAX];
}

/* Blocks that writes in flight may add to what is kept. */
static uint32_t flight_write_blocks(struct blk *b)
{
    uint32_t blocks = 0;
    for (uint32_t i = 0; i < b->flight_count; i++) {
        const struct blk_flight *f = flight_at(b, i);
        if (f->op == BLK_WRITE && f->kind == BLK_FLIGHT_IO) {
            blocks += blk_block_count(f->lba, f->sector_count);
        }
    }
    return blocks;
}

/* True when op on these sectors would race with something in flight. */
static bool flight_conflicts(struct blk *b, enum blk_op op, uint64_t lba, uint32_t sector_count)
{
    for (uint32_t i = 0; i < b->flight_count; i++) {
        const struct blk_flight *f = flight_at(b, i);
        if (f->op == BLK_FLUSH) return true; /* a flush flies alone */
        if (op == BLK_READ && f->op == BLK_READ) continue;
        if (blk_ranges_meet(lba, sector_count, f->lba, f->sector_count)) return true;
    }
    return false;
}

/* Claims bytes of the data area, contiguous. */
static bool data_claim(struct blk *b, uint64_t bytes, uint64_t *offset, uint64_t *claim)
{
    bytes = ALIGN_UP(bytes, DATA_ALIGN);
    uint64_t to_end = b->data_bytes - b->data_head;
    uint64_t skip = bytes > to_end ? to_end : 0;
    if (bytes > b->data_bytes || skip + bytes > b->data_bytes - b->data_used) return false;
    *offset = LINK_DATA_OFF(QUEUE_COUNT) + (skip ? 0 : b->data_head);
    *claim = skip + bytes;
    b->data_head = ((skip ? 0 : b->data_head) + bytes) % b->data_bytes;
    b->data_used += *claim;
    return true;
}

static uint32_t blk_wire_type(enum blk_op op)
{
    if (op == BLK_FLUSH) return VIRTIO_BLK_T_FLUSH;
    return op == BLK_WRITE ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN;
}

/* Puts one request into the ring; f says what, its data lies in the window already. */
static void flight_post_ring(struct blk *b, struct blk_flight *f)
{
    uint16_t head = virtq_next_head(&b->queue), posted = 0;
    uint64_t header_offset = LINK_HEADER_OFF(0) + head * sizeof(struct virtio_blk_outhdr);
    uint64_t status_offset = LINK_STATUS_OFF(QUEUE_COUNT, 0) + head;
    struct virtio_blk_outhdr header = { .type = blk_wire_type(f->op),
                                        .sector = f->op == BLK_FLUSH ? 0 : f->lba };
    memcpy(b->env.window + header_offset, &header, sizeof(header));
    *(volatile uint8_t *)(b->env.window + status_offset) = STATUS_UNSET;
    struct virtq_buffer buffer[DESC_MAX];
    uint32_t count = 0;
    buffer[count++] =
            (struct virtq_buffer){ b->env.window_ipa + header_offset, sizeof(header), false };
    if (f->op != BLK_FLUSH) {
        buffer[count++] =
                (struct virtq_buffer){ b->env.window_ipa + f->data_offset,
                                       f->sector_count * BLK_SECTOR_BYTES, f->op == BLK_READ };
    }
    buffer[count++] = (struct virtq_buffer){ b->env.window_ipa + status_offset, 1, true };
    CHECK(virtq_post(&b->queue, buffer, count, &posted) == OK && posted == head);
    f->head = head;
    b->flight_count++;
}

/* A free record, or NULL when nothing more can fly. */
static struct blk_flight *flight_take(struct blk *b)
{
    if (b->flight_count == b->flight_max) return NULL;
    struct blk_flight *f = flight_at(b, b->flight_count);
    *f = (struct blk_flight){ .kind = BLK_FLIGHT_IO };
    return f;
}

static bool post_flush(struct blk *b, enum blk_flight_kind kind, struct blk_io *io)
{
    if (b->flight_count) return false;
    struct blk_flight *f = flight_take(b);
    f->kind = kind;
    f->op = BLK_FLUSH;
    f->io = io;
    flight_post_ring(b, f);
    return true;
}

/* Posts one run of kept sectors. False: none left (*left says so) or no room now. */
static bool post_replay(struct blk *b, bool *left)
{
    struct blk_keep_run run;
    *left = blk_keep_next(&b->keep, b->io_sectors, &run);
    if (!*left) return false;
    struct blk_flight *f = flight_take(b);
    if (!f || !data_claim(b, (uint64_t)run.sector_count * BLK_SECTOR_BYTES, &f->data_offset,
                          &f->claim_bytes)) {
        return false;
    }
    f->kind = BLK_FLIGHT_REPLAY;
    f->op = BLK_WRITE;
    f->lba = run.lba;
    f->sector_count = run.sector_count;
    blk_keep_copy(&b->keep, &run, b->env.window + f->data_offset);
    blk_keep_advance(&b->keep, &run);
    flight_post_ring(b, f);
    b->stats.replays++;
    return true;
}

static bool post_transfer(struct blk *b, struct blk_io *io)
{
    if (flight_conflicts(b, io->op, io->lba, io->sector_count)) return false;
    if (io->op == BLK_WRITE && b->has_flush &&
        !blk_keep_has_room(&b->keep,
                           flight_write_blocks(b) + blk_block_count(io->lba, io->sector_count))) {
        (void)post_flush(b, BLK_FLIGHT_OWN_FLUSH, NULL); /* waits until nothing else flies */
        return false;
    }
    struct blk_flight *f = flight_take(b);
    uint64_t bytes = (uint64_t)io->sector_count * BLK_SECTOR_BYTES;
    if (!f || !data_claim(b, bytes, &f->data_offset, &f->claim_bytes)) return false;
    f->op = io->op;
    f->io = io;
    f->lba = io->lba;
    f->sector_count = io->sector_count;
    if (io->op == BLK_WRITE) {
        blk_io_copy_out(io, 0, io->sector_count, b->env.window + f->data_offset);
    }
    io->was_posted = true;
    flight_post_ring(b, f);
    return true;
}

/* What can be answered without the device. */
static bool answer_locally(struct blk *b, struct blk_io *io, err_t *result)
{
    if (io->op == BLK_FLUSH) {
        if (b->has_flush && !b->lost_write) return false;
        if (b->flight_count) return false;
        *result = b->lost_write ? ERR_IO : OK;
        b->lost_write = false;
        return true;
    }
    if (io->sector_count == 0 || io->sector_count > b->io_sectors || io->lba > b->sector_count ||
        io->sector_count > b->sector_count - io->lba) {
        *result = ERR_RANGE;
        return true;
    }
    if (io->op == BLK_WRITE && b->is_read_only) {
        *result = ERR_READ_ONLY;
        return true;
    }
    return false;
}

uint32_t blk_flight_post(struct blk *b)
{
    uint32_t posted = 0;
    bool left = false;
    while (post_replay(b, &left)) posted++;
    if (left) return posted; /* kept blocks come before everything else */
    while (b->first) {
        struct blk_io *io = b->first;
        uint32_t before = b->flight_count;
        err_t result = OK;
        if (answer_locally(b, io, &result)) {
            blk_dequeue_first(b);
            blk_finish(b, io, result);
            continue;
        }
        bool ok = io->op == BLK_FLUSH ? post_flush(b, BLK_FLIGHT_IO, io) : post_transfer(b, io);
        posted += b->flight_count - before;
        if (!ok) break;
        blk_dequeue_first(b);
    }
    return posted;
}

/* The private record decides; only status and data are taken from the window, each once. */
static void flight_complete(struct blk *b, const struct blk_flight *f, uint8_t status)
{
    err_t result = status == VIRTIO_BLK_S_OK
                           ? OK
                           : (status == VIRTIO_BLK_S_UNSUPP ? ERR_NOT_SUPPORTED : ERR_IO);
    if (f->op == BLK_FLUSH) {
        if (result == OK) {
            blk_keep_clear(&b->keep);
        } else if (f->kind == BLK_FLIGHT_OWN_FLUSH) {
            b->lost_write = true;
            blk_keep_clear(&b->keep);
        }
    } else if (f->kind == BLK_FLIGHT_REPLAY) {
        if (result != OK) {
            b->lost_write = true;
            blk_keep_drop(&b->keep, f->lba, f->sector_count);
        }
    } else if (f->op == BLK_READ) {
        if (result == OK) blk_io_copy_in(f->io, b->env.window + f->data_offset);
    } else if (result != OK) {
        blk_keep_drop(&b->keep, f->lba, f->sector_count);
    } else if (b->has_flush) {
        blk_keep_add(&b->keep, f->io);
    }
    if (f->kind == BLK_FLIGHT_IO) blk_finish(b, f->io, result);
}

/* Which of its words the device lied in, for the report. */
static enum sup_violation flight_classify(const struct blk *b, uint64_t *detail)
{
    const volatile struct vring_used *used = b->queue.used;
    uint16_t ready = (uint16_t)(ring_index(&used->idx) - b->queue.used_seen);
    *detail = ring_index(&used->idx);
    if (ready > b->flight_count) return SUP_USED_IDX;
    uint32_t at = b->queue.used_seen % b->queue.entry_count;
    uint32_t id = used->ring[at].id;
    *detail = id;
    if (id != b->flight[b->flight_first].head) return SUP_USED_ID;
    *detail = used->ring[at].len;
    return SUP_USED_LEN;
}

err_t blk_flight_reap(struct blk *b, uint32_t *count, enum sup_violation *what, uint64_t *detail)
{
    for (*count = 0;; (*count)++) {
        struct virtq_done done;
        err_t err = virtq_pop(&b->queue, &done);
        if (err == ERR_AGAIN) return OK;
        if (err != OK) {
            *what = flight_classify(b, detail);
            return ERR_PEER;
        }
        struct blk_flight *f = flight_at(b, 0);
        if (done.head !=
            f->head) { /* in flight, but not the oldest: servers complete in ring order */
            *what = SUP_USED_ID;
            *detail = done.head;
            return ERR_PEER;
        }
        uint8_t status =
                *(volatile uint8_t *)(b->env.window + LINK_STATUS_OFF(QUEUE_COUNT, 0) + done.head);
        if (status > VIRTIO_BLK_S_UNSUPP) {
            *what = SUP_STATUS_BYTE;
            *detail = status;
            return ERR_PEER;
        }
        if (f->op == BLK_READ && status == VIRTIO_BLK_S_OK &&
            done.written_bytes != f->sector_count * BLK_SECTOR_BYTES + 1) {
            *what = SUP_USED_LEN; /* "all read", but not all written */
            *detail = done.written_bytes;
            return ERR_PEER;
        }
        b->data_used -= f->claim_bytes;
        b->flight_first = (b->flight_first + 1) % BLK_FLIGHT_MAX;
        b->flight_count--;
        b->idle_resets = 0;
        flight_complete(b, f, status);
    }
}

void blk_flight_requeue(struct blk *b)
{
    while (b->flight_count) {
        struct blk_flight *f = flight_at(b, --b->flight_count);
        if (f->kind != BLK_FLIGHT_IO) continue;
        f->io->next = b->first;
        b->first = f->io;
        if (!b->last) b->last = f->io;
    }
    b->flight_first = 0;
    b->data_head = 0;
    b->data_used = 0;
}

void blk_flight_fail_all(struct blk *b, err_t result)
{
    while (b->first) {
        struct blk_io *io = b->first;
        blk_dequeue_first(b);
        blk_finish(b, io, result);
    }
}
