/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Reading single nodes of the firmware's device tree. */
#include "hyp/fdt_tree.h"

#include <libfdt.h>

#include "lib/string.h"

#define CELL_BYTES 4
#define SPI_TYPE   0
#define PPI_TYPE   1
#define SPI_COUNT  988 /* INTIDs 32..1019 */
#define PPI_COUNT  16
#define IRQ_CELLS  3
#define EDGE_FLAGS 3 /* rising 1, falling 2; level 4, 8 */

INIT_CODE bool tree_is_sound(const void *fdt, uint64_t fdt_bytes)
{
    if ((uintptr_t)fdt % 8 != 0 || fdt_bytes < sizeof(struct fdt_header)) return false;
    /* fdt_check_full leaves these two out, and the MMU may be off: an unaligned access would fault. */
    if (fdt_off_mem_rsvmap(fdt) % 8 != 0 || fdt_off_dt_struct(fdt) % 4 != 0) return false;
    return fdt_check_full(fdt, fdt_bytes) == 0;
}

INIT_CODE void tree_start(struct tree_walk *w, const void *fdt)
{
    *w = (struct tree_walk){ .fdt = fdt, .node = -1, .depth = -1 };
}

INIT_CODE bool tree_next(struct tree_walk *w)
{
    do {
        w->node = fdt_next_node(w->fdt, w->node, &w->depth);
        if (w->node < 0 || w->depth < 0) return false;
    } while (w->depth >= TREE_DEPTH_MAX);
    w->at[w->depth] = w->node;
    return true;
}

INIT_CODE bool tree_find(struct tree_walk *w, const char *path, size_t path_bytes)
{
    if (path_bytes == 0 || path_bytes > 256) return false;
    int node = fdt_path_offset_namelen(w->fdt, path, (int)path_bytes);
    if (node < 0) return false;
    tree_start(w, w->fdt);
    while (tree_next(w)) {
        if (w->node == node) return true;
    }
    return false;
}

INIT_CODE bool tree_is(const struct tree_walk *w, const char *compatible)
{
    return fdt_node_check_compatible(w->fdt, w->node, compatible) == 0;
}

INIT_CODE bool tree_is_on(const struct tree_walk *w)
{
    for (int i = 0; i <= w->depth; i++) {
        int size_bytes;
        const char *status = fdt_getprop(w->fdt, w->at[i], "status", &size_bytes);
        if (status == NULL) continue;
        bool okay = size_bytes == 5 && memcmp(status, "okay", 5) == 0;
        bool ok = size_bytes == 3 && memcmp(status, "ok", 3) == 0;
        if (!okay && !ok) return false;
    }
    return true;
}

INIT_CODE uint64_t tree_number(const void *p, uint32_t cell_count)
{
    const uint8_t *byte = p;
    uint64_t value = 0;
    for (uint32_t i = 0; i < cell_count * CELL_BYTES; i++) value = value << 8 | byte[i];
    return value;
}

INIT_CODE err_t tree_reg(const struct tree_walk *w, uint32_t index, struct pa_range *out)
{
    int size_bytes;
    const uint8_t *reg = fdt_getprop(w->fdt, w->node, "reg", &size_bytes);
    if (reg == NULL || w->depth < 1) return ERR_NO_ENTRY;
    int parent = w->at[w->depth - 1];
    int address_cells = fdt_address_cells(w->fdt, parent),
        size_cells = fdt_size_cells(w->fdt, parent);
    if (size_cells == 0) return ERR_NO_ENTRY; /* numbers, not addresses: CPUs and the like */
    if (address_cells < 1 || address_cells > 2 || size_cells < 1 || size_cells > 2)
        return ERR_CORRUPT;
    uint32_t entry_bytes = (uint32_t)(address_cells + size_cells) * CELL_BYTES;
    if ((uint32_t)size_bytes % entry_bytes != 0) return ERR_CORRUPT;
    if (index >= (uint32_t)size_bytes / entry_bytes) return ERR_NO_ENTRY;
    for (int i = w->depth - 1; i > 0; i--) {
        int ranges_bytes;
        const void *ranges = fdt_getprop(w->fdt, w->at[i], "ranges", &ranges_bytes);
        if (ranges == NULL || ranges_bytes != 0) return ERR_NOT_SUPPORTED;
    }
    const uint8_t *entry = reg + index * entry_bytes;
    uint64_t start = tree_number(entry, (uint32_t)address_cells);
    uint64_t bytes = tree_number(entry + address_cells * CELL_BYTES, (uint32_t)size_cells);
    if (!range_is_inside(start, bytes, 0, TREE_ADDRESS_END)) return ERR_CORRUPT;
    *out = (struct pa_range){ .start = { start }, .size_bytes = bytes };
    return OK;
}

INIT_CODE err_t tree_irq_of_cells(const void *cells, struct tree_irq *out)
{
    uint32_t type = (uint32_t)tree_number(cells, 1);
    uint32_t number = (uint32_t)tree_number((const uint8_t *)cells + CELL_BYTES, 1);
    uint32_t flags = (uint32_t)tree_number((const uint8_t *)cells + 2 * CELL_BYTES, 1);
    if (type == SPI_TYPE && number < SPI_COUNT) {
        out->intid = 32 + number;
    } else if (type == PPI_TYPE && number < PPI_COUNT) {
        out->intid = 16 + number;
    } else {
        return ERR_CORRUPT;
    }
    out->edge = (flags & EDGE_FLAGS) != 0;
    return OK;
}

/* The phandle in the nearest interrupt-parent property upwards; 0: none. */
static INIT_CODE uint32_t irq_parent(const struct tree_walk *w)
{
    for (int i = w->depth; i >= 0; i--) {
        int size_bytes;
        const void *cell = fdt_getprop(w->fdt, w->at[i], "interrupt-parent", &size_bytes);
        if (cell != NULL && size_bytes == CELL_BYTES) return (uint32_t)tree_number(cell, 1);
    }
    return 0;
}

INIT_CODE err_t tree_irq(const struct tree_walk *w, uint32_t index, struct tree_irq *out)
{
    int size_bytes;
    const uint8_t *cells = fdt_getprop(w->fdt, w->node, "interrupts", &size_bytes);
    if (cells == NULL) return ERR_NO_ENTRY;
    uint32_t parent = irq_parent(w);
    if (parent == 0) return ERR_NO_ENTRY;
    int gic = fdt_node_offset_by_phandle(w->fdt, parent);
    if (gic < 0 || fdt_node_check_compatible(w->fdt, gic, "arm,gic-v3") != 0) return ERR_NO_ENTRY;
    if ((uint32_t)size_bytes % (IRQ_CELLS * CELL_BYTES) != 0) return ERR_CORRUPT;
    if (index >= (uint32_t)size_bytes / (IRQ_CELLS * CELL_BYTES)) return ERR_NO_ENTRY;
    return tree_irq_of_cells(cells + index * IRQ_CELLS * CELL_BYTES, out);
}
