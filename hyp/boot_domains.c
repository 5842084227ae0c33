/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Makes domains and links out of the manifest: memory, tables, images, interrupts. Boot only. */
#include "hyp/aarch64/gicv3.h"
#include "hyp/aarch64/mmu.h"
#include "hyp/arch.h"
#include "hyp/boot.h"
#include "hyp/console.h"
#include "hyp/core.h"
#include "hyp/dma/guard.h"
#include "hyp/dma/pci.h"
#include "hyp/dma/smmuv3.h"
#include "hyp/pool.h"
#include "hyp/sched.h"
#include "hyp/trap.h"
#include "lib/format.h"
#include "lib/sha256.h"
#include "lib/string.h"

#define DOMAIN_RAM_ALIGN    MIB(2)
#define DRIVER_DEVICE_INTID 32

const void *boot_file(const struct boot *b, const struct manifest_file *file, const char **why)
{
    const uint8_t *pack = (const uint8_t *)(uintptr_t)b->platform.initrd.start.raw;
    uint8_t hash[SHA256_BYTES];
    *why = "is not in the system pack";
    if (!range_is_inside(file->offset, file->size_bytes, 0, b->platform.initrd.size_bytes)) {
        return NULL;
    }
    *why = "does not match its hash";
    sha256(pack + file->offset, file->size_bytes, hash);
    return memcmp(hash, file->hash, sizeof hash) == 0 ? pack + file->offset : NULL;
}

const void *boot_image(const struct boot *b, const struct manifest_file *file,
                       struct image_header *h, const char **why)
{
    const void *data = boot_file(b, file, why);
    uint64_t bytes = file->size_bytes;
    if (!data) return NULL;
    *why = "has a bad header";
    if (bytes < sizeof *h) return NULL;
    memcpy(h, data, sizeof *h);
    bool good = h->magic == IMAGE_MAGIC && h->file_bytes == bytes && h->mem_bytes >= bytes &&
                h->text_bytes != 0 && h->text_bytes <= bytes && h->rodata_bytes <= bytes &&
                h->text_bytes + h->rodata_bytes <= ALIGN_UP(bytes, PAGE_SIZE) &&
                (h->text_bytes | h->rodata_bytes | h->mem_bytes) % PAGE_SIZE == 0;
    return good ? data : NULL;
}

static void refuse(struct domain *d, const char *what, const char *why)
{
    d->state = DOMAIN_ABSENT;
    log_line("hyp: %s: refused: %s %s", d->name, what, why);
}

/* A PCI function for this domain: BARs assigned, stream closed but reported. */
static bool device_pci(struct boot *b, struct domain *d, struct domain_device *dev,
                       const struct manifest_device *conf)
{
    const struct pci_function *f = NULL;
    for (uint32_t i = 0; i < pci_function_count() && !f; i++) {
        if (pci_function_at(i)->slot == conf->slot &&
            pci_function_at(i)->class_code == conf->class_code) {
            f = pci_function_at(i);
        }
    }
    if (!f || f->bypasses_iommu || pci_assign(conf->slot, &dev->mmio) != OK) return false;
    dev->is_pci = true;
    dev->pci_slot = conf->slot;
    dev->stream_id = f->stream_id;
    dev->pintid = f->intid;
    dev->edge = false;
    (void)format(dev->compatible, sizeof dev->compatible, "pci,%06x", conf->class_code);
    bool is_guarded = d->conf->dma == MANIFEST_DMA_GUARD;
    if (is_guarded && guard_attach(d, dev) != OK) return false;
    if (!b->platform.smmu.size_bytes) return true; /* no stream; bus mastering is off */
    err_t e = is_guarded ? smmu_stream_bypass(dev->stream_id) : smmu_stream_close(dev->stream_id);
    return e == OK;
}

static bool device_node(struct boot *b, struct domain_device *dev,
                        const struct manifest_device *conf)
{
    struct platform_device found;
    if (platform_device(&b->tree, conf->path, &found) != OK) return false;
    dev->mmio = found.mmio;
    dev->pintid = found.intid;
    dev->edge = found.edge;
    dev->clock_hz = found.clock_hz;
    (void)str_copy(dev->compatible, sizeof dev->compatible, found.compatible);
    return true;
}

bool boot_devices(struct boot *b, struct domain *d)
{
    uint64_t ipa = DOMAIN_MMIO_IPA;
    for (uint32_t i = 0; i < d->conf->device_count; i++) {
        const struct manifest_device *conf = &d->conf->device[i];
        struct domain_device *dev = &d->device[i];
        (void)str_copy(dev->name, sizeof dev->name, conf->name);
        bool found = conf->is_pci ? device_pci(b, d, dev, conf) : device_node(b, dev, conf);
        if (!found) {
            refuse(d, conf->name, "was not found or cannot be contained");
            return false;
        }
        dev->ipa.raw = d->index == 0 ? dev->mmio.start.raw : ipa;
        ipa += dev->mmio.size_bytes;
        dev->vintid = d->index == 0 ? dev->pintid : DRIVER_DEVICE_INTID + i;
        if (!dev->guard &&
            s2_map(&d->s2, dev->ipa, dev->mmio.start, dev->mmio.size_bytes, S2_DEVICE_RW) != OK) {
            refuse(d, conf->name, "could not be mapped");
            return false;
        }
        if (dev->pintid && dev->vintid < VGIC_INTID_MAX) {
            vgic_allow(&d->vcpu[0], dev->vintid, dev->edge, dev->pintid);
            gic_spi_route(dev->pintid, dev->edge, d->conf->core % core_count());
            trap_line_owner(dev->pintid, d, dev->vintid, dev->edge);
        }
        d->device_count = i + 1;
    }
    return true;
}

/* Code read-only and the only executable pages, constants read-only, the rest read-write. */
static err_t map_driver_ram(struct domain *d, const struct image_header *h)
{
    ipa_t ipa = { DOMAIN_RAM_IPA };
    uint64_t fixed = h->text_bytes + h->rodata_bytes;
    err_t e = s2_map(&d->s2, ipa, d->ram.start, h->text_bytes, S2_MEM_RX);
    if (e == OK && h->rodata_bytes) {
        e = s2_map(&d->s2, (ipa_t){ ipa.raw + h->text_bytes },
                   (pa_t){ d->ram.start.raw + h->text_bytes }, h->rodata_bytes, S2_MEM_RO);
    }
    if (e != OK) return e;
    return s2_map(&d->s2, (ipa_t){ ipa.raw + fixed }, (pa_t){ d->ram.start.raw + fixed },
                  d->ram.size_bytes - fixed, S2_MEM_RW);
}

static err_t map_guest_ram(struct domain *d)
{
    return s2_map(&d->s2, (ipa_t){ DOMAIN_RAM_IPA }, d->ram.start, d->ram.size_bytes, S2_MEM_RWX);
}

static void vcpu_setup(struct domain *d)
{
    uint64_t hz = arch_freq_hz();
    for (uint32_t n = 0; n < d->vcpu_count; n++) {
        struct vcpu *v = &d->vcpu[n];
        v->core = (d->conf->core + n) % core_count();
        v->priority = d->conf->priority;
        v->cpu.budget_ticks = d->conf->budget_us * hz / 1000000;
        v->cpu.period_ticks = d->conf->period_us * hz / 1000000;
        for (uint32_t i = 0; i < 16; i++) vgic_allow(v, i, true, 0);
        vgic_allow(v, PPI_VTIMER, false, PPI_VTIMER);
        vgic_allow(v, PPI_PTIMER, false, PPI_PTIMER);
        vgic_reset(v);
        sched_add(v);
    }
}

/* The canary: RAM with a known pattern, no code. What it holds is compared after every attack. */
static bool build_canary(struct domain *d)
{
    d->ram = boot_memory_take(d->conf->memory_bytes, DOMAIN_RAM_ALIGN, false);
    if (!d->ram.size_bytes) return false;
    for (uint64_t at = d->ram.start.raw; at < d->ram.start.raw + d->ram.size_bytes; at += 8) {
        *(volatile uint64_t *)(uintptr_t)at = at ^ 0x5a45524f53434e59UL;
    }
    d->memory_bytes = d->ram.size_bytes;
    d->state = DOMAIN_LOADED;
    log_line("hyp: %s: 0x%lx bytes at 0x%lx", d->name, d->ram.size_bytes, d->ram.start.raw);
    return true;
}

/* A driver domain, or a stock guest: its image is a bundle, code and data as it likes, and it has a PL011. */
static void build_domain(struct boot *b, struct domain *d)
{
    const char *why, *name = d->conf->image.name;
    uint64_t bytes = d->conf->image.size_bytes;
    bool is_guest = d->conf->kind == MANIFEST_GUEST;
    struct image_header h = { .text_bytes = bytes, .mem_bytes = bytes };
    const void *image = is_guest ? boot_file(b, &d->conf->image, &why)
                                 : boot_image(b, &d->conf->image, &h, &why);
    if (!image) {
        refuse(d, name, why);
        return;
    }
    d->ram = boot_memory_take(d->conf->memory_bytes, DOMAIN_RAM_ALIGN, false);
    d->pristine =
            boot_memory_take(ALIGN_UP(bytes, PAGE_SIZE), is_guest ? MIB(2) : PAGE_SIZE, false);
    if (!d->ram.size_bytes || !d->pristine.size_bytes ||
        h.mem_bytes > d->ram.size_bytes - PAGE_SIZE) {
        refuse(d, name, "does not fit in memory");
        return;
    }
    memcpy((void *)(uintptr_t)d->pristine.start.raw, image, bytes);
    d->pristine.size_bytes = bytes;
    d->image_mem_bytes = h.mem_bytes;
    d->code_bytes = h.text_bytes;
    d->memory_bytes = d->ram.size_bytes;
    d->gicd_ipa.raw = DOMAIN_GICD_IPA;
    d->gicr_ipa.raw = DOMAIN_GICR_IPA;
    if (mmu_keep_ro(d->pristine) != OK || s2_create(&d->s2) != OK ||
        (is_guest ? map_guest_ram(d) : map_driver_ram(d, &h)) != OK) {
        refuse(d, name, "cannot be mapped: EL2's page pool is too small");
        return;
    }
    if (!boot_devices(b, d)) return;
    vcpu_setup(d);
    if (is_guest) vgic_allow(&d->vcpu[0], GUEST_UART_INTID, false, 0);
    d->state = DOMAIN_LOADED;
}

/* An interrupt number for main's side of a link: the highest that no device of main has. */
static uint32_t main_intid_take(struct domain *main_domain)
{
    for (uint32_t i = VGIC_INTID_MAX - 1; i >= 32; i--) {
        if (vgic_is_allowed(&main_domain->vcpu[0], i)) continue;
        vgic_allow(&main_domain->vcpu[0], i, true, 0);
        return i;
    }
    boot_refuse("hyp: no interrupt number left for main's links");
}

/* Where the client sees the link: main in its own RAM, a guest at the fixed places. */
static void place_client(struct link *l, uint32_t nth)
{
    if (l->client->index != 0) {
        l->client_regs.raw = DOMAIN_LINK_IPA + nth * PAGE_SIZE;
        l->client_window.raw = l->conf->client_memory ? DOMAIN_RAM_IPA
                                                      : GUEST_WINDOW_IPA + nth * DOMAIN_WINDOW_STEP;
        l->client_intid = DOMAIN_LINK_INTID + nth;
        vgic_allow(&l->client->vcpu[0], l->client_intid, true, 0);
        return;
    }
    struct pa_range regs = boot_memory_take(PAGE_SIZE, PAGE_SIZE,
                                            false); /* never mapped anywhere: accesses trap */
    if (!regs.size_bytes) boot_refuse("hyp: link %s: no memory for its registers", l->conf->name);
    l->client_regs.raw = regs.start.raw;
    l->client_window.raw = l->window.start.raw;
    l->client_intid = main_intid_take(l->client);
}

/* With client_memory the window is RAM of the client, which has it already. */
static void make_window(struct link *l)
{
    if (l->conf->client_memory) {
        l->window = l->client->ram;
        return;
    }
    l->window = boot_memory_take(l->conf->window_bytes, DOMAIN_RAM_ALIGN, false);
    if (!l->window.size_bytes) {
        boot_refuse("hyp: no memory for the window of link %s: give the machine more RAM",
                    l->conf->name);
    }
    for (uint64_t off = 0; off < l->window.size_bytes; off += PAGE_SIZE) {
        arch_mem_zero((pa_t){ l->window.start.raw + off }, PAGE_SIZE); /* no old data */
    }
}

static err_t map_client_window(const struct link *l)
{
    if (l->conf->client_memory) return OK;
    return s2_map(&l->client->s2, l->client_window, l->window.start, l->window.size_bytes,
                  S2_MEM_RW);
}

static err_t map_server_window(const struct link *l)
{
    uint64_t ro = l->conf->own_client ? LINK_SERVER_RO_BYTES(l->conf->queue_count) : 0;
    struct s2 *s2 = &l->server->s2;
    err_t e = OK;
    if (ro) e = s2_map(s2, l->server_window, l->window.start, ro, S2_MEM_RO);
    if (e != OK) return e;
    return s2_map(s2, (ipa_t){ l->server_window.raw + ro }, (pa_t){ l->window.start.raw + ro },
                  l->window.size_bytes - ro, S2_MEM_RW);
}

/* nth: links that each domain has already. */
static void build_link(const struct manifest_link *conf, uint32_t nth[DOMAIN_MAX])
{
    struct link *l = link_create(conf);
    l->server = domain_at(conf->server);
    l->client = domain_at(conf->client);
    l->present = l->server->state != DOMAIN_ABSENT && l->client->state != DOMAIN_ABSENT;
    if (!l->present) {
        log_line("hyp: link %s: absent, %s was refused", conf->name,
                 (l->server->state == DOMAIN_ABSENT ? l->server : l->client)->name);
        return;
    }
    uint32_t at_server = nth[conf->server]++, at_client = nth[conf->client]++;
    make_window(l);
    place_client(l, at_client);
    l->server_window.raw = DOMAIN_WINDOW_IPA + at_server * DOMAIN_WINDOW_STEP;
    l->server_regs.raw = DOMAIN_LINK_IPA + at_server * PAGE_SIZE;
    l->server_intid = DOMAIN_LINK_INTID + at_server;
    vgic_allow(&l->server->vcpu[0], l->server_intid, true, 0);
    if (map_server_window(l) != OK || map_client_window(l) != OK) {
        boot_refuse("hyp: link %s: its window cannot be mapped", conf->name);
    }
}

void boot_domains(struct boot *b)
{
    struct manifest *m = &b->manifest;
    for (uint32_t i = 0; i < m->domain_count; i++) {
        struct domain *d = domain_add(&m->domain[i]);
        if (i == 0) {
            if (s2_create(&d->s2) != OK) boot_refuse("hyp: EL2's page pool is too small");
            vcpu_setup(d);
            d->gicd_ipa.raw = b->platform.gicd.start.raw;
            d->gicr_ipa.raw = b->platform.gicr.start.raw;
            if (!boot_devices(b, d)) boot_refuse("hyp: main cannot have its devices");
            d->event_intid = main_intid_take(d);
            d->state = DOMAIN_LOADED;
        } else if (b->refused >> i & 1) {
            refuse(d, "its device", "is not in this machine");
        } else if (d->conf->kind == MANIFEST_CANARY) {
            if (!build_canary(d)) refuse(d, "its memory", "is not there");
        } else {
            build_domain(b, d);
        }
    }
    uint32_t nth[DOMAIN_MAX] = { 0 };
    for (uint32_t i = 0; i < m->link_count; i++) {
        build_link(&m->link[i], nth);
    }
}
