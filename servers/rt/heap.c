/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sbrk for picolibc's malloc: one VMO, mapped once. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc's headers use reserved names */
#include "servers/rt/heap.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "servers/rt/sys.h"

/* Lock: malloc's own (picolibc calls sbrk with it held). */
static struct {
    uint64_t max_bytes, base, used_bytes;
} heap = { .max_bytes = HEAP_DEFAULT_BYTES };

int heap_set_max(uint64_t size_bytes)
{
    if (heap.base) return ERR_STATE;
    heap.max_bytes = ALIGN_UP(size_bytes, PAGE_SIZE);
    return OK;
}

static err_t heap_map(void)
{
    handle_t vmo = HANDLE_NONE;
    err_t err = sys_vmo_create(heap.max_bytes, &vmo);
    if (err != OK) return err;
    err = sys_vmo_map(HANDLE_SELF, vmo, 0, heap.max_bytes, PROT_READ | PROT_WRITE, 0, &heap.base);
    (void)sys_handle_close(vmo); /* the mapping keeps it */
    return err;
}

void *sbrk(ptrdiff_t change)
{
    if (!heap.base && heap_map() != OK) goto full;
    if (change < 0 ? (uint64_t)-change > heap.used_bytes
                   : (uint64_t)change > heap.max_bytes - heap.used_bytes) {
        goto full;
    }
    uint64_t old = heap.base + heap.used_bytes;
    heap.used_bytes += (uint64_t)change;
    return (void *)old; /* picolibc's malloc zeroes what calloc promises */
full:
    errno = ENOMEM;
    return (void *)-1;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
