/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The manifest's /services and /links. */
#include "servers/init/config.h"

#include <string.h>

#include "lib/string.h"

#define BLOCK_TYPE   2 /* virtio */
#define ENTROPY_TYPE 4

err_t config_read(const struct manifest *m, uint64_t manifest_bytes, struct config *out)
{
    memset(out, 0, sizeof(*out));
    if (manifest_bytes < sizeof(*m) || m->magic != MANIFEST_MAGIC || m->format != MANIFEST_FORMAT) {
        return ERR_CORRUPT;
    }
    if (m->service_count > MANIFEST_SERVICE_MAX || m->link_count > LINK_MAX) return ERR_CORRUPT;
    if (m->service_count == 0) return ERR_NO_ENTRY;
    out->service_count = m->service_count;
    memcpy(out->service, m->service, sizeof(out->service));
    for (; out->link_count < m->link_count; out->link_count++) {
        const struct manifest_link *from = &m->link[out->link_count];
        struct config_link *link = &out->link[out->link_count];
        (void)str_copy(link->name, sizeof(link->name), from->name);
        link->is_disk = from->device_id == BLOCK_TYPE && from->client == 0;
        link->is_entropy = from->device_id == ENTROPY_TYPE && from->client == 0;
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
