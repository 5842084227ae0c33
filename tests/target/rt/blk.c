/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The smallest virtio-blk client. */
#include "blk.h"

#include "lib/mmio.h"

#define DESC_NEXT  1
#define DESC_WRITE 2
#define SECOND     62500000UL /* ticks on QEMU's virt */

static struct {
    uint16_t avail_idx, used_seen;
} ring;

void link_reg(uint64_t off, uint32_t value)
{
    mmio_write32((volatile void *)(rt_boot()->link[0].regs_ipa + off), value);
}

uint32_t link_get(uint64_t off)
{
    return mmio_read32((const volatile void *)(rt_boot()->link[0].regs_ipa + off));
}

static void reg64(uint64_t off, uint64_t value)
{
    link_reg(off, (uint32_t)value);
    link_reg(off + 4, (uint32_t)(value >> 32));
}

uint64_t blk_window(void)
{
    return rt_boot()->link[0].client_window_ipa;
}

static volatile uint8_t *at(uint64_t off)
{
    return (volatile uint8_t *)(rt_boot()->link[0].window_ipa + off);
}

volatile uint8_t *blk_data(void)
{
    return at(BLK_DATA_OFF);
}

bool link_reset(void)
{
    uint64_t end = rt_ticks() + 2 * SECOND;
    link_reg(R_STATUS, 0);
    while (link_get(R_STATUS) != 0) {
        if (rt_ticks() > end) return false;
    }
    return true;
}

bool link_start(void)
{
    const struct boot_link *l = &rt_boot()->link[0];
    uint64_t end = rt_ticks() + 2 * SECOND;
    if (!link_reset()) return false;
    for (uint64_t off = 0; off < LINK_DATA_OFF(1); off += 8) mmio_write64(at(off), 0);
    ring.avail_idx = ring.used_seen = 0;
    while (link_get(LINK_CLIENT_SERVER) != LINK_SERVER_PUBLISHED) {
        if (rt_ticks() > end) return false;
    }
    link_reg(R_STATUS, 1);
    link_reg(R_STATUS, 3);
    link_reg(R_DRIVER_FEATURES_SEL, 0);
    link_reg(R_DRIVER_FEATURES, 1 << 9); /* VIRTIO_BLK_F_FLUSH */
    link_reg(R_DRIVER_FEATURES_SEL, 1);
    link_reg(R_DRIVER_FEATURES, 3);
    link_reg(R_STATUS, 0xb);
    if (!(link_get(R_STATUS) & 8)) return false;
    link_reg(R_QUEUE_SEL, 0);
    link_reg(R_QUEUE_NUM, l->queue_size);
    reg64(R_QUEUE_DESC, blk_window() + LINK_DESC_OFF(0));
    reg64(R_QUEUE_AVAIL, blk_window() + LINK_AVAIL_OFF(0));
    reg64(R_QUEUE_USED, blk_window() + LINK_USED_OFF(1, 0));
    link_reg(R_QUEUE_READY, 1);
    link_reg(R_STATUS, STATUS_READY);
    return (link_get(R_STATUS) & (STATUS_READY | STATUS_NEEDS_RESET)) == STATUS_READY;
}

void ring_desc(uint32_t n, uint64_t address, uint32_t size_bytes, uint32_t flags, uint32_t next)
{
    volatile uint8_t *d = at(LINK_DESC_OFF(0) + 16UL * n);
    mmio_write64(d, address);
    mmio_write32(d + 8, size_bytes);
    mmio_write16(d + 12, (uint16_t)flags);
    mmio_write16(d + 14, (uint16_t)next);
}

uint16_t ring_used_idx(void)
{
    return mmio_read16(at(LINK_USED_OFF(1, 0) + 2));
}

bool ring_post(uint32_t head, uint64_t timeout_ticks, uint32_t *len)
{
    uint32_t entries = rt_boot()->link[0].queue_size;
    volatile uint8_t *avail = at(LINK_AVAIL_OFF(0));
    mmio_write16(avail + 4 + 2UL * (ring.avail_idx % entries), (uint16_t)head);
    mmio_barrier();
    mmio_write16(avail + 2, ++ring.avail_idx);
    mmio_barrier();
    link_reg(R_QUEUE_NOTIFY, 0);
    uint64_t end = rt_ticks() + timeout_ticks;
    while (ring_used_idx() == ring.used_seen) {
        if (rt_ticks() > end) return false;
    }
    link_reg(R_INTERRUPT_ACK, 3);
    volatile uint8_t *used = at(LINK_USED_OFF(1, 0) + 4 + 8UL * (ring.used_seen++ % entries));
    EXPECT_EQ(head, mmio_read32(used));
    *len = mmio_read32(used + 4);
    return true;
}

uint8_t blk_request(uint32_t type, uint64_t sector, uint32_t data_bytes)
{
    volatile uint8_t *header = at(LINK_HEADER_OFF(0)), *status = at(LINK_STATUS_OFF(1, 0));
    mmio_write32(header, type);
    mmio_write32(header + 4, 0);
    mmio_write64(header + 8, sector);
    mmio_write8(status, 0xff);
    ring_desc(0, blk_window() + LINK_HEADER_OFF(0), 16, DESC_NEXT, data_bytes ? 1 : 2);
    ring_desc(1, blk_window() + BLK_DATA_OFF, data_bytes,
              DESC_NEXT | (type == BLK_IN ? DESC_WRITE : 0), 2);
    ring_desc(2, blk_window() + LINK_STATUS_OFF(1, 0), 1, DESC_WRITE, 0);
    uint32_t len;
    if (!ring_post(0, 5 * SECOND, &len)) return 0xff;
    uint8_t got = mmio_read8(status);
    if (got == 0) EXPECT_EQ(type == BLK_IN ? data_bytes + 1 : 1, len);
    return got;
}
