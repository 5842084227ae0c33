/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any bytes as a compiled manifest: what passes reader and judge keeps the promises that EL2 builds on. */
// LINK: hyp/manifest.c scripts/manifest_read.c lib/format.c lib/string.c @libfdt
#include <stdlib.h>
#include <string.h>

#include "scripts/manifest_read.h"

_Noreturn void panic_at(const char *what, const char *file, int line)
{
    (void)what, (void)file, (void)line;
    abort();
}

static struct manifest m;
static struct manifest_facts facts;

/* Every device that the manifest names is there, so that the judge is not stopped early. */
static void agree(void)
{
    memset(&facts, 0, sizeof(facts));
    facts.ram_bytes = GIB(8);
    facts.core_count = 4;
    facts.has_smmu = true;
    for (uint32_t i = 0; i < m.domain_count; i++) {
        for (uint32_t k = 0; k < m.domain[i].device_count; k++) {
            const struct manifest_device *dev = &m.domain[i].device[k];
            struct manifest_fact *f = &facts.device[facts.device_count++];
            memcpy(f->path, dev->path, sizeof(f->path));
            f->is_pci = dev->is_pci != 0;
            f->slot = dev->slot;
            f->class_code = dev->class_code;
            f->has_stream = f->is_pci;
        }
    }
}

static void check_promises(void)
{
    CHECK(m.domain_count >= 1 && m.domain_count <= DOMAIN_MAX && m.link_count <= LINK_MAX);
    CHECK(m.domain[0].kind == MANIFEST_MAIN);
    uint64_t taken = 0;
    for (uint32_t i = 0; i < m.domain_count; i++) {
        const struct manifest_domain *d = &m.domain[i];
        CHECK(strnlen(d->name, sizeof(d->name)) < sizeof(d->name) && d->name[0] != '\0');
        CHECK(d->device_count <= BOOT_DEVICE_MAX && d->core < facts.core_count &&
              d->budget_us <= d->period_us);
        CHECK((i == 0) == (d->kind == MANIFEST_MAIN) && d->memory_bytes <= facts.ram_bytes);
        taken += d->memory_bytes;
    }
    for (uint32_t i = 0; i < m.link_count; i++) {
        const struct manifest_link *l = &m.link[i];
        CHECK(l->server < m.domain_count && l->client < m.domain_count && l->server != l->client);
        CHECK(l->queue_count <= LINK_QUEUE_MAX && l->queue_size <= LINK_RING_MAX);
        CHECK(l->window_bytes > LINK_DATA_OFF(l->queue_count) &&
              l->window_bytes <= DOMAIN_WINDOW_STEP);
        CHECK(l->lba_first + l->lba_count >= l->lba_first);
        taken += l->window_bytes;
    }
    CHECK(taken <= facts.ram_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct manifest_problem problem;
    uint32_t refused;
    void *aligned = malloc(size + 1); /* as in EL2: 8-byte aligned, and ASan sees its end */
    memcpy(aligned, data, size);
    if (manifest_read(aligned, size, &m, &problem)) {
        agree();
        /* Hashes are added at build time; the rule has its own test. */
        for (uint32_t i = 0; i < m.domain_count; i++) m.domain[i].image.hash[0] = 1;
        for (uint32_t i = 0; i < m.service_count; i++) m.service[i].image.hash[0] = 1;
        if (manifest_check(&m, &facts, &refused, &problem)) {
            check_promises();
        } else {
            CHECK(problem.verdict != MANIFEST_OK &&
                  manifest_verdict_text(problem.verdict)[0] != '\0');
        }
    } else {
        CHECK(problem.verdict != MANIFEST_OK);
    }
    free(aligned);
    return 0;
}
