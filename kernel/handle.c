/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Handle tables: pages of entries, a free list through the unused ones. */
#include "kernel/handle.h"

#include "kernel/endpoint.h"
#include "kernel/page.h"

/* Number 0 of the first page is no handle and stays out of the free list. */
err_t handle_grow(struct handle_table *t)
{
    if (t->page_count == HANDLE_PAGE_MAX) return ERR_NO_MEMORY;
    struct handle_entry *page = page_alloc(t->account);
    if (!page) return ERR_NO_MEMORY;
    uint32_t first = t->page_count << HANDLE_PAGE_SHIFT;
    t->page[t->page_count++] = page;
    for (uint32_t i = HANDLE_PER_PAGE; i-- > (first ? 0U : 1U);) {
        page[i].next_free = t->free_head;
        t->free_head = first + i;
    }
    return OK;
}

uint32_t handle_count(struct handle_table *t)
{
    uint32_t count = 0;
    for (uint32_t h = 1; h < t->page_count << HANDLE_PAGE_SHIFT; h++) {
        if (handle_slot(t, h)->type != OBJECT_NONE) count++;
    }
    return count;
}

handle_t handle_insert(struct handle_table *t, const struct handle_entry *value)
{
    uint32_t h = t->free_head;
    CHECK(h != 0);
    struct handle_entry *e = handle_slot(t, h);
    t->free_head = e->next_free;
    *e = *value;
    object_get(e->object);
    if (e->type == OBJECT_ENDPOINT && (e->rights & RIGHT_READ)) endpoint_reader_add(e->object);
    return h;
}

/* Frees the slot and returns what was in it; the use of the object passes to the caller. */
static struct handle_entry slot_release(struct handle_table *t, handle_t h)
{
    struct handle_entry *e = handle_slot(t, h);
    struct handle_entry was = *e;
    e->type = OBJECT_NONE;
    e->object = NULL;
    e->next_free = t->free_head;
    t->free_head = h;
    return was;
}

void handle_remove(struct handle_table *t, handle_t h, err_t reason)
{
    struct handle_entry was = slot_release(t, h);
    if (was.type == OBJECT_ENDPOINT && (was.rights & RIGHT_READ)) endpoint_reader_drop(was.object);
    if (was.type == OBJECT_REPLY) reply_drop(was.object, was.badge, reason);
    object_put(was.object);
}

handle_t handle_move(struct handle_table *from, handle_t h, struct handle_table *to)
{
    handle_t at = handle_insert(to, handle_slot(from, h));
    struct handle_entry was = slot_release(from, h);
    if (was.type == OBJECT_ENDPOINT && (was.rights & RIGHT_READ)) endpoint_reader_drop(was.object);
    object_put(was.object);
    return at;
}

void handle_close_all(struct handle_table *t, err_t reason)
{
    for (uint32_t h = 1; h < t->page_count << HANDLE_PAGE_SHIFT; h++) {
        if (handle_slot(t, h)->type != OBJECT_NONE) handle_remove(t, h, reason);
    }
    for (uint32_t i = 0; i < t->page_count; i++) page_free(t->page[i], t->account);
    t->page_count = 0;
    t->free_head = 0;
}
