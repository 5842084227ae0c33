/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One link between two fake domains, with hands on both register pages and on the rings. */
#pragma once
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "hyp/link.h"
#include "tests/fake/hyp.h"

#define RIG_CLIENT_REGS   0x0a000000UL
#define RIG_SERVER_REGS   0x03000000UL
#define RIG_CLIENT_WINDOW 0x48000000UL
#define RIG_SERVER_WINDOW 0x20000000UL
#define RIG_WINDOW_BYTES  0x20000UL
#define RIG_CLIENT_INTID  40U
#define RIG_SERVER_INTID  64U
#define RIG_DEADLINE_MS   2
#define RIG_SLOW_MS       30
#define RIG_MS            1000000UL /* ticks */

#define RIG_F_SERVER 0x1234UL /* features that rig_publish offers */
#define RIG_F_ALWAYS (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM))

#define RIG_OK                                                                            \
    (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | \
     VIRTIO_CONFIG_S_DRIVER_OK)

struct rig {
    struct manifest_link conf;
    struct link *link;
    struct domain *client, *server;
    uint8_t *window;      /* RIG_WINDOW_BYTES, page-aligned */
    uint32_t ready_calls; /* life_start_ready with all links published */
};

extern struct rig rig;

/** Domain 0 is the client, 1 the server, which has just started. One watched queue unless queue_count says otherwise. */
void rig_start(bool own_client, uint32_t queue_count);

uint32_t rig_read(uint32_t offset); /* client page, 32 bits */
void rig_write(uint32_t offset, uint32_t value);
err_t rig_server_read(uint32_t offset, uint32_t *value) MUST_CHECK;
err_t rig_server_write(uint32_t offset,
                       uint32_t value);   /* result may be ignored: hostile servers do */
uint32_t rig_server_get(uint32_t offset); /* the value, or 0xdead0000 + error */

/** The server offers features and a configuration of `config` bytes and publishes. */
err_t rig_publish(uint64_t features, uint8_t config);
/** ACKNOWLEDGE .. FEATURES_OK as a driver does it; returns Status. */
uint32_t rig_negotiate(uint64_t features);
/** Fills in a queue at offsets of the window and sets QueueReady; returns what QueueReady reads. */
uint32_t rig_queue(uint32_t idx, uint32_t num, uint64_t desc, uint64_t avail, uint64_t used);
/** The own layout of queue idx. */
uint32_t rig_queue_own(uint32_t idx, uint32_t num);
/** Published, negotiated, all queues ready (16 entries), DRIVER_OK; counters of the fake cleared. */
void rig_up(bool own_client, uint32_t queue_count);

void rig_avail(uint32_t idx, uint16_t value); /* avail.idx in the window */
void rig_used(uint32_t idx, uint16_t value);  /* used.idx */
/** Domain_kill as the lead's: tells the links. Then quiesced; then reborn and started. */
void rig_die(void);
void rig_quiesce(void);
void rig_reborn(void);
