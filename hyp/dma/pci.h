/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* PCI bus 0: found, quieted and configured by EL2 alone. No domain ever sees configuration space. */
#pragma once
#include "hyp/addr.h"
#include "hyp/platform.h"

#define PCI_FUNCTION_MAX 32

struct pci_function {
    uint32_t slot; /* function 0 of device `slot` on bus 0; others are logged and kept off */
    uint16_t vendor, device;
    uint32_t class_code; /* 24 bits */
    uint32_t intid;      /* of its INTx pin; 0 none */
    uint32_t stream_id;
    bool bypasses_iommu; /* virtio without VIRTIO_F_ACCESS_PLATFORM */
};

/** Enumerates bus 0: memory, I/O and bus mastering off everywhere. ERR_NO_ENTRY: no bridge. Context: EL2 boot. */
err_t pci_start(const struct platform *p) MUST_CHECK;
uint32_t pci_function_count(void);
const struct pci_function *pci_function_at(uint32_t index);
/**
 * Assigns BARs (each page-aligned, from the bridge's 32-bit window), turns memory decoding on, bus mastering stays off.
 * *regs gets BAR 0, of a virtio device the BAR of its common structure; whole pages. ERR_NO_ENTRY: no such function. ERR_NO_MEMORY: window
 * full. ERR_NOT_SUPPORTED: a bridge, no memory there, or a BAR that is no power of two. ERR_IO: a BAR does not keep its address. On error
 * memory decoding stays off. Context: EL2 boot.
 */
err_t pci_assign(uint32_t slot, struct pa_range *regs) MUST_CHECK;
/** Bus mastering of an assigned function. Context: EL2, any; two config accesses. */
void pci_bus_master(uint32_t slot, bool on);
