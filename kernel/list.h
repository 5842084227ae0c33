/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Doubly linked lists through nodes inside the listed structs. A node that is in no list points to itself. */
#pragma once
#include "lib/base.h"

struct list_node {
    struct list_node *next, *prev; /* borrowed: the owner unlinks itself before it goes */
};

/* The struct of type TYPE whose member MEMBER is *NODE. */
#define CONTAINER_OF(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/** Makes an empty list head, or a node that is in no list. */
static inline void list_init(struct list_node *n)
{
    n->next = n;
    n->prev = n;
}

static inline bool list_is_empty(const struct list_node *head)
{
    return head->next == head;
}

/** Puts n before `at`; with the head as `at`: at the end of the list. */
static inline void list_add(struct list_node *at, struct list_node *n)
{
    n->next = at;
    n->prev = at->prev;
    at->prev->next = n;
    at->prev = n;
}

/** Takes n out of whatever list it is in; nothing happens when it is in none. */
static inline void list_remove(struct list_node *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}
