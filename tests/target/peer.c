/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The other end of the doorbell bench: a server that rings back, waiting as domains/rt does. Descriptor 7 hangs it. */
#include "lib/mmio.h"
#include "rt/rt.h"

void image_main(const struct bootinfo *boot)
{
    const struct boot_link *l = &boot->link[0];
    volatile uint8_t *regs = (volatile uint8_t *)l->regs_ipa;
    mmio_write32(regs + LINK_SRV_FEATURES_LO, 1 << 9);
    mmio_write32(regs + LINK_SRV_PUBLISH, 1);
    uint64_t ring = 0;
    for (;;) {
        uint64_t x[7];
        if (rt_call(HVC_LINK_WAIT, ring, 0, 0, x) != OK) return;
        uint64_t events = x[1] >> (8 * l->id) & 0xff;
        if (events & LINK_EV_RESET) mmio_write32(regs + LINK_SRV_RESET_ACK, 1);
        ring = events & LINK_EV_DOORBELL ? 1U << l->id : 0;
    }
}
