/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the judge is told about QEMU's virt machine. */
// LINK: hyp/facts.c hyp/platform.c hyp/fdt_tree.c lib/string.c @libfdt
#include "hyp/facts.h"

#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/test.h"

static _Alignas(8) char tree[2 * 1024 * 1024];
static struct platform platform;
static struct tree nodes;
static struct manifest_facts facts;

static bool collect(const char *machine)
{
    char path[64], command[512];
    const char *what;
    snprintf(path, sizeof(path), "/tmp/zeros-facts-%d.dtb", getpid());
    snprintf(command, sizeof(command),
             "qemu-system-aarch64 -M %s,dumpdtb=%s -cpu cortex-a55 -smp 3 -m 1G -nic none -display "
             "none >/dev/null 2>&1",
             machine, path);
    if (system(command) != 0) return false;
    FILE *f = fopen(path, "rb");
    if (f == NULL) return false;
    size_t bytes = fread(tree, 1, sizeof(tree), f);
    fclose(f);
    unlink(path);
    return tree_open(tree, bytes, &nodes) && platform_read(&nodes, &platform, &what) == OK &&
           facts_from_tree(&nodes, &platform, MIB(64), &facts) == OK;
}

static const struct manifest_fact *find(const char *path)
{
    for (uint32_t i = 0; i < facts.device_count; i++) {
        if (strcmp(facts.device[i].path, path) == 0) return &facts.device[i];
    }
    return NULL;
}

#define VIRT "virt-10.0,virtualization=on,gic-version=3,iommu=smmuv3"

TEST(facts, count_ram_without_el2s_share_cores_and_smmu)
{
    REQUIRE_TRUE(collect(VIRT));
    EXPECT_EQ(MIB(960), facts.ram_bytes);
    EXPECT_EQ(3, facts.core_count);
    EXPECT_TRUE(facts.has_smmu);
    REQUIRE_TRUE(collect("virt-10.0,virtualization=on,gic-version=3"));
    EXPECT_FALSE(facts.has_smmu);
}

TEST(facts, know_masters_and_what_is_reserved)
{
    static const struct {
        const char *path;
        bool is_master, is_reserved;
        uint32_t intid;
    } row[] = {
        { "/pl011@9000000", false, false, 33 },
        { "/pl031@9010000", false, false, 34 },
        { "/pl061@9030000", false, false, 39 },
        { "/fw-cfg@9020000", true, false, 0 },
        { "/virtio_mmio@a000200", true, false, 49 },
        { "/intc@8000000", true, true, 25 },
        { "/intc@8000000/its@8080000", true, true, 0 },
        { "/smmuv3@9050000", true, true, 106 },
        { "/pcie@10000000", true, true, 0 },
        { "/flash@0", true, true, 0 },
        { "/memory@40000000", true, true, 0 },
    };
    REQUIRE_TRUE(collect(VIRT));
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        test_row((int64_t)i);
        const struct manifest_fact *f = find(row[i].path);
        REQUIRE_TRUE(f != NULL);
        EXPECT_EQ(row[i].is_master, f->is_master);
        EXPECT_EQ(row[i].is_reserved, f->is_reserved);
        EXPECT_EQ(row[i].intid, f->intid);
        EXPECT_FALSE(f->has_stream);
    }
    EXPECT_TRUE(find("/cpus/cpu@0") == NULL);
}

TEST(facts, disabled_nodes_are_not_there)
{
    REQUIRE_TRUE(collect(VIRT));
    EXPECT_EQ(0, fdt_open_into(tree, tree, sizeof(tree)));
    EXPECT_EQ(0, fdt_setprop_string(tree, fdt_path_offset(tree, "/pl031@9010000"), "status",
                                    "disabled"));
    REQUIRE_TRUE(tree_open(tree, sizeof(tree), &nodes));
    EXPECT_EQ(OK, facts_from_tree(&nodes, &platform, 0, &facts));
    EXPECT_TRUE(find("/pl031@9010000") == NULL);
}

TEST(facts, second_registers_of_a_node_are_reserved_neighbours)
{
    REQUIRE_TRUE(collect(VIRT));
    uint32_t seen = 0;
    for (uint32_t i = 0; i < facts.device_count; i++) {
        if (facts.device[i].mmio_start != platform.gicr.start.raw) continue;
        seen++;
        EXPECT_TRUE(facts.device[i].is_reserved);
        EXPECT_STR("", facts.device[i].path);
    }
    EXPECT_EQ(1, seen);
}

TEST(facts, registers_on_top_of_ram_lie_in_a_reserved_page)
{
    REQUIRE_TRUE(collect(VIRT));
    EXPECT_EQ(0, fdt_open_into(tree, tree, sizeof(tree)));
    EXPECT_EQ(0, fdt_setprop_u64(tree, fdt_path_offset(tree, "/pl011@9000000"), "reg", 0x40001000));
    EXPECT_EQ(0, fdt_appendprop_u64(tree, fdt_path_offset(tree, "/pl011@9000000"), "reg", 0x1000));
    REQUIRE_TRUE(tree_open(tree, sizeof(tree), &nodes));
    EXPECT_EQ(OK, facts_from_tree(&nodes, &platform, 0, &facts));
    const struct manifest_fact *uart = find("/pl011@9000000"), *ram = find("/memory@40000000");
    REQUIRE_TRUE(uart != NULL && ram != NULL);
    EXPECT_TRUE(uart->mmio_start > ram->mmio_start &&
                uart->mmio_start < ram->mmio_start + ram->mmio_bytes);
}

TEST(facts, more_devices_than_fit_are_an_error)
{
    REQUIRE_TRUE(collect(VIRT));
    EXPECT_EQ(0, fdt_open_into(tree, tree, sizeof(tree)));
    for (uint32_t i = 0; i < MANIFEST_FACT_DEVICES; i++) {
        char name[32];
        snprintf(name, sizeof(name), "more@%x", 0x20000000 + i * 0x1000);
        int node = fdt_add_subnode(tree, 0, name);
        REQUIRE_TRUE(node > 0);
        EXPECT_EQ(0, fdt_setprop_u64(tree, node, "reg", 0x20000000 + i * 0x1000));
        EXPECT_EQ(0, fdt_appendprop_u64(tree, node, "reg", 0x1000));
    }
    REQUIRE_TRUE(tree_open(tree, sizeof(tree), &nodes));
    EXPECT_EQ(ERR_NO_MEMORY, facts_from_tree(&nodes, &platform, 0, &facts));
    EXPECT_EQ(MANIFEST_FACT_DEVICES, facts.device_count);
}

TEST(facts, functions_have_a_stream_only_behind_the_smmu)
{
    struct pci_function f = { .slot = 4, .class_code = 0x080501, .intid = 38 };
    REQUIRE_TRUE(collect(VIRT));
    EXPECT_OK(facts_add_function(&platform, &f, &facts));
    const struct manifest_fact *fact = &facts.device[facts.device_count - 1];
    EXPECT_STR("/pcie@10000000", fact->path);
    EXPECT_TRUE(fact->is_pci && fact->is_master && fact->has_stream && !fact->is_reserved);
    EXPECT_EQ(4, fact->slot);
    EXPECT_EQ(0x080501, fact->class_code);
    EXPECT_EQ(38, fact->intid);
    f.bypasses_iommu = true;
    EXPECT_OK(facts_add_function(&platform, &f, &facts));
    EXPECT_FALSE(fact[1].has_stream);
    f.bypasses_iommu = false;
    f.class_code = 0x060000;
    EXPECT_OK(facts_add_function(&platform, &f, &facts));
    EXPECT_TRUE(fact[2].is_reserved);
    platform.pci.behind_smmu = false;
    EXPECT_OK(facts_add_function(&platform, &f, &facts));
    EXPECT_FALSE(fact[3].has_stream);
    facts.device_count = MANIFEST_FACT_DEVICES;
    EXPECT_EQ(ERR_NO_MEMORY, facts_add_function(&platform, &f, &facts));
}
