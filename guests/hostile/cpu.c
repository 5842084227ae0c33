/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Cases 61 to 68: time, interrupts and traps taken from everyone else. */
#include "guests/hostile/hostile.h"

#include "abi/hypercall.h"
#include "domains/rt/gic.h"
#include "domains/rt/sysreg.h"
#include "lib/mmio.h"

#define ROUND_STEPS 100 /* of one trial */

static bool spins(struct hostile *h)
{
    (void)h;
    for (;;) __asm__ volatile("");
    return true;
}

static void timer_now(void)
{
    SYSREG_WRITE(cntv_cval_el0, SYSREG_READ(cntvct_el0));
    SYSREG_WRITE(cntv_ctl_el0, 1);
    isb();
}

/* Takes whatever is pending, as if it were looked at. */
static void drain(void)
{
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t intid = gic_ack();
        if (intid >= GIC_NONE) return;
        gic_end(intid);
    }
}

static bool sleeps_and_wakes(struct hostile *h)
{
    (void)h;
    for (uint32_t i = 0; i < ROUND_STEPS; i++) {
        timer_now();
        __asm__ volatile("wfi\n\twfe\n\tyield\n\tsevl\n\twfe" ::: "memory");
        SYSREG_WRITE(cntv_ctl_el0, 0);
        drain();
    }
    return true;
}

static uint64_t call(uint64_t function, uint64_t arg)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = arg;
    register uint64_t x2 __asm__("x2") = arg;
    register uint64_t x3 __asm__("x3") = arg;
    __asm__ volatile("hvc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
                     :
                     : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
                       "x16", "x17", "memory");
    return x0;
}

/* Every number near those that exist, and any: none of them may work, but for those that end the caller. */
static bool hypercalls(struct hostile *h)
{
    for (uint32_t i = 0; i < ROUND_STEPS; i++) {
        uint64_t random = hostile_random(h);
        uint64_t function = (random & 1) != 0 ? HVC_BASE + (random >> 8) % 64 : random >> 16;
        if (function == HVC_PANIC || (function & ~UINT64_C(0x40000001)) == 0x84000008) continue;
        (void)call(function, hostile_random(h) >> (random >> 2 & 63));
    }
    return true;
}

static bool traps(struct hostile *h)
{
    for (uint32_t i = 0; i < ROUND_STEPS; i++) {
        (void)mmio_read32(h->regs + LINK_SRV_STATUS);
        (void)mmio_read32((const volatile void *)(uintptr_t)h->boot->gicd_ipa);
    }
    return true;
}

static bool faults(struct hostile *h)
{
    SYSREG_WRITE(sctlr_el1, SYSREG_READ(sctlr_el1) & ~UINT64_C(1));
    isb();
    for (;;) (void)*(const volatile uint64_t *)(uintptr_t)(hostile_random(h) & 0x7ffffffff8UL);
    return true;
}

enum {
    REG_ARG = 0x08,
    REG_COMMAND = 0x0c,
    REG_STATUS = 0x30,
    REG_STATUS_ENABLE = 0x34,
    REG_SIGNAL_ENABLE = 0x38
};

/* The disk's line is kept up: a cause enabled and never cleared, acknowledged and ended again and again. */
static bool level_line(struct hostile *h)
{
    uint32_t status = mmio_read32(h->disk + REG_STATUS_ENABLE),
             signal = mmio_read32(h->disk + REG_SIGNAL_ENABLE);
    if ((uint16_t)(h->q->avail_seen - h->q->used_idx) != 1) return false;
    mmio_write32(h->disk + REG_STATUS_ENABLE, UINT32_MAX);
    mmio_write32(h->disk + REG_SIGNAL_ENABLE, UINT32_MAX);
    mmio_write32(h->disk + REG_ARG, 0);
    mmio_write32(h->disk + REG_COMMAND,
                 13U << 24 |
                         0x1aU << 16); /* SEND_STATUS: an answer or a time-out, both are causes */
    for (uint32_t i = 0; i < ROUND_STEPS; i++) {
        __asm__ volatile("dsb sy\n\twfi" ::: "memory");
        drain();
    }
    mmio_write32(h->disk + REG_SIGNAL_ENABLE, signal);
    mmio_write32(h->disk + REG_STATUS_ENABLE, status);
    mmio_write32(h->disk + REG_STATUS, UINT32_MAX);
    return true;
}

static bool timer_line(struct hostile *h)
{
    (void)h;
    for (uint32_t i = 0; i < ROUND_STEPS; i++) {
        timer_now();
        drain();
    }
    SYSREG_WRITE(cntv_ctl_el0, 0);
    return true;
}

static bool doorbells(struct hostile *h)
{
    for (uint32_t i = 0; i < ROUND_STEPS; i++) mmio_write32(h->regs + LINK_SRV_INTERRUPT, 1);
    return true;
}

/* Lines for the log, with what would move a terminal's cursor. */
static bool log_lines(struct hostile *h)
{
    for (uint32_t i = 0; i < ROUND_STEPS; i++) (void)call(HVC_LOG_WRITE, hostile_random(h) & 63);
    return true;
}

const struct attack cpu_attacks[] = {
    { 61, 'a', AT_FETCH, 0, spins },          { 62, 'a', AT_FETCH, 10000, sleeps_and_wakes },
    { 63, 'a', AT_FETCH, 10000, hypercalls }, { 63, 'b', AT_FETCH, 1000, log_lines },
    { 64, 'a', AT_FETCH, 10000, traps },      { 65, 'a', AT_FETCH, 0, faults },
    { 66, 'a', AT_FETCH, 10000, level_line }, { 67, 'a', AT_FETCH, 10000, timer_line },
    { 68, 'a', AT_FETCH, 10000, doorbells },  { 0 },
};
