/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The firmware's device tree: checked in one pass, then looked at node by node. Its values are untrusted. Boot-only code. */
#pragma once
#include "hyp/addr.h"
#include "lib/base.h"

#define TREE_NODE_MAX    1024
#define TREE_BYTES_MAX   MIB(2)  /* arm64 boot protocol */
#define TREE_ADDRESS_END BIT(39) /* what stage 2 can map */
#define TREE_NONE        (-1)

struct tree_node {
    const char *name;     /* NUL-terminated, in the tree */
    const uint32_t *prop; /* its first property */
    const char *compatible;
    uint32_t compatible_bytes;
    uint32_t phandle, irq_parent;       /* 0: none */
    uint32_t address_cells, size_cells; /* of its children */
    int above;                          /* the node it stands in; TREE_NONE: the root */
    int depth;                          /* 0: the root */
    bool is_on;                         /* by its status and those above */
    bool maps_plainly;                  /* its children's addresses are the CPU's */
};

struct tree {
    const uint8_t *start;
    const char *strings;
    uint32_t strings_bytes, reserve_offset, total_bytes;
    int node_count;
    struct tree_node node
            [TREE_NODE_MAX]; /* in the tree's order: [0] is the root, each after the one it stands in */
};

struct tree_value {
    const uint32_t *cells; /* NULL: not there */
    uint32_t bytes;
};

/**
 * Checks all of a flattened tree (version 17) and lists its nodes. Everything below relies on it.
 * fdt_bytes  what may be read at fdt
 * Returns    true | false: broken, larger than TREE_BYTES_MAX, or with more nodes than fit
 * Context    EL2 boot, MMU on or off, and host
 * Source     Devicetree specification v0.4, chapter 5
 */
bool tree_open(const void *fdt, uint64_t fdt_bytes, struct tree *t) MUST_CHECK;
/** Entry `index` of the memory reservation block. False: no more, or past the tree's end. */
bool tree_reserved(const struct tree *t, uint32_t index, uint64_t *start, uint64_t *size_bytes);
/** A property of a node, by name. */
struct tree_value tree_get(const struct tree *t, int node, const char *name);
/** True when the property's bytes are this string and its NUL. */
bool tree_says(const struct tree *t, int node, const char *name, const char *text);
/** True when one of the node's compatible strings is this one. */
bool tree_is(const struct tree *t, int node, const char *compatible);
/** The node of a path from the root, all names in full. TREE_NONE: there is none. */
int tree_find(const struct tree *t, const char *path, size_t path_bytes);
/** The node with this phandle. TREE_NONE: there is none. */
int tree_by_phandle(const struct tree *t, uint32_t phandle);
/** Writes the node's path. False, and "" written: it does not fit. */
bool tree_path(const struct tree *t, int node, char *out, size_t out_bytes);

/**
 * reg entry `index` as the CPU sees it.
 * Returns  OK | ERR_NO_ENTRY: no such entry | ERR_NOT_SUPPORTED: behind a bus that translates addresses
 *          | ERR_CORRUPT: a size that does not fit, an empty range, or one past TREE_ADDRESS_END
 */
err_t tree_reg(const struct tree *t, int node, uint32_t index, struct pa_range *out) MUST_CHECK;

struct tree_irq {
    uint32_t intid;
    bool edge;
};
/** Decodes three cells of a GIC interrupt specifier. ERR_CORRUPT: not an SPI or PPI that a GICv3 can have. */
err_t tree_irq_of_cells(const uint32_t *cells, struct tree_irq *out) MUST_CHECK;
/** Entry `index` of the node's interrupts. ERR_NO_ENTRY: none, or another controller's. ERR_CORRUPT: as above. */
err_t tree_irq(const struct tree *t, int node, uint32_t index, struct tree_irq *out) MUST_CHECK;

/** Big-endian number of count (0 to 2) cells. */
uint64_t tree_number(const uint32_t *cells, uint32_t count);
