/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the firmware's device tree says about the machine. */
#include "hyp/platform.h"

#include "lib/string.h"

#define CELL_BYTES       4
#define PCI_BUS_BYTES    MIB(1) /* ECAM of one bus */
#define PCI_MAP_CELLS    10     /* interrupt-map entry: 3 + 1 + 1 + 2 + 3 */
#define PCI_RANGE_CELLS  7      /* ranges entry: 3 + 2 + 2 */
#define PCI_SPACE_MEM32  2
#define INITRD_MAX_BYTES GIB(1)
#define FDT_NOP          4

/* The node being read; *what names its kind to people. */
struct reader {
    const struct tree *t; /* borrowed */
    struct platform *out;
    const char *what;
};

static INIT_CODE void widen_to_pages(struct pa_range *r)
{
    uint64_t end = ALIGN_UP(r->start.raw + r->size_bytes, PAGE_SIZE);
    r->start.raw = ALIGN_DOWN(r->start.raw, PAGE_SIZE);
    r->size_bytes = end - r->start.raw;
}

/* Reserved ranges are widened to whole pages, RAM is cut to them; RAM must not overlap. */
static INIT_CODE err_t add_range(struct platform *out, struct pa_range r, bool is_ram)
{
    if (!range_is_inside(r.start.raw, r.size_bytes, 0, TREE_ADDRESS_END)) return ERR_CORRUPT;
    if (!is_ram) {
        if (out->reserved_count == PLATFORM_RESERVED_MAX) return ERR_CORRUPT;
        widen_to_pages(&r);
        out->reserved[out->reserved_count++] = r;
        return OK;
    }
    uint64_t end = ALIGN_DOWN(r.start.raw + r.size_bytes, PAGE_SIZE);
    r.start.raw = ALIGN_UP(r.start.raw, PAGE_SIZE);
    if (end <= r.start.raw) return OK;
    r.size_bytes = end - r.start.raw;
    for (uint32_t k = 0; k < out->ram_count; k++) {
        const struct pa_range *o = &out->ram[k];
        if (ranges_overlap(r.start.raw, r.size_bytes, o->start.raw, o->size_bytes)) {
            return ERR_CORRUPT;
        }
    }
    if (out->ram_count == PLATFORM_RAM_MAX) return ERR_CORRUPT;
    out->ram[out->ram_count++] = r;
    return OK;
}

/* All reg entries of a node. Without any, a reserved range is placed by whoever wants it: nobody here. */
static INIT_CODE err_t add_ranges(struct reader *r, int node, bool is_ram)
{
    struct pa_range range;
    err_t err = OK;
    for (uint32_t i = 0; err == OK; i++) {
        err = tree_reg(r->t, node, i, &range);
        if (err == ERR_NO_ENTRY) return OK;
        if (err == OK) err = add_range(r->out, range, is_ram);
    }
    return err;
}

static INIT_CODE err_t read_reserve_map(struct reader *r)
{
    struct pa_range range;
    for (uint32_t i = 0; tree_reserved(r->t, i, &range.start.raw, &range.size_bytes); i++) {
        err_t err = add_range(r->out, range, false);
        if (err != OK) return err;
    }
    return OK;
}

/* A number of one or two cells. False: it is not there. */
static INIT_CODE bool read_number(struct tree_value value, uint64_t *out)
{
    if (value.bytes != CELL_BYTES && value.bytes != 2 * CELL_BYTES) return false;
    *out = tree_number(value.cells, value.bytes / CELL_BYTES);
    return true;
}

static INIT_CODE err_t read_chosen(struct reader *r, int node)
{
    struct tree_value args = tree_get(r->t, node, "bootargs");
    if (args.bytes > 0) {
        const char *text = (const char *)args.cells;
        if (text[args.bytes - 1] != '\0') return ERR_CORRUPT;
        if (!str_copy(r->out->bootargs, sizeof(r->out->bootargs), text)) return ERR_CORRUPT;
    }
    struct tree_value seed = tree_get(r->t, node, "rng-seed");
    if (seed.bytes > 0) memcpy(r->out->seed, seed.cells, MIN(seed.bytes, sizeof(r->out->seed)));
    uint64_t start, end;
    if (!read_number(tree_get(r->t, node, "linux,initrd-start"), &start) ||
        !read_number(tree_get(r->t, node, "linux,initrd-end"), &end)) {
        return OK;
    }
    if (end <= start || end - start > INITRD_MAX_BYTES) return ERR_CORRUPT;
    r->out->initrd = (struct pa_range){ { start }, end - start };
    return OK;
}

/* stdout-path: a path or an alias, then perhaps ":115200n8". */
static INIT_CODE err_t read_uart(struct reader *r, int chosen)
{
    struct tree_value path = tree_get(r->t, chosen, "stdout-path");
    const char *text = (const char *)path.cells;
    char alias[32];
    size_t length = 0;
    while (length < path.bytes && text[length] != ':' && text[length] != '\0') length++;
    if (length > 0 && length < sizeof(alias) && text[0] != '/') {
        memcpy(alias, text, length);
        alias[length] = '\0';
        int aliases = tree_find(r->t, "/aliases", 8);
        if (aliases < 0) return ERR_NO_ENTRY;
        path = tree_get(r->t, aliases, alias);
        text = (const char *)path.cells;
        length = path.cells != NULL ? strnlen(text, path.bytes) : 0;
    }
    int node = tree_find(r->t, text, length);
    if (node < 0) return ERR_NO_ENTRY;
    r->out->uart_kind = tree_is(r->t, node, "arm,pl011")          ? 1
                        : tree_is(r->t, node, "snps,dw-apb-uart") ? 2
                                                                  : 0;
    if (r->out->uart_kind == 0) return ERR_NO_ENTRY;
    if (tree_reg(r->t, node, 0, &r->out->uart) != OK) return ERR_CORRUPT;
    widen_to_pages(&r->out->uart);
    return OK;
}

/* Registers of at least min_bytes, aligned as a GIC's and an SMMU's are. */
static INIT_CODE err_t read_registers(struct reader *r, int node, uint32_t index,
                                      uint64_t min_bytes, struct pa_range *out)
{
    if (out->size_bytes != 0) return ERR_CORRUPT; /* two of them */
    if (tree_reg(r->t, node, index, out) != OK) return ERR_CORRUPT;
    return out->size_bytes >= min_bytes && out->start.raw % KIB(64) == 0 ? OK : ERR_CORRUPT;
}

static INIT_CODE err_t read_gic(struct reader *r, int node)
{
    err_t err = read_registers(r, node, 0, KIB(64), &r->out->gicd);
    return err == OK ? read_registers(r, node, 1, KIB(128), &r->out->gicr) : err;
}

/* The SMMU's interrupt of this name, edge; 0: not there. */
static INIT_CODE uint32_t smmu_irq(struct reader *r, int node, const char *name)
{
    struct tree_value names = tree_get(r->t, node, "interrupt-names");
    const char *at = (const char *)names.cells;
    uint32_t index = 0, length = 0;
    for (uint32_t left = names.bytes; left > 0; left -= length, at += length, index++) {
        struct tree_irq irq;
        length = (uint32_t)MIN(strnlen(at, left) + 1, left);
        if (length != strlen(name) + 1 || memcmp(at, name, length) != 0) continue;
        return tree_irq(r->t, node, index, &irq) == OK && irq.edge ? irq.intid : 0;
    }
    return 0;
}

static INIT_CODE err_t read_smmu(struct reader *r, int node)
{
    struct platform *out = r->out;
    err_t err = read_registers(r, node, 0, KIB(128), &out->smmu);
    if (err != OK) return err;
    out->smmu_event_intid = smmu_irq(r, node, "eventq");
    out->smmu_gerror_intid = smmu_irq(r, node, "gerror");
    return out->smmu_event_intid != 0 && out->smmu_gerror_intid != 0 ? OK : ERR_CORRUPT;
}

/* The window for 32-bit memory BARs. */
static INIT_CODE err_t read_pci_window(struct reader *r, int node)
{
    struct tree_value ranges = tree_get(r->t, node, "ranges");
    if (ranges.bytes == 0 || ranges.bytes % (PCI_RANGE_CELLS * CELL_BYTES) != 0) {
        return ERR_CORRUPT;
    }
    const uint32_t *p = ranges.cells, *end = p + ranges.bytes / CELL_BYTES;
    while (p < end && FIELD_OF(BITS(25, 24), tree_number(p, 1)) != PCI_SPACE_MEM32) {
        p += PCI_RANGE_CELLS;
    }
    if (p >= end) return ERR_CORRUPT;
    uint64_t bus = tree_number(p + 1, 2), start = tree_number(p + 3, 2),
             bytes = tree_number(p + 5, 2);
    if (!range_is_inside(start, bytes, 0, TREE_ADDRESS_END)) return ERR_CORRUPT;
    if (!range_is_inside(bus, bytes, 0, GIB(4))) return ERR_CORRUPT;
    if ((start | bus | bytes) % PAGE_SIZE != 0) return ERR_CORRUPT;
    r->out->pci.mmio32 = (struct pa_range){ { start }, bytes };
    r->out->pci.mmio32_bus = bus;
    return OK;
}

/* Fills intx_intid from interrupt-map. A map to anything but the GIC leaves the functions without interrupts. */
static INIT_CODE err_t read_pci_intx(struct reader *r, int node)
{
    struct tree_value map = tree_get(r->t, node, "interrupt-map"),
                      mask = tree_get(r->t, node, "interrupt-map-mask");
    if (map.cells == NULL) return OK;
    if (mask.bytes != 4 * CELL_BYTES || map.bytes < PCI_MAP_CELLS * CELL_BYTES) return ERR_CORRUPT;
    uint64_t slot_mask = tree_number(mask.cells, 1), pin_mask = tree_number(mask.cells + 3, 1);
    uint64_t parent = tree_number(map.cells + 4, 1);
    int gic = tree_by_phandle(r->t, (uint32_t)parent);
    if (gic < 0 || !tree_is(r->t, gic, "arm,gic-v3")) return OK;
    if (r->t->node[gic].address_cells != 2) return ERR_CORRUPT;
    if (map.bytes % (PCI_MAP_CELLS * CELL_BYTES) != 0) return ERR_CORRUPT;
    const uint32_t *end = map.cells + map.bytes / CELL_BYTES;
    for (const uint32_t *p = map.cells; p < end; p += PCI_MAP_CELLS) {
        struct tree_irq irq;
        if (tree_number(p + 4, 1) != parent) return ERR_CORRUPT;
        if (tree_irq_of_cells(p + 7, &irq) != OK) return ERR_CORRUPT;
        uint64_t slot_bits = tree_number(p, 1) & slot_mask,
                 pin_bits = tree_number(p + 3, 1) & pin_mask;
        for (uint32_t i = 0; i < 32 * 4; i++) { /* every slot and pin */
            bool is_slot = ((i / 4) << 11 & slot_mask) == slot_bits;
            if (is_slot && ((i % 4 + 1) & pin_mask) == pin_bits) {
                r->out->pci.intx_intid[i / 4][i % 4] = irq.intid;
            }
        }
    }
    return OK;
}

/* True when iommu-map gives every function of bus 0 the stream of its own number at the SMMU. */
static INIT_CODE bool pci_is_behind_smmu(struct reader *r, int node)
{
    struct tree_value map = tree_get(r->t, node, "iommu-map");
    if (map.bytes != 4 * CELL_BYTES) return false;
    if (tree_get(r->t, node, "iommu-map-mask").cells != NULL) return false;
    int smmu = tree_by_phandle(r->t, (uint32_t)tree_number(map.cells + 1, 1));
    return smmu >= 0 && tree_is(r->t, smmu, "arm,smmu-v3") && tree_number(map.cells, 1) == 0 &&
           tree_number(map.cells + 2, 1) == 0 && tree_number(map.cells + 3, 1) >= 256;
}

static INIT_CODE err_t read_pci(struct reader *r, int node)
{
    struct platform *out = r->out;
    if (out->pci.present) return OK; /* one bridge is served; functions behind others stay off */
    if (tree_reg(r->t, node, 0, &out->pci.ecam) != OK) return ERR_CORRUPT;
    if (out->pci.ecam.size_bytes < PCI_BUS_BYTES || out->pci.ecam.start.raw % PCI_BUS_BYTES != 0) {
        return ERR_CORRUPT;
    }
    if (!tree_path(r->t, node, out->pci.path, sizeof(out->pci.path))) return ERR_CORRUPT;
    struct tree_value bus = tree_get(r->t, node, "bus-range");
    if (bus.cells && (bus.bytes != 2 * CELL_BYTES || tree_number(bus.cells, 1) != 0)) {
        return ERR_CORRUPT;
    }
    err_t err = read_pci_window(r, node);
    if (err == OK) err = read_pci_intx(r, node);
    out->pci.behind_smmu = pci_is_behind_smmu(r, node);
    out->pci.present = err == OK;
    return err;
}

static INIT_CODE err_t read_cpu(struct reader *r, int node)
{
    uint64_t mpidr;
    if (!read_number(tree_get(r->t, node, "reg"), &mpidr)) return ERR_CORRUPT;
    if (r->out->core_count < ARRAY_COUNT(r->out->core_mpidr)) { /* the others stay off */
        r->out->core_mpidr[r->out->core_count++] = mpidr;
    }
    return OK;
}

static INIT_CODE err_t read_node(struct reader *r, int node)
{
    const struct tree_node *n = &r->t->node[node];
    const char *above = n->depth == 2 ? r->t->node[n->above].name : "";
    if (!n->is_on) return OK;
    if (n->depth == 1 && tree_says(r->t, node, "device_type", "memory")) {
        r->what = "memory";
        return add_ranges(r, node, true) == OK ? OK : ERR_CORRUPT;
    }
    if (strcmp(above, "cpus") == 0 && tree_says(r->t, node, "device_type", "cpu")) {
        r->what = "cpus";
        return read_cpu(r, node);
    }
    if (strcmp(above, "reserved-memory") == 0) {
        r->what = "reserved-memory";
        return add_ranges(r, node, false);
    }
    if (tree_is(r->t, node, "arm,gic-v3")) {
        r->what = "interrupt controller (arm,gic-v3)";
        return read_gic(r, node);
    }
    if (tree_is(r->t, node, "arm,smmu-v3")) {
        r->what = "SMMU (arm,smmu-v3)";
        return read_smmu(r, node);
    }
    if (tree_is(r->t, node, "pci-host-ecam-generic")) {
        r->what = "PCI host bridge (pci-host-ecam-generic)";
        return read_pci(r, node);
    }
    return OK;
}

/* Everything that must be there, and the initrd where RAM is. */
static INIT_CODE err_t judge(struct reader *r)
{
    const struct platform *p = r->out;
    r->what = "memory";
    if (p->ram_count == 0) return ERR_NO_ENTRY;
    r->what = "interrupt controller (arm,gic-v3)";
    if (p->gicd.size_bytes == 0) return ERR_NO_ENTRY;
    r->what = "cpus";
    if (p->core_count == 0) return ERR_NO_ENTRY;
    r->what = "linux,initrd-start";
    bool is_inside = p->initrd.size_bytes == 0;
    for (uint32_t i = 0; i < p->ram_count; i++) {
        uint64_t start = p->ram[i].start.raw, end = start + p->ram[i].size_bytes;
        is_inside |= range_is_inside(p->initrd.start.raw, p->initrd.size_bytes, start, end);
    }
    return is_inside ? OK : ERR_CORRUPT;
}

static INIT_CODE err_t read_all(struct reader *r)
{
    r->what = "/memreserve/";
    err_t err = read_reserve_map(r);
    if (err != OK) return err;
    r->what = "/chosen";
    int chosen = tree_find(r->t, "/chosen", 7);
    if (chosen < 0) return ERR_NO_ENTRY;
    err = read_chosen(r, chosen);
    if (err != OK) return err;
    r->what = "UART (/chosen/stdout-path)";
    err = read_uart(r, chosen);
    if (err != OK) return err;
    for (int node = 0; node < r->t->node_count; node++) {
        if (read_node(r, node) != OK) return ERR_CORRUPT;
    }
    return judge(r);
}

INIT_CODE err_t platform_read(const struct tree *t, struct platform *out, const char **what)
{
    memset(out, 0, sizeof(*out));
    struct reader r = { .t = t, .out = out };
    err_t err = read_all(&r);
    *what = r.what;
    return err;
}

/* The rate of the first clock, when it is a fixed one. */
static INIT_CODE uint32_t clock_of(const struct tree *t, int node)
{
    struct tree_value clocks = tree_get(t, node, "clocks");
    if (clocks.bytes >= CELL_BYTES) {
        node = tree_by_phandle(t, (uint32_t)tree_number(clocks.cells, 1));
        if (node < 0 || !tree_is(t, node, "fixed-clock")) return 0;
    }
    struct tree_value rate = tree_get(t, node, "clock-frequency");
    return rate.bytes == CELL_BYTES ? (uint32_t)tree_number(rate.cells, 1) : 0;
}

INIT_CODE err_t platform_device(const struct tree *t, const char *path, struct platform_device *out)
{
    int node = tree_find(t, path, strlen(path));
    if (node < 0 || !t->node[node].is_on) return ERR_NO_ENTRY;
    memset(out, 0, sizeof(*out));
    const char *compatible = t->node[node].compatible;
    size_t bytes = t->node[node].compatible_bytes;
    if (compatible == NULL || strnlen(compatible, bytes) == bytes) return ERR_CORRUPT;
    if (!str_copy(out->compatible, sizeof(out->compatible), compatible)) return ERR_CORRUPT;
    if (tree_reg(t, node, 0, &out->mmio) != OK) return ERR_CORRUPT;
    widen_to_pages(&out->mmio);
    struct tree_irq irq = { 0 };
    if (tree_irq(t, node, 0, &irq) == ERR_CORRUPT) return ERR_CORRUPT;
    out->intid = irq.intid;
    out->edge = irq.edge;
    out->clock_hz = clock_of(t, node);
    return OK;
}

INIT_CODE void platform_wipe_seeds(const struct tree *t)
{
    static INIT_DATA const char seed_names[][16] = { "rng-seed", "kaslr-seed" };
    int chosen = tree_find(t, "/chosen", 7);
    for (size_t i = 0; chosen >= 0 && i < ARRAY_COUNT(seed_names);) {
        struct tree_value seed = tree_get(t, chosen, seed_names[i]);
        if (seed.cells == NULL) {
            i++; /* and not before: a tree may have it twice */
            continue;
        }
        uint32_t *token = (uint32_t *)(uintptr_t)(seed.cells - 3);
        uint64_t count = 3 + ALIGN_UP(seed.bytes, CELL_BYTES) / CELL_BYTES;
        for (uint64_t k = 0; k < count; k++) token[k] = __builtin_bswap32(FDT_NOP);
    }
}
