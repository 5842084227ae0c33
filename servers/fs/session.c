/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Sessions: coming, going, recycling. */
#include "servers/fs/session.h"

#include <string.h>

#define BADGE_INDEX_BITS 8U

bool session_is_badge(uint64_t badge)
{
    return (badge & (BIT(BADGE_INDEX_BITS) - 1)) != 0;
}

struct session *session_of_badge(struct service *s, uint64_t badge)
{
    uint64_t index = (badge & (BIT(BADGE_INDEX_BITS) - 1)) - 1;
    if (badge == 0 || index >= SESSION_MAX) return NULL;
    struct session *c = &s->session[index];
    if (!c->is_used || badge >> BADGE_INDEX_BITS != c->generation) return NULL;
    c->last_use = ++s->use_counter;
    return c;
}

static void session_close_files(struct service *s, struct session *c)
{
    for (uint32_t i = 0; i < SESSION_FILES_MAX; i++) {
        if (c->file[i].ino == 0) continue;
        /* What is left behind by a failed free is an inode without a name: e2fsck's to collect. */
        err_t err = node_table_close(&s->nodes, &s->volume, c->file[i].ino);
        if (err != OK) s->volume.was_clean = false;
        c->file[i].ino = 0;
    }
}

void session_end(struct service *s, struct session *c)
{
    session_close_files(s, c);
    if (c->buffer) (void)sys_vmo_unmap(HANDLE_SELF, (uint64_t)c->buffer, c->buffer_bytes);
    if (c->vmo != HANDLE_NONE) (void)sys_handle_close(c->vmo);
    c->buffer = NULL;
    c->vmo = HANDLE_NONE;
    c->is_used = false;
}

void session_close_all(struct service *s)
{
    for (uint32_t i = 0; i < SESSION_MAX; i++) session_close_files(s, &s->session[i]);
}

/* A free place, or the one that was idle longest: clients that died cannot say good-bye. */
static struct session *session_take_place(struct service *s)
{
    struct session *oldest = &s->session[0];
    for (uint32_t i = 0; i < SESSION_MAX; i++) {
        struct session *c = &s->session[i];
        if (!c->is_used) return c;
        if (c->last_use < oldest->last_use) oldest = c;
    }
    session_end(s, oldest);
    return oldest;
}

err_t session_create(struct service *s, handle_t vmo, ext2_ino_t root, handle_t *out)
{
    struct sys_vmo_info info;
    uint64_t at = 0;
    err_t err = sys_vmo_info(vmo, &info);
    if (err == OK && (info.size_bytes < PAGE_SIZE || info.is_device)) err = ERR_ARG;
    if (err != OK) {
        (void)sys_handle_close(vmo);
        return err;
    }
    struct session *c = session_take_place(s);
    /* Not from 1: the endpoint outlives this process, and clients of an earlier one still hold its badges. */
    uint32_t generation = (c->generation != 0 ? c->generation : s->first_generation) + 1;
    *c = (struct session){ .is_used = true, .generation = generation, .root = root, .vmo = vmo };
    c->last_use = ++s->use_counter;
    c->buffer_bytes = ALIGN_DOWN(MIN(info.size_bytes, SESSION_BUFFER_MAX), PAGE_SIZE);
    err = sys_vmo_map(HANDLE_SELF, vmo, 0, c->buffer_bytes, PROT_READ | PROT_WRITE, 0, &at);
    if (err == OK) {
        c->buffer = (uint8_t *)at;
        uint64_t badge = (uint64_t)generation << BADGE_INDEX_BITS | (uint64_t)(c - s->session + 1);
        err = sys_endpoint_mint(s->endpoint, badge, RIGHT_WRITE | RIGHT_DUP | RIGHT_GRANT, out);
    }
    if (err != OK) session_end(s, c);
    return err;
}
