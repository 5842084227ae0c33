/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Client of an entropy link: asks, waits a bounded time, and does without when nothing comes. */
#pragma once
#include "lib/virtq/driver.h"
#include "servers/rt/sys.h"

#define LINK_BATCH_BYTES 32

struct entropy_link {
    volatile uint8_t *regs; /* NULL: there is no link */
    uint8_t *window;        /* shared with the domain (untrusted) */
    struct sys_link_info info;
    handle_t link, irq, notification; /* borrowed, owned, owned */
    bool is_up;                       /* negotiated, nothing in flight */
    uint32_t incarnation;             /* of the server it was negotiated with */
    struct virtq_driver queue;
};

/** Opens the link; nothing is asked yet. HANDLE_NONE: none, every read gives 0 bytes. On error as without one. */
err_t entropy_open(struct entropy_link *l, handle_t link) MUST_CHECK;

/**
 * Asks the domain for bytes and waits at most 100 ms; a dead or lying one is reset and gives 0.
 * Returns how many bytes of out are the domain's. Context: blocks.
 */
uint32_t entropy_read(struct entropy_link *l, uint8_t out[LINK_BATCH_BYTES]);
