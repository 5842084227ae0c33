/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The manifest's services and links, well-formed and not. */
// LINK: servers/init/config.c lib/string.c @libfdt
#include "servers/init/config.h"

#include <libfdt.h>
#include <string.h>

#include "lib/test.h"

static uint8_t tree[8192];

static void begin(void)
{
    EXPECT_EQ(0, fdt_create(tree, sizeof(tree)));
    EXPECT_EQ(0, fdt_finish_reservemap(tree));
    EXPECT_EQ(0, fdt_begin_node(tree, ""));
}

static uint64_t end(void)
{
    EXPECT_EQ(0, fdt_end_node(tree));
    EXPECT_EQ(0, fdt_finish(tree));
    return fdt_totalsize(tree);
}

static void service(const char *name, const char *image, int hash_bytes)
{
    uint8_t hash[64] = { 0 };
    hash[0] = (uint8_t)name[0];
    EXPECT_EQ(0, fdt_begin_node(tree, name));
    if (image != NULL) EXPECT_EQ(0, fdt_property_string(tree, "image", image));
    if (hash_bytes > 0) EXPECT_EQ(0, fdt_property(tree, "hash", hash, hash_bytes));
    EXPECT_EQ(0, fdt_end_node(tree));
}

static void link_node(const char *name, const char *type, const char *client)
{
    EXPECT_EQ(0, fdt_begin_node(tree, name));
    EXPECT_EQ(0, fdt_property_string(tree, "type", type));
    EXPECT_EQ(0, fdt_property_string(tree, "client", client));
    EXPECT_EQ(0, fdt_end_node(tree));
}

TEST(init_config, reads_services_and_links_in_order)
{
    struct config c;
    begin();
    EXPECT_EQ(0, fdt_begin_node(tree, "links"));
    link_node("net0", "net", "main");
    link_node("disk0", "block", "main");
    link_node("disk1", "block", "guest");
    EXPECT_EQ(0, fdt_end_node(tree));
    EXPECT_EQ(0, fdt_begin_node(tree, "services"));
    service("fs", "fs.v2", MANIFEST_HASH_BYTES);
    service("shell", "shell", MANIFEST_HASH_BYTES);
    EXPECT_EQ(0, fdt_end_node(tree));
    EXPECT_EQ(OK, config_read(tree, end(), &c));
    EXPECT_EQ(2, c.service_count);
    EXPECT_EQ(3, c.link_count);
    EXPECT_STR("net0", c.link[0].name);
    EXPECT_EQ(false, c.link[0].is_disk);
    EXPECT_EQ(true, c.link[1].is_disk);
    EXPECT_EQ(false, c.link[2].is_disk);
    REQUIRE_TRUE(config_service(&c, "fs") != NULL);
    EXPECT_STR("fs.v2", config_service(&c, "fs")->image);
    EXPECT_EQ('f', config_service(&c, "fs")->hash[0]);
    EXPECT_EQ(true, config_service(&c, "nobody") == NULL);
}

TEST(init_config, leaves_out_services_without_image_or_whole_hash)
{
    struct config c;
    begin();
    EXPECT_EQ(0, fdt_begin_node(tree, "services"));
    service("a", NULL, MANIFEST_HASH_BYTES);
    service("b", "b", 0);
    service("c", "c", MANIFEST_HASH_BYTES - 1);
    service("d", "a-name-that-is-longer-than-any-image-may-be", MANIFEST_HASH_BYTES);
    EXPECT_EQ(0, fdt_end_node(tree));
    EXPECT_EQ(OK, config_read(tree, end(), &c));
    EXPECT_EQ(0, c.service_count);
}

TEST(init_config, takes_no_more_than_fit)
{
    struct config c;
    char name[4] = "x00";
    begin();
    EXPECT_EQ(0, fdt_begin_node(tree, "services"));
    for (int i = 0; i < MANIFEST_SERVICE_MAX + 4; i++) {
        name[1] = (char)('a' + i / 10);
        name[2] = (char)('a' + i % 10);
        service(name, "x", MANIFEST_HASH_BYTES);
    }
    EXPECT_EQ(0, fdt_end_node(tree));
    EXPECT_EQ(OK, config_read(tree, end(), &c));
    EXPECT_EQ(MANIFEST_SERVICE_MAX, c.service_count);
}

TEST(init_config, refuses_what_is_no_manifest)
{
    struct config c;
    begin();
    uint64_t bytes = end();
    EXPECT_EQ(ERR_NO_ENTRY, config_read(tree, bytes, &c));
    EXPECT_EQ(ERR_CORRUPT, config_read(tree, bytes - 1, &c));
    EXPECT_EQ(ERR_CORRUPT, config_read(tree, 8, &c));
    tree[0] ^= 1;
    EXPECT_EQ(ERR_CORRUPT, config_read(tree, bytes, &c));
}
