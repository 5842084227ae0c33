/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The manifest's /services and /links. */
#include "servers/init/config.h"

#include <libfdt.h>
#include <string.h>

#include "lib/string.h"

#define MAIN_NAME  "main"
#define BLOCK_TYPE "block"

/* A string property, NUL-terminated within its length; NULL: none. */
static const char *text_of(const void *fdt, int node, const char *property)
{
    int bytes = 0;
    const char *text = fdt_getprop(fdt, node, property, &bytes);
    if (text == NULL || bytes <= 0 || text[bytes - 1] != '\0') return NULL;
    return text;
}

static void read_services(const void *fdt, int parent, struct config *out)
{
    int node = 0;
    fdt_for_each_subnode(node, fdt, parent)
    {
        int hash_bytes = 0;
        const char *name = fdt_get_name(fdt, node, NULL);
        const char *image = text_of(fdt, node, "image");
        const void *hash = fdt_getprop(fdt, node, "hash", &hash_bytes);
        if (name == NULL || image == NULL || hash == NULL) continue;
        if (hash_bytes != MANIFEST_HASH_BYTES) continue;
        if (out->service_count == MANIFEST_SERVICE_MAX) return;
        struct manifest_service *service = &out->service[out->service_count];
        if (!str_copy(service->name, sizeof(service->name), name)) continue;
        if (!str_copy(service->image, sizeof(service->image), image)) continue;
        memcpy(service->hash, hash, MANIFEST_HASH_BYTES);
        out->service_count++;
    }
}

static void read_links(const void *fdt, int parent, struct config *out)
{
    int node = 0;
    fdt_for_each_subnode(node, fdt, parent)
    {
        const char *name = fdt_get_name(fdt, node, NULL);
        const char *type = text_of(fdt, node, "type");
        const char *client = text_of(fdt, node, "client");
        if (out->link_count == LINK_MAX) return;
        struct config_link *link = &out->link[out->link_count++];
        (void)str_copy(link->name, sizeof(link->name), name != NULL ? name : "?");
        link->is_disk = type != NULL && client != NULL && strcmp(type, BLOCK_TYPE) == 0 &&
                        strcmp(client, MAIN_NAME) == 0;
    }
}

err_t config_read(const void *fdt, uint64_t fdt_bytes, struct config *out)
{
    memset(out, 0, sizeof(*out));
    if (fdt_bytes < sizeof(struct fdt_header) || fdt_bytes > INT32_MAX) return ERR_CORRUPT;
    if (fdt_check_full(fdt, fdt_bytes) != 0) return ERR_CORRUPT;
    int services = fdt_path_offset(fdt, "/services");
    int links = fdt_path_offset(fdt, "/links");
    if (services < 0) return ERR_NO_ENTRY;
    read_services(fdt, services, out);
    if (links >= 0) {
        read_links(fdt, links, out);
    }
    return OK;
}

const struct manifest_service *config_service(const struct config *c, const char *name)
{
    for (uint32_t i = 0; i < c->service_count; i++) {
        if (strcmp(c->service[i].name, name) == 0) return &c->service[i];
    }
    return NULL;
}
