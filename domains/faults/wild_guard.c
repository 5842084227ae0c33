/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Fault build: each incarnation tries another way past the DMA guard of its SD Host Controller. */
#include <stddef.h>

#include "domains/faults/fault.h"
#include "domains/rt/hvc.h"
#include "domains/rt/rt.h"
#include "domains/rt/seam.h"
#include "drivers/sdhci/sdhci.h"
#include "lib/format.h"
#include "lib/mmio.h"

/*
 * Parameters besides those of fault.h:
 *   targets=N  the first N incarnations aim a chain at the pages 0=P, 1=P, ...; those after them run the attacks below, in order
 *   first=K    begin with attack K
 */
#define READ_ONE 0x113a0011U /* CMD17 with DMA */

static void table_set(struct sdhci *s, uint32_t i, uint16_t attr, uint16_t size_bytes,
                      uint32_t addr)
{
    s->table[i] = (struct sdhci_desc){ attr, size_bytes, addr };
}

/* A read of one block at sector 0 through a table at `table`. */
static void read_one(struct sdhci *s, uint32_t table, uint32_t command)
{
    mmio_write32(s->regs + 0x58, table);
    mmio_write32(s->regs + 0x04, 512 | 1 << 16);
    mmio_write32(s->regs + 0x08, 0);
    mmio_barrier();
    mmio_write32(s->regs + 0x0c, command);
}

static void read_through(struct sdhci *s, uint16_t attr, uint16_t size_bytes, uint32_t addr)
{
    table_set(s, 0, attr, size_bytes, addr);
    table_set(s, 1, 0x23, 512, (uint32_t)fault_addr());
    read_one(s, (uint32_t)(uintptr_t)s->table, READ_ONE);
}

static void plain(struct sdhci *s, uint32_t offset, uint32_t value)
{
    mmio_write32(s->regs + offset, value);
}

/* A chain that is right when it is checked, and wild at once after. */
static void edit_after_check(struct sdhci *s)
{
    read_through(s, 0x23, 512, DOMAIN_RAM_IPA + MIB(1));
    for (uint32_t round = 0; round < 100; round++) {
        for (uint32_t i = 0; i < SDHCI_DESC_MAX; i++) {
            table_set(s, i, 0x21, 4096, (uint32_t)fault_addr());
        }
    }
    hvc_panic("edited");
}

static void attack(struct sdhci *s, uint64_t which)
{
    uint32_t own = DOMAIN_RAM_IPA + MIB(1), wild = (uint32_t)fault_addr();
    switch (which) {
    case 0:
        return plain(s, 0x00, wild); /* SDMA */
    case 1:
        return plain(s, 0x5c, 1); /* above 4 GiB */
    case 2:
        return plain(s, 0x78, wild); /* ADMA3 */
    case 3:
        return plain(s, 0x28, 0x0f1a); /* 64-bit ADMA2 */
    case 4:
        return plain(s, 0x3c, 0x30000000); /* version 4, 64-bit */
    case 5:
        return plain(s, 0x188, wild); /* command queue */
    case 6:
        return plain(s, 0x2c, 0x04000000); /* reset of the data line alone */
    case 7:
        return mmio_write8(s->regs + 0x28, 0);
    case 8:
        return mmio_write16(s->regs + 0x0c, 0x11);
    case 9:
        return mmio_write64(s->regs + 0x58, wild);
    case 10:
        return read_one(s, wild, READ_ONE); /* a table elsewhere */
    case 11:
        return read_through(s, 0x23, 0, own); /* 64 KiB */
    case 12:
        return read_through(s, 0x23, 512, 0xfffffffc);
    case 13:
        return read_through(s, 0x31, 0, wild); /* a link to another table */
    case 14:
        return read_through(s, 0x23, 1024, own); /* more than the blocks */
    case 15:
        return read_through(s, 0x23, 508, own); /* less */
    case 16:
        return read_through(s, 0x23, 512, DOMAIN_RAM_IPA); /* its own code */
    case 17:
        return read_one(s, (uint32_t)(uintptr_t)s->table, 0x261b0000); /* erase */
    case 18:
        return read_one(s, (uint32_t)(uintptr_t)s->table, 0x0d3a0011); /* a status by DMA */
    case 19:
        return read_one(s, (uint32_t)(uintptr_t)s->table, 0x123a003b); /* auto CMD23 */
    case 20: /* two registers at once: no syndrome */
        __asm__ volatile("stp %w0, %w0, [%1]" ::"r"(wild), "r"(s->regs + 0x58) : "memory");
        return;
    default:
        return edit_after_check(s);
    }
}

void seam_submit(const struct blk_driver *driver, void *device, struct blk_request *request)
{
    uint64_t i = rt_bootinfo()->generation, targets = rt_param("targets", 0);
    if (request->op != BLK_FLUSH && fault_due()) {
        if (i >= targets) {
            attack(device, i - targets + rt_param("first", 0));
            hvc_panic("fault build: nobody stopped it");
        }
        char name[2] = { (char)('0' + i), '\0' };
        request->piece[0].addr = rt_param(name, 0) * PAGE_SIZE;
    }
    driver->submit(device, request);
}
