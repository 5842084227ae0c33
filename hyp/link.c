/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a link goes through: made at boot, reset by its client, its server's death and rebirth. */
#include "hyp/link.h"

#include <linux/virtio_mmio.h>

#include "abi/trace.h"
#include "hyp/arch.h"
#include "hyp/sched.h"
#include "hyp/trace.h"
#include "lib/string.h"

STATIC_ASSERT(LINK_MAX * 8 <= 64, "domain.link_events holds a byte for each");

/* Filled at boot; after it only through the functions of this module, under EL2's lock. */
static struct {
    uint32_t count;
    struct link all[LINK_MAX];
} links;

struct link *link_at(uint32_t index)
{
    return index < links.count ? &links.all[index] : NULL;
}

uint32_t link_count(void)
{
    return links.count;
}

void link_clear(void)
{
    memset(&links, 0, sizeof(links));
}

struct link *link_create(const struct manifest_link *conf)
{
    if (links.count == LINK_MAX) return NULL;
    struct link *l = &links.all[links.count];
    l->conf = conf;
    l->index = links.count++;
    l->client_regs.raw = l->server_regs.raw = UINT64_MAX; /* no page until one is given */
    l->normal_ticks = arch_ns_to_ticks((uint64_t)conf->deadline_ms * 1000000);
    l->slow_ticks = arch_ns_to_ticks((uint64_t)conf->slow_ms * 1000000);
    return l;
}

static bool is_page_of(const struct domain *d, ipa_t ipa, const struct domain *end, ipa_t regs)
{
    return regs.raw == ALIGN_DOWN(ipa.raw, PAGE_SIZE) && end == d;
}

err_t link_access(struct domain *d, ipa_t ipa, bool is_write, uint32_t size_bytes, uint64_t *value)
{
    uint32_t offset = (uint32_t)(ipa.raw & (PAGE_SIZE - 1));
    for (struct link *l = links.all; l < links.all + links.count; l++) {
        if (is_page_of(d, ipa, l->client, l->client_regs)) {
            if (is_write) {
                link_client_write(l, offset, size_bytes, *value);
            } else {
                link_client_read(l, offset, size_bytes, value);
            }
            return OK;
        }
        if (link_is_offered(l, d) &&
            is_page_of(d, ipa, l->server, l->server_regs)) { /* guards: T-802 */
            return is_write ? link_server_write(l, offset, size_bytes, *value)
                            : link_server_read(l, offset, size_bytes, value);
        }
    }
    if (!is_write) *value = 0;
    return ERR_NO_ENTRY;
}

uint64_t link_window_bytes(const struct domain *server)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < links.count; i++) {
        if (links.all[i].server == server) sum += links.all[i].window.size_bytes;
    }
    return sum;
}

void link_describe(const struct link *l, bool is_server, struct boot_link *out)
{
    *out = (struct boot_link){
        .is_server = is_server,
        .device_id = l->conf->device_id,
        .queue_count = l->conf->queue_count,
        .queue_size = l->conf->queue_size,
        .regs_ipa = is_server ? l->server_regs.raw : l->client_regs.raw,
        .window_ipa = is_server ? l->server_window.raw : l->client_window.raw,
        .window_bytes = l->window.size_bytes,
        .client_window_ipa = l->client_window.raw,
        .lba_first = l->conf->lba_first,
        .lba_count = l->conf->lba_count,
        .intid = is_server ? l->server_intid : l->client_intid,
        .own_client = l->conf->own_client,
        .peer_domain = is_server ? l->conf->client : l->conf->server,
        .read_only = l->conf->read_only,
        .id = l->index,
    };
    (void)str_copy(out->name, sizeof(out->name), l->conf->name);
}

void link_interrupt_client(struct link *l, uint32_t bits)
{
    l->interrupt_status |= bits;
    vgic_raise(&l->client->vcpu[0], l->client_intid);
}

void link_tell_change(struct link *l)
{
    if (l->client && l->conf->own_client) link_interrupt_client(l, VIRTIO_MMIO_INT_CONFIG);
}

void link_event(struct link *l, uint32_t bits)
{
    if (!l->published) return;
    struct domain *d = l->server;
    struct vcpu *v = &d->vcpu[0];
    d->link_events |= (uint64_t)bits << (8 * l->index);
    if (d->listen_pc == 0) {
        vgic_raise(v, l->server_intid);
    } else if (v->state == VCPU_WAITING && v->regs.pc == d->listen_pc) {
        v->regs.x[1] = d->link_events; /* its call returns them */
        d->link_events = 0;
        vcpu_wake(v);
    }
}

void link_notify(struct link *l, uint64_t queue_idx)
{
    if (queue_idx >= l->conf->queue_count || !l->queue[queue_idx].ready) return;
    if (!(l->status & VIRTIO_CONFIG_S_DRIVER_OK)) return;
    l->doorbells++;
    trace(TRACE_DOORBELL, l->client->index, l->index, 0);
    watchdog_doorbell(l);
    link_event(l, LINK_EV_DOORBELL);
}

err_t link_kick(struct vcpu *v)
{
    uint64_t *x = v->regs.x;
    if (x[1] >= links.count || links.all[x[1]].client != v->domain) return ERR_NO_ENTRY;
    struct link *l = &links.all[x[1]];
    link_notify(l, x[2]);
    x[1] = l->interrupt_status;
    l->interrupt_status &= ~(uint32_t)VIRTIO_MMIO_INT_VRING;
    return OK;
}

void link_used(struct link *l)
{
    watchdog_doorbell(l);
    if (!link_is_live(l)) return;
    trace(TRACE_DOORBELL, l->server->index, l->index, 1);
    link_interrupt_client(l, VIRTIO_MMIO_INT_VRING);
}

err_t link_wait(struct vcpu *v)
{
    struct domain *d = v->domain;
    uint64_t *x = v->regs.x;
    for (uint64_t mask = x[1]; mask; mask &= mask - 1) {
        struct link *l = link_at((uint32_t)__builtin_ctzl(mask));
        if (!l || l->server != d || !l->published) return ERR_NO_ENTRY;
        link_used(l);
    }
    if (v->state != VCPU_READY || v->index != 0) return ERR_STATE; /* it died of what was seen */
    d->listen_pc = v->regs.pc;
    x[1] = d->link_events;
    d->link_events = 0;
    if (x[1] == 0 && x[2] == 0) sched_wait(v);
    return OK;
}

void link_needs_reset(struct link *l)
{
    l->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
    if (l->status & VIRTIO_CONFIG_S_DRIVER_OK) link_interrupt_client(l, VIRTIO_MMIO_INT_CONFIG);
}

const volatile void *link_peek_open(const struct link *l, uint64_t offset)
{
    uint64_t at = l->window.start.raw + offset;
    const volatile uint8_t *page = arch_peek_map((pa_t){ ALIGN_DOWN(at, PAGE_SIZE) });
    return page ? page + at % PAGE_SIZE : NULL;
}

void link_peek_close(const volatile void *at)
{
    arch_peek_unmap((const volatile void *)ALIGN_DOWN((uintptr_t)at, PAGE_SIZE));
}

void link_queue_stop(struct link_queue *q)
{
    if (q->ready) {
        link_peek_close(q->avail_idx);
        link_peek_close(q->used_idx);
    }
    q->ready = false;
    q->avail_idx = q->used_idx = NULL;
}

enum link_sample link_queue_sample(struct link *l, struct link_queue *q)
{
    /* used.idx first: avail.idx may only grow between the two loads, which can never make an honest server look like a liar. */
    uint16_t used = arch_load16(q->used_idx);
    uint16_t avail = arch_load16(q->avail_idx);
    uint16_t moved = (uint16_t)(used - q->done);
    q->avail_seen = avail;
    if (moved > (uint16_t)(avail - q->done)) return LINK_BAD_SERVER;
    if ((uint16_t)(avail - used) > q->num) return LINK_BAD_CLIENT;
    if (moved == 0) return LINK_STILL;
    q->done = used;
    l->served += moved;
    l->served_now += moved;
    return LINK_MOVED;
}

void link_reset(struct link *l)
{
    for (uint32_t i = 0; i < LINK_QUEUE_MAX; i++) {
        struct link_queue *q = &l->queue[i];
        link_queue_stop(q);
        q->w_num = 0;
        q->w_desc = q->w_avail = q->w_used = 0;
    }
    l->interrupt_status = 0;
    l->queue_sel = l->dev_features_sel = l->drv_features_sel = 0;
    l->resume = l->slow = false;
    if (!l->in_use) {
        link_reset_done(l);
        return;
    }
    l->reset_pending = true;
    if (!l->published) return; /* dead and not yet still: link_server_quiesced completes it */
    uint64_t now_ticks = arch_ticks();
    watchdog_wait_server(l, now_ticks);
    watchdog_queues_stopped(l, now_ticks);
    link_event(l, LINK_EV_RESET);
}

void link_reset_done(struct link *l)
{
    l->status = 0;
    l->accepted = 0;
    l->in_use = false;
    l->reset_pending = false;
    if (l->published) { /* else the wait, if any, is for PUBLISH */
        l->wait[LINK_WAIT_SERVER].since_ticks = 0;
        watchdog_queues_stopped(l, arch_ticks());
    }
}

static void liveness_clear(struct link *l)
{
    memset(l->wait, 0, sizeof(l->wait));
    l->deadline_ticks = 0;
    l->slow = false;
}

void link_server_started(struct domain *server)
{
    uint64_t now_ticks = arch_ticks();
    for (uint32_t i = 0; i < links.count; i++) {
        struct link *l = &links.all[i];
        if (!link_is_offered(l, server) || !l->present) continue; /* guards: T-801 */
        watchdog_wait_server(l, now_ticks);
        watchdog_look(l, now_ticks);
    }
}

/* What our own client negotiated dies with the incarnation: it starts over with a reset. */
static void drop_own_client(struct link *l)
{
    for (uint32_t i = 0; i < LINK_QUEUE_MAX; i++) {
        struct link_queue *q = &l->queue[i];
        if (q->ready) {
            (void)link_queue_sample(l, q); /* counts what was served; a liar is dead already */
        }
        link_queue_stop(q);
    }
    if (l->status & VIRTIO_CONFIG_S_FEATURES_OK) l->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
}

void link_server_died(struct domain *server)
{
    for (uint32_t i = 0; i < links.count; i++) {
        struct link *l = &links.all[i];
        if (l->server != server) continue;
        l->published = false;
        liveness_clear(l);
        if (l->conf->own_client) drop_own_client(l);
        link_tell_change(l);
    }
}

/* A stock client's queues go on when their indices can be true, now that nothing moves used.idx any more. */
static bool queues_can_resume(struct link *l)
{
    if (!(l->status & VIRTIO_CONFIG_S_DRIVER_OK) || (l->status & VIRTIO_CONFIG_S_NEEDS_RESET)) {
        return false;
    }
    bool fine = true;
    for (uint32_t i = 0; i < LINK_QUEUE_MAX; i++) {
        struct link_queue *q = &l->queue[i];
        if (q->ready && link_queue_sample(l, q) >= LINK_BAD_CLIENT) fine = false;
    }
    return fine;
}

void link_server_quiesced(struct domain *server)
{
    for (uint32_t i = 0; i < links.count; i++) {
        struct link *l = &links.all[i];
        if (l->server != server) continue;
        l->in_use = false;
        if (l->reset_pending) {
            link_reset_done(l);
        } else if (!l->conf->own_client && (l->status & VIRTIO_CONFIG_S_DRIVER_OK)) {
            l->resume = queues_can_resume(l);
            if (!l->resume) link_needs_reset(l);
        }
    }
}

void link_server_reborn(struct domain *server)
{
    server->link_events = server->listen_pc = 0;
    for (uint32_t i = 0; i < links.count; i++) {
        struct link *l = &links.all[i];
        if (l->server != server) continue;
        l->incarnation++;
        l->published = false;
        l->offered = 0;
        memset(l->config, 0, sizeof(l->config));
        l->served_now = 0;
        liveness_clear(l);
    }
}

void link_server_offer(struct domain *server, uint32_t held, uint32_t gone)
{
    server->links_off = held | gone;
    for (uint32_t i = 0; i < links.count; i++) {
        struct link *l = &links.all[i];
        if (l->server != server) continue;
        l->gone = (gone & BIT(i)) != 0;
        link_tell_change(l);
    }
}

bool link_is_offered(const struct link *l, const struct domain *d)
{
    return l->server == d && (d->links_off & BIT(l->index)) == 0;
}

void link_client_died(struct domain *client)
{
    for (uint32_t i = 0; i < links.count; i++) {
        struct link *l = &links.all[i];
        if (l->client != client || l->reset_pending) continue;
        link_reset(l);
    }
}

bool link_client_is_ready(const struct domain *client)
{
    for (uint32_t i = 0; i < links.count; i++) {
        const struct link *l = &links.all[i];
        if (l->client == client && l->present && !l->published) return false;
    }
    return true;
}
