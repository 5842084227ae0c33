/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Reading the firmware's device tree. */
#include "hyp/fdt_tree.h"

#include "lib/string.h"

#define CELL_BYTES 4
#define MAGIC      0xd00dfeed
#define VERSION    17
#define SPI_TYPE   0
#define PPI_TYPE   1
#define SPI_COUNT  988 /* INTIDs 32..1019 */
#define PPI_COUNT  16
#define IRQ_CELLS  3
#define EDGE_FLAGS 3 /* rising 1, falling 2; level 4, 8 */

enum token { BEGIN_NODE = 1, END_NODE, PROP, NOP, END = 9 };
enum header { TOTAL = 1, STRUCT_OFFSET, STRINGS_OFFSET, RESERVE_OFFSET, FORMAT, OLDEST_FORMAT };
enum { STRINGS_BYTES = 8, STRUCT_BYTES, HEADER_CELLS };

INIT_CODE uint64_t tree_number(const uint32_t *cells, uint32_t count)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < count; i++) value = value << 32 | __builtin_bswap32(cells[i]);
    return value;
}

static INIT_CODE uint32_t cell(const void *at)
{
    return (uint32_t)tree_number(at, 1);
}

/* A cell of a property that must have exactly one. */
static INIT_CODE uint32_t one_cell(struct tree_value value, uint32_t otherwise)
{
    return value.bytes == CELL_BYTES ? cell(value.cells) : otherwise;
}

/* What every node is asked for, and what is passed down from the one above. */
static INIT_CODE void note(const struct tree *t, int node, struct tree_node *n)
{
    struct tree_value compatible = tree_get(t, node, "compatible");
    struct tree_value ranges = tree_get(t, node, "ranges");
    struct tree_node above = { .is_on = true, .maps_plainly = true, .depth = -1 };
    if (node > 0) above = t->node[n->above];
    bool is_okay = tree_get(t, node, "status").cells == NULL ||
                   tree_says(t, node, "status", "okay") || tree_says(t, node, "status", "ok");
    n->depth = above.depth + 1;
    n->is_on = above.is_on && is_okay;
    n->maps_plainly = above.maps_plainly && (node == 0 || (ranges.cells && !ranges.bytes));
    n->compatible = (const char *)compatible.cells;
    n->compatible_bytes = compatible.bytes;
    n->phandle = one_cell(tree_get(t, node, "phandle"), 0);
    n->irq_parent = one_cell(tree_get(t, node, "interrupt-parent"), above.irq_parent);
    n->address_cells = one_cell(tree_get(t, node, "#address-cells"), 2);
    n->size_cells = one_cell(tree_get(t, node, "#size-cells"), 1);
}

/* The structure block, token by token: each ends inside the block, nodes are closed as they were opened. */
static INIT_CODE bool read_structure(struct tree *t, const uint8_t *at, const uint8_t *end)
{
    int open = TREE_NONE;
    while (end - at >= CELL_BYTES) {
        uint32_t token = cell(at);
        uint64_t bytes = 0, left_bytes = (uint64_t)(end - at) - CELL_BYTES;
        at += CELL_BYTES;
        if (token == BEGIN_NODE) {
            bytes = strnlen((const char *)at, left_bytes) + 1;
            if (t->node_count == TREE_NODE_MAX || (open < 0 && t->node_count > 0)) return false;
        } else if (token == PROP) {
            if (left_bytes < 2 * CELL_BYTES || open < 0) return false;
            if (cell(at + CELL_BYTES) >= t->strings_bytes) return false;
            bytes = 2 * CELL_BYTES + (uint64_t)cell(at);
        } else if (token == END_NODE) {
            if (open < 0) return false;
            open = t->node[open].above;
        } else if (token != NOP) {
            return token == END && open < 0 && t->node_count > 0;
        }
        if (ALIGN_UP(bytes, CELL_BYTES) > left_bytes) return false;
        if (token == BEGIN_NODE) {
            t->node[t->node_count].name = (const char *)at;
            t->node[t->node_count].above = open;
            open = t->node_count++;
        }
        at += ALIGN_UP(bytes, CELL_BYTES);
        if (token == BEGIN_NODE) t->node[open].prop = (const uint32_t *)(uintptr_t)at;
    }
    return false;
}

INIT_CODE bool tree_open(const void *fdt, uint64_t fdt_bytes, struct tree *t)
{
    uint32_t h[HEADER_CELLS];
    if ((uintptr_t)fdt % 8 != 0 || fdt_bytes < sizeof(h)) return false;
    for (uint32_t i = 0; i < HEADER_CELLS; i++) h[i] = cell((const uint32_t *)fdt + i);
    uint32_t total = h[TOTAL];
    if (h[0] != MAGIC || h[FORMAT] < VERSION || h[OLDEST_FORMAT] > VERSION) return false;
    if (total > fdt_bytes || total > TREE_BYTES_MAX) return false;
    /* Unaligned accesses fault while the MMU is off. */
    if (h[RESERVE_OFFSET] % 8 != 0 || h[STRUCT_OFFSET] % CELL_BYTES != 0) return false;
    if (!range_is_inside(h[RESERVE_OFFSET], 16, sizeof(h), total) ||
        !range_is_inside(h[STRUCT_OFFSET], h[STRUCT_BYTES], sizeof(h), total) ||
        !range_is_inside(h[STRINGS_OFFSET], h[STRINGS_BYTES], sizeof(h), total)) {
        return false;
    }
    t->start = fdt;
    t->strings = (const char *)fdt + h[STRINGS_OFFSET];
    t->strings_bytes = h[STRINGS_BYTES];
    if (t->strings[t->strings_bytes - 1] != '\0') return false; /* so every name has an end */
    t->reserve_offset = h[RESERVE_OFFSET];
    t->total_bytes = total;
    t->node_count = 0;
    const uint8_t *structure = t->start + h[STRUCT_OFFSET];
    if (!read_structure(t, structure, structure + h[STRUCT_BYTES])) return false;
    for (int i = 0; i < t->node_count; i++) note(t, i, &t->node[i]);
    return true;
}

INIT_CODE bool tree_reserved(const struct tree *t, uint32_t index, uint64_t *start,
                             uint64_t *size_bytes)
{
    uint64_t at = t->reserve_offset + (uint64_t)index * 16;
    if (at + 16 > t->total_bytes) return false;
    const uint32_t *entry = (const uint32_t *)(uintptr_t)(t->start + at);
    *start = tree_number(entry, 2);
    *size_bytes = tree_number(entry + 2, 2);
    return *start != 0 || *size_bytes != 0;
}

INIT_CODE struct tree_value tree_get(const struct tree *t, int node, const char *name)
{
    for (const uint32_t *p = t->node[node].prop;;) {
        uint32_t token = cell(p++);
        if (token == NOP) continue;
        if (token != PROP) return (struct tree_value){ NULL, 0 };
        struct tree_value found = { p + 2, cell(p) };
        if (strcmp(t->strings + cell(p + 1), name) == 0) return found;
        p = found.cells + ALIGN_UP(found.bytes, CELL_BYTES) / CELL_BYTES;
    }
}

INIT_CODE bool tree_says(const struct tree *t, int node, const char *name, const char *text)
{
    struct tree_value value = tree_get(t, node, name);
    size_t bytes = strlen(text) + 1;
    return value.bytes == bytes && memcmp(value.cells, text, bytes) == 0;
}

INIT_CODE bool tree_is(const struct tree *t, int node, const char *compatible)
{
    const char *at = t->node[node].compatible;
    size_t bytes = strlen(compatible) + 1, left_bytes = t->node[node].compatible_bytes;
    while (left_bytes >= bytes) {
        if (memcmp(at, compatible, bytes) == 0) return true;
        size_t skip = MIN(strnlen(at, left_bytes) + 1, left_bytes);
        at += skip;
        left_bytes -= skip;
    }
    return false;
}

INIT_CODE int tree_by_phandle(const struct tree *t, uint32_t phandle)
{
    for (int i = 0; phandle != 0 && i < t->node_count; i++) {
        if (t->node[i].phandle == phandle) return i;
    }
    return TREE_NONE;
}

INIT_CODE int tree_find(const struct tree *t, const char *path, size_t path_bytes)
{
    if (path_bytes == 0 || path[0] != '/') return TREE_NONE;
    int node = 0;
    for (size_t at = 1, length; at < path_bytes; at += length + 1) {
        int above = node++;
        for (length = 0; at + length < path_bytes && path[at + length] != '/';) length++;
        for (; node < t->node_count; node++) {
            const struct tree_node *n = &t->node[node];
            bool is_it = n->above == above && strlen(n->name) == length;
            if (is_it && memcmp(n->name, path + at, length) == 0) break;
        }
        if (node == t->node_count) return TREE_NONE;
    }
    return node;
}

INIT_CODE bool tree_path(const struct tree *t, int node, char *out, size_t out_bytes)
{
    size_t at = out_bytes - 1; /* from the end to the start */
    out[at] = '\0';
    for (int i = node; i > 0 || at == out_bytes - 1; i = t->node[i].above) {
        size_t length = strlen(t->node[i].name);
        if (length + 1 > at) {
            out[0] = '\0';
            return false;
        }
        at -= length + 1;
        out[at] = '/';
        memcpy(out + at + 1, t->node[i].name, length);
    }
    memmove(out, out + at, out_bytes - at);
    return true;
}

INIT_CODE err_t tree_reg(const struct tree *t, int node, uint32_t index, struct pa_range *out)
{
    struct tree_value reg = tree_get(t, node, "reg");
    if (reg.cells == NULL || node == 0) return ERR_NO_ENTRY;
    const struct tree_node *above = &t->node[t->node[node].above];
    uint32_t address_cells = above->address_cells, size_cells = above->size_cells;
    if (address_cells < 1 || address_cells > 2 || size_cells > 2) return ERR_CORRUPT;
    uint32_t entry_cells = address_cells + size_cells;
    if (reg.bytes % (entry_cells * CELL_BYTES) != 0) return ERR_CORRUPT;
    if (index >= reg.bytes / (entry_cells * CELL_BYTES)) return ERR_NO_ENTRY;
    if (!above->maps_plainly) return ERR_NOT_SUPPORTED;
    const uint32_t *entry = reg.cells + index * entry_cells;
    uint64_t start = tree_number(entry, address_cells);
    uint64_t bytes = tree_number(entry + address_cells, size_cells);
    if (!range_is_inside(start, bytes, 0, TREE_ADDRESS_END)) return ERR_CORRUPT;
    *out = (struct pa_range){ .start = { start }, .size_bytes = bytes };
    return OK;
}

INIT_CODE err_t tree_irq_of_cells(const uint32_t *cells, struct tree_irq *out)
{
    uint32_t type = cell(cells), number = cell(cells + 1);
    bool is_spi = type == SPI_TYPE && number < SPI_COUNT;
    if (!is_spi && (type != PPI_TYPE || number >= PPI_COUNT)) return ERR_CORRUPT;
    out->intid = number + (is_spi ? 32 : 16);
    out->edge = (cell(cells + 2) & EDGE_FLAGS) != 0;
    return OK;
}

INIT_CODE err_t tree_irq(const struct tree *t, int node, uint32_t index, struct tree_irq *out)
{
    struct tree_value list = tree_get(t, node, "interrupts");
    int parent = tree_by_phandle(t, t->node[node].irq_parent);
    if (list.cells == NULL || parent < 0 || !tree_is(t, parent, "arm,gic-v3")) return ERR_NO_ENTRY;
    if (list.bytes % (IRQ_CELLS * CELL_BYTES) != 0) return ERR_CORRUPT;
    if (index >= list.bytes / (IRQ_CELLS * CELL_BYTES)) return ERR_NO_ENTRY;
    return tree_irq_of_cells(list.cells + index * IRQ_CELLS, out);
}
