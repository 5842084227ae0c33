/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Pools of kernel structs of one size each, cut from pages. A pool grows by a page and never shrinks. */
#pragma once
#include "lib/base.h"

struct slab {
    size_t item_bytes; /* multiple of 16 */
    void *free;        /* list through the free items */
};

#define SLAB(type)                                             \
    {                                                          \
        .item_bytes = ALIGN_UP(sizeof(type), 16), .free = NULL \
    }

/** A zeroed item, 16-byte aligned, or NULL when memory is out. Context: kernel. */
void *slab_alloc(struct slab *s) MUST_CHECK;
void slab_free(struct slab *s, void *item);
