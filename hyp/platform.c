/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the firmware's device tree says about the machine. */
#include "hyp/platform.h"

#include <libfdt.h>

#include "hyp/fdt_tree.h"
#include "lib/string.h"

#define CELL_BYTES       4
#define PCI_BUS_BYTES    MIB(1)            /* ECAM of one bus */
#define PCI_MAP_BYTES    (10 * CELL_BYTES) /* interrupt-map entry: 3 + 1 + 1 + 2 + 3 cells */
#define PCI_RANGE_BYTES  (7 * CELL_BYTES)  /* ranges entry: 3 + 2 + 2 cells */
#define PCI_SPACE_MEM32  2
#define INITRD_MAX_BYTES GIB(1)

static INIT_CODE void widen_to_pages(struct pa_range *r)
{
    uint64_t end = ALIGN_UP(r->start.raw + r->size_bytes, PAGE_SIZE);
    r->start.raw = ALIGN_DOWN(r->start.raw, PAGE_SIZE);
    r->size_bytes = end - r->start.raw;
}

static INIT_CODE bool overlap(const struct pa_range *a, const struct pa_range *b)
{
    return ranges_overlap(a->start.raw, a->size_bytes, b->start.raw, b->size_bytes);
}

/* All reg entries of a memory node, cut to whole pages. */
static INIT_CODE err_t add_memory(const struct tree_walk *w, struct platform *out)
{
    for (uint32_t i = 0;; i++) {
        struct pa_range r;
        err_t err = tree_reg(w, i, &r);
        if (err == ERR_NO_ENTRY) return OK;
        if (err != OK) return ERR_CORRUPT;
        uint64_t end = ALIGN_DOWN(r.start.raw + r.size_bytes, PAGE_SIZE);
        r.start.raw = ALIGN_UP(r.start.raw, PAGE_SIZE);
        if (end <= r.start.raw) continue;
        r.size_bytes = end - r.start.raw;
        for (uint32_t k = 0; k < out->ram_count; k++) {
            if (overlap(&r, &out->ram[k])) return ERR_CORRUPT;
        }
        if (out->ram_count == PLATFORM_RAM_MAX) return ERR_CORRUPT;
        out->ram[out->ram_count++] = r;
    }
}

static INIT_CODE err_t add_reserved(struct pa_range r, struct platform *out)
{
    if (!range_is_inside(r.start.raw, r.size_bytes, 0, TREE_ADDRESS_END)) return ERR_CORRUPT;
    if (out->reserved_count == PLATFORM_RESERVED_MAX) return ERR_CORRUPT;
    widen_to_pages(&r);
    out->reserved[out->reserved_count++] = r;
    return OK;
}

static INIT_CODE err_t add_reserved_node(const struct tree_walk *w, struct platform *out)
{
    for (uint32_t i = 0;; i++) {
        struct pa_range r;
        err_t err = tree_reg(w, i, &r);
        if (err == ERR_NO_ENTRY) {
            return OK; /* without reg: placed by whoever wants it, nobody here */
        }
        if (err == OK) err = add_reserved(r, out);
        if (err != OK) return err;
    }
}

static INIT_CODE err_t read_reserve_map(const void *fdt, struct platform *out)
{
    int count = fdt_num_mem_rsv(fdt);
    for (int i = 0; i < count; i++) {
        uint64_t start, size_bytes;
        if (fdt_get_mem_rsv(fdt, i, &start, &size_bytes) != 0) return ERR_CORRUPT;
        err_t err = add_reserved((struct pa_range){ { start }, size_bytes }, out);
        if (err != OK) return err;
    }
    return OK;
}

static INIT_CODE bool read_number(const struct tree_walk *w, const char *name, uint64_t *out)
{
    int size_bytes;
    const void *p = fdt_getprop(w->fdt, w->node, name, &size_bytes);
    if (p == NULL || (size_bytes != CELL_BYTES && size_bytes != 2 * CELL_BYTES)) return false;
    *out = tree_number(p, (uint32_t)size_bytes / CELL_BYTES);
    return true;
}

static INIT_CODE err_t read_initrd(const struct tree_walk *w, struct platform *out)
{
    uint64_t start, end;
    if (!read_number(w, "linux,initrd-start", &start) ||
        !read_number(w, "linux,initrd-end", &end)) {
        return OK;
    }
    if (end <= start || end - start > INITRD_MAX_BYTES) return ERR_CORRUPT;
    out->initrd = (struct pa_range){ { start }, end - start };
    return OK;
}

static INIT_CODE err_t read_chosen(const struct tree_walk *w, struct platform *out)
{
    int size_bytes;
    const char *args = fdt_getprop(w->fdt, w->node, "bootargs", &size_bytes);
    if (args != NULL && size_bytes > 0) {
        if (args[size_bytes - 1] != '\0' || !str_copy(out->bootargs, sizeof(out->bootargs), args)) {
            return ERR_CORRUPT;
        }
    }
    const void *seed = fdt_getprop(w->fdt, w->node, "rng-seed", &size_bytes);
    if (seed != NULL && size_bytes > 0) {
        memcpy(out->seed, seed, MIN((size_t)size_bytes, sizeof(out->seed)));
    }
    return read_initrd(w, out);
}

/* stdout-path: a path or an alias, then perhaps ":115200n8". Leaves /chosen. */
static INIT_CODE err_t read_uart(struct tree_walk *w, struct platform *out)
{
    int size_bytes;
    const char *path = fdt_getprop(w->fdt, w->node, "stdout-path", &size_bytes);
    if (path == NULL || size_bytes <= 1) return ERR_NO_ENTRY;
    size_t length = 0;
    while (length < (size_t)size_bytes - 1 && path[length] != ':' && path[length] != '\0') length++;
    if (!tree_find(w, path, length)) return ERR_NO_ENTRY;
    if (tree_is(w, "arm,pl011")) {
        out->uart_kind = 1;
    } else if (tree_is(w, "snps,dw-apb-uart")) {
        out->uart_kind = 2;
    } else {
        return ERR_NO_ENTRY;
    }
    if (tree_reg(w, 0, &out->uart) != OK) return ERR_CORRUPT;
    widen_to_pages(&out->uart);
    return OK;
}

static INIT_CODE err_t read_gic(const struct tree_walk *w, struct platform *out)
{
    if (out->gicd.size_bytes != 0) return ERR_CORRUPT; /* two of them */
    if (tree_reg(w, 0, &out->gicd) != OK || tree_reg(w, 1, &out->gicr) != OK) return ERR_CORRUPT;
    if (out->gicd.size_bytes < KIB(64) || out->gicr.size_bytes < KIB(128)) return ERR_CORRUPT;
    if (out->gicd.start.raw % KIB(64) != 0 || out->gicr.start.raw % KIB(64) != 0) {
        return ERR_CORRUPT;
    }
    return OK;
}

/* The SMMU's interrupt of this name, edge; 0: not there. */
static INIT_CODE uint32_t smmu_irq(struct tree_walk *w, const char *name)
{
    int index = fdt_stringlist_search(w->fdt, w->node, "interrupt-names", name);
    struct tree_irq irq;
    if (index < 0 || tree_irq(w, (uint32_t)index, &irq) != OK || !irq.edge) return 0;
    return irq.intid;
}

static INIT_CODE err_t read_smmu(struct tree_walk *w, struct platform *out)
{
    if (out->smmu.size_bytes != 0) return ERR_CORRUPT;
    if (tree_reg(w, 0, &out->smmu) != OK) return ERR_CORRUPT;
    if (out->smmu.size_bytes < KIB(128) || out->smmu.start.raw % KIB(64) != 0) return ERR_CORRUPT;
    out->smmu_event_intid = smmu_irq(w, "eventq");
    out->smmu_gerror_intid = smmu_irq(w, "gerror");
    return out->smmu_event_intid != 0 && out->smmu_gerror_intid != 0 ? OK : ERR_CORRUPT;
}

/* The window for 32-bit memory BARs. */
static INIT_CODE err_t read_pci_window(const struct tree_walk *w, struct platform *out)
{
    int size_bytes;
    const uint8_t *p = fdt_getprop(w->fdt, w->node, "ranges", &size_bytes);
    if (p == NULL || (uint32_t)size_bytes % PCI_RANGE_BYTES != 0) return ERR_CORRUPT;
    for (const uint8_t *end = p + size_bytes; p < end; p += PCI_RANGE_BYTES) {
        uint32_t flags = (uint32_t)tree_number(p, 1);
        if (FIELD_OF(BITS(25, 24), flags) != PCI_SPACE_MEM32) continue;
        uint64_t bus = tree_number(p + CELL_BYTES, 2);
        uint64_t start = tree_number(p + 3 * CELL_BYTES, 2),
                 bytes = tree_number(p + 5 * CELL_BYTES, 2);
        if (!range_is_inside(start, bytes, 0, TREE_ADDRESS_END)) return ERR_CORRUPT;
        if (!range_is_inside(bus, bytes, 0, GIB(4))) return ERR_CORRUPT;
        if ((start | bus | bytes) % PAGE_SIZE != 0) return ERR_CORRUPT;
        out->pci.mmio32 = (struct pa_range){ { start }, bytes };
        out->pci.mmio32_bus = bus;
        return OK;
    }
    return ERR_CORRUPT;
}

/* Fills intx_intid from interrupt-map. A map to anything but the GIC leaves the functions without interrupts. */
static INIT_CODE err_t read_pci_intx(const struct tree_walk *w, struct platform *out)
{
    int map_bytes, mask_bytes;
    const uint8_t *map = fdt_getprop(w->fdt, w->node, "interrupt-map", &map_bytes);
    const uint8_t *mask = fdt_getprop(w->fdt, w->node, "interrupt-map-mask", &mask_bytes);
    if (map == NULL) return OK;
    if (mask == NULL || mask_bytes != 4 * CELL_BYTES) return ERR_CORRUPT;
    uint32_t slot_mask = (uint32_t)tree_number(mask, 1),
             pin_mask = (uint32_t)tree_number(mask + 12, 1);
    if (map_bytes < PCI_MAP_BYTES) return ERR_CORRUPT;
    uint32_t parent = (uint32_t)tree_number(map + 4 * CELL_BYTES, 1);
    int gic = fdt_node_offset_by_phandle(w->fdt, parent);
    if (gic < 0 || fdt_node_check_compatible(w->fdt, gic, "arm,gic-v3") != 0) return OK;
    if (fdt_address_cells(w->fdt, gic) != 2 || (uint32_t)map_bytes % PCI_MAP_BYTES != 0) {
        return ERR_CORRUPT;
    }
    for (const uint8_t *p = map, *end = map + map_bytes; p < end; p += PCI_MAP_BYTES) {
        struct tree_irq irq;
        if (tree_number(p + 4 * CELL_BYTES, 1) != parent) return ERR_CORRUPT;
        if (tree_irq_of_cells(p + 7 * CELL_BYTES, &irq) != OK) return ERR_CORRUPT;
        for (uint32_t slot = 0; slot < 32; slot++) {
            if (((slot << 11) & slot_mask) != (tree_number(p, 1) & slot_mask)) continue;
            for (uint32_t pin = 1; pin <= 4; pin++) {
                if ((pin & pin_mask) != (tree_number(p + 3 * CELL_BYTES, 1) & pin_mask)) continue;
                out->pci.intx_intid[slot][pin - 1] = irq.intid;
            }
        }
    }
    return OK;
}

/* True when iommu-map gives every function of bus 0 the stream of its own number at the SMMU. */
static INIT_CODE bool pci_is_behind_smmu(const struct tree_walk *w)
{
    int size_bytes;
    const uint8_t *map = fdt_getprop(w->fdt, w->node, "iommu-map", &size_bytes);
    if (map == NULL || size_bytes != 4 * CELL_BYTES) return false;
    if (fdt_getprop(w->fdt, w->node, "iommu-map-mask", NULL) != NULL) return false;
    int smmu = fdt_node_offset_by_phandle(w->fdt, (uint32_t)tree_number(map + CELL_BYTES, 1));
    if (smmu < 0 || fdt_node_check_compatible(w->fdt, smmu, "arm,smmu-v3") != 0) return false;
    return tree_number(map, 1) == 0 && tree_number(map + 2 * CELL_BYTES, 1) == 0 &&
           tree_number(map + 3 * CELL_BYTES, 1) >= 256;
}

static INIT_CODE err_t read_pci(const struct tree_walk *w, struct platform *out)
{
    if (out->pci.present) return OK; /* one bridge is served; functions behind others stay off */
    if (tree_reg(w, 0, &out->pci.ecam) != OK) return ERR_CORRUPT;
    if (out->pci.ecam.size_bytes < PCI_BUS_BYTES || out->pci.ecam.start.raw % PCI_BUS_BYTES != 0) {
        return ERR_CORRUPT;
    }
    if (!tree_path(w, out->pci.path, sizeof(out->pci.path))) return ERR_CORRUPT;
    int size_bytes;
    const uint8_t *bus = fdt_getprop(w->fdt, w->node, "bus-range", &size_bytes);
    if (bus != NULL && (size_bytes != 2 * CELL_BYTES || tree_number(bus, 1) != 0)) {
        return ERR_CORRUPT;
    }
    err_t err = read_pci_window(w, out);
    if (err == OK) err = read_pci_intx(w, out);
    if (err != OK) return err;
    out->pci.behind_smmu = pci_is_behind_smmu(w);
    out->pci.present = true;
    return OK;
}

static INIT_CODE err_t read_cpu(const struct tree_walk *w, struct platform *out)
{
    int size_bytes;
    const void *reg = fdt_getprop(w->fdt, w->node, "reg", &size_bytes);
    if (reg == NULL || (size_bytes != CELL_BYTES && size_bytes != 2 * CELL_BYTES)) {
        return ERR_CORRUPT;
    }
    if (out->core_count == ARRAY_COUNT(out->core_mpidr)) return OK; /* the others stay off */
    out->core_mpidr[out->core_count++] = tree_number(reg, (uint32_t)size_bytes / CELL_BYTES);
    return OK;
}

/* One node of the walk; *what names its kind. */
static INIT_CODE err_t read_node(struct tree_walk *w, struct platform *out, const char **what)
{
    if (!tree_is_on(w)) return OK;
    if (w->depth == 1 && tree_says(w, TREE_DEVICE_TYPE, "memory")) {
        *what = "memory";
        return add_memory(w, out);
    }
    if (w->depth == 2 && tree_says(w, TREE_DEVICE_TYPE, "cpu") &&
        strcmp(tree_above(w), "cpus") == 0) {
        *what = "cpus";
        return read_cpu(w, out);
    }
    if (w->depth == 2 && strcmp(tree_above(w), "reserved-memory") == 0) {
        *what = "reserved-memory";
        return add_reserved_node(w, out);
    }
    if (tree_is(w, "arm,gic-v3")) {
        *what = "interrupt controller (arm,gic-v3)";
        return read_gic(w, out);
    }
    if (tree_is(w, "arm,smmu-v3")) {
        *what = "SMMU (arm,smmu-v3)";
        return read_smmu(w, out);
    }
    if (tree_is(w, "pci-host-ecam-generic")) {
        *what = "PCI host bridge (pci-host-ecam-generic)";
        return read_pci(w, out);
    }
    return OK;
}

/* Everything that must be there, and the initrd where RAM is. */
static INIT_CODE err_t judge(const struct platform *p, const char **what)
{
    *what = "memory";
    if (p->ram_count == 0) return ERR_NO_ENTRY;
    *what = "interrupt controller (arm,gic-v3)";
    if (p->gicd.size_bytes == 0) return ERR_NO_ENTRY;
    *what = "cpus";
    if (p->core_count == 0) return ERR_NO_ENTRY;
    if (p->initrd.size_bytes == 0) return OK;
    for (uint32_t i = 0; i < p->ram_count; i++) {
        if (range_is_inside(p->initrd.start.raw, p->initrd.size_bytes, p->ram[i].start.raw,
                            p->ram[i].start.raw + p->ram[i].size_bytes)) {
            return OK;
        }
    }
    *what = "linux,initrd-start";
    return ERR_CORRUPT;
}

INIT_CODE err_t platform_read(const void *fdt, uint64_t fdt_bytes, struct platform *out,
                              const char **what)
{
    memset(out, 0, sizeof(*out));
    *what = "header";
    if (!tree_is_sound(fdt, fdt_bytes)) return ERR_CORRUPT;
    *what = "/memreserve/";
    err_t err = read_reserve_map(fdt, out);
    if (err != OK) return err;
    struct tree_walk w;
    tree_start(&w, fdt);
    *what = "/chosen";
    if (!tree_find(&w, "/chosen", 7)) return ERR_NO_ENTRY;
    err = read_chosen(&w, out);
    if (err != OK) return err;
    *what = "UART (/chosen/stdout-path)";
    err = read_uart(&w, out);
    if (err != OK) return err;
    tree_start(&w, fdt);
    while (tree_next(&w)) {
        err = read_node(&w, out, what);
        if (err != OK) return ERR_CORRUPT;
    }
    return judge(out, what);
}

/* The rate of the first clock, when it is a fixed one. */
static INIT_CODE uint32_t clock_of(const struct tree_walk *w)
{
    int size_bytes, node = w->node;
    const void *clocks = fdt_getprop(w->fdt, w->node, "clocks", &size_bytes);
    if (clocks != NULL && size_bytes >= CELL_BYTES) {
        node = fdt_node_offset_by_phandle(w->fdt, (uint32_t)tree_number(clocks, 1));
        if (node < 0 || fdt_node_check_compatible(w->fdt, node, "fixed-clock") != 0) return 0;
    }
    const void *rate = fdt_getprop(w->fdt, node, "clock-frequency", &size_bytes);
    return rate != NULL && size_bytes == CELL_BYTES ? (uint32_t)tree_number(rate, 1) : 0;
}

INIT_CODE err_t platform_device(const void *fdt, const char *path, struct platform_device *out)
{
    memset(out, 0, sizeof(*out));
    struct tree_walk w;
    tree_start(&w, fdt);
    if (path[0] != '/' || !tree_find(&w, path, strlen(path)) || !tree_is_on(&w)) {
        return ERR_NO_ENTRY;
    }
    const char *compatible = fdt_stringlist_get(fdt, w.node, "compatible", 0, NULL);
    if (compatible == NULL || !str_copy(out->compatible, sizeof(out->compatible), compatible)) {
        return ERR_CORRUPT;
    }
    if (tree_reg(&w, 0, &out->mmio) != OK) return ERR_CORRUPT;
    widen_to_pages(&out->mmio);
    struct tree_irq irq;
    err_t err = tree_irq(&w, 0, &irq);
    if (err == ERR_CORRUPT) return err;
    if (err == OK) {
        out->intid = irq.intid;
        out->edge = irq.edge;
    }
    out->clock_hz = clock_of(&w);
    return OK;
}

INIT_CODE void platform_wipe_seeds(void *fdt)
{
    static INIT_DATA const char seed_names[][16] = { "rng-seed", "kaslr-seed" };
    int chosen = fdt_path_offset(fdt, "/chosen");
    for (size_t i = 0; chosen >= 0 && i < ARRAY_COUNT(seed_names); i++) {
        /* Its value is overwritten, too. Again: a tree may have it twice. */
        while (fdt_nop_property(fdt, chosen, seed_names[i]) == 0) {
        }
    }
}
