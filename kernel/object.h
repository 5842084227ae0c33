/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What every kernel object starts from: its type, its users, its end. */
#pragma once
#include "abi/handle.h"
#include "lib/base.h"

/* For the compiler's layout of the paths that are measured; no meaning otherwise. */
#define UNLIKELY(cond) __builtin_expect(!!(cond), 0)

struct object {
    uint32_t type;      /* enum object_type */
    uint32_t ref_count; /* handles, and kernel structs that point here */
    uint64_t id;        /* unique for ever; what people see */
    struct object *next_dead;
};

/** Sets the type, a new id and one user: the caller. */
void object_init(struct object *o, enum object_type type);
static inline void object_get(struct object *o)
{
    o->ref_count++;
}
/** Queues an object without users for its end; object_reap destroys it. Context: kernel, any depth. */
void object_bury(struct object *o);
static inline void object_put(struct object *o)
{
    if (UNLIKELY(--o->ref_count == 0)) object_bury(o);
}
/** The next buried object, or NULL: for the loop of work_run, which destroys one after the other without recursion. */
struct object *object_exhume(void);
bool object_is_any_buried(void);
