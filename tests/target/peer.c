/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The other end of the doorbell bench: a server that rings back. */
#include "lib/mmio.h"
#include "rt/rt.h"

void image_main(const struct bootinfo *boot)
{
    const struct boot_link *l = &boot->link[0];
    volatile uint8_t *regs = (volatile uint8_t *)l->regs_ipa;
    rt_gic_start();
    rt_gic_enable(l->intid);
    mmio_write32(regs + LINK_SRV_FEATURES_LO, 1 << 9);
    mmio_write32(regs + LINK_SRV_PUBLISH, 1);
    for (;;) {
        (void)rt_gic_wait();
        uint32_t events = mmio_read32(regs + LINK_SRV_EVENTS);
        mmio_write32(regs + LINK_SRV_EVENTS, events);
        if (events & LINK_EV_RESET) mmio_write32(regs + LINK_SRV_RESET_ACK, 1);
        if (events & LINK_EV_DOORBELL) mmio_write32(regs + LINK_SRV_INTERRUPT, 1);
    }
}
