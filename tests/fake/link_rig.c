/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Hands on both ends of one link. */
#include "tests/fake/link_rig.h"

#include <string.h>

#include "hyp/life.h"

struct rig rig;
static uint8_t window[RIG_WINDOW_BYTES] __attribute__((aligned(4096)));

static void tell_links(struct domain *d)
{
    link_server_died(d);
    link_client_died(d);
}

/* hyp/life.c: only told that the client may be ready. */
void life_start_ready(struct domain *d)
{
    rig.ready_calls += d == rig.client && link_client_is_ready(d);
}

void rig_start(bool own_client, uint32_t queue_count)
{
    fake_start(2);
    fake.on_kill = tell_links;
    link_clear();
    memset(&rig, 0, sizeof(rig));
    memset(window, 0, sizeof(window));
    rig.conf = (struct manifest_link){
        .name = "disk0",
        .device_id = 2,
        .server = 1,
        .client = 0,
        .window_bytes = RIG_WINDOW_BYTES,
        .queue_count = queue_count,
        .queue_size = 64,
        .watch_mask = 1,
        .deadline_ms = RIG_DEADLINE_MS,
        .slow_ms = RIG_SLOW_MS,
        .own_client = own_client,
    };
    rig.window = window;
    rig.client = &fake.domain[0];
    rig.server = &fake.domain[1];
    rig.link = link_create(&rig.conf);
    rig.link->client = rig.client;
    rig.link->server = rig.server;
    rig.link->window = (struct pa_range){ { (uintptr_t)window }, RIG_WINDOW_BYTES };
    rig.link->client_window = (ipa_t){ RIG_CLIENT_WINDOW };
    rig.link->server_window = (ipa_t){ RIG_SERVER_WINDOW };
    rig.link->client_regs = (ipa_t){ RIG_CLIENT_REGS };
    rig.link->server_regs = (ipa_t){ RIG_SERVER_REGS };
    rig.link->client_intid = RIG_CLIENT_INTID;
    rig.link->server_intid = RIG_SERVER_INTID;
    rig.link->present = true;
    link_server_started(rig.server);
}

uint32_t rig_read(uint32_t offset)
{
    uint64_t value = UINT64_MAX;
    CHECK(link_access(rig.client, (ipa_t){ RIG_CLIENT_REGS + offset }, false, 4, &value) == OK);
    CHECK(value <= UINT32_MAX);
    return (uint32_t)value;
}

void rig_write(uint32_t offset, uint32_t value32)
{
    uint64_t value = value32;
    CHECK(link_access(rig.client, (ipa_t){ RIG_CLIENT_REGS + offset }, true, 4, &value) == OK);
}

err_t rig_server_read(uint32_t offset, uint32_t *value32)
{
    uint64_t value = UINT64_MAX;
    err_t e = link_access(rig.server, (ipa_t){ RIG_SERVER_REGS + offset }, false, 4, &value);
    CHECK(value <= UINT32_MAX);
    *value32 = (uint32_t)value;
    return e;
}

err_t rig_server_write(uint32_t offset, uint32_t value32)
{
    uint64_t value = value32;
    return link_access(rig.server, (ipa_t){ RIG_SERVER_REGS + offset }, true, 4, &value);
}

uint32_t rig_server_get(uint32_t offset)
{
    uint32_t value;
    err_t e = rig_server_read(offset, &value);
    return e == OK ? value : 0xdead0000U + (uint32_t)e;
}

err_t rig_publish(uint64_t features, uint8_t config)
{
    for (uint32_t at = 0; at < LINK_CONFIG_MAX; at += 4) {
        err_t e = rig_server_write(LINK_SRV_CONFIG + at, 0x01010101U * config);
        if (e != OK) return e;
    }
    err_t e = rig_server_write(LINK_SRV_FEATURES_LO, (uint32_t)features);
    if (e == OK) e = rig_server_write(LINK_SRV_FEATURES_HI, (uint32_t)(features >> 32));
    return e == OK ? rig_server_write(LINK_SRV_PUBLISH, 1) : e;
}

uint32_t rig_negotiate(uint64_t features)
{
    rig_write(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
    rig_write(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    for (uint32_t sel = 0; sel < 2; sel++) {
        rig_write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, sel);
        rig_write(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> (32 * sel)));
    }
    rig_write(VIRTIO_MMIO_STATUS, RIG_OK & ~VIRTIO_CONFIG_S_DRIVER_OK);
    return rig_read(VIRTIO_MMIO_STATUS);
}

uint32_t rig_queue(uint32_t idx, uint32_t num, uint64_t desc, uint64_t avail, uint64_t used)
{
    const struct {
        uint32_t reg;
        uint64_t value;
    } part[] = {
        { VIRTIO_MMIO_QUEUE_DESC_LOW, desc },
        { VIRTIO_MMIO_QUEUE_AVAIL_LOW, avail },
        { VIRTIO_MMIO_QUEUE_USED_LOW, used },
    };
    rig_write(VIRTIO_MMIO_QUEUE_SEL, idx);
    rig_write(VIRTIO_MMIO_QUEUE_NUM, num);
    for (size_t i = 0; i < ARRAY_COUNT(part); i++) {
        rig_write(part[i].reg, (uint32_t)(RIG_CLIENT_WINDOW + part[i].value));
        rig_write(part[i].reg + 4, (uint32_t)((RIG_CLIENT_WINDOW + part[i].value) >> 32));
    }
    rig_write(VIRTIO_MMIO_QUEUE_READY, 1);
    return rig_read(VIRTIO_MMIO_QUEUE_READY);
}

uint32_t rig_queue_own(uint32_t idx, uint32_t num)
{
    return rig_queue(idx, num, LINK_DESC_OFF(idx), LINK_AVAIL_OFF(idx),
                     LINK_USED_OFF(rig.conf.queue_count, idx));
}

void rig_up(bool own_client, uint32_t queue_count)
{
    rig_start(own_client, queue_count);
    CHECK(rig_publish(RIG_F_SERVER, 7) == OK);
    CHECK(rig_negotiate(RIG_F_SERVER | RIG_F_ALWAYS) & VIRTIO_CONFIG_S_FEATURES_OK);
    for (uint32_t i = 0; i < queue_count; i++) CHECK(rig_queue_own(i, 16) == 1);
    rig_write(VIRTIO_MMIO_STATUS, RIG_OK);
    CHECK(rig_read(VIRTIO_MMIO_STATUS) == RIG_OK);
    rig_write(VIRTIO_MMIO_INTERRUPT_ACK, UINT32_MAX);
    (void)rig_server_write(LINK_SRV_EVENTS, UINT32_MAX);
    memset(fake.raised, 0, sizeof(fake.raised));
}

void rig_avail(uint32_t idx, uint16_t value)
{
    memcpy(&rig.window[LINK_AVAIL_OFF(idx) + 2], &value, sizeof(value));
}

void rig_used(uint32_t idx, uint16_t value)
{
    memcpy(&rig.window[LINK_USED_OFF(rig.conf.queue_count, idx) + 2], &value, sizeof(value));
}

void rig_die(void)
{
    domain_kill(rig.server, CAUSE_KILLED, 0, 0);
}

void rig_quiesce(void)
{
    rig.server->state = DOMAIN_QUIESCED;
    link_server_quiesced(rig.server);
}

void rig_reborn(void)
{
    link_server_reborn(rig.server);
    rig.server->generation++;
    rig.server->state = DOMAIN_RUNNING;
    rig.server->vcpu[0].state = VCPU_READY;
    link_server_started(rig.server);
}
