/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A walk over the firmware's device tree: registers, interrupts. The tree is sound; its values are untrusted. */
#pragma once
#include "hyp/addr.h"
#include "lib/base.h"

#define TREE_DEPTH_MAX   6
#define TREE_ADDRESS_END BIT(39) /* what stage 2 can map */

/* The properties that a walk looks at in every node, collected in one pass. */
enum tree_property {
    TREE_COMPATIBLE,
    TREE_REG,
    TREE_INTERRUPTS,
    TREE_STATUS,
    TREE_DEVICE_TYPE,
    TREE_IRQ_PARENT,
    TREE_RANGES,
    TREE_ADDRESS_CELLS,
    TREE_SIZE_CELLS,
    TREE_PROPERTY_COUNT
};

struct tree_walk {
    const void *fdt;      /* borrowed */
    int node;             /* offset of the present one */
    int depth;            /* 0 = root */
    uint32_t gic_phandle; /* 0: not looked for yet */
    struct {
        const void *value; /* NULL: not there */
        uint32_t bytes;
    } property[TREE_PROPERTY_COUNT];
    struct tree_level {
        int node;
        uint32_t irq_parent;
        uint32_t address_cells, size_cells; /* of its children */
        bool is_on;                         /* by its status and those above */
        bool maps_plainly;                  /* its children's addresses are the CPU's */
    } level[TREE_DEPTH_MAX];                /* the way from the root to it */
};

/** True when fdt is a whole, well-formed tree of at most fdt_bytes whose parts are aligned as libfdt reads them. */
bool tree_is_sound(const void *fdt, uint64_t fdt_bytes);
/** Starts before the root. Context of all: EL2 boot and host. */
void tree_start(struct tree_walk *w, const void *fdt);
/** Goes to the next node that is not too deep. False: no more. */
bool tree_next(struct tree_walk *w);
/** Goes to the node of this path (aliases are resolved). False: no such node. O(nodes). */
bool tree_find(struct tree_walk *w, const char *path, size_t path_bytes);
/** True when one of the node's compatible strings is this one. */
bool tree_is(const struct tree_walk *w, const char *compatible);
/** True when the property's bytes are this string and its NUL. */
bool tree_says(const struct tree_walk *w, enum tree_property property, const char *text);
/** True unless the node or one above it is switched off by its status. */
bool tree_is_on(const struct tree_walk *w);
/** Name of the node above; "" at the root. */
const char *tree_above(const struct tree_walk *w);
/** Writes the node's path. False, and "" written: it does not fit. */
bool tree_path(const struct tree_walk *w, char *out, size_t out_bytes);

/**
 * reg entry `index` as the CPU sees it.
 * Returns  OK | ERR_NO_ENTRY: no such entry | ERR_NOT_SUPPORTED: behind a bus that translates addresses
 *          | ERR_CORRUPT: a size that does not fit, an empty range, or one past TREE_ADDRESS_END
 */
err_t tree_reg(const struct tree_walk *w, uint32_t index, struct pa_range *out) MUST_CHECK;

struct tree_irq {
    uint32_t intid;
    bool edge;
};
/** Decodes three cells of a GIC interrupt specifier. ERR_CORRUPT: not an SPI or PPI that a GICv3 can have. */
err_t tree_irq_of_cells(const void *cells, struct tree_irq *out) MUST_CHECK;
/** Entry `index` of the node's interrupts. ERR_NO_ENTRY: none, or another controller's. ERR_CORRUPT: as above. */
err_t tree_irq(struct tree_walk *w, uint32_t index, struct tree_irq *out) MUST_CHECK;

/** Big-endian number of cell_count (1 or 2) cells at p, of any alignment. */
uint64_t tree_number(const void *p, uint32_t cell_count);
