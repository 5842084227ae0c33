/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a driver domain looks like from inside and from the supervisor: IPA map, states, causes. */
#pragma once
#include <stdint.h>

#include "abi/link.h"
#include "abi/trace.h"

#define DOMAIN_MAX      8  /* domains of one system, main included; main is always index 0 */
#define VCPU_MAX        4  /* virtual cores of one domain */
#define DOMAIN_NAME_MAX 32 /* bytes, NUL-terminated */

/*
 * IPA map of a driver domain and of a stock guest. These are addresses of the virtual machine that EL2 makes, the same on
 * every board. Main has none of it: it is identity-mapped and finds everything in its bootinfo. scripts/mkguest.py reads
 * the numbers from here.
 */
#define DOMAIN_GICD_IPA    0x01000000UL /* emulated distributor, 64 KiB */
#define DOMAIN_GICR_IPA    0x01100000UL /* emulated redistributor, 128 KiB */
#define DOMAIN_MMIO_IPA    0x02000000UL /* device pages, one device after the other, page-aligned */
#define DOMAIN_LINK_IPA    0x03000000UL /* link register page i at + i * 4 KiB */
#define DOMAIN_RAM_IPA     0x10000000UL /* the image at its start, bootinfo in its last page */
#define DOMAIN_WINDOW_IPA  0x20000000UL /* window of link i at + i * DOMAIN_WINDOW_STEP */
#define DOMAIN_WINDOW_STEP 0x01000000UL /* so a window is at most 16 MiB */
#define DOMAIN_LINK_INTID  48           /* interrupt of link i at + i */

/* Stock guests only. Their bundle (scripts/mkguest.py) lies at the start of RAM: the device tree, then the arm64 Image. */
#define GUEST_WINDOW_IPA 0x04000000UL    /* below RAM, which has no bound above; same step */
#define GUEST_UART_IPA   DOMAIN_MMIO_IPA /* emulated PL011 */
#define GUEST_UART_INTID 33
#define GUEST_IMAGE_IPA  0x10200000UL /* entry; x0 = DOMAIN_RAM_IPA, the device tree */

enum domain_state {
    DOMAIN_ABSENT = 0, /* refused at boot: device missing or image hash wrong */
    DOMAIN_LOADED,     /* memory filled from the pristine image, not started */
    DOMAIN_RUNNING,
    DOMAIN_DEAD,        /* has a cause; waits for HVC_DOMAIN_STEP */
    DOMAIN_QUIESCED,    /* vCPU out, lines dead, DMA proven still; waits for scrub and reload */
    DOMAIN_QUARANTINED, /* DMA could not be proven still: never reused before a reset */
    DOMAIN_STATE_COUNT
};

enum death_cause {
    CAUSE_NONE = 0,
    CAUSE_PANIC,     /* HVC_PANIC: the domain gave itself up */
    CAUSE_FAULT,     /* stage-2 fault: detail = IPA, info = ESR */
    CAUSE_FORBIDDEN, /* forbidden instruction or register: detail = ESR, info = ELR */
    CAUSE_DMA,       /* its device was stopped at the fence: detail = address, info = stream */
    CAUSE_HANG, /* a watched queue made no progress: detail = link index, info = avail.idx, or HANG_NO_* */
    CAUSE_BUDGET,   /* abuse ceiling (traps, log, interrupts per period) */
    CAUSE_PROTOCOL, /* reported by a client or found by EL2: detail = link index, info = what */
    CAUSE_KILLED,   /* by the operator */
    CAUSE_OFF,      /* it switched itself off by PSCI: detail = 1 when it asked for a reset */
    CAUSE_COUNT
};

#define HANG_NO_PUBLISH 0x10000U /* started, and never published the link */
#define HANG_NO_ACK     0x20000U /* never acknowledged the client's reset */

/* What HVC_DOMAIN_STEP says. */
enum step_verdict {
    STEP_AGAIN = 0,   /* call again after x2 nanoseconds (0: at once) */
    STEP_DONE,        /* the domain runs again */
    STEP_QUARANTINED, /* no proof that its device is still: it stays down */
    STEP_IDLE         /* the domain is not dead: nothing to do */
};

/* Items of HVC_DOMAIN_INFO; each fills x1..x4 (and x5, x6 where said). */
enum domain_item {
    DOMAIN_ITEM_NAME = 0, /* x1..x4: 32 bytes, NUL-padded */
    DOMAIN_ITEM_STATE, /* x1 enum domain_state, x2 generation, x3 enum death_cause, x4 detail, x5 info, x6 deaths */
    DOMAIN_ITEM_MEMORY, /* x1 bytes of RAM, x2 bytes of windows it serves, x3 image bytes */
    DOMAIN_ITEM_CPU, /* x1 ticks run, x2 EL2 ticks charged to it, x3 budget in us (0: none), x4 period in us */
    DOMAIN_ITEM_LINKS, /* x1 completions served in all, x2 in this incarnation, x3 links, x4 doorbells */
    DOMAIN_ITEM_REGS, /* last death: x1 pc, x2 sp, x3 esr, x4 far, x5 lr, x6 pstate */
    DOMAIN_ITEM_COUNT
};

/* HVC_DOMAIN_DUMP: what is kept of a death. Never a byte of a window. */
#define DUMP_MAGIC       0x504d555aU /* "ZUMP" little-endian */
#define DUMP_TRACE_MAX   32
#define DUMP_STACK_BYTES 2048

struct dump_queue {
    uint16_t link, queue;
    uint16_t done;  /* used.idx as EL2 last accepted it */
    uint16_t avail; /* avail.idx as EL2 last saw it */
};

struct domain_dump {
    uint32_t magic;
    uint32_t size_bytes; /* sizeof(struct domain_dump) */
    char name[DOMAIN_NAME_MAX];
    uint32_t domain, generation;
    uint32_t cause, deaths;
    uint64_t detail, info;
    uint64_t ticks; /* CNTPCT at death */
    uint64_t x[31], pc, sp, pstate, esr, far, lr;
    uint32_t queue_count, trace_count;
    struct dump_queue queue[LINK_MAX * LINK_QUEUE_MAX];
    struct trace_rec trace[DUMP_TRACE_MAX]; /* the last ones of this domain, newest first */
    uint64_t stack_ipa;                     /* where stack[0] was */
    uint64_t stack_bytes;                   /* 0: sp did not point into RAM */
    uint8_t stack[DUMP_STACK_BYTES];
};
_Static_assert(sizeof(struct domain_dump) <= 4096, "a dump is at most 4 KiB");
