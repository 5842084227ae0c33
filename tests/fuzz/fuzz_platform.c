/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any bytes as the firmware's device tree: what is accepted has no range that wraps, overlaps or lies outside. */
// LINK: hyp/platform.c hyp/facts.c hyp/fdt_tree.c lib/string.c
#include <stdlib.h>
#include <string.h>

#include "hyp/facts.h"
#include "hyp/platform.h"

_Noreturn void panic_at(const char *what, const char *file, int line)
{
    (void)what, (void)file, (void)line;
    abort();
}

static struct platform p;
static struct tree tree;
static struct manifest_facts facts;

static bool is_sane(struct pa_range r)
{
    return range_is_inside(r.start.raw, r.size_bytes, 0, TREE_ADDRESS_END);
}

static void check_promises(void)
{
    CHECK(p.ram_count >= 1 && p.ram_count <= PLATFORM_RAM_MAX &&
          p.reserved_count <= PLATFORM_RESERVED_MAX);
    CHECK(p.core_count >= 1 && p.core_count <= 8);
    for (uint32_t i = 0; i < p.ram_count; i++) {
        CHECK(is_sane(p.ram[i]) && p.ram[i].start.raw % PAGE_SIZE == 0 &&
              p.ram[i].size_bytes % PAGE_SIZE == 0);
        for (uint32_t k = 0; k < i; k++) {
            CHECK(!ranges_overlap(p.ram[i].start.raw, p.ram[i].size_bytes, p.ram[k].start.raw,
                                  p.ram[k].size_bytes));
        }
    }
    CHECK(is_sane(p.gicd) && is_sane(p.gicr) && is_sane(p.uart));
    CHECK(p.initrd.size_bytes == 0 || is_sane(p.initrd));
    CHECK(p.smmu.size_bytes == 0 ||
          (is_sane(p.smmu) && p.smmu_event_intid < 1020 && p.smmu_gerror_intid < 1020));
    if (p.pci.present) {
        CHECK(is_sane(p.pci.ecam) && is_sane(p.pci.mmio32) && p.pci.ecam.size_bytes >= MIB(1));
        CHECK(p.pci.mmio32_bus + p.pci.mmio32.size_bytes <= GIB(4));
    }
    CHECK(strnlen(p.bootargs, sizeof(p.bootargs)) < sizeof(p.bootargs));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *what;
    struct platform_device device;
    void *aligned = malloc(size + 1);
    memcpy(aligned, data, size);
    if (tree_open(aligned, size, &tree) && platform_read(&tree, &p, &what) == OK) {
        check_promises();
        if (platform_device(&tree, "/pl011@9000000", &device) == OK) {
            CHECK(is_sane(device.mmio) && device.intid < 1020);
            CHECK(strnlen(device.compatible, sizeof(device.compatible)) <
                  sizeof(device.compatible));
        }
        CHECK(facts_from_tree(&tree, &p, 0, &facts) != OK ||
              facts.device_count <= MANIFEST_FACT_DEVICES);
        platform_wipe_seeds(&tree);
        CHECK(tree_open(aligned, size, &tree));
    }
    free(aligned);
    return 0;
}
