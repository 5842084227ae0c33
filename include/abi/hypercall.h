/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* EL1 -> EL2: `hvc #0`, x0 = function, x1..x6 arguments. Returns x0 = err_t, x1..x6 results. */
#pragma once

/* SMCCC (DEN0028), fast call, 64-bit, vendor-specific hypervisor service. PSCI ids work as well. */
#define HVC_BASE 0xc6000000UL

#define HVC_ABI_VERSION 1

#define HVC_VERSION (HVC_BASE + 0) /* -> x1 = HVC_ABI_VERSION. The null hypercall of the benches. */
#define HVC_LOG_WRITE \
    (HVC_BASE + 1)               /* x1 = byte count <= 40, x2..x6 = bytes: a piece of a log line */
#define HVC_PANIC (HVC_BASE + 2) /* as HVC_LOG_WRITE; the caller dies with CAUSE_PANIC */

/*
 * Opens the DMA stream of one of the caller's devices. A fresh incarnation resets the device, waits for the proof (SDHCI
 * SRST_ALL read back as 0, NVMe CSTS.RDY = 0) and only then calls this; before it, the fence aborts everything.
 */
#define HVC_DMA_ENABLE (HVC_BASE + 3) /* x1 = index of the device in bootinfo */

/* Goes to the end of its queue: another ready domain of the same priority on this core runs first. */
#define HVC_YIELD (HVC_BASE + 4)

/*
 * The short ways of our own two ends of a link, beside the register pages, which stay for everyone. boot_link.id names the link.
 * KICK, client: x1 = link, x2 = queue. As QueueNotify -> x1 = InterruptStatus, the used-buffer bit of which is acknowledged by it.
 * WAIT, server: x1 = mask of links whose clients get a used-buffer interrupt; x2 = 0: sleeps until one of the caller's links has an
 * event, or one of its interrupts is pending; 1: does not sleep -> x1 = LINK_EV_* since the last call, 8 bits for each link. From
 * the first call on, the links raise no interrupts in this incarnation.
 */
#define HVC_LINK_KICK (HVC_BASE + 5)
#define HVC_LINK_WAIT (HVC_BASE + 6)

/* Main only; everyone else gets ERR_RIGHTS. */
#define HVC_LOG_READ \
    (HVC_BASE + 8) /* x1 = position -> x1 = next position, x2 = byte count <= 32, x3..x6 bytes */
#define HVC_DOMAIN_INFO (HVC_BASE + 9) /* x1 = domain, x2 = enum domain_item -> x1..x6 */
#define HVC_DOMAIN_KILL \
    (HVC_BASE + 10) /* x1 = domain, x2 = CAUSE_KILLED or CAUSE_PROTOCOL, x3 detail, x4 info */
#define HVC_DOMAIN_STEP (HVC_BASE + 11) /* x1 = domain -> x1 = enum step_verdict, x2 = after_ns */
#define HVC_DOMAIN_DUMP \
    (HVC_BASE + 12) /* x1 = domain, x2 = offset -> x1 = total bytes, x2 = count <= 32, x3..x6 */
#define HVC_TRACE_READ \
    (HVC_BASE +        \
     13) /* x1 = sequence -> x1 = sequence after it, x3..x6 = one record; ERR_NO_ENTRY: none yet */
#define HVC_STATS (HVC_BASE + 14) /* x1 = enum hyp_stat -> x1 = value */

/*
 * x1 = domain, which does not run; x2, x3 = masks of links that it serves, by index in the manifest. Its incarnations from now on get
 * none of them: those of x2 stay LINK_SERVER_DOWN (held back for a while), those of x3 are LINK_SERVER_GONE at once (detached; all
 * of them: given up). A later call replaces both; a quarantine sets x3 to all.
 */
#define HVC_DOMAIN_LINKS (HVC_BASE + 15)

/* The line of a stock guest's emulated PL011. ERR_NO_ENTRY: no guest. Main's event interrupt comes when there is a first byte to read. */
#define HVC_CONSOLE_READ (HVC_BASE + 17) /* x1 = domain -> x2 = byte count <= 32, x3..x6 bytes */
#define HVC_CONSOLE_WRITE \
    (HVC_BASE +           \
     18) /* x1 = domain, x2 = byte count <= 24, x3..x5 bytes -> x1 = bytes there was room for */

enum hyp_stat {
    HYP_STAT_INTERRUPTS = 0, /* physical interrupts acknowledged at EL2 */
    HYP_STAT_TIMER_WRITES,   /* programmings of the EL2 timer */
    HYP_STAT_ENTRIES,        /* entries to EL2 */
    HYP_STAT_LONGEST_TICKS,  /* longest stretch between entry to and exit from EL2, CNTPCT ticks */
    HYP_STAT_LONGEST_SYNDROME, /* ESR of that stretch; 0 = an interrupt */
    HYP_STAT_DMA_EVENTS,       /* SMMU events seen, coalesced */
    HYP_STAT_SWITCHES,         /* vCPU switches */
    HYP_STAT_BOOT_TICKS,       /* CNTPCT at the entry to main */
    HYP_STAT_RESET_LONGEST,    /* reading it returns and clears LONGEST_TICKS */
    HYP_STAT_COUNT
};
