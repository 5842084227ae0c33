/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The manifest's services and links, well-formed and not. */
// LINK: servers/init/config.c lib/string.c
#include "servers/init/config.h"

#include <string.h>

#include "lib/test.h"

static struct manifest m;
static struct config c;

static void service(const char *name, const char *image)
{
    struct manifest_service *s = &m.service[m.service_count++];
    strcpy(s->name, name);
    strcpy(s->image.name, image);
    s->image.hash[0] = (uint8_t)name[0];
}

static void link_to(const char *name, uint32_t device_id, uint32_t client)
{
    struct manifest_link *l = &m.link[m.link_count++];
    strcpy(l->name, name);
    l->device_id = device_id;
    l->client = client;
}

static void start(void)
{
    m = (struct manifest){ .magic = MANIFEST_MAGIC, .format = MANIFEST_FORMAT };
    link_to("net0", 1, 0);
    link_to("disk0", 2, 0);
    link_to("disk1", 2, 3);
    link_to("entropy", 4, 0);
    link_to("entropy2", 4, 3);
    service("fs", "fs.v2");
    service("shell", "shell");
}

TEST(init_config, reads_services_and_links_in_order)
{
    start();
    EXPECT_EQ(OK, config_read(&m, sizeof(m), &c));
    EXPECT_EQ(2, c.service_count);
    EXPECT_EQ(5, c.link_count);
    EXPECT_STR("net0", c.link[0].name);
    EXPECT_EQ(false, c.link[0].is_disk);
    EXPECT_EQ(true, c.link[1].is_disk);
    EXPECT_EQ(false, c.link[2].is_disk);
    EXPECT_EQ(false, c.link[3].is_disk);
    EXPECT_EQ(false, c.link[2].is_entropy);
    EXPECT_EQ(true, c.link[3].is_entropy);
    EXPECT_EQ(false, c.link[4].is_entropy);
    REQUIRE_TRUE(config_service(&c, "fs") != NULL);
    EXPECT_STR("fs.v2", config_service(&c, "fs")->image.name);
    EXPECT_EQ('f', config_service(&c, "fs")->image.hash[0]);
    EXPECT_EQ(true, config_service(&c, "nobody") == NULL);
}

TEST(init_config, refuses_what_is_no_manifest_of_this_format)
{
    start();
    EXPECT_EQ(ERR_CORRUPT, config_read(&m, sizeof(m) - 1, &c));
    m.magic ^= 1;
    EXPECT_EQ(ERR_CORRUPT, config_read(&m, sizeof(m), &c));
    start();
    m.format++;
    EXPECT_EQ(ERR_CORRUPT, config_read(&m, sizeof(m), &c));
    start();
    m.service_count = MANIFEST_SERVICE_MAX + 1;
    EXPECT_EQ(ERR_CORRUPT, config_read(&m, sizeof(m), &c));
    start();
    m.link_count = LINK_MAX + 1;
    EXPECT_EQ(ERR_CORRUPT, config_read(&m, sizeof(m), &c));
    start();
    m.service_count = 0;
    EXPECT_EQ(ERR_NO_ENTRY, config_read(&m, sizeof(m), &c));
}
