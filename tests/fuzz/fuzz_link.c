/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Both ends of a link hostile at once: any access, any ring index, any death, any time. */
// LINK: hyp/link.c hyp/link_mmio.c hyp/link_server.c hyp/watchdog.c hyp/trace.c tests/fake/hyp.c tests/fake/link_rig.c
// LINK: lib/string.c
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/link_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

_Noreturn void panic_at(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, what);
    abort();
}

struct op {
    uint8_t what, size;
    uint16_t offset;
    uint32_t value;
};

/* What holds whatever both ends do. */
static void check_all(void)
{
    const struct link *l = rig.link;
    uint32_t ready = 0;
    for (uint32_t i = 0; i < LINK_QUEUE_MAX; i++) {
        const struct link_queue *q = &l->queue[i];
        if (!q->ready) continue;
        ready++;
        CHECK(i < l->conf->queue_count && q->num != 0 && q->num <= l->conf->queue_size);
        CHECK(range_is_inside(q->desc, 16UL * q->num, 0, RIG_WINDOW_BYTES));
        CHECK(range_is_inside(q->avail, 6 + 2UL * q->num, 0, RIG_WINDOW_BYTES));
        CHECK(range_is_inside(q->used, 6 + 8UL * q->num, 0, RIG_WINDOW_BYTES));
        CHECK(!l->conf->own_client ||
              (q->desc == LINK_DESC_OFF(i) && q->used == LINK_USED_OFF(l->conf->queue_count, i)));
        CHECK(l->status & VIRTIO_CONFIG_S_FEATURES_OK);
        CHECK(!l->reset_pending);
    }
    CHECK(fake.peeks == 2 * ready); /* no window page stays mapped at EL2 */
    CHECK(!(l->status & VIRTIO_CONFIG_S_FEATURES_OK) ||
          (l->accepted & RIG_F_ALWAYS) == RIG_F_ALWAYS);
    CHECK((l->accepted & ~(l->sealed_features | RIG_F_ALWAYS)) == 0 ||
          !(l->status & VIRTIO_CONFIG_S_FEATURES_OK));
    CHECK(!(l->status & VIRTIO_CONFIG_S_DRIVER_OK) || (l->status & VIRTIO_CONFIG_S_FEATURES_OK));
    CHECK(!(l->sealed_features & ~BITS(23, 0)));
    CHECK(!l->published || rig.server->state == DOMAIN_RUNNING);
    CHECK(l->in_use || !l->reset_pending);
    CHECK(rig.server->state == DOMAIN_RUNNING || l->deadline_ticks == 0);
    bool live = link_is_live(l), waits = l->wait[LINK_WAIT_SERVER].since_ticks != 0;
    for (uint32_t i = 0; live && i < LINK_QUEUE_MAX; i++) waits |= l->wait[i].since_ticks != 0;
    CHECK(!waits || l->deadline_ticks != 0 || rig.server->state != DOMAIN_RUNNING);
}

static void access_page(const struct op *op, bool is_server, bool is_write)
{
    struct domain *d = is_server ? rig.server : rig.client;
    uint64_t value = op->value | (op->size & 0x80 ? (uint64_t)op->value << 32 : 0);
    ipa_t ipa = { (is_server ? RIG_SERVER_REGS : RIG_CLIENT_REGS) + op->offset % PAGE_SIZE };
    if (is_server && d->state != DOMAIN_RUNNING) return;
    err_t e = link_access(d, ipa, is_write, 1U << (op->size & 3), &value);
    if (e != OK) CHECK(is_server);
    if (e != OK) domain_kill(d, CAUSE_PROTOCOL, ipa.raw, e);
}

/* HVC_LINK_KICK of the client, HVC_LINK_WAIT of the server: the same words for both. */
static void call(const struct op *op, bool is_server)
{
    struct vcpu *v = is_server ? &rig.server->vcpu[0] : &rig.client->vcpu[0];
    if (is_server && v->state == VCPU_OFF) return;
    v->state = VCPU_READY;
    v->regs.pc = op->size & 1 ? 0 : op->offset;
    v->regs.x[1] = op->size & 0x80 ? (uint64_t)op->value << 32 | op->value : op->value % 4;
    v->regs.x[2] = op->value >> 8;
    err_t e = is_server ? link_wait(v) : link_kick(v);
    CHECK(e == OK || e == ERR_NO_ENTRY || e == ERR_STATE);
    CHECK(v->state != VCPU_WAITING || rig.server->state == DOMAIN_RUNNING);
}

static void act(const struct op *op)
{
    switch (op->what % 18) {
    case 0:
    case 1:
        access_page(op, false, true);
        break;
    case 2:
        access_page(op, false, false);
        break;
    case 3:
    case 4:
        access_page(op, true, true);
        break;
    case 5:
        access_page(op, true, false);
        break;
    case 6:
        rig_avail(op->size % 2, (uint16_t)op->value);
        break;
    case 7:
        rig_used(op->size % 2, (uint16_t)op->value);
        break;
    case 8:
        rig_die();
        break;
    case 9:
        if (rig.server->state == DOMAIN_DEAD) rig_quiesce();
        break;
    case 10:
        if (rig.server->state == DOMAIN_QUIESCED) rig_reborn();
        break;
    case 11:
        fake.now_ticks += op->value % (3 * RIG_MS);
        watchdog_expire(fake.now_ticks);
        break;
    case 12:
        watchdog_look_all(fake.now_ticks);
        break;
    case 13:
        link_client_died(rig.client);
        break;
    case 14: /* whole steps, so that depth is reached */
        if (rig.server->state == DOMAIN_RUNNING && !rig.link->published &&
            rig_publish(RIG_F_SERVER, 7) != OK)
            rig_die();
        (void)rig_negotiate(op->value & 1 ? RIG_F_ALWAYS : RIG_F_ALWAYS | RIG_F_SERVER);
        break;
    case 15:
        call(op, false);
        break;
    case 16:
        call(op, true);
        break;
    default:
        (void)rig_queue_own(op->size % 2, 1U << (op->offset % 8));
        rig_write(VIRTIO_MMIO_STATUS, RIG_OK);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    if (size_bytes < 1) return 0;
    rig_start(data[0] & 1, 1 + (data[0] >> 1 & 1));
    rig.conf.watch_mask = 3;
    fake.peek_limit = data[0] & 4 ? 2 : 32;
    for (size_t at = 1; at + sizeof(struct op) <= size_bytes; at += sizeof(struct op)) {
        struct op op;
        memcpy(&op, data + at, sizeof(op));
        act(&op);
        check_all();
    }
    return 0;
}
