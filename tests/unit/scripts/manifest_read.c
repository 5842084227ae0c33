/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The shipped system.dts, compiled when the test runs, and the same tree with one thing wrong. */
// LINK: scripts/manifest_read.c lib/string.c @libfdt
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/test.h"
#include "scripts/manifest_read.h"

#define TREE_BYTES 65536

static struct {
    _Alignas(8) char bytes[TREE_BYTES];
    char pristine[TREE_BYTES];
    bool loaded;
} tree;

static bool fresh_tree(void)
{
    if (!tree.loaded) {
        char path[64], command[512];
        snprintf(path, sizeof(path), "/tmp/zeros-manifest-%d.dtb", getpid());
        snprintf(command, sizeof(command),
                 "cpp -P -nostdinc -undef -x assembler-with-cpp -DDISKS=2 -DCANARY='0x0 "
                 "0x20000000' boards/qemu-virt/system.dts"
                 " | dtc -q -I dts -O dtb -o %s - 2>/dev/null",
                 path);
        if (system(command) != 0) return false;
        FILE *f = fopen(path, "rb");
        if (f == NULL) return false;
        tree.loaded = fread(tree.pristine, 1, sizeof(tree.pristine), f) > 0;
        fclose(f);
        unlink(path);
    }
    return tree.loaded && fdt_open_into(tree.pristine, tree.bytes, TREE_BYTES) == 0;
}

static struct manifest m;
static struct manifest_problem problem;

static int node_of(const char *path)
{
    return fdt_path_offset(tree.bytes, path);
}

static bool read_tree(void)
{
    return manifest_read(tree.bytes, fdt_totalsize(tree.bytes), &m, &problem);
}

#define REQUIRE_TREE() REQUIRE_TRUE(fresh_tree())

#define EXPECT_REFUSED(verdict_, who_, what_) \
    do {                                      \
        EXPECT_FALSE(read_tree());            \
        EXPECT_EQ(verdict_, problem.verdict); \
        EXPECT_STR(who_, problem.who);        \
        EXPECT_STR(what_, problem.what);      \
    } while (0)

TEST(manifest_read, reads_domains_of_the_shipped_manifest_with_main_first)
{
    REQUIRE_TREE();
    REQUIRE_TRUE(read_tree());
    REQUIRE_EQ(4, m.domain_count);
    EXPECT_STR("main", m.domain[0].name);
    EXPECT_EQ(MANIFEST_MAIN, m.domain[0].kind);
    EXPECT_STR("kernel", m.domain[0].image.name);
    EXPECT_EQ(0, m.domain[0].memory_bytes);
    EXPECT_EQ(1, m.domain[0].pmu);
    EXPECT_EQ(MANIFEST_INJECT, m.domain[0].on_violation);
    EXPECT_EQ(MANIFEST_DMA_NONE, m.domain[0].dma);
    EXPECT_EQ(2, m.domain[0].device_count);
    EXPECT_STR("uart0", m.domain[0].device[0].name);
    EXPECT_STR("/pl011@9000000", m.domain[0].device[0].path);
    EXPECT_EQ(0, m.domain[0].device[0].is_pci);
    const struct manifest_domain *d = &m.domain[1];
    EXPECT_STR("storage", d->name);
    EXPECT_EQ(MANIFEST_DRIVER, d->kind);
    EXPECT_EQ(MIB(2), d->memory_bytes);
    EXPECT_EQ(1, d->vcpus);
    EXPECT_EQ(8, d->priority);
    EXPECT_EQ(8000, d->budget_us);
    EXPECT_EQ(10000, d->period_us);
    EXPECT_EQ(MANIFEST_DMA_SMMU, d->dma);
    EXPECT_EQ(MANIFEST_KILL, d->on_violation);
    EXPECT_EQ(0, d->pmu);
    EXPECT_EQ(1, d->device[0].is_pci);
    EXPECT_EQ(1, d->device[0].slot);
    EXPECT_EQ(0x080501, d->device[0].class_code);
    EXPECT_EQ(MANIFEST_CANARY, m.domain[3].kind);
    EXPECT_EQ(MIB(512), m.domain[3].memory_bytes);
}

TEST(manifest_read, reads_links_and_services)
{
    REQUIRE_TREE();
    uint8_t hash[32];
    for (int i = 0; i < 32; i++) hash[i] = (uint8_t)i;
    EXPECT_EQ(0, fdt_setprop(tree.bytes, node_of("/services/fs"), "image-hash", hash, 32));
    EXPECT_EQ(0, fdt_setprop(tree.bytes, node_of("/services/fs"), "image-place",
                             "\1\2\3\4\5\6\7\10", 8));
    EXPECT_EQ(0, fdt_setprop_empty(tree.bytes, node_of("/links/disk1"), "read-only"));
    fdt32_t lba[4] = { cpu_to_fdt32(1), cpu_to_fdt32(2), cpu_to_fdt32(3), cpu_to_fdt32(4) };
    EXPECT_EQ(0, fdt_setprop(tree.bytes, node_of("/links/disk1"), "lba", lba, 16));
    REQUIRE_TRUE(read_tree());
    REQUIRE_EQ(2, m.link_count);
    const struct manifest_link *l = &m.link[0];
    EXPECT_STR("disk0", l->name);
    EXPECT_EQ(2, l->device_id);
    EXPECT_EQ(1, l->server);
    EXPECT_EQ(0, l->client);
    EXPECT_EQ(MIB(4), l->window_bytes);
    EXPECT_EQ(1, l->queue_count);
    EXPECT_EQ(64, l->queue_size);
    EXPECT_EQ(1, l->watch_mask);
    EXPECT_EQ(2000, l->deadline_ms);
    EXPECT_EQ(30000, l->slow_ms);
    EXPECT_EQ(1, l->own_client);
    EXPECT_EQ(0, l->read_only);
    EXPECT_EQ(1, m.link[1].read_only);
    EXPECT_EQ(0x100000002, m.link[1].lba_first);
    EXPECT_EQ(0x300000004, m.link[1].lba_count);
    EXPECT_EQ(2, m.link[1].server);
    EXPECT_EQ(6, m.service_count);
    EXPECT_STR("fs", m.service[3].name);
    EXPECT_STR("fs", m.service[3].image.name);
    EXPECT_BYTES(hash, m.service[3].image.hash, 32);
    EXPECT_EQ(0x01020304, m.service[3].image.offset);
    EXPECT_EQ(0x05060708, m.service[3].image.size_bytes);
}

TEST(manifest_read, reads_a_stock_guest_and_client_memory)
{
    REQUIRE_TREE();
    int node = node_of("/domains/storage2");
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node, "kind", "guest"));
    EXPECT_EQ(0, fdt_delprop(tree.bytes, node, "on-violation"));
    EXPECT_EQ(0,
              fdt_setprop_string(tree.bytes, node_of("/links/disk1"), "window", "client-memory"));
    REQUIRE_TRUE(read_tree());
    EXPECT_EQ(MANIFEST_GUEST, m.domain[2].kind);
    EXPECT_EQ(MANIFEST_INJECT, m.domain[2].on_violation);
    EXPECT_EQ(MANIFEST_MAGIC, m.magic);
    EXPECT_EQ(MANIFEST_FORMAT, m.format);
    EXPECT_EQ(sizeof(m), m.size_bytes);
    EXPECT_EQ(0, m.link[0].client_memory);
    EXPECT_EQ(1, m.link[1].client_memory);
    EXPECT_EQ(0, m.link[1].window_bytes);
    node = node_of("/domains/storage2");
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node, "on-violation", "kill"));
    REQUIRE_TRUE(read_tree());
    EXPECT_EQ(MANIFEST_KILL, m.domain[2].on_violation);
}

TEST(manifest_read, main_has_index_0_wherever_it_stands)
{
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node_of("/domains/main"), "kind", "driver"));
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node_of("/domains/storage2"), "kind", "main"));
    REQUIRE_TRUE(read_tree());
    EXPECT_STR("storage2", m.domain[0].name);
    EXPECT_STR("main", m.domain[1].name);
    EXPECT_EQ(0, m.link[1].server);
}

TEST(manifest_read, links_and_services_may_be_absent)
{
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_del_node(tree.bytes, node_of("/links")));
    EXPECT_EQ(0, fdt_del_node(tree.bytes, node_of("/services")));
    REQUIRE_TRUE(read_tree());
    EXPECT_EQ(4, m.domain_count);
    EXPECT_EQ(0, m.link_count + m.service_count);
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_del_node(tree.bytes, node_of("/domains")));
    REQUIRE_TRUE(read_tree());
    EXPECT_EQ(0, m.domain_count);
    EXPECT_EQ(MANIFEST_NO_DOMAIN, m.link[0].server);
}

TEST(manifest_read, an_end_that_is_no_domain_is_left_to_the_judge)
{
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node_of("/links/disk0"), "server", "nobody"));
    REQUIRE_TRUE(read_tree());
    EXPECT_EQ(MANIFEST_NO_DOMAIN, m.link[0].server);
}

TEST(manifest_read, only_a_manifest_of_this_version_is_read)
{
    REQUIRE_TREE();
    EXPECT_FALSE(manifest_read(tree.bytes, 100, &m, &problem));
    EXPECT_EQ(MANIFEST_BAD_TREE, problem.verdict);
    EXPECT_EQ(0, fdt_setprop_u32(tree.bytes, 0, "version", 2));
    EXPECT_REFUSED(MANIFEST_BAD_TREE, "", "version");
    EXPECT_EQ(0, fdt_delprop(tree.bytes, 0, "version"));
    EXPECT_REFUSED(MANIFEST_BAD_TREE, "", "version");
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, 0, "compatible", "linux,dummy-virt"));
    EXPECT_REFUSED(MANIFEST_BAD_TREE, "", "compatible");
    REQUIRE_TREE();
    EXPECT_TRUE(fdt_add_subnode(tree.bytes, 0, "extra") > 0);
    EXPECT_REFUSED(MANIFEST_BAD_TREE, "", "extra");
    REQUIRE_TREE();
    EXPECT_TRUE(fdt_add_subnode(tree.bytes, node_of("/links/disk0"), "x") > 0);
    EXPECT_REFUSED(MANIFEST_BAD_TREE, "disk0", "x");
}

TEST(manifest_read, misspelt_properties_are_refused_not_ignored)
{
    static const char *const row[][2] = {
        { "/", "" },
        { "/domains", "" },
        { "/domains/storage", "storage" },
        { "/domains/canary", "canary" },
        { "/links", "" },
        { "/links/disk0", "disk0" },
        { "/services/fs", "fs" },
        { "/domains/storage/disk", "storage" },
        { "/services", "" },
        { "/domains/main/uart0", "main" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        REQUIRE_TREE();
        test_row((int64_t)i);
        EXPECT_EQ(0, fdt_setprop_u32(tree.bytes, node_of(row[i][0]), "buget-us", 1));
        EXPECT_REFUSED(MANIFEST_BAD_PROPERTY, row[i][1], "buget-us");
    }
}

/* A property set to bytes that it must not have; bytes = -1: removed. */
static const struct damage {
    const char *path, *name, *value;
    int bytes;
    const char *who;
} damages[] = {
    { "/domains/storage", "kind", "drivers", 8, "storage" },
    { "/domains/storage", "kind", "", -1, "storage" },
    { "/domains/storage", "image", "a\0b", 4, "storage" },
    { "/domains/storage", "image", "abc", 3, "storage" },
    { "/domains/storage", "image", "", -1, "storage" },
    { "/domains/storage", "image", "0123456789012345678901234567890123456789", 41, "storage" },
    { "/domains/storage", "image-hash", "short", 6, "storage" },
    { "/domains/storage", "memory", "\0\0\0\0\0\0\0\0\0\0\0\0", 12, "storage" },
    { "/domains/storage", "vcpus", "x", 1, "storage" },
    { "/domains/storage", "core", "\0\0\0\1\0\0\0\0", 8, "storage" },
    { "/domains/storage", "priority", "", 0, "storage" },
    { "/domains/storage", "budget-us", "abc", 3, "storage" },
    { "/domains/storage", "period-us", "abc", 3, "storage" },
    { "/domains/storage", "dma", "iommu", 6, "storage" },
    { "/domains/storage", "on-violation", "forgive", 8, "storage" },
    { "/domains/storage", "pmu", "yes", 4, "storage" },
    { "/domains/storage", "params", "abc", 3, "storage" },
    { "/domains/storage/disk", "slot", "", -1, "storage" },
    { "/domains/storage/disk", "slot", "\0\0\0\40", 4, "storage" },
    { "/domains/storage/disk", "class", "", -1, "storage" },
    { "/domains/storage/disk", "class", "\1\0\0\0", 4, "storage" },
    { "/domains/main/uart0", "path", "", -1, "main" },
    { "/domains/canary", "memory", "x", 1, "canary" },
    { "/links/disk0", "type", "disk", 5, "disk0" },
    { "/links/disk0", "type", "", -1, "disk0" },
    { "/links/disk0", "server", "", -1, "disk0" },
    { "/links/disk0", "client", "ab", 2, "disk0" },
    { "/links/disk0", "layout", "theirs", 7, "disk0" },
    { "/links/disk0", "window", "x", 1, "disk0" },
    { "/links/disk0", "window", "client_memory", 14, "disk0" },
    { "/domains/storage", "image-place", "short", 6, "storage" },
    { "/links/disk0", "queues", "x", 1, "disk0" },
    { "/links/disk0", "queue-size", "x", 1, "disk0" },
    { "/links/disk0", "watch", "\0\0\0\40", 4, "disk0" },
    { "/links/disk0", "watch", "\0\0\0", 3, "disk0" },
    { "/links/disk0", "deadline-ms", "x", 1, "disk0" },
    { "/links/disk0", "slow-ms", "x", 1, "disk0" },
    { "/links/disk0", "lba", "\0\0\0\0", 4, "disk0" },
    { "/links/disk0", "lba", "\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\1", 16, "disk0" },
    { "/links/disk0", "read-only", "x", 1, "disk0" },
    { "/services/fs", "image", "", -1, "fs" },
    { "/services/fs", "image-hash", "x", 1, "fs" },
};

TEST(manifest_read, properties_of_the_wrong_size_or_value_are_refused_by_name)
{
    for (size_t i = 0; i < ARRAY_COUNT(damages); i++) {
        REQUIRE_TREE();
        test_row((int64_t)i);
        const struct damage *d = &damages[i];
        int node = node_of(d->path);
        if (d->bytes < 0) {
            EXPECT_EQ(0, fdt_delprop(tree.bytes, node, d->name));
        } else {
            EXPECT_EQ(0, fdt_setprop(tree.bytes, node, d->name, d->value, d->bytes));
        }
        EXPECT_REFUSED(MANIFEST_BAD_PROPERTY, d->who, d->name);
    }
}

TEST(manifest_read, a_device_is_a_node_or_a_function_and_a_canary_only_memory)
{
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node_of("/domains/storage/disk"), "path", "/x"));
    EXPECT_REFUSED(MANIFEST_BAD_PROPERTY, "storage", "path");
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_setprop_u32(tree.bytes, node_of("/domains/main/uart0"), "slot", 1));
    EXPECT_REFUSED(MANIFEST_BAD_PROPERTY, "main", "path");
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node_of("/domains/canary"), "image", "kernel"));
    EXPECT_REFUSED(MANIFEST_BAD_PROPERTY, "canary", "kind");
    REQUIRE_TREE();
    EXPECT_TRUE(fdt_add_subnode(tree.bytes, node_of("/domains/canary"), "uart0") > 0);
    EXPECT_REFUSED(MANIFEST_BAD_TREE, "canary", "uart0");
}

static void add_many(const char *parent, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof(name), "more%u", i);
        int node = fdt_add_subnode(tree.bytes, node_of(parent), name);
        EXPECT_TRUE(node > 0);
        if (strcmp(parent, "/domains") == 0) {
            EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node, "kind", "canary"));
        } else if (strcmp(parent, "/services") == 0) {
            EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node, "image", "x"));
        } else if (strcmp(parent, "/links") == 0) {
            EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node, "type", "net"));
            EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node_of("/links/more0"), "server", "x"));
            node = fdt_subnode_offset(tree.bytes, node_of(parent), name);
            EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node, "server", "x"));
            EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node, "client", "x"));
        } else {
            EXPECT_EQ(0, fdt_setprop_string(tree.bytes, node, "path", "/x"));
        }
    }
}

TEST(manifest_read, more_than_fits_is_refused)
{
    static const struct {
        const char *parent;
        uint32_t room;
        const char *who, *what;
    } row[] = {
        { "/domains", DOMAIN_MAX - 4, NULL, "domains" },
        { "/links", LINK_MAX - 2, "", "links" },
        { "/services", MANIFEST_SERVICE_MAX - 6, "", "services" },
        { "/domains/storage", BOOT_DEVICE_MAX - 1, "storage", "devices" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        REQUIRE_TREE();
        test_row((int64_t)i);
        add_many(row[i].parent, row[i].room);
        EXPECT_TRUE(read_tree());
        REQUIRE_TREE();
        add_many(row[i].parent, row[i].room + 1);
        EXPECT_FALSE(read_tree());
        EXPECT_EQ(MANIFEST_TOO_MANY, problem.verdict);
        EXPECT_STR(row[i].what, problem.what);
        if (row[i].who != NULL) EXPECT_STR(row[i].who, problem.who);
    }
}

TEST(manifest_read, names_that_do_not_fit_are_refused)
{
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_set_name(tree.bytes, node_of("/domains/storage"),
                              "storage-with-a-name-of-32-letters"));
    EXPECT_FALSE(read_tree());
    EXPECT_EQ(MANIFEST_NAME, problem.verdict);
}

TEST(manifest_read, survives_any_byte_of_the_tree_being_wrong)
{
    REQUIRE_TREE();
    EXPECT_EQ(0, fdt_pack(tree.bytes));
    uint32_t size_bytes = fdt_totalsize(tree.bytes);
    char *copy = malloc(size_bytes);
    for (uint32_t at = 0; at < size_bytes * 8; at += 5) {
        memcpy(copy, tree.bytes, size_bytes);
        copy[at / 8] ^= (char)(1 << at % 8);
        (void)!manifest_read(copy, size_bytes, &m, &problem);
    }
    free(copy);
}
