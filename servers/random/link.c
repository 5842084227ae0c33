/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Client of an entropy link. */
#include "servers/random/link.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#include "abi/link.h"
#include "lib/mmio.h"
#include "servers/rt/time.h"

#define LINK_IRQ_BIT    1U
#define RESET_STEP_NS   UINT64_C(1000000)
#define RESET_STEPS     20
#define ANSWER_NS       UINT64_C(100000000)
#define FEATURES_HIGH   (BIT(VIRTIO_F_VERSION_1 - 32) | BIT(VIRTIO_F_ACCESS_PLATFORM - 32))
#define DRIVER_STATUS   (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define FEATURES_STATUS (DRIVER_STATUS | VIRTIO_CONFIG_S_FEATURES_OK)

static uint32_t reg_read(const struct entropy_link *l, uint32_t offset)
{
    return mmio_read32(l->regs + offset);
}

static void reg_write(const struct entropy_link *l, uint32_t offset, uint32_t value)
{
    mmio_write32(l->regs + offset, value);
}

static void set_address(const struct entropy_link *l, uint32_t low, uint64_t offset)
{
    uint64_t address = l->info.window_ipa + offset;
    reg_write(l, low, (uint32_t)address);
    reg_write(l, low + 4, (uint32_t)(address >> 32));
}

err_t entropy_open(struct entropy_link *l, handle_t link)
{
    handle_t regs = HANDLE_NONE, window = HANDLE_NONE;
    uint64_t regs_at = 0, window_at = 0;
    memset(l, 0, sizeof(*l));
    if (link == HANDLE_NONE) return OK;
    err_t e = sys_link_info(link, &l->info);
    if (e == OK && (l->info.device_id != VIRTIO_ID_RNG || l->info.queue_count != 1 ||
                    l->info.window_bytes < LINK_DATA_OFF(1) + LINK_BATCH_BYTES)) {
        e = ERR_NOT_SUPPORTED;
    }
    if (e == OK) e = sys_link_open(link, &regs, &window, &l->irq);
    if (e == OK) {
        e = sys_vmo_map(HANDLE_SELF, regs, 0, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_DEVICE, 0,
                        &regs_at);
    }
    if (e == OK) {
        e = sys_vmo_map(HANDLE_SELF, window, 0, l->info.window_bytes, PROT_READ | PROT_WRITE, 0,
                        &window_at);
    }
    if (e == OK) e = sys_notification_create(&l->notification);
    if (e == OK) e = sys_irq_bind(l->irq, l->notification, LINK_IRQ_BIT);
    if (e != OK) return e;
    l->link = link;
    l->window = (uint8_t *)window_at;
    l->regs = (volatile uint8_t *)regs_at;
    return OK;
}

/* Until Status reads 0 the domain may still write into the window. */
static bool reset(struct entropy_link *l)
{
    l->is_up = false;
    reg_write(l, VIRTIO_MMIO_STATUS, 0);
    for (uint32_t i = 0; i < RESET_STEPS; i++) {
        if (reg_read(l, VIRTIO_MMIO_STATUS) == 0) return true;
        time_sleep_ns(RESET_STEP_NS);
    }
    return false;
}

static bool bring_up(struct entropy_link *l)
{
    uint8_t *w = l->window;
    uint32_t size = (uint32_t)l->info.queue_size;
    if (reg_read(l, LINK_CLIENT_SERVER) != LINK_SERVER_PUBLISHED || !reset(l)) return false;
    l->incarnation = reg_read(l, LINK_CLIENT_INCARNATION);
    reg_write(l, VIRTIO_MMIO_STATUS, DRIVER_STATUS);
    reg_write(l, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    reg_write(l, VIRTIO_MMIO_DRIVER_FEATURES, 0);
    reg_write(l, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    reg_write(l, VIRTIO_MMIO_DRIVER_FEATURES, FEATURES_HIGH);
    reg_write(l, VIRTIO_MMIO_STATUS, FEATURES_STATUS);
    if (!(reg_read(l, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK)) return false;
    memset(w, 0, LINK_DATA_OFF(1));
    if (virtq_driver_start(&l->queue, w + LINK_DESC_OFF(0), w + LINK_AVAIL_OFF(0),
                           w + LINK_USED_OFF(1, 0), size) != OK) {
        return false;
    }
    reg_write(l, VIRTIO_MMIO_QUEUE_SEL, 0);
    reg_write(l, VIRTIO_MMIO_QUEUE_NUM, size);
    set_address(l, VIRTIO_MMIO_QUEUE_DESC_LOW, LINK_DESC_OFF(0));
    set_address(l, VIRTIO_MMIO_QUEUE_AVAIL_LOW, LINK_AVAIL_OFF(0));
    set_address(l, VIRTIO_MMIO_QUEUE_USED_LOW, LINK_USED_OFF(1, 0));
    reg_write(l, VIRTIO_MMIO_QUEUE_READY, 1);
    reg_write(l, VIRTIO_MMIO_STATUS, FEATURES_STATUS | VIRTIO_CONFIG_S_DRIVER_OK);
    uint32_t status = reg_read(l, VIRTIO_MMIO_STATUS);
    return (status & VIRTIO_CONFIG_S_DRIVER_OK) && !(status & VIRTIO_CONFIG_S_NEEDS_RESET) &&
           reg_read(l, LINK_CLIENT_INCARNATION) == l->incarnation;
}

/* The answer to the one request in flight; false: none in time, or no honest one. */
static bool wait_answer(struct entropy_link *l, struct virtq_done *done)
{
    uint64_t deadline = time_deadline_ns(ANSWER_NS), bits;
    for (;;) {
        err_t e = virtq_pop(&l->queue, done);
        if (e != ERR_AGAIN) return e == OK;
        if (reg_read(l, LINK_CLIENT_INCARNATION) != l->incarnation) return false;
        if (sys_notification_wait(l->notification, LINK_IRQ_BIT, deadline, &bits) != OK) {
            return false;
        }
        (void)sys_irq_ack(l->irq);
    }
}

uint32_t entropy_read(struct entropy_link *l, uint8_t out[LINK_BATCH_BYTES])
{
    uint8_t *data = l->window + LINK_DATA_OFF(1);
    struct virtq_buffer buffer = { .addr = l->info.window_ipa + LINK_DATA_OFF(1),
                                   .size_bytes = LINK_BATCH_BYTES,
                                   .device_writes = true };
    struct virtq_done done = { 0 };
    uint64_t status = 0;
    uint16_t head = 0;
    if (!l->regs) return 0;
    uint32_t causes = reg_read(l, VIRTIO_MMIO_INTERRUPT_STATUS);
    if (causes & VIRTIO_MMIO_INT_CONFIG) reg_write(l, VIRTIO_MMIO_INTERRUPT_ACK, causes);
    if (reg_read(l, LINK_CLIENT_INCARNATION) != l->incarnation ||
        (reg_read(l, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET)) {
        l->is_up = false;
    }
    if (!l->is_up) l->is_up = bring_up(l);
    if (!l->is_up) return 0;
    l->is_up = virtq_post(&l->queue, &buffer, 1, &head) == OK;
    mmio_barrier(); /* the ring before the doorbell */
    if (!l->is_up || sys_link_kick(l->link, 0, &status) != OK || !wait_answer(l, &done)) {
        l->is_up =
                false; /* it is reset before it is asked again: the buffer is the domain's till then */
        return 0;
    }
    memcpy(out, data, done.written_bytes);
    memset(data, 0, LINK_BATCH_BYTES);
    return done.written_bytes;
}
