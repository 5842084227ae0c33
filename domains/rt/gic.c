/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The emulated GICv3. Its pages trap, so start-up is as short as it can be: groups, triggers and
 * routes are fixed by EL2. */
#include "domains/rt/gic.h"

#include "lib/mmio.h"

#define GICD_CTLR         0x0000
#define GICD_CTLR_GROUP1  BIT(1)
#define GICD_ISENABLER(n) (0x0100 + 4 * (n))
#define GICR_WAKER        0x0014
#define GICR_SGI_FRAME    0x10000
#define GICR_ISENABLER0   (GICR_SGI_FRAME + 0x0100)

static struct {
    uint8_t *dist, *redist; /* set once at start */
} gic;

void gic_start(const struct bootinfo *boot)
{
    gic.dist = (uint8_t *)(uintptr_t)boot->gicd_ipa;
    gic.redist = (uint8_t *)(uintptr_t)boot->gicr_ipa;
    mmio_write32(gic.redist + GICR_WAKER, 0);
    mmio_write32(gic.dist + GICD_CTLR, GICD_CTLR_GROUP1);
    SYSREG_WRITE(ICC_SRE_EL1, 7);
    isb();
    SYSREG_WRITE(ICC_CTLR_EL1, 0); /* one write ends an interrupt */
    SYSREG_WRITE(ICC_PMR_EL1, 0xff);
    SYSREG_WRITE(ICC_IGRPEN1_EL1, 1);
    isb();
}

void gic_enable(uint32_t intid)
{
    uint8_t *reg =
            intid < 32 ? gic.redist + GICR_ISENABLER0 : gic.dist + GICD_ISENABLER(intid / 32);
    mmio_write32(reg, 1U << intid % 32);
}
