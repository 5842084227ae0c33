/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The client's page: the registers of a virtio-mmio version 2 device. Everything written here is untrusted. */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "abi/trace.h"
#include "hyp/arch.h"
#include "hyp/link.h"
#include "hyp/trace.h"
#include "lib/string.h"

#define LINK_MMIO_MAGIC   0x74726976U /* "virt" */
#define LINK_MMIO_VERSION 2U
#define LINK_MMIO_VENDOR  0x534f525aU /* "ZROS" */

/* Offered whatever the server says, and demanded from the driver. */
#define FEATURES_ALWAYS (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM))

#define STATUS_DRIVER_WRITES                                                            \
    (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK | \
     VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_FAILED)

/* One part of a queue: offset in the window and size. */
struct part {
    uint64_t start, size_bytes;
};

static void queue_parts(uint64_t desc, uint64_t avail, uint64_t used, uint32_t num,
                        struct part out[3])
{
    /* virtio v1.2 section 2.7, with the event fields that we do not offer: a stock driver reserves them. */
    out[0] = (struct part){ desc, 16 * (uint64_t)num };
    out[1] = (struct part){ avail, 6 + 2 * (uint64_t)num };
    out[2] = (struct part){ used, 6 + 8 * (uint64_t)num };
}

/* Two sets of parts share a byte; of one and the same set, two different parts do. */
static bool parts_clash(const struct part mine[3], const struct part theirs[3], bool is_same)
{
    for (uint32_t a = 0; a < 3; a++) {
        for (uint32_t b = 0; b < 3; b++) {
            if (is_same && a == b) continue;
            if (ranges_overlap(mine[a].start, mine[a].size_bytes, theirs[b].start,
                               theirs[b].size_bytes)) {
                return true;
            }
        }
    }
    return false;
}

/* No two of these parts and no part of another ready queue share a byte. All ranges lie in the window: nothing wraps. */
static bool parts_are_apart(const struct link *l, uint32_t idx, const struct part mine[3])
{
    if (parts_clash(mine, mine, true)) return false;
    for (uint32_t i = 0; i < l->conf->queue_count; i++) {
        const struct link_queue *q = &l->queue[i];
        struct part theirs[3];
        if (i == idx || !q->ready) continue;
        queue_parts(q->desc, q->avail, q->used, q->num, theirs);
        if (parts_clash(mine, theirs, false)) return false;
    }
    return true;
}

/* Offsets of what the client wrote, when a queue may lie there. */
static bool queue_place(const struct link *l, uint32_t idx, struct part parts[3])
{
    const struct link_queue *q = &l->queue[idx];
    uint32_t num = q->w_num, count = l->conf->queue_count;
    if (num == 0 || num > l->conf->queue_size || (num & (num - 1)) != 0) return false;
    uint64_t base = l->client_window.raw;
    /* An address below the window wraps to a huge offset, which range_is_inside refuses. */
    queue_parts(q->w_desc - base, q->w_avail - base, q->w_used - base, num, parts);
    for (uint32_t i = 0; i < 3; i++) {
        if (!range_is_inside(parts[i].start, parts[i].size_bytes, 0, l->window.size_bytes)) {
            return false;
        }
    }
    if (parts[0].start % 16 != 0 || parts[1].start % 2 != 0 || parts[2].start % 4 != 0) {
        return false;
    }
    if (l->conf->own_client &&
        (parts[0].start != LINK_DESC_OFF(idx) || parts[1].start != LINK_AVAIL_OFF(idx) ||
         parts[2].start != LINK_USED_OFF(count, idx))) {
        return false;
    }
    return parts_are_apart(l, idx, parts);
}

/* QueueReady := 1. The driver sets queues up between FEATURES_OK and DRIVER_OK. */
static bool queue_start(struct link *l, uint32_t idx)
{
    struct link_queue *q = &l->queue[idx];
    struct part parts[3];
    const uint32_t phase =
            VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET;
    if ((l->status & phase) != VIRTIO_CONFIG_S_FEATURES_OK) return false;
    if (!queue_place(l, idx, parts)) return false;
    const volatile void *avail_idx = link_peek_open(l, parts[1].start + 2);
    if (!avail_idx) return false;
    const volatile void *used_idx = link_peek_open(l, parts[2].start + 2);
    if (!used_idx) {
        link_peek_close(avail_idx);
        return false;
    }
    q->num = q->w_num;
    q->desc = parts[0].start;
    q->avail = parts[1].start;
    q->used = parts[2].start;
    q->avail_idx = avail_idx;
    q->used_idx = used_idx;
    q->done = q->avail_seen = 0;
    q->ready = true;
    return true;
}

static void queue_ready_write(struct link *l, uint32_t value)
{
    if (l->queue_sel >= l->conf->queue_count || l->reset_pending) return;
    struct link_queue *q = &l->queue[l->queue_sel];
    if (value == 0) {
        /* After DRIVER_OK the set of queues is fixed until reset: a server never sees one change under it. */
        if (!(l->status & VIRTIO_CONFIG_S_DRIVER_OK)) link_queue_stop(q);
    } else if (!q->ready && !queue_start(l, l->queue_sel)) {
        link_needs_reset(l);
    }
}

static uint64_t device_features(const struct link *l)
{
    return FEATURES_ALWAYS | (l->sealed ? l->sealed_features : 0);
}

static void status_write(struct link *l, uint32_t value)
{
    if (l->reset_pending) return;
    if (value == 0) {
        link_reset(l);
        return;
    }
    uint32_t add = value & STATUS_DRIVER_WRITES & ~l->status;
    bool features_fit = (l->accepted & ~device_features(l)) == 0 &&
                        (l->accepted & FEATURES_ALWAYS) == FEATURES_ALWAYS;
    if (!l->published || !features_fit) add &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
    uint32_t then = l->status | add;
    if (!(then & VIRTIO_CONFIG_S_FEATURES_OK) || (then & VIRTIO_CONFIG_S_NEEDS_RESET)) {
        add &= ~(uint32_t)VIRTIO_CONFIG_S_DRIVER_OK;
    }
    l->status |= add;
    trace(TRACE_LINK_STATUS, l->client->index, l->index, l->status);
    if ((add & VIRTIO_CONFIG_S_DRIVER_OK) && l->published) {
        l->in_use = true;
        link_event(l, LINK_EV_STATUS);
        watchdog_look(l, arch_ticks());
    }
}

static void driver_features_write(struct link *l, uint32_t value)
{
    const uint32_t phase = VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK;
    if ((l->status & phase) != VIRTIO_CONFIG_S_DRIVER || l->drv_features_sel > 1) return;
    link_word_set(&l->accepted, l->drv_features_sel, value);
}

/* Size and place of the selected queue, frozen while it is ready. */
static void queue_write(struct link *l, uint32_t offset, uint32_t value)
{
    if (l->queue_sel >= l->conf->queue_count || l->queue[l->queue_sel].ready) return;
    struct link_queue *q = &l->queue[l->queue_sel];
    uint64_t *const part[3] = { &q->w_desc, &q->w_avail, &q->w_used };
    /* Three pairs of low and high word, 16 apart. */
    uint32_t at = offset - VIRTIO_MMIO_QUEUE_DESC_LOW;
    if (offset == VIRTIO_MMIO_QUEUE_NUM) {
        q->w_num = value;
    } else if (at < 3 * 16 && at % 16 <= 4 && at % 4 == 0) {
        link_word_set(part[at / 16], at & 4, value);
    }
}

void link_client_write(struct link *l, uint32_t offset, uint32_t size_bytes, uint64_t value64)
{
    /* Registers are 32 bits wide; configuration is never written by a client. */
    if (size_bytes != 4) return;
    uint32_t value = (uint32_t)value64;
    switch (offset) {
    case VIRTIO_MMIO_QUEUE_NOTIFY:
        link_notify(l, value);
        break;
    case VIRTIO_MMIO_INTERRUPT_ACK:
        l->interrupt_status &= ~value;
        break;
    case VIRTIO_MMIO_STATUS:
        status_write(l, value);
        break;
    case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
        l->dev_features_sel = value;
        break;
    case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
        l->drv_features_sel = value;
        break;
    case VIRTIO_MMIO_DRIVER_FEATURES:
        driver_features_write(l, value);
        break;
    case VIRTIO_MMIO_QUEUE_SEL:
        l->queue_sel = value;
        break;
    case VIRTIO_MMIO_QUEUE_READY:
        queue_ready_write(l, value);
        break;
    default:
        queue_write(l, offset, value);
        break;
    }
}

static uint32_t server_state(const struct link *l)
{
    if (l->gone || !l->present) return LINK_SERVER_GONE;
    return l->published ? LINK_SERVER_PUBLISHED : LINK_SERVER_DOWN;
}

/* 1, 2, 4 or 8 bytes of the sealed configuration; what lies past its end reads 0. */
static uint64_t config_read(const struct link *l, uint32_t offset, uint32_t size_bytes)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < size_bytes && offset + i < LINK_CONFIG_MAX; i++) {
        value |= (uint64_t)l->sealed_config[offset + i] << (8 * i);
    }
    return value;
}

static uint64_t register_read(const struct link *l, uint32_t offset)
{
    bool has_queue = l->queue_sel < l->conf->queue_count;
    switch (offset) {
    case VIRTIO_MMIO_INTERRUPT_STATUS:
        return l->interrupt_status;
    case VIRTIO_MMIO_STATUS:
        return l->status;
    case VIRTIO_MMIO_MAGIC_VALUE:
        return LINK_MMIO_MAGIC;
    case VIRTIO_MMIO_VERSION:
        return LINK_MMIO_VERSION;
    case VIRTIO_MMIO_DEVICE_ID:
        return l->conf->device_id;
    case VIRTIO_MMIO_VENDOR_ID:
        return LINK_MMIO_VENDOR;
    case VIRTIO_MMIO_DEVICE_FEATURES:
        if (l->dev_features_sel > 1) return 0;
        return (uint32_t)(device_features(l) >> (32 * l->dev_features_sel));
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
        return has_queue ? l->conf->queue_size : 0;
    case VIRTIO_MMIO_QUEUE_READY:
        return has_queue && l->queue[l->queue_sel].ready;
    case VIRTIO_MMIO_SHM_LEN_LOW: /* virtio v1.2 section 4.2.2: a region that is not there has length -1 */
    case VIRTIO_MMIO_SHM_LEN_HIGH:
    case VIRTIO_MMIO_SHM_BASE_LOW:
    case VIRTIO_MMIO_SHM_BASE_HIGH:
        return UINT32_MAX;
    case LINK_CLIENT_INCARNATION:
        return l->incarnation;
    case LINK_CLIENT_SERVER:
        return server_state(l);
    case VIRTIO_MMIO_CONFIG_GENERATION:
        return l->config_generation;
    default:
        return 0;
    }
}

void link_client_read(struct link *l, uint32_t offset, uint32_t size_bytes, uint64_t *value)
{
    if (offset >= VIRTIO_MMIO_CONFIG) {
        *value = config_read(l, offset - VIRTIO_MMIO_CONFIG, MIN(size_bytes, 8U));
    } else {
        *value = size_bytes == 4 ? register_read(l, offset) : 0;
    }
}
