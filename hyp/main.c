/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* hyp_main: the boot list. One lock: all of EL2 runs under core_lock(), with interrupts masked. */
#include "abi/hypercall.h"
#include "hyp/aarch64/gicv3.h"
#include "hyp/aarch64/mmu.h"
#include "hyp/aarch64/switch.h"
#include "hyp/arch.h"
#include "hyp/boot.h"
#include "hyp/console.h"
#include "hyp/core.h"
#include "hyp/dma/pci.h"
#include "hyp/dma/smmuv3.h"
#include "hyp/facts.h"
#include "hyp/life.h"
#include "hyp/manifest.h"
#include "hyp/pool.h"
#include "hyp/sched.h"
#include "hyp/stats.h"
#include "hyp/trace.h"
#include "lib/sha256.h"
#include "lib/string.h"

/* SHA-256 of the manifest, written into the Image by scripts/mkpack.py. */
const volatile uint8_t manifest_hash[SHA256_BYTES]
        __attribute__((section(".manifest_hash"), used)) = { 1 };

static struct boot boot;
static struct manifest_facts facts;
void hyp_main(void *fdt, uint64_t level);

INIT_CODE static void facts_collect(void)
{
    err_t e = facts_from_tree(&boot.tree, &boot.platform, boot_memory_el2(), &facts);
    for (uint32_t i = 0; e == OK && i < pci_function_count(); i++) {
        e = facts_add_function(&boot.platform, pci_function_at(i), &facts);
    }
    if (e != OK) boot_refuse("hyp: this machine has more than %d devices", MANIFEST_FACT_DEVICES);
}

/* The copy is what is checked and used: the pack stays in main's memory. */
INIT_CODE static void manifest_load(void)
{
    const struct pa_range *pack = &boot.platform.initrd;
    struct manifest *m = &boot.manifest;
    uint8_t hash[SHA256_BYTES];
    if (pack->size_bytes < MANIFEST_PACK_OFFSET + sizeof *m) {
        boot_refuse("hyp: no system pack: pass it as initrd");
    }
    memcpy(m, (const void *)(uintptr_t)(pack->start.raw + MANIFEST_PACK_OFFSET), sizeof *m);
    sha256(m, sizeof *m, hash);
    bool good = m->magic == MANIFEST_MAGIC && m->format == MANIFEST_FORMAT;
    for (size_t i = 0; i < sizeof hash; i++) good = good && hash[i] == manifest_hash[i];
    if (!good) {
        boot_refuse(
                "hyp: the system pack's manifest is damaged, or not the one this Image was built "
                "with: pass the pack that was made with it");
    }
    facts_collect();
    struct manifest_problem problem;
    if (!manifest_check(m, &facts, &boot.refused, &problem)) {
        boot_refuse("hyp: manifest refused: %s: %s (%s)", problem.who,
                    manifest_verdict_text(problem.verdict), problem.what);
    }
}

INIT_CODE static void unlisted_report(void)
{
    for (uint32_t i = 0; i < pci_function_count(); i++) {
        const struct pci_function *f = pci_function_at(i);
        bool listed = f->class_code >> 16 == 0x06; /* bridges are EL2's */
        for (uint32_t n = 0; n < domain_count() && !listed; n++) {
            for (uint32_t k = 0; k < domain_at(n)->device_count && !listed; k++) {
                listed = domain_at(n)->device[k].is_pci &&
                         domain_at(n)->device[k].pci_slot == f->slot;
            }
        }
        if (!listed) {
            log_line("hyp: pci slot %u (%04x:%04x class %06x) is in no domain: no stream, kept off",
                     f->slot, f->vendor, f->device, f->class_code);
        }
    }
}

INIT_CODE static void mem_line(const char *what, const char *name, struct pa_range r)
{
    if (r.size_bytes) log_line("mem: %s %s 0x%lx 0x%lx", what, name, r.start.raw, r.size_bytes);
}

/* Where everything lies: the canary tests hash these ranges before and after an attack. */
INIT_CODE static void layout_report(void)
{
    log_uart_release(); /* for the ring only */
    struct pa_range stats = { { (uint64_t)(uintptr_t)&hyp_stats }, sizeof hyp_stats };
    mem_line("text", "hyp", mmu_text());
    mem_line("rodata", "hyp", mmu_rodata());
    mem_line("pool", "hyp", pool_range());
    mem_line("s2", "all", pool_tables());
    mem_line("streams", "smmu", smmu_stream_table());
    mem_line("stats", "hyp", stats);
    mem_line("pack", "main", boot.platform.initrd);
    for (uint32_t i = 0; i < domain_count(); i++) {
        const struct domain *d = domain_at(i);
        if (d->state == DOMAIN_ABSENT) continue;
        mem_line(i == 0 ? "image" : "ram", d->name, d->ram);
        mem_line("pristine", d->name, d->pristine);
    }
    for (uint32_t i = 0; i < link_count(); i++) {
        mem_line("window", link_at(i)->conf->name, link_at(i)->window);
    }
}

INIT_CODE static void machine_start(void)
{
    const struct platform *p = &boot.platform;
    if (p->smmu.size_bytes && smmu_abort_all(p) != OK)
        boot_refuse("hyp: the SMMU does not answer: DMA cannot be fenced");
    if (mmu_start(p) != OK) boot_refuse("hyp: EL2's page pool is too small for its own map");
    sha256_use_ce(world_has_sha2());
    err_t e = gic_start(p);
    if (e != OK) boot_refuse("hyp: the interrupt controller does not answer (error %d)", (int)e);
    world_start();
    if (pci_start(p) != OK) log_line("hyp: no PCI bus");
}

/* The SMMU's wires are pulses: as level interrupts they would be lost. */
INIT_CODE static void smmu_line_on(uint32_t intid)
{
    gic_spi_route(intid, true, this_core()->index);
    gic_enable(intid, true);
}

INIT_CODE static void start_all(uint32_t kind)
{
    for (uint32_t i = 1; i < domain_count(); i++) {
        struct domain *d = domain_at(i);
        if (d->state == DOMAIN_LOADED && d->conf->kind == kind) life_first_start(d);
    }
}

INIT_CODE void hyp_main(void *fdt, uint64_t level)
{
    const char *what = "header";
    err_t e = ERR_CORRUPT;
    if (tree_open(fdt, TREE_BYTES_MAX, &boot.tree))
        e = platform_read(&boot.tree, &boot.platform, &what);
    log_uart_start(boot.platform.uart.start.raw, boot.platform.uart_kind);
    if (level != 2) {
        boot_refuse("ZerOS: entered at EL%lu: it needs EL2; start QEMU with -M "
                    "virt,virtualization=on, or the board's firmware at EL2",
                    level);
    }
    if (e != OK) boot_refuse("ZerOS: the device tree is unusable: %s (error %d)", what, (int)e);
    cores_start(&boot.platform);
    core_lock(); /* the others wait until the first domain runs */
    log_line("ZerOS: EL2 is up, %u cores", boot.platform.core_count);
    machine_start();
    boot_memory_start(&boot);
    manifest_load();
    platform_wipe_seeds(&boot.tree);
    if (boot.platform.smmu.size_bytes) {
        if (smmu_start(&boot.platform) != OK) {
            boot_refuse("hyp: the SMMU did not start: DMA cannot be fenced");
        }
        smmu_line_on(boot.platform.smmu_event_intid);
        smmu_line_on(boot.platform.smmu_gerror_intid);
    }
    boot_domains(&boot);
    unlisted_report();
    boot_main_domain(&boot);
    start_all(
            MANIFEST_GUEST); /* first: filling one takes long, and a driver's deadline runs from its start */
    start_all(MANIFEST_DRIVER);
    layout_report();
    sched_start();
}
