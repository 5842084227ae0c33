/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One link, server end. */
#include "domains/rt/serve.h"

#include <linux/virtio_config.h>

#include "domains/rt/loop.h"
#include "lib/mmio.h"
#include "lib/string.h"

static uint32_t reg_read(const struct serve *s, uint32_t offset)
{
    return mmio_read32(s->regs + offset);
}

static void reg_write(struct serve *s, uint32_t offset, uint32_t value)
{
    mmio_write32(s->regs + offset, value);
}

err_t serve_init(struct serve *s, const struct boot_link *boot, uint32_t device_id)
{
    s->boot = boot;
    s->regs = (uint8_t *)(uintptr_t)boot->regs_ipa;
    s->window = (uint8_t *)(uintptr_t)boot->window_ipa;
    s->running = false;
    if (reg_read(s, LINK_SRV_MAGIC) != LINK_SRV_MAGIC_VALUE) return ERR_PEER;
    return boot->device_id == device_id && boot->queue_count <= LINK_QUEUE_MAX ? OK : ERR_PEER;
}

void serve_publish(struct serve *s, uint32_t features, const void *config, uint32_t config_bytes)
{
    CHECK(config_bytes <= LINK_CONFIG_MAX && config_bytes % 4 == 0);
    for (uint32_t at = 0; at < config_bytes; at += 4) {
        uint32_t word;
        memcpy(&word, (const uint8_t *)config + at, sizeof(word));
        reg_write(s, LINK_SRV_CONFIG + at, word);
    }
    reg_write(s, LINK_SRV_FEATURES_LO, features);
    reg_write(s, LINK_SRV_PUBLISH, 1);
}

/* One part of a ring: EL2 checked the place at QueueReady; a wrong one here would be a fault of
 * our own, so look again. */
static bool part_is_inside(const struct serve *s, uint32_t offset, uint64_t size_bytes,
                           uint32_t align)
{
    return offset % align == 0 && range_is_inside(offset, size_bytes, 0, s->boot->window_bytes);
}

static err_t queue_start(struct serve *s, uint32_t queue_idx)
{
    uint32_t at = LINK_SRV_QUEUE + queue_idx * LINK_SRV_QUEUE_STEP;
    uint32_t entry_count = reg_read(s, at + LINK_SRV_Q_SIZE); /* virtq_device_start checks it */
    uint32_t desc = reg_read(s, at + LINK_SRV_Q_DESC);
    uint32_t avail = reg_read(s, at + LINK_SRV_Q_AVAIL);
    uint32_t used = reg_read(s, at + LINK_SRV_Q_USED);
    uint32_t resume =
            reg_read(s, at + LINK_SRV_Q_RESUME); /* stock clients: bit 31 says that it is valid */
    uint16_t used_idx = (resume & BIT(31)) != 0 ? (uint16_t)resume : 0;
    if ((resume & BIT(31)) != 0)
        loop_ring(s->boot->id); /* its last word may never have been said */
    if (!part_is_inside(s, desc, entry_count * sizeof(struct vring_desc), VRING_DESC_ALIGN_SIZE)) {
        return ERR_PEER;
    }
    if (!part_is_inside(s, avail, 4 + 2 * (uint64_t)entry_count, VRING_AVAIL_ALIGN_SIZE)) {
        return ERR_PEER;
    }
    if (!part_is_inside(s, used, 4 + 8 * (uint64_t)entry_count, VRING_USED_ALIGN_SIZE)) {
        return ERR_PEER;
    }
    struct virtq_device *q = &s->queue[queue_idx];
    q->window = (struct virtq_window){
        .client_base = s->boot->client_window_ipa,
        .size_bytes = s->boot->window_bytes,
        .write_offset = s->boot->own_client ? LINK_SERVER_RO_BYTES(s->boot->queue_count) : 0,
    };
    return virtq_device_start(q, s->window + desc, s->window + avail, s->window + used, entry_count,
                              used_idx);
}

err_t serve_try_start(struct serve *s)
{
    const uint32_t both = VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET;
    if ((reg_read(s, LINK_SRV_STATUS) & both) != VIRTIO_CONFIG_S_DRIVER_OK) return ERR_AGAIN;
    for (uint32_t q = 0; q < s->boot->queue_count; q++) {
        bool ready = reg_read(s, LINK_SRV_QUEUE + q * LINK_SRV_QUEUE_STEP + LINK_SRV_Q_READY) == 1;
        if (ready ? queue_start(s, q) != OK : q == 0) {
            serve_fail(s);
            return ERR_PEER;
        }
        if (!ready) s->queue[q].entry_count = 0;
    }
    s->running = true;
    return OK;
}

void serve_ack_reset(struct serve *s)
{
    s->running = false;
    /* our last access to the window comes before the client may reuse it; pairs with its Status
     * read */
    mmio_barrier();
    reg_write(s, LINK_SRV_RESET_ACK, 1);
}

void serve_fail(struct serve *s)
{
    s->running = false;
    reg_write(s, LINK_SRV_NEEDS_RESET, 1);
}

void serve_interrupt(struct serve *s, uint32_t queue_idx)
{
    if (virtq_wants_interrupt(&s->queue[queue_idx])) loop_ring(s->boot->id);
}

void serve_declare_slow(struct serve *s)
{
    reg_write(s, LINK_SRV_SLOW, 1);
}
