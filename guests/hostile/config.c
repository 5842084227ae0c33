/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Cases 24 to 31: configuration and negotiation that do not stay what they were. */
#include "guests/hostile/hostile.h"

#include <linux/virtio_blk.h>

#include "domains/rt/loop.h"
#include "lib/mmio.h"
#include "lib/string.h"

static void capacity_set(struct hostile *h, uint64_t sectors)
{
    memcpy(h->config, &sectors, sizeof(sectors));
}

static bool capacity_shrinks(struct hostile *h)
{
    capacity_set(h, 8 + hostile_random(h) % 1000);
    return true;
}

static bool capacity_grows(struct hostile *h)
{
    capacity_set(h, UINT64_C(1) << (40 + h->round % 20));
    return true;
}

static bool capacity_of_all_ones(struct hostile *h)
{
    capacity_set(h, UINT64_MAX);
    return true;
}

static bool block_size_is_wrong(struct hostile *h)
{
    static const uint32_t sizes[] = { 0, 3, UINT32_C(1) << 31 };
    memcpy(h->config + offsetof(struct virtio_blk_config, blk_size), &sizes[h->round % 3], 4);
    return true;
}

static bool features_of_another(struct hostile *h)
{
    *h->features ^= 1U << (hostile_random(h) % 24);
    return true;
}

static bool features_after_publish(struct hostile *h)
{
    mmio_write32(h->regs + LINK_SRV_FEATURES_LO, 0);
    return true;
}

static bool features_of_the_transport(struct hostile *h)
{
    mmio_write32(h->regs + LINK_SRV_FEATURES_HI, 1U << (hostile_random(h) % 32));
    return true;
}

static bool never_ready(struct hostile *h)
{
    (void)h;
    hostile_sleep();
}

/* Every time the client has begun anew. */
static bool needs_reset(struct hostile *h)
{
    mmio_write32(h->regs + LINK_SRV_NEEDS_RESET, 1);
    return true;
}

/* The same, and not one request is answered in between. */
static bool needs_reset_for_ever(struct hostile *h)
{
    for (;;) {
        uint32_t events = mmio_read32(h->regs + LINK_SRV_EVENTS);
        mmio_write32(h->regs + LINK_SRV_EVENTS, events);
        if ((events & LINK_EV_RESET) != 0) mmio_write32(h->regs + LINK_SRV_RESET_ACK, 1);
        mmio_write32(h->regs + LINK_SRV_NEEDS_RESET, 1);
        loop_sleep_ns(1000);
    }
    return true;
}

static bool config_after_publish(struct hostile *h)
{
    mmio_write32(h->regs + LINK_SRV_CONFIG + 4 * (uint32_t)(hostile_random(h) % 16), 0xdead);
    return true;
}

static bool queue_that_is_not(struct hostile *h)
{
    uint32_t queue = h->link->queue_count + (uint32_t)(hostile_random(h) % 4);
    (void)mmio_read32(h->regs + LINK_SRV_QUEUE + queue * LINK_SRV_QUEUE_STEP);
    return true;
}

const struct attack config_attacks[] = {
    { 24, 'a', AT_PUBLISH, 0, capacity_shrinks },
    { 24, 'b', AT_PUBLISH, 0, capacity_grows },
    { 24, 'c', AT_PUBLISH, 0, capacity_of_all_ones },
    { 25, 'a', AT_PUBLISH, 0, block_size_is_wrong },
    { 26, 'a', AT_PUBLISH, 0, features_of_another },
    { 26, 'b', AT_FETCH, 0, features_after_publish },
    { 26, 'c', AT_FETCH, 0, features_of_the_transport },
    { 27, 'a', AT_START, 0, never_ready },
    { 28, 'a', AT_FETCH, 10000, needs_reset },
    { 28, 'b', AT_FETCH, 0, needs_reset_for_ever },
    { 29, 'a', AT_FETCH, 0, config_after_publish },
    { 31, 'a', AT_FETCH, 0, queue_that_is_not },
    { 0 },
};
