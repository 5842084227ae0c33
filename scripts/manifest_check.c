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

/* "SLOT:CLASS", both as strtoul reads them. */
static void add_function(const struct platform *platform, const char *text, struct manifest_facts *facts)
{
    char *colon;
    struct pci_function f = { .slot = (uint32_t)strtoul(text, &colon, 0) };
    if (*colon != ':' || f.slot > 31) {
        fprintf(stderr, "manifest_check: --pci wants SLOT:CLASS, not '%s'\n", text);
        exit(2);
    }
    f.class_code = (uint32_t)strtoul(colon + 1, NULL, 0);
    f.intid = platform->pci.intx_intid[f.slot][0];
    f.stream_id = f.slot << 3;
    if (facts_add_function(platform, &f, facts) != OK) exit(2);
}

int main(int argc, char **argv)
{
    static struct manifest manifest;
    static struct manifest_facts facts;
    static struct platform platform;
    struct manifest_problem problem;
    if (argc < 3) {
        fprintf(stderr, "usage: manifest_check SYSTEM.dtb FIRMWARE.dtb [--pci SLOT:CLASS]...\n");
        return 2;
    }
    uint64_t system_bytes, firmware_bytes;
    void *system_tree = load(argv[1], &system_bytes);
    void *firmware_tree = load(argv[2], &firmware_bytes);
    const char *what;
    if (platform_read(firmware_tree, firmware_bytes, &platform, &what) != OK ||
        facts_from_tree(firmware_tree, &platform, EL2_BYTES, &facts) != OK) {
        fprintf(stderr, "%s: bad or missing: %s\n", argv[2], what);
        return 2;
    }
    for (int i = 3; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--pci") == 0) add_function(&platform, argv[i + 1], &facts);
    }
    if (!manifest_read(system_tree, system_bytes, &manifest, &problem)) return refuse(argv[1], &problem);
    uint32_t refused;
    if (!manifest_check(&manifest, &facts, &refused, &problem)) return refuse(argv[1], &problem);
    /* At boot such a domain is left out and the rest runs; at build time the board is known, so it is a mistake. */
    if (refused != 0) return refuse(argv[1], &problem);
    free(system_tree);
    free(firmware_tree);
    return 0;
}
