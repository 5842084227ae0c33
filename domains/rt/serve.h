/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One link, server end: the mirrored register page and the queues behind it. Knows no device
 * type. */
#pragma once
#include "abi/bootinfo.h"
#include "lib/virtq/device.h"

/*
 * One incarnation of a link:
 *   serve_init, serve_publish
 *   on its events (loop_add_link):
 *     LINK_EV_RESET:  finish or drop everything that touches the window, then serve_ack_reset
 *     LINK_EV_STATUS: serve_try_start; from OK on the queues may be fetched from
 * The page traps: an access costs about as much as a short function call into EL2, so each is
 * made once.
 */
struct serve {
    const struct boot_link *boot; /* borrowed (bootinfo outlives all) */
    uint8_t *regs;                /* register page, device memory; 32-bit accesses only */
    uint8_t *window;              /* shared with the client (untrusted) */
    bool running;                 /* queues are valid */
    struct virtq_device queue[LINK_QUEUE_MAX];
};

/** Fills *s. Returns OK | ERR_PEER: the page is no link page, or not of this type */
err_t serve_init(struct serve *s, const struct boot_link *boot, uint32_t device_id) MUST_CHECK;

/**
 * Seals what the client may negotiate. A later incarnation must publish the same, or dies.
 * features  bits of the device type; those of the transport are EL2's
 * config    copied to the device configuration; a multiple of 4, at most LINK_CONFIG_MAX
 */
void serve_publish(struct serve *s, uint32_t features, const void *config, uint32_t config_bytes);

/**
 * Takes the queues over when the client said DRIVER_OK. A stock client's go on where the last incarnation was, and one interrupt tells
 * it of completions that nobody told it of.
 * Returns  OK: running | ERR_AGAIN: not yet | ERR_PEER: a queue that cannot be (the client is told
 *          to reset)
 */
err_t serve_try_start(struct serve *s) MUST_CHECK;

/** Nothing of the client is touched from here on, until serve_try_start. */
void serve_ack_reset(struct serve *s);
/** The client broke the protocol: stop, and have it reset the device. */
void serve_fail(struct serve *s);
/** One used-buffer interrupt, unless the client wants none for this queue. */
void serve_interrupt(struct serve *s, uint32_t queue_idx);
/** The oldest request may take the link's slow deadline. */
void serve_declare_slow(struct serve *s);
