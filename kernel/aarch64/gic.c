/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * GICv3 as this domain sees it: the CPU interface is virtualised by the core, distributor and redistributor are emulated by
 * EL2, hence touched only when a line is turned on or off. 32-bit accesses only.
 */
#include "kernel/aarch64/cpu.h"
#include "kernel/aarch64/sysreg.h"
#include "kernel/arch.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/log.h"
#include "lib/mmio.h"

/* IHI 0069: offsets in the distributor, and in the second page (SGI_base) of a redistributor. */
#define GICD_CTLR       0x0000
#define GICD_IGROUPR    0x0080
#define GICD_ISENABLER  0x0100
#define GICD_ICENABLER  0x0180
#define GICD_IPRIORITYR 0x0400
#define GICD_ICFGR      0x0c00
#define GICD_IROUTER    0x6000
#define GICR_WAKER      0x0014
#define GICR_SGI_BASE   0x10000

#define GICD_CTLR_RWP    BIT(31)
#define GICD_CTLR_ARE    BIT(4)
#define GICD_CTLR_GRP1   BIT(1)
#define WAKER_SLEEP      BIT(1)
#define WAKER_ASLEEP     BIT(2)
#define HANDSHAKE_READS  100
#define GICD_BYTES       KIB(64)
#define GICR_BYTES       KIB(128) /* of each core */
#define SGI_KICK         0U
#define PRIORITY_DEFAULT 0xa0U
#define SPI_FIRST        32U

static struct {
    volatile char *gicd, *gicr; /* mapped for ever */
    uint32_t timer_intid;
} gic;

/* The 32-bit register of an interrupt in a bank with `bits` bits for each; private ones live in the redistributor. */
static volatile void *bank(uint32_t offset, uint32_t intid, uint32_t bits)
{
    volatile char *own = gic.gicr + this_cpu()->index * GICR_BYTES + GICR_SGI_BASE;
    volatile char *base = intid < SPI_FIRST ? own : gic.gicd;
    return base + offset + intid * bits / 32 * 4;
}

static void field_set(uint32_t offset, uint32_t intid, uint32_t bits, uint32_t value)
{
    volatile void *reg = bank(offset, intid, bits);
    uint32_t shift = intid * bits % 32, mask = (uint32_t)((UINT64_C(1) << bits) - 1) << shift;
    mmio_write32(reg, (mmio_read32(reg) & ~mask) | value << shift);
}

static void handshake_wait(volatile void *reg, uint32_t busy)
{
    for (uint32_t i = 0; i < HANDSHAKE_READS; i++) {
        if (!(mmio_read32(reg) & busy)) return;
    }
    klog("kernel: the interrupt controller does not answer\n");
}

void gic_start(const struct bootinfo *boot)
{
    gic.gicd = cpu_device_map(boot->gicd_ipa, GICD_BYTES);
    gic.gicr = cpu_device_map(boot->gicr_ipa, GICR_BYTES * boot->vcpu_count);
    mmio_write32(gic.gicd + GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_GRP1);
    handshake_wait(gic.gicd + GICD_CTLR, GICD_CTLR_RWP);
    gic.timer_intid = boot->vtimer_intid;
    irq_timer_set(boot->vtimer_intid);
    irq_kick_set(SGI_KICK);
    gic_cpu_start();
}

void gic_cpu_start(void)
{
    volatile char *waker = gic.gicr + this_cpu()->index * GICR_BYTES + GICR_WAKER;
    mmio_write32(waker, mmio_read32(waker) & (uint32_t)~WAKER_SLEEP);
    handshake_wait(waker, WAKER_ASLEEP);
    SYSREG_WRITE(ICC_SRE_EL1, 7);
    __asm__ volatile("isb" ::: "memory");
    SYSREG_WRITE(ICC_PMR_EL1, 0xff);
    SYSREG_WRITE(ICC_CTLR_EL1, ICC_CTLR_EOIMODE);
    SYSREG_WRITE(ICC_IGRPEN1_EL1, 1);
    __asm__ volatile("isb" ::: "memory");
    arch_irq_enable(gic.timer_intid, false);
    arch_irq_enable(SGI_KICK, true);
}

void arch_cpu_kick(uint32_t index)
{
    __asm__ volatile("dsb ishst" ::: "memory"); /* what it is for is seen by whom it wakes */
    SYSREG_WRITE(ICC_SGI1R_EL1, (uint64_t)SGI_KICK << 24 | BIT(index));
    __asm__ volatile("isb" ::: "memory");
}

void arch_irq_enable(uint32_t intid, bool edge)
{
    if (intid >= SPI_FIRST) {
        volatile char *router = gic.gicd + GICD_IROUTER + intid * 8;
        mmio_write32(router, 0); /* core 0, affinity 0.0.0.0 */
        mmio_write32(router + 4, 0);
        field_set(GICD_ICFGR, intid, 2, edge ? 2 : 0);
    }
    field_set(GICD_IGROUPR, intid, 1, 1);
    field_set(GICD_IPRIORITYR, intid, 8, PRIORITY_DEFAULT);
    mmio_barrier();
    mmio_write32(bank(GICD_ISENABLER, intid, 1), UINT32_C(1) << intid % 32);
}

void arch_irq_disable(uint32_t intid)
{
    mmio_write32(bank(GICD_ICENABLER, intid, 1), UINT32_C(1) << intid % 32);
}

uint32_t arch_irq_claim(void)
{
    uint32_t intid = (uint32_t)SYSREG_READ(ICC_IAR1_EL1);
    __asm__ volatile("dsb sy" ::: "memory"); /* acknowledged before anything it announces is read */
    return intid;
}

void arch_irq_complete(uint32_t intid)
{
    SYSREG_WRITE(ICC_EOIR1_EL1, intid);
}

void arch_irq_deactivate(uint32_t intid)
{
    SYSREG_WRITE(ICC_DIR_EL1, intid);
    __asm__ volatile("isb" ::: "memory");
}
