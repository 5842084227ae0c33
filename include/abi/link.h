/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A link: virtio-mmio (version 2) towards the client, a mirrored page towards the server, one window. */
#pragma once
#include <stdint.h>

#define LINK_MAX        8   /* links of one system */
#define LINK_QUEUE_MAX  4   /* queues of one link */
#define LINK_RING_MAX   128 /* entries of one queue, a power of two */
#define LINK_CONFIG_MAX 64  /* bytes of virtio device configuration */

/*
 * Window layout where the client is ours (manifest: layout = "own"; nq queues). Offsets in bytes from
 * the window's start. QueueReady refuses any other place.
 *   [0, nq * 8 KiB)         read-only to the server: for each queue a page with its descriptor table,
 *                           then a page with its available ring and its request headers
 *   [nq * 8, nq * 12 KiB)   for each queue a page with its used ring and its status bytes
 *   [nq * 12 KiB, end)      data buffers
 */
#define LINK_DESC_OFF(q)         ((uint64_t)(q)*0x2000)
#define LINK_AVAIL_OFF(q)        ((uint64_t)(q)*0x2000 + 0x1000)
#define LINK_HEADER_OFF(q)       ((uint64_t)(q)*0x2000 + 0x1800) /* 16 bytes each, by slot */
#define LINK_USED_OFF(nq, q)     ((uint64_t)(nq)*0x2000 + (uint64_t)(q)*0x1000)
#define LINK_STATUS_OFF(nq, q)   (LINK_USED_OFF(nq, q) + 0x800) /* 1 byte each, by slot */
#define LINK_DATA_OFF(nq)        ((uint64_t)(nq)*0x3000)
#define LINK_SERVER_RO_BYTES(nq) ((uint64_t)(nq)*0x2000)

/*
 * Client page: the registers of virtio v1.2 section 4.2.2 (linux/virtio_mmio.h names them), plus these in
 * the part after the device configuration. Ring addresses that the client writes are its own IPAs.
 */
#define LINK_CLIENT_INCARNATION 0x0f0 /* R: generation of the server, counts up at each restart */
#define LINK_CLIENT_SERVER      0x0f4 /* R: enum link_server_state */

enum link_server_state {
    LINK_SERVER_DOWN =
            0, /* dead, being restarted, or not yet published: Status := 0 completes at once when quiesced */
    LINK_SERVER_PUBLISHED, /* features and configuration are there: the client may negotiate */
    LINK_SERVER_GONE       /* given up, detached or quarantined: nobody will come */
};
/* A change of either raises the client's interrupt with VIRTIO_MMIO_INT_CONFIG; a death also sets DEVICE_NEEDS_RESET in Status. */

/* Server page, 32-bit accesses only. */
#define LINK_SRV_MAGIC       0x000 /* R: LINK_SRV_MAGIC_VALUE */
#define LINK_SRV_DEVICE_ID   0x004 /* R: virtio device type */
#define LINK_SRV_QUEUE_COUNT 0x008 /* R */
#define LINK_SRV_GENERATION  0x00c /* R: incarnation of this server */
#define LINK_SRV_STATUS      0x010 /* R: the client's Status */
#define LINK_SRV_EVENTS      0x014 /* R, write 1 to clear: LINK_EV_* since the last look */
#define LINK_SRV_RESET_ACK \
    0x018 /* W: any value: all buffers of the client are dropped, none will be touched again */
#define LINK_SRV_INTERRUPT   0x01c /* W: 1 = used-buffer interrupt to the client */
#define LINK_SRV_NEEDS_RESET 0x020 /* W: any value: sets DEVICE_NEEDS_RESET for the client */
#define LINK_SRV_SLOW \
    0x024 /* W: 1 = the oldest request is slow (second deadline) until it completes */
#define LINK_SRV_FEATURES_LO \
    0x028 /* W before PUBLISH: offered feature bits 0..23 (all others are EL2's: an error); R after DRIVER_OK: accepted ones */
#define LINK_SRV_FEATURES_HI 0x02c
#define LINK_SRV_PUBLISH \
    0x030 /* W: 1 = seal features and configuration. A later incarnation must publish the same or dies. */
#define LINK_SRV_QUEUE      0x040 /* queue q at + q * 0x20, all R, valid while READY = 1 */
#define LINK_SRV_QUEUE_STEP 0x020
#define LINK_SRV_Q_READY    0x00 /* 1: ready */
#define LINK_SRV_Q_SIZE     0x04 /* entries */
#define LINK_SRV_Q_DESC     0x08 /* offset in the window, bytes */
#define LINK_SRV_Q_AVAIL    0x0c
#define LINK_SRV_Q_USED     0x10
#define LINK_SRV_Q_RESUME   0x14  /* used.idx to go on from (stock clients; bit 31: valid) */
#define LINK_SRV_CONFIG     0x100 /* W before PUBLISH: device configuration, LINK_CONFIG_MAX bytes */

#define LINK_SRV_MAGIC_VALUE 0x4b4e4c5aU /* "ZLNK" */

#define LINK_EV_DOORBELL (1U << 0) /* some queue was notified */
#define LINK_EV_RESET    (1U << 1) /* the client wrote Status := 0: stop, drop, write RESET_ACK */
#define LINK_EV_STATUS   (1U << 2) /* Status or a queue changed (DRIVER_OK came) */

/*
 * In a ring of a link, descriptor addresses are the client's IPAs. Bootinfo tells the server the client's window base
 * (client_window_ipa): the server subtracts it and bounds the result by the window size.
 */
