/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Sessions of the supervisor. */
#include "servers/supervisor/session.h"

#include <string.h>

/* A badge: run (31 bits), 1 for "a session", serial (24 bits), slot (8 bits). */
#define BADGE_SESSION   BIT(32)
#define BADGE_RUN_SHIFT 33
#define BUFFER_MAX      MIB(1)

struct session *session_of(struct sessions *s, uint64_t badge)
{
    uint64_t index = badge & 0xff;
    if ((badge & BADGE_SESSION) == 0 || index >= SESSION_MAX) return NULL;
    if (badge >> BADGE_RUN_SHIFT != s->run) return NULL;
    struct session *slot = &s->slot[index];
    if (slot->last_used == 0 || slot->serial != ((badge >> 8) & 0xffffff)) return NULL;
    slot->last_used = ++s->uses;
    return slot;
}

static struct session *oldest(struct sessions *s)
{
    struct session *found = &s->slot[0];
    for (uint32_t i = 1; i < SESSION_MAX; i++) {
        if (s->slot[i].last_used < found->last_used) {
            found = &s->slot[i];
        }
    }
    return found;
}

static void session_close(struct session *slot)
{
    if (slot->buffer != NULL) {
        (void)sys_vmo_unmap(HANDLE_SELF, (uint64_t)slot->buffer, slot->buffer_bytes);
    }
    if (slot->notification != HANDLE_NONE) {
        (void)sys_handle_close(slot->notification);
    }
    uint32_t serial = slot->serial;
    memset(slot, 0, sizeof(*slot));
    slot->serial = (serial + 1) & 0xffffff;
}

err_t session_open(struct sessions *s, handle_t endpoint, handle_t vmo, uint32_t role,
                   handle_t *client)
{
    struct sys_vmo_info info;
    uint64_t address = 0;
    err_t err = sys_vmo_info(vmo, &info);
    if (err != OK) return err;
    if (info.size_bytes < PAGE_SIZE || info.size_bytes > BUFFER_MAX || info.is_device != 0) {
        return ERR_RANGE;
    }
    struct session *slot = oldest(s);
    session_close(slot);
    err = sys_vmo_map(HANDLE_SELF, vmo, 0, info.size_bytes, PROT_READ | PROT_WRITE, 0, &address);
    if (err != OK) return err;
    slot->buffer = (uint8_t *)address;
    slot->buffer_bytes = info.size_bytes;
    uint64_t badge = s->run << BADGE_RUN_SHIFT | BADGE_SESSION | (uint64_t)slot->serial << 8 |
                     (uint64_t)(slot - s->slot);
    err = sys_endpoint_mint(endpoint, badge, RIGHT_WRITE | RIGHT_DUP | RIGHT_GRANT, client);
    if (err != OK) {
        session_close(slot);
        return err;
    }
    slot->role = role;
    slot->last_used = ++s->uses;
    return OK;
}

void session_notify(struct session *s, handle_t notification, uint64_t bits)
{
    if (s->notification != HANDLE_NONE) {
        (void)sys_handle_close(s->notification);
    }
    s->notification = notification;
    s->bits = bits;
}

void session_signal_all(const struct sessions *s)
{
    for (uint32_t i = 0; i < SESSION_MAX; i++) {
        if (s->slot[i].notification == HANDLE_NONE) continue;
        (void)sys_notification_signal(s->slot[i].notification, s->slot[i].bits);
    }
}

void session_signal_consoles(struct sessions *s, uint32_t guests)
{
    for (uint32_t i = 0; i < SESSION_MAX; i++) {
        struct session *slot = &s->slot[i];
        if ((slot->awaits & guests) == 0 || slot->notification == HANDLE_NONE) continue;
        slot->awaits = 0;
        (void)sys_notification_signal(slot->notification, slot->bits);
    }
}

bool session_has(const struct session *s, uint64_t offset, uint64_t size_bytes)
{
    return range_is_inside(offset, size_bytes, 0, s->buffer_bytes);
}
