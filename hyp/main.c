/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* hyp_main: the boot list. Lock order: there are no locks, EL2 runs on one core with interrupts masked. */
#include "abi/hypercall.h"
#include "hyp/aarch64/gicv3.h"
#include "hyp/aarch64/mmu.h"
#include "hyp/aarch64/switch.h"
#include "hyp/arch.h"
#include "hyp/boot.h"
#include "hyp/console.h"
#include "hyp/dma/pci.h"
#include "hyp/dma/smmuv3.h"
#include "hyp/facts.h"
#include "hyp/life.h"
#include "hyp/manifest.h"
#include "hyp/sched.h"
#include "hyp/trace.h"
#include "lib/cpio.h"
#include "lib/sha256.h"
#include "lib/string.h"

#include <libfdt.h>

/* SHA-256 of system.dtb, written into the Image by scripts/mkpack.py. */
const volatile uint8_t manifest_hash[SHA256_BYTES] __attribute__((section(".manifest_hash"), used)) = { 1 };

static struct boot boot;
static struct manifest_facts facts;
void hyp_main(void *fdt, uint64_t level);

INIT_CODE static void facts_collect(void)
{
    err_t e = facts_from_tree(boot.fdt, &boot.platform, boot_memory_el2(), &facts);
    for (uint32_t i = 0; e == OK && i < pci_function_count(); i++) {
        e = facts_add_function(&boot.platform, pci_function_at(i), &facts);
    }
    if (e != OK) boot_refuse("hyp: this machine has more than %d devices", MANIFEST_FACT_DEVICES);
}

INIT_CODE static void manifest_load(void)
{
    const struct pa_range *pack = &boot.platform.initrd;
    if (!pack->size_bytes) boot_refuse("hyp: no system pack: pass it as initrd");
    err_t e = cpio_find((const void *)(uintptr_t)pack->start.raw, pack->size_bytes, "system.dtb", &boot.manifest_dtb, &boot.manifest_bytes);
    if (e != OK) boot_refuse("hyp: the system pack (0x%lx+0x%lx) has no system.dtb, or is damaged (error %d)", pack->start.raw, pack->size_bytes, (int)e);
    uint8_t hash[SHA256_BYTES];
    sha256(boot.manifest_dtb, boot.manifest_bytes, hash);
    for (size_t i = 0; i < sizeof hash; i++) {
        if (hash[i] != manifest_hash[i]) boot_refuse("hyp: system.dtb is not the one this Image was built with: pass the pack that was made with it");
    }
    struct manifest_problem problem;
    bool good = manifest_read(boot.manifest_dtb, boot.manifest_bytes, &boot.manifest, &problem);
    if (good) {
        facts_collect();
        good = manifest_check(&boot.manifest, &facts, &boot.refused, &problem);
    }
    if (!good) boot_refuse("hyp: manifest refused: %s: %s (%s)", problem.who, manifest_verdict_text(problem.verdict), problem.what);
}

INIT_CODE static void unlisted_report(void)
{
    for (uint32_t i = 0; i < pci_function_count(); i++) {
        const struct pci_function *f = pci_function_at(i);
        bool listed = f->class_code >> 16 == 0x06; /* bridges are EL2's */
        for (uint32_t n = 0; n < domain_count() && !listed; n++) {
            for (uint32_t k = 0; k < domain_at(n)->device_count && !listed; k++) {
                listed = domain_at(n)->device[k].is_pci && domain_at(n)->device[k].pci_slot == f->slot;
            }
        }
        if (!listed) log_line("hyp: pci slot %u (%04x:%04x class %06x) is in no domain: no stream, kept off", f->slot, f->vendor, f->device, f->class_code);
    }
}

INIT_CODE static void layout_report(void)
{
    struct pa_range image = mmu_image(), text = mmu_text(), rodata = mmu_rodata();
    log_line("hyp: image 0x%lx+0x%lx text 0x%lx+0x%lx rodata 0x%lx+0x%lx", image.start.raw, image.size_bytes, text.start.raw,
             text.size_bytes, rodata.start.raw, rodata.size_bytes);
    for (uint32_t i = 0; i < domain_count(); i++) {
        const struct domain *d = domain_at(i);
        if (d->state == DOMAIN_ABSENT) continue;
        log_line("hyp: %s: ram 0x%lx+0x%lx image 0x%lx+0x%lx s2 0x%lx", d->name, d->ram.start.raw, d->ram.size_bytes,
                 d->pristine.start.raw, d->pristine.size_bytes, d->s2.root_pa.raw);
    }
}

INIT_CODE static void machine_start(void)
{
    const struct platform *p = &boot.platform;
    if (smmu_abort_all(p) != OK) boot_refuse("hyp: the SMMU does not answer: DMA cannot be fenced");
    if (mmu_start(p) != OK) boot_refuse("hyp: EL2's page pool is too small for its own map");
    sha256_use_ce(world_has_sha2());
    err_t e = gic_start(p);
    if (e != OK) boot_refuse("hyp: the interrupt controller does not answer (error %d)", (int)e);
    world_start();
    if (pci_start(p) != OK) log_line("hyp: no PCI bus");
}

INIT_CODE void hyp_main(void *fdt, uint64_t level)
{
    const char *what = "";
    boot.fdt = fdt;
    err_t e = platform_read(fdt, UINT64_MAX, &boot.platform, &what);
    log_uart_start(boot.platform.uart.start.raw, boot.platform.uart_kind);
    if (level != 2) boot_refuse("ZerOS: entered at EL%lu: it needs EL2; start QEMU with -M virt,virtualization=on, or the board's firmware at EL2", level);
    if (e != OK) boot_refuse("ZerOS: the device tree is unusable: %s (error %d)", what, (int)e);
    boot.fdt_bytes = fdt_totalsize(fdt);
    log_line("ZerOS: EL2 is up, %u cores", boot.platform.core_count);
    machine_start();
    boot_memory_start(&boot);
    manifest_load();
    (void)platform_wipe_seeds(fdt);
    if (smmu_start(&boot.platform) != OK) boot_refuse("hyp: the SMMU did not start: DMA cannot be fenced");
    gic_enable(boot.platform.smmu_event_intid, true);
    boot_domains(&boot);
    unlisted_report();
    boot_main_domain(&boot);
    layout_report();
    for (uint32_t i = 1; i < domain_count(); i++) {
        if (domain_at(i)->state == DOMAIN_LOADED && domain_at(i)->conf->kind == MANIFEST_DRIVER) life_first_start(domain_at(i));
    }
    log_uart_release();
    sched_start();
}
