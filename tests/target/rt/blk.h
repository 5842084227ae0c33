/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The smallest virtio-blk client: one request at a time on link 0. For test images only. */
#pragma once
#include "rt.h"

/* virtio-mmio registers, virtio v1.2 section 4.2.2. */
#define R_DRIVER_FEATURES     0x020
#define R_DRIVER_FEATURES_SEL 0x024
#define R_QUEUE_SEL           0x030
#define R_QUEUE_NUM           0x038
#define R_QUEUE_READY         0x044
#define R_QUEUE_NOTIFY        0x050
#define R_INTERRUPT_STATUS    0x060
#define R_INTERRUPT_ACK       0x064
#define R_STATUS              0x070
#define R_QUEUE_DESC          0x080
#define R_QUEUE_AVAIL         0x090
#define R_QUEUE_USED          0x0a0
#define R_CONFIG              0x100

#define STATUS_READY       0xfU
#define STATUS_NEEDS_RESET 0x40U

#define BLK_IN       0
#define BLK_OUT      1
#define BLK_FLUSH    4
#define BLK_DATA_OFF LINK_DATA_OFF(1) /* of the data buffer in the window */

void link_reg(uint64_t off, uint32_t value);
uint32_t link_get(uint64_t off);
/** Resets the link and brings it to DRIVER_OK; waits up to 2 s for the server. False: it did not come. */
bool link_start(void);
/** Resets the link; false when that does not complete within 2 s. */
bool link_reset(void);
/** Writes descriptor n. */
void ring_desc(uint32_t n, uint64_t address, uint32_t size_bytes, uint32_t flags, uint32_t next);
/** Makes head available and rings; waits up to timeout_ticks for used.idx to move. True: *len is what the server said. */
bool ring_post(uint32_t head, uint64_t timeout_ticks, uint32_t *len);
uint16_t ring_used_idx(void);
/** One request over the data buffer; returns the status byte, 0xff when nothing came within 5 s. */
uint8_t blk_request(uint32_t type, uint64_t sector, uint32_t data_bytes);
volatile uint8_t *blk_data(void);
uint64_t blk_window(void); /* address of the window's first byte, as the client writes it */
