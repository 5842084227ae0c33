/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The server's page: 32-bit registers of abi/link.h. A wrong access is an error, and the server's death. */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "abi/trace.h"
#include "hyp/arch.h"
#include "hyp/life.h"
#include "hyp/link.h"
#include "hyp/trace.h"
#include "lib/string.h"

/* The bits of the device type. All others belong to the transport, which is EL2. */
#define FEATURES_OF_SERVER BITS(23, 0)

static err_t queue_read(const struct link *l, uint32_t offset, uint64_t *value)
{
    uint32_t idx = (offset - LINK_SRV_QUEUE) / LINK_SRV_QUEUE_STEP;
    if (idx >= l->conf->queue_count) return ERR_RANGE;
    const struct link_queue *q = &l->queue[idx];
    const uint64_t reg[] = {
        [LINK_SRV_Q_READY / 4] = q->ready,
        [LINK_SRV_Q_SIZE / 4] = q->num,
        [LINK_SRV_Q_DESC / 4] = q->desc,
        [LINK_SRV_Q_AVAIL / 4] = q->avail,
        [LINK_SRV_Q_USED / 4] = q->used,
        [LINK_SRV_Q_RESUME / 4] = l->resume && q->ready ? BIT(31) | q->done : 0,
    };
    uint32_t nth = (offset - LINK_SRV_QUEUE) % LINK_SRV_QUEUE_STEP / 4;
    if (nth >= ARRAY_COUNT(reg)) return ERR_RANGE;
    *value = reg[nth];
    return OK;
}

err_t link_server_read(struct link *l, uint32_t offset, uint32_t size_bytes, uint64_t *value)
{
    *value = 0;
    if (size_bytes != 4 || offset % 4 != 0) return ERR_ALIGN;
    if (offset >= LINK_SRV_QUEUE &&
        offset < LINK_SRV_QUEUE + LINK_QUEUE_MAX * LINK_SRV_QUEUE_STEP) {
        return queue_read(l, offset, value);
    }
    uint64_t accepted = l->status & VIRTIO_CONFIG_S_DRIVER_OK ? l->accepted : 0;
    switch (offset) {
    case LINK_SRV_EVENTS:
        *value = l->server->link_events >> (8 * l->index) & 0xff;
        break;
    case LINK_SRV_STATUS:
        *value = l->status;
        break;
    case LINK_SRV_MAGIC:
        *value = LINK_SRV_MAGIC_VALUE;
        break;
    case LINK_SRV_DEVICE_ID:
        *value = l->conf->device_id;
        break;
    case LINK_SRV_QUEUE_COUNT:
        *value = l->conf->queue_count;
        break;
    case LINK_SRV_GENERATION:
        *value = l->incarnation;
        break;
    case LINK_SRV_FEATURES_LO:
        *value = (uint32_t)accepted;
        break;
    case LINK_SRV_FEATURES_HI:
        *value = accepted >> 32;
        break;
    default:
        return ERR_RANGE;
    }
    return OK;
}

/* Seals what the first incarnation offers; a later one has to say the same. */
static err_t publish(struct link *l, uint32_t value)
{
    if (value != 1) return ERR_ARG;
    if (l->published) return ERR_STATE;
    if (!l->sealed) {
        l->sealed = true;
        l->sealed_features = l->offered;
        memcpy(l->sealed_config, l->config, sizeof(l->sealed_config));
    } else if (l->offered != l->sealed_features ||
               memcmp(l->config, l->sealed_config, sizeof(l->config)) != 0) {
        return ERR_PEER;
    }
    l->published = true;
    l->config_generation++;
    l->slow = false;
    l->wait[LINK_WAIT_SERVER].since_ticks = 0;
    trace(TRACE_PUBLISH, l->server->index, l->index, l->incarnation);
    link_tell_change(l);
    life_start_ready(l->client); /* a stock guest waits for its links */
    if (link_is_live(l)) {       /* a stock client that goes on: there may be work already */
        l->in_use = true;
        link_event(l, LINK_EV_STATUS | LINK_EV_DOORBELL);
    }
    watchdog_look(l, arch_ticks());
    return OK;
}

static err_t offer(struct link *l, uint32_t value, bool is_high)
{
    if (l->published) return ERR_STATE;
    if (((uint64_t)value << (is_high ? 32 : 0)) & ~FEATURES_OF_SERVER) return ERR_ARG;
    link_word_set(&l->offered, is_high, value);
    return OK;
}

static err_t interrupt(struct link *l, uint32_t value)
{
    if (value != 1) return ERR_ARG;
    if (!l->published) return ERR_STATE;
    link_used(l);
    return OK;
}

static err_t config_write(struct link *l, uint32_t offset, uint32_t value)
{
    if (l->published) return ERR_STATE;
    memcpy(&l->config[offset], &value, sizeof(value)); /* both little-endian */
    return OK;
}

err_t link_server_write(struct link *l, uint32_t offset, uint32_t size_bytes, uint64_t value64)
{
    uint32_t value = (uint32_t)value64;
    if (size_bytes != 4 || offset % 4 != 0) return ERR_ALIGN;
    if (offset >= LINK_SRV_CONFIG && offset < LINK_SRV_CONFIG + LINK_CONFIG_MAX) {
        return config_write(l, offset - LINK_SRV_CONFIG, value);
    }
    switch (offset) {
    case LINK_SRV_EVENTS:
        l->server->link_events &= ~((uint64_t)(value & 0xff) << (8 * l->index));
        return OK;
    case LINK_SRV_INTERRUPT:
        return interrupt(l, value);
    case LINK_SRV_RESET_ACK:
        if (l->reset_pending) link_reset_done(l);
        return OK;
    case LINK_SRV_NEEDS_RESET:
        if (link_is_live(l)) link_needs_reset(l);
        watchdog_look(l, arch_ticks());
        return OK;
    case LINK_SRV_SLOW:
        if (value != 1) return ERR_ARG;
        l->slow = l->deadline_ticks != 0; /* without a wait there is nothing to be slow at */
        return OK;
    case LINK_SRV_FEATURES_LO:
        return offer(l, value, false);
    case LINK_SRV_FEATURES_HI:
        return offer(l, value, true);
    case LINK_SRV_PUBLISH:
        return publish(l, value);
    default:
        break;
    }
    uint64_t ignored;
    return link_server_read(l, offset, size_bytes, &ignored) == OK ? ERR_READ_ONLY : ERR_RANGE;
}
