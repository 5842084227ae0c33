/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The entropy domain: bytes of a virtio-rng PCI device for one link. docs/write-a-driver-domain.md tells how it came to be. */
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>

#include "domains/rt/hvc.h"
#include "domains/rt/loop.h"
#include "domains/rt/rt.h"
#include "domains/rt/serve.h"
#include "lib/mmio.h"
#include "lib/string.h"
#include "lib/virtq/driver.h"

#define DEVICE_IDX    0 /* the domain has one device */
#define RING_ENTRIES  4
#define BATCH_BYTES   64 /* asked of the device at a time */
#define RESET_STEP_NS 1000000
#define RESET_STEPS   100

/* All that the device reads and writes by itself: one page of our RAM, whose IPA is its address. */
struct shared {
    uint8_t desc[1024], avail[1024], used[1024];
    volatile uint8_t bytes[BATCH_BYTES];
};

static struct {
    uint8_t *common, *isr, *notify; /* structures of virtio v1.2 section 4.1.4, device memory */
    struct virtq_driver queue;
    struct serve serve;
    struct virtq_chain chain; /* the client's request in hand */
    bool has_request;
    bool is_asked;       /* the device has our buffer */
    uint32_t have_bytes; /* of shared.bytes, given to nobody yet */
    struct shared shared __attribute__((aligned(4096)));
} rng;

/* Nothing of an earlier incarnation is left in the device once it says 0: only then may its DMA be let through. */
static void device_reset(void)
{
    mmio_write8(rng.common + VIRTIO_PCI_COMMON_STATUS, 0);
    for (uint32_t i = 0; mmio_read8(rng.common + VIRTIO_PCI_COMMON_STATUS) != 0; i++) {
        if (i == RESET_STEPS) hvc_panic("rng: the device does not finish its reset");
        loop_sleep_ns(RESET_STEP_NS);
    }
    if (hvc_dma_enable(DEVICE_IDX) != OK) hvc_panic("rng: EL2 does not open the device's stream");
}

static void device_address(uint32_t low_reg, const void *memory)
{
    uint64_t address = (uint64_t)(uintptr_t)memory;
    mmio_write32(rng.common + low_reg, (uint32_t)address);
    mmio_write32(rng.common + low_reg + 4, (uint32_t)(address >> 32));
}

static void device_status(uint8_t status)
{
    mmio_write8(rng.common + VIRTIO_PCI_COMMON_STATUS, status);
    if (mmio_read8(rng.common + VIRTIO_PCI_COMMON_STATUS) != status) {
        hvc_panic("rng: the device refuses a step of its start");
    }
}

static void device_start(void)
{
    const uint32_t needed = BIT(VIRTIO_F_VERSION_1 - 32) | BIT(VIRTIO_F_ACCESS_PLATFORM - 32);
    uint8_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
    device_status(status);
    mmio_write32(rng.common + VIRTIO_PCI_COMMON_DFSELECT, 1);
    if ((mmio_read32(rng.common + VIRTIO_PCI_COMMON_DF) & needed) != needed) {
        hvc_panic("rng: the device is no virtio 1.0 device behind an IOMMU");
    }
    mmio_write32(rng.common + VIRTIO_PCI_COMMON_GFSELECT, 0);
    mmio_write32(rng.common + VIRTIO_PCI_COMMON_GF, 0);
    mmio_write32(rng.common + VIRTIO_PCI_COMMON_GFSELECT, 1);
    mmio_write32(rng.common + VIRTIO_PCI_COMMON_GF, needed);
    device_status(status |= VIRTIO_CONFIG_S_FEATURES_OK);
    mmio_write16(rng.common + VIRTIO_PCI_COMMON_Q_SELECT, 0);
    mmio_write16(rng.common + VIRTIO_PCI_COMMON_Q_SIZE, RING_ENTRIES);
    if (virtq_driver_start(&rng.queue, rng.shared.desc, rng.shared.avail, rng.shared.used,
                           RING_ENTRIES) != OK) {
        hvc_panic("rng: a ring of a wrong size");
    }
    device_address(VIRTIO_PCI_COMMON_Q_DESCLO, rng.shared.desc);
    device_address(VIRTIO_PCI_COMMON_Q_AVAILLO, rng.shared.avail);
    device_address(VIRTIO_PCI_COMMON_Q_USEDLO, rng.shared.used);
    mmio_barrier(); /* the empty ring before the device looks at it */
    mmio_write16(rng.common + VIRTIO_PCI_COMMON_Q_ENABLE, 1);
    device_status(status | VIRTIO_CONFIG_S_DRIVER_OK);
}

static void device_ask(void)
{
    struct virtq_buffer buffer = { .addr = (uint64_t)(uintptr_t)rng.shared.bytes,
                                   .size_bytes = BATCH_BYTES,
                                   .device_writes = true };
    uint16_t head;
    if (rng.is_asked) return;
    if (virtq_post(&rng.queue, &buffer, 1, &head) != OK) hvc_panic("rng: no free descriptor");
    mmio_barrier();              /* the ring before its doorbell */
    mmio_write16(rng.notify, 0); /* queue 0; its offset is 0 times the multiplier */
    rng.is_asked = true;
}

/* Reading the cause also takes the interrupt line back. The device may say anything: virtq_pop bounds it. */
static void on_irq(void *ctx)
{
    struct virtq_done done;
    (void)ctx;
    (void)mmio_read8(rng.isr);
    err_t e = virtq_pop(&rng.queue, &done);
    if (e == ERR_PEER) hvc_panic("rng: the device breaks the virtio protocol");
    if (e != OK) return;
    rng.is_asked = false;
    rng.have_bytes = done.written_bytes;
}

static void on_events(void *ctx, uint32_t events)
{
    (void)ctx;
    if (events &
        LINK_EV_RESET) { /* the device writes our own page only: nothing else to wait for */
        rng.has_request = false;
        serve_ack_reset(&rng.serve);
    }
    if ((events & LINK_EV_STATUS) && !rng.serve.running && serve_try_start(&rng.serve) != OK) {
        return; /* not yet, or the client was told to reset */
    }
}

/* Each byte is given once, and no copy of it stays here. */
static void answer(void)
{
    uint32_t written_bytes = 0;
    const struct virtq_piece *piece = &rng.chain.piece[rng.chain.read_count];
    for (uint32_t i = 0; i < rng.chain.write_count; i++) {
        for (uint32_t k = 0; k < piece[i].size_bytes && written_bytes < rng.have_bytes; k++) {
            rng.serve.window[piece[i].offset + k] = rng.shared.bytes[written_bytes++];
        }
    }
    for (uint32_t i = 0; i < BATCH_BYTES; i++) rng.shared.bytes[i] = 0;
    rng.have_bytes = 0;
    rng.has_request = false;
    virtq_complete(&rng.serve.queue[0], rng.chain.head, written_bytes);
    serve_interrupt(&rng.serve, 0);
}

static bool work(void *ctx)
{
    (void)ctx;
    if (!rng.serve.running) return false;
    if (!rng.has_request) {
        err_t e = virtq_fetch(&rng.serve.queue[0], &rng.chain);
        if (e == ERR_PEER) serve_fail(&rng.serve);
        if (e != OK) return false;
        rng.has_request = true;
    }
    if (rng.have_bytes == 0) {
        device_ask();
        return false; /* its interrupt brings us back */
    }
    answer();
    return true;
}

_Noreturn void domain_main(const struct bootinfo *boot)
{
    if (boot->device_count != 1 || boot->link_count != 1) {
        hvc_panic("rng: the manifest must give one device and one link");
    }
    uint8_t *regs = (uint8_t *)(uintptr_t)boot->device[DEVICE_IDX].mmio_ipa;
    rng.common = regs + rt_param("common", 0);
    rng.isr = regs + rt_param("isr", 0x1000);
    rng.notify = regs + rt_param("notify", 0x3000);
    device_reset();
    device_start();
    loop_add(boot->device[DEVICE_IDX].intid, on_irq, NULL);
    loop_add_link(boot->link[0].id, on_events, NULL);
    if (serve_init(&rng.serve, &boot->link[0], VIRTIO_ID_RNG) != OK) {
        hvc_panic("rng: the link is not of type entropy");
    }
    serve_publish(&rng.serve, 0, NULL, 0);
    loop_run(work, NULL);
}
