/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A driver domain that does one thing at full rate for ever, whatever it costs: the storm that main asked for. */
#include "lib/mmio.h"
#include "rt/rt.h"
#include "storm.h"

#define TIMER      27
#define NAP_TICKS  125 /* 2 us */
#define HOST_RESET 0x2c
#define INT_STATUS 0x30
#define INT_ENABLE 0x34
#define INT_SIGNAL 0x38

static volatile uint8_t *link_page(void)
{
    return (volatile uint8_t *)rt_boot()->link[0].regs_ipa;
}

static void timer_set(uint64_t ticks)
{
    __asm__ volatile("msr cntv_tval_el0, %0\n msr cntv_ctl_el0, %1\n isb" ::"r"(ticks),
                     "r"(UINT64_C(1)));
}

/* Takes whatever is pending, and ends it. */
static void take(void)
{
    uint32_t intid = rt_gic_poll();
    if (intid < 1020) rt_gic_end(intid);
}

static void nap(void)
{
    timer_set(NAP_TICKS);
    __asm__ volatile("wfi");
    take();
}

static void publish(void)
{
    mmio_write32(link_page() + LINK_SRV_FEATURES_LO, 1 << 9);
    mmio_write32(link_page() + LINK_SRV_PUBLISH, 1);
}

/* SDHCI: a command without a card ends in an interrupt; nobody ever clears its status. */
static void line_up(void)
{
    const struct boot_device *disk = rt_device("disk");
    volatile uint8_t *host = (volatile uint8_t *)disk->mmio_ipa;
    rt_gic_enable(disk->intid);
    mmio_write32(host + HOST_RESET, 1 << 24);
    mmio_write8(host + 0x29, 0xf);
    mmio_write16(host + HOST_RESET, 5);
    mmio_write32(host + INT_ENABLE, UINT32_MAX);
    mmio_write32(host + INT_SIGNAL, UINT32_MAX);
    mmio_write32(host + 0x0c, 0); /* CMD0 */
}

/* Simple DMA to where the domain has nothing. */
static void dma_outside(void)
{
    volatile uint8_t *host = (volatile uint8_t *)rt_device("disk")->mmio_ipa;
    mmio_write32(host + HOST_RESET, 1 << 24);
    (void)rt_call(HVC_DMA_ENABLE, 0, 0, 0, NULL);
    mmio_write8(host + 0x29, 0xf);
    mmio_write16(host + HOST_RESET, 5);
    static const struct {
        uint32_t arg, command;
    } init[] = { { 0, 0x0000 },          { 0x1aa, 0x081a }, { 0, 0x371a },
                 { 0x40ff8000, 0x2902 }, { 0, 0x0209 },     { 0, 0x031a } };
    for (size_t i = 0; i < ARRAY_COUNT(init); i++) {
        mmio_write32(host + 0x08, init[i].arg);
        mmio_write16(host + 0x0e, (uint16_t)init[i].command);
    }
    uint32_t rca = mmio_read32(host + 0x10) & 0xffff0000;
    mmio_write32(host + 0x08, rca);
    mmio_write16(host + 0x0e, 0x071b);
    mmio_write32(host + 0x00, 0x40200000); /* SDMA address: EL2 */
    mmio_write32(host + 0x04, 1U << 16 | 512);
    mmio_write32(host + 0x08, 0);
    mmio_write16(host + 0x0c, 0x0011); /* DMA, read */
    mmio_write16(host + 0x0e, 0x113a); /* CMD17 */
}

static void start(enum storm storm)
{
    rt_gic_start();
    publish();
    if (storm >= STORM_LINE) rt_gic_enable(TIMER);
    if (storm == STORM_WFI) {
        rt_gic_enable(TIMER);
        timer_set(0);
    }
    if (storm == STORM_LINE) line_up();
    if (storm == STORM_TIMER) timer_set(0);
}

static void die(enum storm storm)
{
    uint64_t value;
    if (storm == STORM_FAULT) (void)rt_read(0x40200000, 4, &value);
    if (storm == STORM_FORBIDDEN) __asm__ volatile("msr actlr_el1, xzr");
    if (storm == STORM_DMA) dma_outside();
}

static void turn(const struct bootinfo *b, enum storm storm, uint64_t n)
{
    uint64_t value;
    switch (storm) {
    case STORM_NULL_CALL:
        (void)rt_call(HVC_VERSION, 0, 0, 0, NULL);
        break;
    case STORM_BAD_CALL:
        (void)rt_call(HVC_BASE + 5 + (n & 0xffff), n, ~n, n << 32, NULL);
        break;
    case STORM_YIELD:
        (void)rt_call(HVC_YIELD, 0, 0, 0, NULL);
        break;
    case STORM_LOG:
        (void)rt_call(HVC_LOG_WRITE, 40, 0x0a6d726f7473, 0x0a, NULL);
        break;
    case STORM_TRAP:
        (void)rt_read(b->gicd_ipa + 0x100 + 4 * (n & 7), 4, &value);
        (void)rt_write(b->gicd_ipa + 0x280 + 4 * (n & 7), 4, UINT32_MAX);
        break;
    case STORM_WFI:
        __asm__ volatile("wfi");
        break;
    case STORM_SGI:
        __asm__ volatile("msr S3_0_C12_C11_5, %0\n isb" ::"r"(UINT64_C(1))); /* ICC_SGI1R_EL1 */
        take();
        break;
    case STORM_DOORBELL:
        mmio_write32(link_page() + LINK_SRV_INTERRUPT, 1);
        break;
    case STORM_EVENTS:
        mmio_write32(link_page() + LINK_SRV_INTERRUPT, 1);
        nap();
        break;
    case STORM_FP:
        rt_fp_fill(n);
        nap();
        break;
    case STORM_WAKE:
        nap();
        break;
    case STORM_LINE:
    case STORM_TIMER:
        take();
        break;
    case STORM_NONE:
        __asm__ volatile("wfi");
        break;
    case STORM_SPIN:
    case STORM_FAULT:
    case STORM_FORBIDDEN:
    case STORM_DMA:
    case STORM_COUNT:
        break;
    }
}

void image_main(const struct bootinfo *b)
{
    volatile struct storm_box *box =
            (volatile struct storm_box *)(b->link[0].window_ipa + STORM_BOX_OFF);
    enum storm storm = (enum storm)box->command;
    start(storm);
    die(storm);
    for (uint64_t n = 1;; n++) {
        turn(b, storm, n);
        box->turns = n;
    }
}
