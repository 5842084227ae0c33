/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The queue of deadlines, a skew heap with parent pointers; merging walks down the right spines. */
#include "kernel/deadline.h"

static struct deadline *root;

/* Merges two heaps: the smaller top wins, its old right side becomes its left, and merging goes on to its right. */
static struct deadline *heap_merge(struct deadline *a, struct deadline *b)
{
    struct deadline *top = NULL, **link = &top, *parent = NULL;
    while (a && b) {
        if (b->at_ticks < a->at_ticks) {
            struct deadline *swap = a;
            a = b;
            b = swap;
        }
        *link = a;
        a->parent = parent;
        struct deadline *rest = a->right;
        a->right = a->left;
        parent = a;
        link = &a->left;
        a = rest;
    }
    *link = a ? a : b;
    if (*link) (*link)->parent = parent;
    return top;
}

bool deadline_set(struct deadline *d, uint64_t at_ticks)
{
    deadline_clear(d);
    d->at_ticks = at_ticks;
    d->left = NULL;
    d->right = NULL;
    d->parent = NULL;
    d->is_queued = true;
    root = heap_merge(root, d);
    return root == d;
}

void deadline_clear(struct deadline *d)
{
    if (!d->is_queued) return;
    struct deadline *parent = d->parent;
    struct deadline *rest = heap_merge(d->left, d->right);
    if (rest) rest->parent = parent;
    if (!parent) {
        root = rest;
    } else if (parent->left == d) {
        parent->left = rest;
    } else {
        parent->right = rest;
    }
    d->is_queued = false;
}

struct deadline *deadline_first(void)
{
    return root;
}
