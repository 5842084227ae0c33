/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Physical GICv3: set-up and the few operations that EL2 needs. */
#include "hyp/aarch64/gicv3.h"

#include "hyp/aarch64/sysreg.h"
#include "hyp/core.h"
#include "lib/mmio.h"

#define GICD_CTLR        0x0000
#define GICD_TYPER       0x0004
#define GICD_IGROUPR     0x0080
#define GICD_ISENABLER   0x0100
#define GICD_ICENABLER   0x0180
#define GICD_ISPENDR     0x0200
#define GICD_ICPENDR     0x0280
#define GICD_ISACTIVER   0x0300
#define GICD_ICACTIVER   0x0380
#define GICD_IPRIORITYR  0x0400
#define GICD_ICFGR       0x0c00
#define GICD_IROUTER     0x6000
#define GICD_CTLR_RWP    BIT(31)
#define GICD_CTLR_ARE_NS BIT(4)
#define GICD_CTLR_ENABLE BITS(1, 0)

#define GICR_CTLR           0x0000
#define GICR_TYPER          0x0008
#define GICR_WAKER          0x0014
#define GICR_SGI_BASE       0x10000
#define GICR_FRAME          0x20000
#define GICR_TYPER_LAST     BIT(4)
#define GICR_WAKER_SLEEP    BIT(1)
#define GICR_WAKER_CHILDREN BIT(2)

#define POLL_MAX    100
#define PRIO_EL2    0x40 /* EL2's own timer outranks every line of a domain */
#define PRIO_DOMAIN 0x80
#define GUEST_PPIS  ((1U << PPI_VTIMER) | (1U << PPI_PTIMER))

static struct {
    uint8_t *gicd;          /* device registers; set once at boot */
    uint8_t *sgi[CORE_MAX]; /* SGI frame of each core's redistributor; set when the core starts */
    struct pa_range gicr;
    uint32_t spi_end;
    uint32_t ppis[CORE_MAX]; /* guest-visible PPIs that are on */
} gic;

static err_t rwp_wait(void)
{
    for (int i = 0; i < POLL_MAX; i++) {
        if (!(mmio_read32(gic.gicd + GICD_CTLR) & GICD_CTLR_RWP)) return OK;
    }
    return ERR_TIMEOUT;
}

/* The frame of this core: affinity in TYPER[63:32] against MPIDR. */
static uint8_t *redist_find(void)
{
    uint64_t mpidr = SYSREG_READ(mpidr_el1);
    uint64_t aff = (mpidr & 0xffffff) | ((mpidr >> 32 & 0xff) << 24);
    uint8_t *frame = (uint8_t *)(uintptr_t)gic.gicr.start.raw;
    for (uint64_t at = 0; at + GICR_FRAME <= gic.gicr.size_bytes; at += GICR_FRAME) {
        uint64_t typer = mmio_read64(frame + at + GICR_TYPER);
        if (typer >> 32 == aff) return frame + at;
        if (typer & GICR_TYPER_LAST) break; /* absent frames abort: never look further */
    }
    return NULL;
}

static err_t redist_start(uint8_t *frame)
{
    uint32_t waker = mmio_read32(frame + GICR_WAKER);
    mmio_write32(frame + GICR_WAKER, waker & ~(uint32_t)GICR_WAKER_SLEEP);
    bool awake = false;
    for (int i = 0; i < POLL_MAX && !awake; i++) {
        awake = !(mmio_read32(frame + GICR_WAKER) & GICR_WAKER_CHILDREN);
    }
    if (!awake) return ERR_TIMEOUT;
    uint8_t *sgi = gic.sgi[this_core()->index] = frame + GICR_SGI_BASE;
    mmio_write32(sgi + GICD_ICENABLER, UINT32_MAX);
    mmio_write32(sgi + GICD_ICPENDR, UINT32_MAX);
    mmio_write32(sgi + GICD_ICACTIVER, UINT32_MAX);
    mmio_write32(sgi + GICD_IGROUPR, UINT32_MAX);
    for (uint32_t i = 0; i < 32; i += 4) {
        mmio_write32(sgi + GICD_IPRIORITYR + i, PRIO_DOMAIN * 0x01010101U);
    }
    mmio_write8(sgi + GICD_IPRIORITYR + SGI_KICK, PRIO_EL2);
    mmio_write8(sgi + GICD_IPRIORITYR + PPI_HYP_TIMER, PRIO_EL2);
    mmio_write8(sgi + GICD_IPRIORITYR + PPI_MAINTENANCE, PRIO_EL2);
    gic.ppis[this_core()->index] = 0;
    mmio_write32(sgi + GICD_ISENABLER,
                 1U << SGI_KICK | 1U << PPI_HYP_TIMER | 1U << PPI_MAINTENANCE);
    return OK;
}

INIT_CODE err_t gic_start(const struct platform *p)
{
    gic.gicd = (uint8_t *)(uintptr_t)p->gicd.start.raw;
    mmio_write32(gic.gicd + GICD_CTLR, 0);
    err_t e = rwp_wait();
    if (e != OK) return e;
    gic.spi_end = MIN(32 * ((mmio_read32(gic.gicd + GICD_TYPER) & 31) + 1), 1020U);
    for (uint32_t i = 32; i < gic.spi_end; i += 32) {
        mmio_write32(gic.gicd + GICD_ICENABLER + i / 8, UINT32_MAX);
        mmio_write32(gic.gicd + GICD_ICPENDR + i / 8, UINT32_MAX);
        mmio_write32(gic.gicd + GICD_ICACTIVER + i / 8, UINT32_MAX);
        mmio_write32(gic.gicd + GICD_IGROUPR + i / 8, UINT32_MAX);
    }
    mmio_write32(gic.gicd + GICD_CTLR, (uint32_t)(GICD_CTLR_ARE_NS | GICD_CTLR_ENABLE));
    e = rwp_wait();
    if (e != OK) return e;
    gic.gicr = p->gicr;
    return gic_core_start();
}

err_t gic_core_start(void)
{
    uint8_t *frame = redist_find();
    if (!frame) return ERR_NO_ENTRY;
    err_t e = redist_start(frame);
    if (e != OK) return e;
    SYSREG_WRITE(ICC_SRE_EL2_REG, 0xf);
    isb();
    SYSREG_WRITE(ICC_SRE_EL1_REG, 7);
    SYSREG_WRITE(ICC_PMR, 0xff);
    SYSREG_WRITE(ICC_BPR1, 0);
    SYSREG_WRITE(ICC_CTLR, 2); /* EOImode: EOIR drops priority, DIR deactivates */
    SYSREG_WRITE(ICC_IGRPEN1, 1);
    isb();
    return OK;
}

void gic_core_stop(void)
{
    SYSREG_WRITE(ICC_IGRPEN1, 0);
    isb();
    uint8_t *frame = gic.sgi[this_core()->index] - GICR_SGI_BASE;
    mmio_write32(frame + GICR_WAKER, (uint32_t)GICR_WAKER_SLEEP);
}

void gic_ipi(uint64_t mpidr)
{
    uint64_t target = (mpidr >> 32 & 0xff) << 48 | (mpidr >> 16 & 0xff) << 32 |
                      (mpidr >> 8 & 0xff) << 16 | BIT(mpidr & 15) | FIELD(BITS(27, 24), SGI_KICK);
    dsb_sy(); /* what it is for is in memory before the core is told */
    SYSREG_WRITE(ICC_SGI1R, target | (mpidr >> 4 & 15) << 44);
    isb();
}

static uint8_t *bank(uint32_t intid)
{
    return intid < 32 ? gic.sgi[this_core()->index] : gic.gicd;
}

/* Writes the bit of an interrupt to a set or clear register. */
static void bit_write(uint32_t file, uint32_t intid)
{
    if (intid < gic.spi_end) mmio_write32(bank(intid) + file + intid / 32 * 4, 1U << (intid & 31));
}

void gic_enable(uint32_t intid, bool on)
{
    bit_write(on ? GICD_ISENABLER : GICD_ICENABLER, intid);
}

void gic_spi_target(uint32_t intid, uint32_t core)
{
    if (intid < 32 || intid >= gic.spi_end) return;
    mmio_write64(gic.gicd + GICD_IROUTER + (uint64_t)intid * 8, core_at(core)->mpidr);
}

void gic_spi_route(uint32_t intid, bool edge, uint32_t core)
{
    if (intid < 32 || intid >= gic.spi_end) return;
    uint8_t *cfg = gic.gicd + GICD_ICFGR + intid / 16 * 4;
    uint32_t shift = (intid & 15) * 2;
    mmio_write32(cfg, (mmio_read32(cfg) & ~(3U << shift)) | (edge ? 2U : 0U) << shift);
    mmio_write8(gic.gicd + GICD_IPRIORITYR + intid, PRIO_DOMAIN);
    gic_spi_target(intid, core);
}

bool gic_is_pending(uint32_t intid)
{
    if (intid >= gic.spi_end) return false;
    return mmio_read32(bank(intid) + GICD_ISPENDR + intid / 32 * 4) >> (intid & 31) & 1;
}

void gic_unpend(uint32_t intid)
{
    bit_write(GICD_ICPENDR, intid);
}

void gic_line_kill(uint32_t intid)
{
    bit_write(GICD_ICENABLER, intid);
    bit_write(GICD_ICPENDR, intid);
    bit_write(GICD_ICACTIVER, intid);
}

uint32_t gic_ack(void)
{
    uint32_t intid = (uint32_t)SYSREG_READ(ICC_IAR1);
    dsb_sy(); /* the acknowledge is seen before the device is touched */
    return intid;
}

void gic_eoi(uint32_t intid)
{
    SYSREG_WRITE(ICC_EOIR1, intid);
}

void gic_deactivate(uint32_t intid)
{
    SYSREG_WRITE(ICC_DIR, intid);
}

void gic_ppi_enable(uint32_t mask)
{
    uint32_t core = this_core()->index, changed = (mask ^ gic.ppis[core]) & GUEST_PPIS;
    if (!changed) return;
    gic.ppis[core] ^= changed;
    mmio_write32(gic.sgi[core] + GICD_ISENABLER, changed & mask);
    mmio_write32(gic.sgi[core] + GICD_ICENABLER, changed & ~mask);
}

uint32_t gic_ppi_active_take(void)
{
    uint8_t *sgi = gic.sgi[this_core()->index];
    uint32_t active = mmio_read32(sgi + GICD_ISACTIVER) & GUEST_PPIS;
    if (active) mmio_write32(sgi + GICD_ICACTIVER, active);
    return active;
}

void gic_ppi_active_give(uint32_t mask)
{
    if (mask & GUEST_PPIS) {
        mmio_write32(gic.sgi[this_core()->index] + GICD_ISACTIVER, mask & GUEST_PPIS);
    }
}
