/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Handle tables: which objects a process may name, and what it may do with each. */
#pragma once
#include "abi/handle.h"
#include "kernel/object.h"
#include "lib/base.h"

#define HANDLE_PAGE_MAX   16
#define HANDLE_PAGE_SHIFT 7
#define HANDLE_PER_PAGE   (1U << HANDLE_PAGE_SHIFT)
#define HANDLE_MAX        (HANDLE_PAGE_MAX * HANDLE_PER_PAGE)

struct account;

/* type OBJECT_NONE: free. A reply's object is the thread that waits for the answer, its badge the number of the call. */
struct handle_entry {
    struct object *object; /* one use of it */
    uint64_t badge;        /* endpoint: what its calls carry; reply: call number */
    uint32_t type;         /* enum object_type */
    uint32_t rights;
    uint32_t next_free;
    uint32_t reserved;
};
STATIC_ASSERT(sizeof(struct handle_entry) == 32, "128 entries fill a page");

struct handle_table {
    struct handle_entry *page[HANDLE_PAGE_MAX]; /* owned */
    uint32_t page_count;
    uint32_t free_head; /* 0: none */
    uint32_t reserved;
    struct account *account; /* borrowed from the process */
};

static inline struct handle_entry *handle_slot(struct handle_table *t, uint64_t h)
{
    return &t->page[h >> HANDLE_PAGE_SHIFT][h & (HANDLE_PER_PAGE - 1)];
}

/** The entry of a handle in use, or NULL. */
static inline struct handle_entry *handle_at(struct handle_table *t, uint64_t h)
{
    if (h >> HANDLE_PAGE_SHIFT >= t->page_count) return NULL;
    struct handle_entry *e = handle_slot(t, h);
    return e->type == OBJECT_NONE ? NULL : e;
}

/** Finds a handle of the wanted type with at least these rights. Returns OK | ERR_HANDLE, ERR_TYPE, ERR_RIGHTS. */
static inline err_t handle_find(struct handle_table *t, uint64_t h, enum object_type type,
                                uint32_t rights, struct handle_entry **out)
{
    if (UNLIKELY(h >> HANDLE_PAGE_SHIFT >= t->page_count)) return ERR_HANDLE;
    struct handle_entry *e = handle_slot(t, h);
    if (UNLIKELY(e->type != (uint32_t)type)) return e->type == OBJECT_NONE ? ERR_HANDLE : ERR_TYPE;
    if (UNLIKELY((e->rights & rights) != rights)) return ERR_RIGHTS;
    *out = e;
    return OK;
}

/** Adds a page of room. OK | ERR_NO_MEMORY: the table is full, or memory is out; nothing changed. */
err_t handle_grow(struct handle_table *t) MUST_CHECK;
/** Makes room for `count` more handles, so that as many handle_insert cannot fail. Errors of handle_grow. */
MUST_CHECK static inline err_t handle_reserve(struct handle_table *t, uint32_t count)
{
    uint32_t h = t->free_head;
    while (count-- > 0) {
        while (UNLIKELY(h == 0)) { /* new numbers come first in the list: count them all again */
            err_t e = handle_grow(t);
            if (e != OK) return e;
            h = t->free_head;
        }
        h = handle_slot(t, h)->next_free;
    }
    return OK;
}
/** Handles in use. Context: any; O(table). */
uint32_t handle_count(struct handle_table *t);

/**
 * Enters a copy of *value and takes one use of its object.
 * Returns the handle. Context: handle_reserve said OK for it, else CHECK fails.
 */
handle_t handle_insert(struct handle_table *t, const struct handle_entry *value);
/**
 * Takes a handle out and gives its use of the object back. A reply that nobody answers ends its caller's wait with `reason`.
 * h is in use.
 */
void handle_remove(struct handle_table *t, handle_t h, err_t reason);
/** A reply handle for call `number` of a thread: handle_insert for the path that is measured. Context: as handle_insert. */
static inline handle_t handle_insert_reply(struct handle_table *t, struct object *caller,
                                           uint64_t number)
{
    uint32_t h = t->free_head;
    struct handle_entry *e = handle_slot(t, h);
    t->free_head = e->next_free;
    e->object = caller;
    e->badge = number;
    e->type = OBJECT_REPLY;
    e->rights = RIGHT_WRITE | RIGHT_GRANT;
    object_get(caller);
    return h;
}

/** Takes out a reply that has been answered, e = its entry: nothing else happens, and its use of the thread is the caller's now. */
static inline void handle_consume(struct handle_table *t, struct handle_entry *e, handle_t h)
{
    e->type = OBJECT_NONE;
    e->next_free = t->free_head;
    t->free_head = h;
}

/** Moves a handle in use to another table, where room is reserved. Its object sees no moment without it. */
handle_t handle_move(struct handle_table *from, handle_t h, struct handle_table *to);
/** Removes all and frees the table. */
void handle_close_all(struct handle_table *t, err_t reason);
