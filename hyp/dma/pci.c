/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* PCI bus 0 through ECAM: quiet everything, place BARs, switch bus mastering. */
#include "hyp/dma/pci.h"

#include "hyp/console.h"
#include "lib/mmio.h"

#define REG_VENDOR    0x00
#define REG_DEVICE    0x02
#define REG_COMMAND   0x04
#define REG_STATUS    0x06
#define REG_CLASS     0x08 /* class in bits 31..8, revision below */
#define REG_HEADER    0x0e
#define REG_BAR(i)    (0x10 + 4 * (i))
#define REG_ROM       0x30
#define REG_CAP_FIRST 0x34
#define REG_PIN       0x3d

#define COMMAND_MEMORY   BIT(1)
#define COMMAND_MASTER   BIT(2)
#define COMMAND_INTX_OFF BIT(10)
#define STATUS_CAPS      BIT(4)
#define HEADER_TYPE      BITS(6, 0)
#define HEADER_MULTI     BIT(7)
#define BAR_IS_IO        BIT(0)
#define BAR_TYPE         BITS(2, 1)
#define BAR_TYPE_64      2
#define BAR_ADDRESS      BITS(31, 4)
#define BAR_COUNT        6

/* virtio v1.2 section 4.1.4: capabilities that name parts of BARs, one of them a window to the others. */
#define VIRTIO_VENDOR 0x1af4
#define VIRTIO_MODERN \
    0x1040 /* lower device numbers also have the legacy interface, which knows no IOMMU */
#define CAP_VENDOR                     0x09
#define CAP_MAX                        48
#define VIRTIO_CAP_TYPE                3
#define VIRTIO_CAP_BAR                 4
#define VIRTIO_CAP_OFFSET              8
#define VIRTIO_CAP_LENGTH              12
#define VIRTIO_CAP_DATA                16
#define VIRTIO_COMMON                  1
#define VIRTIO_PCI_CFG                 5
#define COMMON_FEATURE_SELECT          0
#define COMMON_FEATURE                 4
#define FEATURE_WORD_1_ACCESS_PLATFORM BIT(1) /* bit 33 */

/* Written at boot only, before a second core runs. */
static struct {
    uint64_t ecam;                    /* of bus 0; 0: no bridge */
    uint64_t window_next, window_end; /* bus addresses not given out yet */
    uint64_t window_shift;            /* CPU address - bus address, mod 2^64 */
    uint32_t count;
    struct pci_function function[PCI_FUNCTION_MAX];
} pci;

static volatile uint8_t *config(uint32_t slot, uint32_t function, uint32_t reg)
{
    return (volatile uint8_t *)(uintptr_t)(pci.ecam + ((uint64_t)slot << 15) + (function << 12) +
                                           reg);
}

static INIT_CODE uint32_t cap_find(uint32_t slot, uint32_t virtio_type)
{
    if ((mmio_read16(config(slot, 0, REG_STATUS)) & STATUS_CAPS) == 0) return 0;
    uint32_t at = mmio_read8(config(slot, 0, REG_CAP_FIRST)) & 0xfc;
    for (int i = 0; i < CAP_MAX && at >= 0x40; i++) {
        bool found = mmio_read8(config(slot, 0, at)) == CAP_VENDOR &&
                     mmio_read8(config(slot, 0, at + VIRTIO_CAP_TYPE)) == virtio_type;
        if (found) return at;
        at = mmio_read8(config(slot, 0, at + 1)) & 0xfc;
    }
    return 0;
}

/* True when a virtio device does not offer to have its DMA translated: no fence would hold it. */
static INIT_CODE bool virtio_bypasses(uint32_t slot, uint16_t device)
{
    uint32_t common = cap_find(slot, VIRTIO_COMMON), window = cap_find(slot, VIRTIO_PCI_CFG);
    if (device < VIRTIO_MODERN || common == 0 || window == 0) return true;
    uint32_t offset = mmio_read32(config(slot, 0, common + VIRTIO_CAP_OFFSET));
    mmio_write8(config(slot, 0, window + VIRTIO_CAP_BAR),
                mmio_read8(config(slot, 0, common + VIRTIO_CAP_BAR)));
    mmio_write32(config(slot, 0, window + VIRTIO_CAP_LENGTH), 4);
    mmio_write32(config(slot, 0, window + VIRTIO_CAP_OFFSET), offset + COMMON_FEATURE_SELECT);
    mmio_write32(config(slot, 0, window + VIRTIO_CAP_DATA), 1);
    mmio_write32(config(slot, 0, window + VIRTIO_CAP_OFFSET), offset + COMMON_FEATURE);
    return (mmio_read32(config(slot, 0, window + VIRTIO_CAP_DATA)) &
            FEATURE_WORD_1_ACCESS_PLATFORM) == 0;
}

static INIT_CODE void quiet(uint32_t slot, uint32_t function)
{
    mmio_write16(config(slot, function, REG_COMMAND), (uint16_t)COMMAND_INTX_OFF);
}

static INIT_CODE void add_function(const struct platform *p, uint32_t slot)
{
    struct pci_function *f = &pci.function[pci.count++];
    *f = (struct pci_function){
        .slot = slot,
        .vendor = mmio_read16(config(slot, 0, REG_VENDOR)),
        .device = mmio_read16(config(slot, 0, REG_DEVICE)),
        .class_code = mmio_read32(config(slot, 0, REG_CLASS)) >> 8,
        .stream_id = slot << 3,
    };
    uint8_t pin = mmio_read8(config(slot, 0, REG_PIN));
    if (pin >= 1 && pin <= 4) f->intid = p->pci.intx_intid[slot][pin - 1];
    f->bypasses_iommu = f->vendor == VIRTIO_VENDOR && virtio_bypasses(slot, f->device);
}

INIT_CODE err_t pci_start(const struct platform *p)
{
    pci.count = 0;
    pci.ecam = 0;
    if (!p->pci.present) return ERR_NO_ENTRY;
    pci.ecam = p->pci.ecam.start.raw;
    pci.window_next = p->pci.mmio32_bus;
    pci.window_end = p->pci.mmio32_bus + p->pci.mmio32.size_bytes;
    pci.window_shift = p->pci.mmio32.start.raw - p->pci.mmio32_bus;
    for (uint32_t slot = 0; slot < PCI_FUNCTION_MAX; slot++) {
        if (mmio_read16(config(slot, 0, REG_VENDOR)) == 0xffff) continue;
        quiet(slot, 0);
        add_function(p, slot);
        if ((mmio_read8(config(slot, 0, REG_HEADER)) & HEADER_MULTI) == 0) continue;
        for (uint32_t function = 1; function < 8; function++) {
            if (mmio_read16(config(slot, function, REG_VENDOR)) == 0xffff) continue;
            quiet(slot, function);
            log_line("pci: slot %u function %u: kept off, only function 0 can be given to a domain",
                     slot, function);
        }
    }
    return OK;
}

uint32_t pci_function_count(void)
{
    return pci.count;
}

const struct pci_function *pci_function_at(uint32_t index)
{
    return index < pci.count ? &pci.function[index] : NULL;
}

/* Places one BAR. *out: where the CPU sees it, whole pages. *is_64: it takes the next BAR's place, too. */
static INIT_CODE err_t place_bar(uint32_t slot, uint32_t index, struct pa_range *out, bool *is_64)
{
    volatile uint8_t *bar = config(slot, 0, REG_BAR(index));
    *out = (struct pa_range){ { 0 }, 0 };
    *is_64 = false;
    mmio_write32(bar, 0);
    uint32_t kind = mmio_read32(bar);
    if (kind & BAR_IS_IO) return OK; /* I/O decoding stays off */
    *is_64 = FIELD_OF(BAR_TYPE, kind) == BAR_TYPE_64;
    if (*is_64 && index + 1 == BAR_COUNT) return ERR_NOT_SUPPORTED;
    if (*is_64) {
        mmio_write32(bar + 4, UINT32_MAX);
        bool too_large = mmio_read32(bar + 4) != UINT32_MAX;
        mmio_write32(bar + 4, 0);
        if (too_large) return ERR_NO_MEMORY; /* 4 GiB and more never fit into the 32-bit window */
    }
    mmio_write32(bar, UINT32_MAX);
    uint32_t mask = mmio_read32(bar) & (uint32_t)BAR_ADDRESS;
    mmio_write32(bar, 0);
    if (mask == 0) return OK; /* not implemented */
    uint64_t bytes = MAX((uint64_t)(uint32_t)(0 - mask), PAGE_SIZE);
    if ((bytes & (bytes - 1)) != 0) return ERR_NOT_SUPPORTED; /* a mask with holes */
    uint64_t at = ALIGN_UP(pci.window_next, bytes);
    if (!range_is_inside(at, bytes, pci.window_next, pci.window_end)) return ERR_NO_MEMORY;
    mmio_write32(bar, (uint32_t)at);
    if ((mmio_read32(bar) & BAR_ADDRESS) != at) return ERR_IO;
    pci.window_next = at + bytes;
    *out = (struct pa_range){ { at + pci.window_shift }, bytes };
    return OK;
}

INIT_CODE err_t pci_assign(uint32_t slot, struct pa_range *regs)
{
    const struct pci_function *f = NULL;
    for (uint32_t i = 0; i < pci.count; i++) {
        if (pci.function[i].slot == slot) f = &pci.function[i];
    }
    if (f == NULL) return ERR_NO_ENTRY;
    bool is_bridge = (mmio_read8(config(slot, 0, REG_HEADER)) & HEADER_TYPE) != 0;
    if (is_bridge) return ERR_NOT_SUPPORTED;
    quiet(slot, 0);
    mmio_write32(config(slot, 0, REG_ROM), 0);
    *regs = (struct pa_range){ { 0 }, 0 };
    uint32_t wanted = 0, common = f->vendor == VIRTIO_VENDOR ? cap_find(slot, VIRTIO_COMMON) : 0;
    if (common != 0) wanted = mmio_read8(config(slot, 0, common + VIRTIO_CAP_BAR));
    bool is_64;
    for (uint32_t i = 0; i < BAR_COUNT; i += is_64 ? 2 : 1) {
        struct pa_range range;
        err_t err = place_bar(slot, i, &range, &is_64);
        if (err != OK) return err;
        if (i == wanted) *regs = range;
    }
    if (regs->size_bytes == 0) return ERR_NOT_SUPPORTED; /* guards: T-891 */
    mmio_write16(config(slot, 0, REG_COMMAND), (uint16_t)COMMAND_MEMORY);
    return OK;
}

void pci_bus_master(uint32_t slot, bool on)
{
    if (pci.ecam == 0 || slot >= PCI_FUNCTION_MAX) return;
    volatile uint8_t *command = config(slot, 0, REG_COMMAND);
    uint32_t value = mmio_read16(command) & ~(uint32_t)COMMAND_MASTER;
    mmio_write16(command, (uint16_t)(on ? value | COMMAND_MASTER : value));
}
