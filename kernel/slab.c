/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Pools of kernel structs of one size each. */
#include "kernel/slab.h"

#include "kernel/page.h"
#include "lib/string.h"

struct slab_item {
    struct slab_item *next;
};

void *slab_alloc(struct slab *s)
{
    CHECK(s->item_bytes >= sizeof(struct slab_item) && s->item_bytes <= PAGE_SIZE);
    if (!s->free) {
        char *page = page_alloc(NULL);
        if (!page) return NULL;
        for (size_t at = 0; at + s->item_bytes <= PAGE_SIZE; at += s->item_bytes) {
            struct slab_item *item = (struct slab_item *)(void *)(page + at);
            item->next = s->free;
            s->free = item;
        }
    }
    struct slab_item *item = s->free;
    s->free = item->next;
    memset(item, 0, s->item_bytes);
    return item;
}

void slab_free(struct slab *s, void *item)
{
    struct slab_item *i = item;
    i->next = s->free;
    s->free = i;
}
