/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The firmware tree of QEMU's virt machine, dumped when the test runs, and the same tree with one thing wrong. */
// LINK: hyp/platform.c hyp/fdt_tree.c lib/string.c @libfdt
// CFLAGS: -D_GNU_SOURCE
#include "hyp/platform.h"

#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/test.h"

#define BRIDGE     "/pcie@10000000"
#define TREE_BYTES (2 * 1024 * 1024)

static struct {
    _Alignas(8) char bytes[TREE_BYTES];
    char pristine[TREE_BYTES];
    bool loaded;
} tree;

/* Asks QEMU for its tree once, then hands out copies with room to grow. */
static void *fresh_tree(void)
{
    if (!tree.loaded) {
        char path[64], command[512];
        snprintf(path, sizeof(path), "/tmp/zeros-platform-%d.dtb", getpid());
        snprintf(
                command, sizeof(command),
                "qemu-system-aarch64 -M "
                "virt-10.0,virtualization=on,gic-version=3,iommu=smmuv3,dumpdtb=%s -cpu cortex-a55 "
                "-smp 2 -m 1G -nic none -display none >/dev/null 2>&1",
                path);
        if (system(command) != 0) return NULL;
        FILE *f = fopen(path, "rb");
        if (f == NULL) return NULL;
        tree.loaded = fread(tree.pristine, 1, sizeof(tree.pristine), f) > 0;
        fclose(f);
        unlink(path);
    }
    if (!tree.loaded || fdt_open_into(tree.pristine, tree.bytes, TREE_BYTES) != 0) return NULL;
    return tree.bytes;
}

static int node_of(const char *path)
{
    return fdt_path_offset(tree.bytes, path);
}

static struct platform got;
static struct tree nodes;
static const char *what;

static err_t read_bytes(const void *fdt, uint64_t fdt_bytes)
{
    what = "header";
    return tree_open(fdt, fdt_bytes, &nodes) ? platform_read(&nodes, &got, &what) : ERR_CORRUPT;
}

static err_t read_tree(void)
{
    return read_bytes(tree.bytes, fdt_totalsize(tree.bytes));
}

static err_t look_up(const char *path, struct platform_device *d)
{
    if (!tree_open(tree.bytes, TREE_BYTES, &nodes)) return ERR_STATE;
    return platform_device(&nodes, path, d);
}

#define REQUIRE_TREE() REQUIRE_TRUE(fresh_tree() != NULL)

TEST(platform, finds_memory_gic_uart_smmu_pci_and_cores_of_virt)
{
    REQUIRE_TREE();
    REQUIRE_EQ(OK, read_tree());
    EXPECT_EQ(1, got.ram_count);
    EXPECT_EQ(0x40000000, got.ram[0].start.raw);
    EXPECT_EQ(GIB(1), got.ram[0].size_bytes);
    EXPECT_EQ(0x8000000, got.gicd.start.raw);
    EXPECT_EQ(0x10000, got.gicd.size_bytes);
    EXPECT_EQ(0x80a0000, got.gicr.start.raw);
    EXPECT_EQ(0x9000000, got.uart.start.raw);
    EXPECT_EQ(PAGE_SIZE, got.uart.size_bytes);
    EXPECT_EQ(1, got.uart_kind);
    EXPECT_EQ(0x9050000, got.smmu.start.raw);
    EXPECT_EQ(0x20000, got.smmu.size_bytes);
    EXPECT_EQ(106, got.smmu_event_intid);
    EXPECT_EQ(109, got.smmu_gerror_intid);
    EXPECT_EQ(2, got.core_count);
    EXPECT_EQ(0, got.core_mpidr[0]);
    EXPECT_EQ(1, got.core_mpidr[1]);
    EXPECT_EQ(0, got.initrd.size_bytes);
    EXPECT_EQ(0, got.reserved_count);
}

TEST(platform, finds_the_pci_bridge_with_window_streams_and_interrupt_lines)
{
    REQUIRE_TREE();
    REQUIRE_EQ(OK, read_tree());
    EXPECT_TRUE(got.pci.present);
    EXPECT_STR("/pcie@10000000", got.pci.path);
    EXPECT_EQ(0x4010000000, got.pci.ecam.start.raw);
    EXPECT_EQ(0x10000000, got.pci.mmio32.start.raw);
    EXPECT_EQ(0x10000000, got.pci.mmio32_bus);
    EXPECT_EQ(0x2eff0000, got.pci.mmio32.size_bytes);
    EXPECT_TRUE(got.pci.behind_smmu);
    for (uint32_t slot = 0; slot < 32; slot++) {
        for (uint32_t pin = 0; pin < 4; pin++) {
            EXPECT_EQ(35 + ((slot + pin) & 3), got.pci.intx_intid[slot][pin]);
        }
    }
}

TEST(platform, takes_bootargs_initrd_and_seed_from_chosen)
{
    REQUIRE_TREE();
    int chosen = node_of("/chosen");
    uint8_t seed[32];
    for (int i = 0; i < 32; i++) seed[i] = (uint8_t)(i + 1);
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, chosen, "bootargs", "quiet level=3"));
    EXPECT_EQ(0, fdt_setprop_u32(tree.bytes, chosen, "linux,initrd-start", 0x44000000));
    EXPECT_EQ(0, fdt_setprop_u64(tree.bytes, chosen, "linux,initrd-end", 0x44001001));
    EXPECT_EQ(0, fdt_setprop(tree.bytes, chosen, "rng-seed", seed, sizeof(seed)));
    REQUIRE_EQ(OK, read_tree());
    EXPECT_STR("quiet level=3", got.bootargs);
    EXPECT_EQ(0x44000000, got.initrd.start.raw);
    EXPECT_EQ(0x1001, got.initrd.size_bytes);
    EXPECT_BYTES(seed, got.seed, sizeof(seed));
}

TEST(platform, collects_reserved_memory_in_whole_pages)
{
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_add_mem_rsv(tree.bytes, 0x40000000, 0x800));
    int top = fdt_add_subnode(tree.bytes, 0, "reserved-memory");
    EXPECT_EQ(0, fdt_setprop_u32(tree.bytes, top, "#address-cells", 2));
    EXPECT_EQ(0, fdt_setprop_u32(tree.bytes, top, "#size-cells", 2));
    EXPECT_EQ(0, fdt_setprop_empty(tree.bytes, top, "ranges"));
    int node = fdt_add_subnode(tree.bytes, top, "tee@50000100");
    EXPECT_EQ(0, fdt_setprop_u64(tree.bytes, node, "reg", 0x50000100));
    EXPECT_EQ(0, fdt_appendprop_u64(tree.bytes, node, "reg", 0x1000));
    REQUIRE_EQ(OK, read_tree());
    EXPECT_EQ(2, got.reserved_count);
    EXPECT_EQ(0x40000000, got.reserved[0].start.raw);
    EXPECT_EQ(0x1000, got.reserved[0].size_bytes);
    EXPECT_EQ(0x50000000, got.reserved[1].start.raw);
    EXPECT_EQ(0x2000, got.reserved[1].size_bytes);
}

TEST(platform, adds_up_several_memory_nodes_and_refuses_overlapping_ones)
{
    REQUIRE_TREE();
    int node = fdt_add_subnode(tree.bytes, 0, "memory@80000000");
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node, "device_type", "memory"));
    EXPECT_EQ(0, fdt_setprop_u64(tree.bytes, node, "reg", 0x80000800));
    EXPECT_EQ(0, fdt_appendprop_u64(tree.bytes, node, "reg", 0x10000));
    REQUIRE_EQ(OK, read_tree());
    EXPECT_EQ(2, got.ram_count);
    /* Cut inwards; subnodes are put first. */
    EXPECT_EQ(0x80001000, got.ram[0].start.raw);
    EXPECT_EQ(0xf000, got.ram[0].size_bytes);
    node = node_of("/memory@80000000");
    EXPECT_EQ(0, fdt_setprop_u64(tree.bytes, node, "reg", 0x7ffff000));
    EXPECT_EQ(0, fdt_appendprop_u64(tree.bytes, node, "reg", 0x10000));
    EXPECT_EQ(ERR_CORRUPT, read_tree());
    EXPECT_STR("memory", what);
}

TEST(platform, needs_memory_gic_and_uart)
{
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_del_node(tree.bytes, node_of("/memory@40000000")));
    EXPECT_EQ(ERR_NO_ENTRY, read_tree());
    EXPECT_STR("memory", what);
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_del_node(tree.bytes, node_of("/intc@8000000")));
    EXPECT_EQ(0, fdt_del_node(tree.bytes, node_of("/smmuv3@9050000")));
    EXPECT_EQ(ERR_NO_ENTRY, read_tree());
    EXPECT_STR("interrupt controller (arm,gic-v3)", what);
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_delprop(tree.bytes, node_of("/chosen"), "stdout-path"));
    EXPECT_EQ(ERR_NO_ENTRY, read_tree());
    EXPECT_STR("UART (/chosen/stdout-path)", what);
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_del_node(tree.bytes, node_of("/chosen")));
    EXPECT_EQ(ERR_NO_ENTRY, read_tree());
    EXPECT_STR("/chosen", what);
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_del_node(tree.bytes, node_of("/cpus")));
    EXPECT_EQ(ERR_NO_ENTRY, read_tree());
    EXPECT_STR("cpus", what);
}

TEST(platform, runs_without_smmu_and_pci)
{
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_del_node(tree.bytes, node_of("/smmuv3@9050000")));
    REQUIRE_EQ(OK, read_tree());
    EXPECT_EQ(0, got.smmu.size_bytes);
    EXPECT_FALSE(got.pci.behind_smmu);
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node_of("/pcie@10000000"), "status", "disabled"));
    REQUIRE_EQ(OK, read_tree());
    EXPECT_FALSE(got.pci.present);
}

TEST(platform, stdout_path_may_be_an_alias_with_options)
{
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node_of("/chosen"), "stdout-path",
                                    "serial0:115200n8"));
    EXPECT_OK(read_tree());
    EXPECT_EQ(0x9000000, got.uart.start.raw);
    EXPECT_EQ(0,
              fdt_setprop_string(tree.bytes, node_of("/chosen"), "stdout-path", "/pl031@9010000"));
    EXPECT_EQ(ERR_NO_ENTRY, read_tree());
}

/* One property of one node given other bytes. */
struct damage {
    const char *path, *name;
    uint32_t cell[7];
    int bytes;
    const char *what;
};

TEST(platform, refuses_properties_that_contradict_themselves)
{
    static const struct damage row[] = {
        { "/memory@40000000", "reg", { 0, 0x40000000, 0 }, 12, "memory" },
        { "/memory@40000000", "reg", { 0xffffffff, 0xfffff000, 0, 0x2000 }, 16, "memory" },
        { "/memory@40000000", "reg", { 0x80, 0, 0, 0x2000 }, 16, "memory" },
        { "/chosen", "linux,initrd-start", { 0x50000000 }, 4, "linux,initrd-start" },
        { "/chosen", "linux,initrd-end", { 0x10000000 }, 4, "/chosen" },
        { "/intc@8000000",
          "reg",
          { 0, 0x8000000, 0, 0x10000 },
          16,
          "interrupt controller (arm,gic-v3)" },
        { "/smmuv3@9050000", "reg", { 0, 0x9050000, 0, 0x1000 }, 16, "SMMU (arm,smmu-v3)" },
        { "/smmuv3@9050000", "interrupts", { 0, 0x4a, 4 }, 12, "SMMU (arm,smmu-v3)" },
        { "/smmuv3@9050000", "interrupts", { 0, 0x3dc, 1 }, 12, "SMMU (arm,smmu-v3)" },
        { "/pcie@10000000",
          "reg",
          { 0x40, 0x10000000, 0, 0x1000 },
          16,
          "PCI host bridge (pci-host-ecam-generic)" },
        { "/pcie@10000000",
          "ranges",
          { 0x2000000, 0, 0 },
          12,
          "PCI host bridge (pci-host-ecam-generic)" },
        { "/pcie@10000000",
          "interrupt-map-mask",
          { 0x1800 },
          4,
          "PCI host bridge (pci-host-ecam-generic)" },
        { "/pcie@10000000", "bus-range", { 1, 2 }, 8, "PCI host bridge (pci-host-ecam-generic)" },
        { "/cpus/cpu@0", "reg", { 0 }, 0, "cpus" },
        { "/chosen", "bootargs", { 0x61616161 }, 4, "/chosen" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        REQUIRE_TREE();
        test_row((int64_t)i);
        int chosen = node_of("/chosen");
        EXPECT_EQ(0, fdt_setprop_u32(tree.bytes, chosen, "linux,initrd-start", 0x44000000));
        EXPECT_EQ(0, fdt_setprop_u32(tree.bytes, chosen, "linux,initrd-end", 0x44001000));
        fdt32_t cells[7];
        for (int k = 0; k < 7; k++) cells[k] = cpu_to_fdt32(row[i].cell[k]);
        EXPECT_EQ(0,
                  fdt_setprop(tree.bytes, node_of(row[i].path), row[i].name, cells, row[i].bytes));
        if (strcmp(row[i].name, "linux,initrd-start") == 0) {
            EXPECT_EQ(0, fdt_setprop_u64(tree.bytes, chosen, "linux,initrd-start", 0x7ffff000));
            EXPECT_EQ(0, fdt_setprop_u64(tree.bytes, chosen, "linux,initrd-end", 0x80001000));
        }
        EXPECT_EQ(ERR_CORRUPT, read_tree());
        EXPECT_STR(row[i].what, what);
    }
}

TEST(platform, refuses_a_tree_cut_short_or_with_a_broken_header)
{
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_pack(tree.bytes));
    uint64_t size_bytes = fdt_totalsize(tree.bytes);
    EXPECT_EQ(ERR_CORRUPT, read_bytes(tree.bytes, size_bytes - 1));
    EXPECT_STR("header", what);
    EXPECT_EQ(ERR_CORRUPT, read_bytes(tree.bytes, 8));
    tree.bytes[0] ^= 1;
    EXPECT_EQ(ERR_CORRUPT, read_bytes(tree.bytes, size_bytes));
    tree.bytes[0] ^= 1;
    EXPECT_OK(read_bytes(tree.bytes, size_bytes));
    fdt_set_off_mem_rsvmap(tree.bytes, fdt_off_mem_rsvmap(tree.bytes) - 4);
    EXPECT_EQ(ERR_CORRUPT, read_bytes(tree.bytes, size_bytes));
    EXPECT_STR("header", what);
}

TEST(platform, survives_any_byte_of_the_tree_being_wrong)
{
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_pack(tree.bytes));
    uint32_t size_bytes = fdt_totalsize(tree.bytes);
    char *copy = malloc(size_bytes);
    for (uint32_t at = 0; at < size_bytes; at += 7) {
        memcpy(copy, tree.bytes, size_bytes);
        copy[at] ^= (char)(1 << at % 8);
        if (read_bytes(copy, size_bytes) == OK) {
            struct platform_device device;
            (void)!platform_device(&nodes, "/pl011@9000000", &device);
        }
    }
    free(copy);
}

TEST(platform, looks_up_a_device_by_path)
{
    REQUIRE_TREE();
    struct platform_device d;
    REQUIRE_EQ(OK, look_up("/pl011@9000000", &d));
    EXPECT_STR("arm,pl011", d.compatible);
    EXPECT_EQ(0x9000000, d.mmio.start.raw);
    EXPECT_EQ(PAGE_SIZE, d.mmio.size_bytes);
    EXPECT_EQ(33, d.intid);
    EXPECT_FALSE(d.edge);
    EXPECT_EQ(24000000, d.clock_hz);
    REQUIRE_EQ(OK, look_up("/pl031@9010000", &d));
    EXPECT_EQ(34, d.intid);
}

TEST(platform, device_lookup_refuses_what_cannot_be_given_away)
{
    REQUIRE_TREE();
    struct platform_device d;
    EXPECT_EQ(ERR_NO_ENTRY, look_up("/pl011@9999000", &d));
    EXPECT_EQ(ERR_NO_ENTRY, look_up("serial0", &d));
    EXPECT_EQ(ERR_NO_ENTRY, look_up("", &d));
    /* Nothing to call it by, and no registers. */
    EXPECT_EQ(ERR_CORRUPT, look_up("/memory@40000000", &d));
    EXPECT_EQ(ERR_CORRUPT, look_up("/pmu", &d));
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node_of("/pl031@9010000"), "status", "disabled"));
    EXPECT_EQ(ERR_NO_ENTRY, look_up("/pl031@9010000", &d));
}

TEST(platform, refuses_windows_and_maps_of_the_bridge_that_lead_nowhere)
{
    static const struct damage row[] = {
        { BRIDGE,
          "ranges",
          { 0x2000000, 0, 0x10000000, 0xffffffff, 0x10000000, 0, 0x1000 },
          28,
          "" },
        { BRIDGE, "ranges", { 0x2000000, 1, 0, 0, 0x10000000, 0, 0x1000 }, 28, "" },
        { BRIDGE, "ranges", { 0x2000000, 0, 0x10000000, 0, 0x10000000, 0, 0x800 }, 28, "" },
        { BRIDGE, "ranges", { 0x1000000, 0, 0, 0, 0x3eff0000, 0, 0x10000 }, 28, "" },
        { BRIDGE, "interrupt-map", { 0 }, 4, "" },
        { "/smmuv3@9050000", "interrupts", { 0, 0x4a, 1 }, 12, "" },
        { "/intc@8000000", "reg", { 0, 0x8000000, 0, 0x1000, 0, 0x80a0000, 0x1000 }, 28, "" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        REQUIRE_TREE();
        test_row((int64_t)i);
        fdt32_t cells[7];
        for (int k = 0; k < 7; k++) cells[k] = cpu_to_fdt32(row[i].cell[k]);
        EXPECT_EQ(0,
                  fdt_setprop(tree.bytes, node_of(row[i].path), row[i].name, cells, row[i].bytes));
        EXPECT_EQ(ERR_CORRUPT, read_tree());
    }
    REQUIRE_TREE();
    int bytes;
    uint8_t *map = fdt_getprop_w(tree.bytes, node_of(BRIDGE), "interrupt-map", &bytes);
    REQUIRE_TRUE(map != NULL && bytes == 16 * 40);
    map[40 + 19] ^= 1; /* the second entry names another controller than the first */
    EXPECT_EQ(ERR_CORRUPT, read_tree());
}

TEST(platform, a_small_distributor_or_redistributor_is_refused_and_so_are_two)
{
    REQUIRE_TREE();
    fdt32_t reg[8] = { 0, cpu_to_fdt32(0x8000000), 0, cpu_to_fdt32(0x8000),
                       0, cpu_to_fdt32(0x80a0000), 0, cpu_to_fdt32(0x20000) };
    EXPECT_EQ(0, fdt_setprop(tree.bytes, node_of("/intc@8000000"), "reg", reg, sizeof(reg)));
    EXPECT_EQ(ERR_CORRUPT, read_tree());
    reg[3] = cpu_to_fdt32(0x10000);
    EXPECT_EQ(0, fdt_setprop(tree.bytes, node_of("/intc@8000000"), "reg", reg, sizeof(reg)));
    EXPECT_OK(read_tree());
    reg[7] = cpu_to_fdt32(0x10000);
    EXPECT_EQ(0, fdt_setprop(tree.bytes, node_of("/intc@8000000"), "reg", reg, sizeof(reg)));
    EXPECT_EQ(ERR_CORRUPT, read_tree());
    reg[7] = cpu_to_fdt32(0x20000);
    for (int i = 0; i < 2; i++) {
        REQUIRE_TREE();
        /* A node that stands behind the first one, so that only their number is wrong. */
        int node = node_of("/flash@0");
        EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node, "compatible",
                                        i ? "arm,smmu-v3" : "arm,gic-v3"));
        EXPECT_EQ(0, fdt_setprop(tree.bytes, node, "reg", reg, i ? 16 : 32));
        if (i) {
            fdt32_t wide[4] = { 0, cpu_to_fdt32(0x7000000), 0, cpu_to_fdt32(0x20000) };
            EXPECT_EQ(0, fdt_setprop(tree.bytes, node, "reg", wide, sizeof(wide)));
            fdt32_t irqs[6] = { 0, cpu_to_fdt32(1), cpu_to_fdt32(1),
                                0, cpu_to_fdt32(2), cpu_to_fdt32(1) };
            EXPECT_EQ(0, fdt_setprop(tree.bytes, node, "interrupts", irqs, sizeof(irqs)));
            EXPECT_EQ(0, fdt_setprop(tree.bytes, node, "interrupt-names", "eventq\0gerror", 14));
        }
        EXPECT_EQ(ERR_CORRUPT, read_tree());
    }
}

TEST(platform, memory_without_a_whole_page_is_none_and_more_than_fits_is_refused)
{
    REQUIRE_TREE();
    int node = fdt_add_subnode(tree.bytes, 0, "memory@80000000");
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node, "device_type", "memory"));
    EXPECT_EQ(0, fdt_setprop_u64(tree.bytes, node, "reg", 0x80000800));
    EXPECT_EQ(0, fdt_appendprop_u64(tree.bytes, node, "reg", 0x900));
    REQUIRE_EQ(OK, read_tree());
    EXPECT_EQ(1, got.ram_count);
    for (uint64_t i = 0; i < PLATFORM_RAM_MAX; i++) {
        EXPECT_EQ(0, fdt_appendprop_u64(tree.bytes, node, "reg", 0x90000000 + i * 0x10000));
        EXPECT_EQ(0, fdt_appendprop_u64(tree.bytes, node, "reg", 0x1000));
        EXPECT_EQ(i + 1 < PLATFORM_RAM_MAX ? OK : ERR_CORRUPT, read_tree());
    }
}

TEST(platform, reserved_ranges_that_wrap_or_do_not_fit_are_refused)
{
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_add_mem_rsv(tree.bytes, UINT64_MAX - 0xfff, 0x2000));
    EXPECT_EQ(ERR_CORRUPT, read_tree());
    EXPECT_STR("/memreserve/", what);
    REQUIRE_TREE();
    for (uint64_t i = 0; i <= PLATFORM_RESERVED_MAX; i++) {
        EXPECT_EQ(0, fdt_add_mem_rsv(tree.bytes, 0x50000000 + i * 0x1000, 0x1000));
        EXPECT_EQ(i < PLATFORM_RESERVED_MAX ? OK : ERR_CORRUPT, read_tree());
    }
    REQUIRE_TREE();
    int top = fdt_add_subnode(tree.bytes, 0, "reserved-memory");
    EXPECT_EQ(0, fdt_setprop_u32(tree.bytes, top, "#address-cells", 2));
    EXPECT_EQ(0, fdt_setprop_u32(tree.bytes, top, "#size-cells", 2));
    EXPECT_EQ(0, fdt_setprop_empty(tree.bytes, top, "ranges"));
    int node = fdt_add_subnode(tree.bytes, top, "tee@50000100");
    EXPECT_EQ(0, fdt_setprop_u64(tree.bytes, node, "reg", 0x50000100));
    EXPECT_EQ(ERR_CORRUPT, read_tree());
    EXPECT_STR("reserved-memory", what);
}

TEST(platform, what_may_be_missing_or_more_than_is_used)
{
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_delprop(tree.bytes, node_of(BRIDGE), "interrupt-map"));
    EXPECT_EQ(0, fdt_setprop_empty(tree.bytes, node_of("/chosen"), "bootargs"));
    EXPECT_EQ(0, fdt_setprop_u32(tree.bytes, 0, "reg", 1)); /* the root has none above */
    REQUIRE_EQ(OK, read_tree());
    EXPECT_EQ(0, got.pci.intx_intid[1][0]);
    /* Streams behind a mask are not those of the slots. */
    EXPECT_EQ(0, fdt_setprop_u32(tree.bytes, node_of(BRIDGE), "iommu-map-mask", 0xff));
    REQUIRE_EQ(OK, read_tree());
    EXPECT_FALSE(got.pci.behind_smmu);
    /* A second bridge, even a broken one, stays off. */
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node_of("/pl031@9010000"), "compatible",
                                    "pci-host-ecam-generic"));
    REQUIRE_EQ(OK, read_tree());
    EXPECT_STR(BRIDGE, got.pci.path);
    for (int i = 0; i < 7; i++) {
        char name[16];
        snprintf(name, sizeof(name), "cpu@%d", 100 + i);
        int node = fdt_add_subnode(tree.bytes, node_of("/cpus"), name);
        EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node, "device_type", "cpu"));
        EXPECT_EQ(0, fdt_setprop_u32(tree.bytes, node, "reg", 100));
    }
    REQUIRE_EQ(OK, read_tree());
    EXPECT_EQ(8, got.core_count);
}

TEST(platform, numbers_of_more_than_two_cells_are_refused)
{
    REQUIRE_TREE();
    fdt32_t reg[5] = { 0, 0, cpu_to_fdt32(0x40000000), 0, cpu_to_fdt32(0x40000000) };
    EXPECT_EQ(0, fdt_setprop_u32(tree.bytes, 0, "#address-cells", 3));
    EXPECT_EQ(0, fdt_setprop(tree.bytes, node_of("/memory@40000000"), "reg", reg, sizeof(reg)));
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node_of("/pl011@9000000"), "status", "okay"));
    EXPECT_EQ(0, fdt_setprop(tree.bytes, node_of("/pl011@9000000"), "reg", reg, sizeof(reg)));
    EXPECT_EQ(ERR_CORRUPT, read_tree());
    EXPECT_STR("UART (/chosen/stdout-path)", what);
}

TEST(platform, a_tree_whose_parts_are_not_aligned_is_refused)
{
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_pack(tree.bytes));
    uint32_t bytes = fdt_totalsize(tree.bytes), structure = fdt_off_dt_struct(tree.bytes);
    memmove(tree.bytes + 4, tree.bytes, bytes);
    EXPECT_EQ(ERR_CORRUPT, read_bytes(tree.bytes + 4, bytes));
    memmove(tree.bytes, tree.bytes + 4, bytes);
    /* Eight bytes of room before the structure: the reservation map fits at any multiple of four. */
    memmove(tree.bytes + structure + 8, tree.bytes + structure, bytes - structure);
    memset(tree.bytes + structure, 0, 8);
    fdt_set_off_dt_struct(tree.bytes, structure + 8);
    fdt_set_off_dt_strings(tree.bytes, fdt_off_dt_strings(tree.bytes) + 8);
    fdt_set_totalsize(tree.bytes, bytes + 8);
    EXPECT_OK(read_bytes(tree.bytes, bytes + 8));
    fdt_set_off_mem_rsvmap(tree.bytes, fdt_off_mem_rsvmap(tree.bytes) + 4);
    EXPECT_EQ(ERR_CORRUPT, read_bytes(tree.bytes, bytes + 8));
    EXPECT_STR("header", what);
}

TEST(platform, interrupts_of_devices_are_the_gics_or_none)
{
    static const uint32_t bad[][3] = { { 7, 1, 4 }, { 0, 988, 4 }, { 1, 16, 4 } };
    struct platform_device d;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        REQUIRE_TREE();
        test_row((int64_t)i);
        fdt32_t cells[3] = { cpu_to_fdt32(bad[i][0]), cpu_to_fdt32(bad[i][1]),
                             cpu_to_fdt32(bad[i][2]) };
        EXPECT_EQ(0, fdt_setprop(tree.bytes, node_of("/pl031@9010000"), "interrupts", cells, 12));
        EXPECT_EQ(ERR_CORRUPT, look_up("/pl031@9010000", &d));
        EXPECT_EQ(0, fdt_setprop(tree.bytes, node_of("/pl031@9010000"), "interrupts", cells, 8));
        EXPECT_EQ(ERR_CORRUPT, look_up("/pl031@9010000", &d));
    }
    REQUIRE_TREE();
    EXPECT_EQ(0,
              fdt_setprop_u32(tree.bytes, node_of("/pl031@9010000"), "interrupt-parent", 0x8004));
    EXPECT_OK(look_up("/pl031@9010000", &d));
    EXPECT_EQ(0, d.intid);
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_delprop(tree.bytes, 0, "interrupt-parent"));
    EXPECT_EQ(0, fdt_delprop(tree.bytes, node_of("/intc@8000000"), "phandle"));
    EXPECT_OK(look_up("/pl031@9010000", &d));
    EXPECT_EQ(0, d.intid);
}

TEST(platform, clocks_of_devices_are_fixed_ones_or_unknown)
{
    REQUIRE_TREE();
    struct platform_device d;
    EXPECT_EQ(0, fdt_setprop_u32(tree.bytes, node_of("/pl031@9010000"), "clocks", 0x8003));
    EXPECT_EQ(0, fdt_setprop_u32(tree.bytes, node_of("/intc@8000000"), "clock-frequency", 77));
    EXPECT_OK(look_up("/pl031@9010000", &d));
    EXPECT_EQ(0, d.clock_hz);
    EXPECT_EQ(0, fdt_delprop(tree.bytes, node_of("/pl031@9010000"), "clocks"));
    EXPECT_OK(look_up("/pl031@9010000", &d));
    EXPECT_EQ(0, d.clock_hz);
    EXPECT_EQ(0, fdt_setprop_u32(tree.bytes, node_of("/pl031@9010000"), "clock-frequency", 1000));
    EXPECT_OK(look_up("/pl031@9010000", &d));
    EXPECT_EQ(1000, d.clock_hz);
    EXPECT_EQ(0, fdt_setprop_empty(tree.bytes, node_of("/pl031@9010000"), "clocks"));
    EXPECT_OK(look_up("/pl031@9010000", &d));
    EXPECT_EQ(1000, d.clock_hz);
    EXPECT_EQ(0, fdt_setprop_u64(tree.bytes, node_of("/pl031@9010000"), "clock-frequency",
                                 GIB(4) * 1000));
    EXPECT_OK(look_up("/pl031@9010000", &d));
    EXPECT_EQ(0, d.clock_hz);
}

TEST(platform, a_device_behind_a_translating_bus_is_refused)
{
    REQUIRE_TREE();
    struct platform_device d;
    int node = fdt_add_subnode(tree.bytes, node_of("/platform-bus@c000000"), "uart@0");
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node, "compatible", "arm,pl011"));
    EXPECT_EQ(0, fdt_setprop_u32(tree.bytes, node, "reg", 0x10000));
    EXPECT_EQ(0, fdt_appendprop_u32(tree.bytes, node, "reg", 0x1000));
    EXPECT_EQ(ERR_CORRUPT, look_up("/platform-bus@c000000/uart@0", &d));
    EXPECT_EQ(0, fdt_setprop_empty(tree.bytes, node_of("/platform-bus@c000000"), "ranges"));
    EXPECT_OK(look_up("/platform-bus@c000000/uart@0", &d));
    EXPECT_EQ(0x10000, d.mmio.start.raw);
}

TEST(platform, wiping_leaves_no_byte_of_the_seeds)
{
    REQUIRE_TREE();
    int chosen = node_of("/chosen");
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, chosen, "rng-seed", "SEEDSEEDSEED"));
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, chosen, "kaslr-seed", "SEEDSEED"));
    EXPECT_TRUE(memmem(tree.bytes, TREE_BYTES, "SEED", 4) != NULL);
    REQUIRE_TRUE(tree_open(tree.bytes, TREE_BYTES, &nodes));
    platform_wipe_seeds(&nodes);
    EXPECT_TRUE(memmem(tree.bytes, TREE_BYTES, "SEED", 4) == NULL);
    EXPECT_EQ(NULL, fdt_getprop(tree.bytes, node_of("/chosen"), "rng-seed", NULL));
    EXPECT_EQ(NULL, fdt_getprop(tree.bytes, node_of("/chosen"), "kaslr-seed", NULL));
    platform_wipe_seeds(&nodes); /* nothing left to wipe */
    REQUIRE_EQ(OK, read_bytes(tree.bytes, fdt_totalsize(tree.bytes)));
    EXPECT_EQ(0, got.seed[0]);
    EXPECT_EQ(2, got.core_count);
}
