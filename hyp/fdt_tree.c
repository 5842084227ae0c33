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

static INIT_CODE void collect(struct tree_walk *w)
{
    static INIT_DATA const char names[TREE_PROPERTY_COUNT][20] = {
        [TREE_COMPATIBLE] = "compatible",   [TREE_REG] = "reg",
        [TREE_INTERRUPTS] = "interrupts",   [TREE_STATUS] = "status",
        [TREE_DEVICE_TYPE] = "device_type", [TREE_IRQ_PARENT] = "interrupt-parent",
        [TREE_RANGES] = "ranges",           [TREE_ADDRESS_CELLS] = "#address-cells",
        [TREE_SIZE_CELLS] = "#size-cells",
    };
    int at, bytes;
    memset(w->property, 0, sizeof(w->property));
    fdt_for_each_property_offset(at, w->fdt, w->node)
    {
        const char *name;
        const void *value = fdt_getprop_by_offset(w->fdt, at, &name, &bytes);
        for (uint32_t i = 0; value != NULL && i < TREE_PROPERTY_COUNT; i++) {
            if (strcmp(name, names[i]) != 0) continue;
            w->property[i].value = value;
            w->property[i].bytes = (uint32_t)bytes;
        }
    }
}

/* A property of one cell. */
static INIT_CODE uint32_t cell_of(const struct tree_walk *w, enum tree_property property,
                                  uint32_t otherwise)
{
    if (w->property[property].bytes != CELL_BYTES) return otherwise;
    return (uint32_t)tree_number(w->property[property].value, 1);
}

/* Makes the present node, at the present depth, the one that is looked at. The levels above are filled. */
static INIT_CODE void enter(struct tree_walk *w)
{
    collect(w);
    struct tree_level above = { .is_on = true, .maps_plainly = true };
    if (w->depth > 0) above = w->level[w->depth - 1];
    bool says_on = tree_says(w, TREE_STATUS, "okay") || tree_says(w, TREE_STATUS, "ok");
    bool has_empty_ranges =
            w->property[TREE_RANGES].value != NULL && w->property[TREE_RANGES].bytes == 0;
    w->level[w->depth] = (struct tree_level){
        .node = w->node,
        .irq_parent = cell_of(w, TREE_IRQ_PARENT, above.irq_parent),
        .address_cells = cell_of(w, TREE_ADDRESS_CELLS, 2),
        .size_cells = cell_of(w, TREE_SIZE_CELLS, 1),
        .is_on = above.is_on && (w->property[TREE_STATUS].value == NULL || says_on),
        .maps_plainly = w->depth == 0 || (above.maps_plainly && has_empty_ranges),
    };
}

/* To the next node that is not too deep. */
static INIT_CODE bool step(struct tree_walk *w)
{
    do {
        w->node = fdt_next_node(w->fdt, w->node, &w->depth);
        if (w->node < 0 || w->depth < 0) return false;
    } while (w->depth >= TREE_DEPTH_MAX);
    return true;
}

INIT_CODE bool tree_next(struct tree_walk *w)
{
    if (!step(w)) return false;
    enter(w);
    return true;
}

INIT_CODE bool tree_find(struct tree_walk *w, const char *path, size_t path_bytes)
{
    if (path_bytes == 0 || path_bytes > 256) return false;
    int node = fdt_path_offset_namelen(w->fdt, path, (int)path_bytes), way[TREE_DEPTH_MAX];
    w->node = w->depth = -1;
    do {
        if (node < 0 || !step(w)) return false;
        way[w->depth] = w->node;
    } while (w->node != node);
    int depth = w->depth;
    for (w->depth = 0; w->depth <= depth; w->depth++) {
        w->node = way[w->depth];
        enter(w);
    }
    w->depth = depth;
    return true;
}

INIT_CODE bool tree_is(const struct tree_walk *w, const char *compatible)
{
    const void *list = w->property[TREE_COMPATIBLE].value;
    return list != NULL &&
           fdt_stringlist_contains(list, (int)w->property[TREE_COMPATIBLE].bytes, compatible);
}

INIT_CODE bool tree_says(const struct tree_walk *w, enum tree_property property, const char *text)
{
    size_t bytes = strlen(text) + 1;
    return w->property[property].bytes == bytes &&
           memcmp(w->property[property].value, text, bytes) == 0;
}

INIT_CODE bool tree_is_on(const struct tree_walk *w)
{
    return w->level[w->depth].is_on;
}

INIT_CODE const char *tree_above(const struct tree_walk *w)
{
    const char *name =
            w->depth < 1 ? NULL : fdt_get_name(w->fdt, w->level[w->depth - 1].node, NULL);
    return name != NULL ? name : "";
}

INIT_CODE bool tree_path(const struct tree_walk *w, char *out, size_t out_bytes)
{
    size_t used = 0;
    for (int i = 1; i <= w->depth; i++) {
        const char *name = fdt_get_name(w->fdt, w->level[i].node, NULL);
        if (name == NULL || used + 1 >= out_bytes ||
            !str_copy(out + used + 1, out_bytes - used - 1, name)) {
            out[0] = '\0';
            return false;
        }
        out[used] = '/';
        used += 1 + strlen(name);
    }
    if (w->depth < 1) (void)!str_copy(out, out_bytes, "/");
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
    const uint8_t *reg = w->property[TREE_REG].value;
    if (reg == NULL || w->depth < 1) return ERR_NO_ENTRY;
    const struct tree_level *above = &w->level[w->depth - 1];
    uint32_t address_cells = above->address_cells, size_cells = above->size_cells;
    if (address_cells < 1 || address_cells > 2 || size_cells > 2) return ERR_CORRUPT;
    uint32_t entry_bytes = (address_cells + size_cells) * CELL_BYTES;
    if (w->property[TREE_REG].bytes % entry_bytes != 0) return ERR_CORRUPT;
    if (index >= w->property[TREE_REG].bytes / entry_bytes) return ERR_NO_ENTRY;
    if (!above->maps_plainly) return ERR_NOT_SUPPORTED;
    const uint8_t *entry = reg + index * entry_bytes;
    uint64_t start = tree_number(entry, address_cells);
    uint64_t bytes = tree_number(entry + address_cells * CELL_BYTES, size_cells);
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

INIT_CODE err_t tree_irq(struct tree_walk *w, uint32_t index, struct tree_irq *out)
{
    const uint8_t *cells = w->property[TREE_INTERRUPTS].value;
    uint32_t parent = w->level[w->depth].irq_parent, bytes = w->property[TREE_INTERRUPTS].bytes;
    if (cells == NULL || parent == 0) return ERR_NO_ENTRY;
    if (w->gic_phandle == 0) {
        int gic = fdt_node_offset_by_compatible(w->fdt, -1, "arm,gic-v3");
        if (gic >= 0) w->gic_phandle = fdt_get_phandle(w->fdt, gic);
    }
    if (parent != w->gic_phandle) return ERR_NO_ENTRY;
    if (bytes % (IRQ_CELLS * CELL_BYTES) != 0) return ERR_CORRUPT;
    if (index >= bytes / (IRQ_CELLS * CELL_BYTES)) return ERR_NO_ENTRY;
    return tree_irq_of_cells(cells + index * IRQ_CELLS * CELL_BYTES, out);
}
