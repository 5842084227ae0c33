/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Life of kernel objects: ids and the queue of those that nobody uses any more. */
#include "kernel/object.h"

#include "kernel/sched.h"

static struct {
    uint64_t last_id;
    struct object *dead; /* owned until work_run has destroyed them */
} objects;

void object_init(struct object *o, enum object_type type)
{
    o->type = (uint32_t)type;
    o->ref_count = 1;
    o->id = ++objects.last_id;
    o->next_dead = NULL;
}

void object_bury(struct object *o)
{
    o->next_dead = objects.dead;
    objects.dead = o;
    sched_work_note();
}

struct object *object_exhume(void)
{
    struct object *o = objects.dead;
    if (o) objects.dead = o->next_dead;
    return o;
}

bool object_is_any_buried(void)
{
    return objects.dead != NULL;
}
