/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* 100,000 requests over a queue that is never empty: the deadline of the link must not see a hang. */
#include "lib/mmio.h"
#include "rt/blk.h"

#define DRIVER   1
#define REQUESTS 100000
#define FLIGHT   16 /* requests in the queue at any time */
#define SECOND   62500000UL

static volatile uint8_t *at(uint64_t off)
{
    return (volatile uint8_t *)(rt_boot()->link[0].window_ipa + off);
}

/* Slot n: descriptors 3n..3n+2, its own header, status byte and 512 bytes of data. */
static void slot_prepare(uint32_t n)
{
    uint64_t window = blk_window();
    mmio_write32(at(LINK_HEADER_OFF(0) + 16UL * n), BLK_IN);
    mmio_write64(at(LINK_HEADER_OFF(0) + 16UL * n + 8), n);
    ring_desc(3 * n, window + LINK_HEADER_OFF(0) + 16UL * n, 16, 1, 3 * n + 1);
    ring_desc(3 * n + 1, window + BLK_DATA_OFF + 512UL * n, 512, 3, 3 * n + 2);
    ring_desc(3 * n + 2, window + LINK_STATUS_OFF(1, 0) + n, 1, 2, 0);
}

static uint64_t state(uint32_t reg)
{
    uint64_t x[7] = { 0 };
    (void)rt_call(HVC_DOMAIN_INFO, DRIVER, DOMAIN_ITEM_STATE, 0, x);
    return x[reg];
}

/* Posts slot again and rings. */
static void post(uint16_t *avail_idx, uint32_t slot)
{
    uint32_t entries = rt_boot()->link[0].queue_size;
    mmio_write16(at(LINK_AVAIL_OFF(0) + 4 + 2UL * (*avail_idx % entries)), (uint16_t)(3 * slot));
    mmio_barrier();
    mmio_write16(at(LINK_AVAIL_OFF(0) + 2), ++*avail_idx);
    mmio_barrier();
    link_reg(R_QUEUE_NOTIFY, 0);
}

TEST(flood, hundred_thousand_requests_with_a_never_empty_queue_are_no_false_hang)
{
    uint32_t entries = rt_boot()->link[0].queue_size, done = 0, posted = FLIGHT;
    uint16_t avail_idx = 0, used_seen = 0;
    REQUIRE_TRUE(link_start());
    uint64_t generation = state(2), end = rt_ticks() + 60 * SECOND;
    for (uint32_t n = 0; n < FLIGHT; n++) slot_prepare(n);
    for (uint32_t n = 0; n < FLIGHT; n++) post(&avail_idx, n);
    while (done < REQUESTS && rt_ticks() < end) {
        if (ring_used_idx() == used_seen) continue;
        mmio_barrier();
        uint32_t slot =
                mmio_read32(at(LINK_USED_OFF(1, 0) + 4 + 8UL * (used_seen++ % entries))) / 3;
        REQUIRE_TRUE(slot < FLIGHT);
        done++;
        post(&avail_idx, slot); /* before the next look: FLIGHT stay in the queue */
        posted++;
        link_reg(R_INTERRUPT_ACK, 3);
    }
    EXPECT_EQ(REQUESTS, done);
    EXPECT_EQ(DOMAIN_RUNNING, state(1));
    EXPECT_EQ(generation, state(2));
    EXPECT_GE(REQUESTS, posted);
}

void image_main(const struct bootinfo *boot)
{
    (void)boot;
    uint64_t position = 0;
    rt_run_tests();
    rt_print("--- log of EL2 ---");
    rt_print_log(&position);
    rt_poweroff();
}
