/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The hypervisor's judge of manifests, run at build time: a wrong manifest never reaches a machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hyp/facts.h"
#include "hyp/manifest.h"
#include "hyp/platform.h"

/* What EL2 takes for itself, as hyp/boot_memory.c does: its image, tables, the pack's pristine copies. */
#define EL2_BYTES MIB(16)

_Noreturn void panic_at(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: CHECK(%s)\n", file, line, what);
    abort();
}

static void *load(const char *path, uint64_t *size_bytes)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        exit(2);
    }
    void *data = calloc(1, MIB(4));
    *size_bytes = fread(data, 1, MIB(4), f);
    fclose(f);
    return data;
}

static int refuse(const char *file, const struct manifest_problem *p)
{
    fprintf(stderr, "%s: %s%s%s%s%s\n", file, p->who, p->who[0] != '\0' ? ": " : "", p->what,
            p->what[0] != '\0' ? ": " : "", manifest_verdict_text(p->verdict));
    return 1;
}

static void add_function(const struct platform *platform, uint32_t slot, uint32_t class_code,
                         struct manifest_facts *facts)
{
    struct pci_function f = { .slot = slot,
                              .class_code = class_code,
                              .intid = platform->pci.intx_intid[slot][0],
                              .stream_id = slot << 3 };
    if (facts_add_function(platform, &f, facts) != OK) exit(2);
}

/* "SLOT:CLASS", both as strtoul reads them. */
static void add_from_text(const struct platform *platform, const char *text,
                          struct manifest_facts *facts)
{
    char *colon;
    unsigned long slot = strtoul(text, &colon, 0);
    if (*colon != ':' || slot > 31) {
        fprintf(stderr, "manifest_check: --pci wants SLOT:CLASS, not '%s'\n", text);
        exit(2);
    }
    add_function(platform, (uint32_t)slot, (uint32_t)strtoul(colon + 1, NULL, 0), facts);
}

/* Nobody said what is on the bus: every function that the manifest names is taken to be there. */
static void add_as_listed(const struct platform *platform, const struct manifest *m,
                          struct manifest_facts *facts)
{
    uint32_t seen = 0;
    for (uint32_t i = 0; i < m->domain_count; i++) {
        for (uint32_t k = 0; k < m->domain[i].device_count; k++) {
            const struct manifest_device *dev = &m->domain[i].device[k];
            if (!dev->is_pci || strcmp(dev->path, platform->pci.path) != 0 ||
                (seen >> dev->slot & 1) != 0) {
                continue;
            }
            seen |= 1U << dev->slot;
            add_function(platform, dev->slot, dev->class_code, facts);
        }
    }
}

int main(int argc, char **argv)
{
    static struct manifest manifest;
    static struct manifest_facts facts;
    static struct platform platform;
    if (argc < 3) {
        fprintf(stderr, "usage: manifest_check FIRMWARE.dtb SYSTEM.dtb [--pci SLOT:CLASS]...\n");
        return 2;
    }
    uint64_t firmware_bytes, system_bytes;
    void *firmware_tree = load(argv[1], &firmware_bytes);
    void *system_tree = load(argv[2], &system_bytes);
    const char *what = "devices";
    if (platform_read(firmware_tree, firmware_bytes, &platform, &what) != OK ||
        facts_from_tree(firmware_tree, &platform, EL2_BYTES, &facts) != OK) {
        fprintf(stderr, "%s: bad or missing: %s\n", argv[1], what);
        return 2;
    }
    struct manifest_problem problem;
    if (!manifest_read(system_tree, system_bytes, &manifest, &problem)) {
        return refuse(argv[2], &problem);
    }
    for (int i = 3; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--pci") == 0) add_from_text(&platform, argv[i + 1], &facts);
    }
    if (argc == 3) add_as_listed(&platform, &manifest, &facts);
    uint32_t refused;
    bool good = manifest_check(&manifest, &facts, &refused, &problem);
    /* At boot a domain whose device is absent is left out and the rest runs; here the board is known, so it is a mistake. */
    if (!good || refused != 0) return refuse(argv[2], &problem);
    free(system_tree);
    free(firmware_tree);
    return 0;
}
