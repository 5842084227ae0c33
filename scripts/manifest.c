/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The compiler of manifests, with the hypervisor's judge of them: a wrong manifest never reaches a machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hyp/facts.h"
#include "hyp/platform.h"
#include "scripts/manifest_read.h"

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

static int refuse(const struct manifest_problem *p)
{
    fprintf(stderr, "%s%s%s%s%s\n", p->who, p->who[0] != '\0' ? ": " : "", p->what,
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
        fprintf(stderr, "manifest: --pci wants SLOT:CLASS, not '%s'\n", text);
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

/* Against a machine: its firmware's tree, and what is on its bus. */
static int judge(const struct manifest *m, const char *firmware_path, int pci_count, char **pci)
{
    static struct manifest_facts facts;
    static struct platform platform;
    static struct tree tree;
    uint64_t bytes;
    void *fdt = load(firmware_path, &bytes);
    const char *what = "header";
    if (!tree_open(fdt, bytes, &tree) || platform_read(&tree, &platform, &what) != OK ||
        facts_from_tree(&tree, &platform, EL2_BYTES, &facts) != OK) {
        fprintf(stderr, "%s: bad or missing: %s\n", firmware_path, what);
        return 2;
    }
    for (int i = 0; i + 1 < pci_count; i += 2) {
        if (strcmp(pci[i], "--pci") == 0) add_from_text(&platform, pci[i + 1], &facts);
    }
    if (pci_count == 0) add_as_listed(&platform, m, &facts);
    struct manifest_problem problem;
    uint32_t refused;
    bool good = manifest_check(m, &facts, &refused, &problem);
    free(fdt);
    /* At boot a domain whose device is absent is left out and the rest runs; here the board is known, so it is a mistake. */
    return good && refused == 0 ? 0 : refuse(&problem);
}

int main(int argc, char **argv)
{
    static struct manifest manifest;
    if (argc == 2 && strcmp(argv[1], "--bytes") == 0) {
        printf("%zu\n", sizeof(manifest));
        return 0;
    }
    if (argc < 3) {
        fprintf(stderr, "usage: manifest SYSTEM.dtb OUT [FIRMWARE.dtb [--pci SLOT:CLASS]...]\n"
                        "       manifest --bytes\n");
        return 2;
    }
    uint64_t bytes;
    struct manifest_problem problem;
    void *tree = load(argv[1], &bytes);
    bool good = manifest_read(tree, bytes, &manifest, &problem);
    free(tree);
    if (!good) return refuse(&problem);
    int err = argc > 3 ? judge(&manifest, argv[3], argc - 4, argv + 4) : 0;
    if (err != 0) return err;
    FILE *out = fopen(argv[2], "wb");
    if (out == NULL || fwrite(&manifest, sizeof(manifest), 1, out) != 1 || fclose(out) != 0) {
        perror(argv[2]);
        return 2;
    }
    return 0;
}
