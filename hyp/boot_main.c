/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The main domain: its image, its stage 2 and its bootinfo. Boot only. */
#include "hyp/boot.h"
#include "hyp/console.h"
#include "hyp/dma/pci.h"
#include "lib/string.h"

static void fill_devices(const struct domain *d, struct bootinfo *out)
{
    for (uint32_t i = 0; i < d->device_count; i++) {
        const struct domain_device *dev = &d->device[i];
        struct boot_device *to = &out->device[out->device_count++];
        (void)str_copy(to->name, sizeof to->name, dev->name);
        (void)str_copy(to->compatible, sizeof to->compatible, dev->compatible);
        to->mmio_ipa = dev->ipa.raw;
        to->mmio_bytes = dev->mmio.size_bytes;
        to->intid = dev->vintid;
        to->edge = dev->edge;
        to->clock_hz = dev->clock_hz;
    }
}

static void fill_links(const struct domain *d, struct bootinfo *out)
{
    for (uint32_t i = 0; i < link_count(); i++) {
        const struct link *l = link_at(i);
        if (l->present && l->client == d) link_describe(l, false, &out->link[out->link_count++]);
    }
}

static void fill_bootinfo(const struct boot *b, const struct domain *d, struct bootinfo *out)
{
    memset(out, 0, PAGE_SIZE);
    out->magic = BOOTINFO_MAGIC;
    out->version = BOOTINFO_VERSION;
    out->size_bytes = sizeof *out;
    (void)str_copy(out->name, sizeof out->name, d->name);
    out->vcpu_count = d->vcpu_count;
    out->gicd_ipa = d->gicd_ipa.raw;
    out->gicr_ipa = d->gicr_ipa.raw;
    out->vtimer_intid = 27;
    out->pmu = d->conf->pmu;
    out->range_count = boot_memory_main(b, d->ram.start, out->range);
    if (!out->range_count) {
        boot_refuse("hyp: main's memory is in more than %d pieces", BOOT_RANGE_MAX);
    }
    out->event_intid = d->event_intid;
    out->image_ipa = d->ram.start.raw;
    out->image_bytes = d->ram.size_bytes;
    out->pack_ipa = b->platform.initrd.start.raw;
    out->pack_bytes = b->platform.initrd.size_bytes;
    out->manifest_ipa = out->pack_ipa + MANIFEST_PACK_OFFSET;
    out->manifest_bytes = sizeof(struct manifest);
    out->fdt_ipa = (uint64_t)(uintptr_t)b->tree.start;
    out->fdt_bytes = b->tree.total_bytes;
    out->domain_count = domain_count();
    (void)str_copy(out->params, sizeof out->params,
                   b->platform.bootargs[0] ? b->platform.bootargs : d->conf->params);
    memcpy(out->seed, b->platform.seed, sizeof out->seed);
    fill_devices(d, out);
    fill_links(d, out);
}

/* The pages that hold [start, end) leave the cache: main starts with its MMU off. */
static void clean(uint64_t start, uint64_t bytes)
{
    for (uint64_t at = ALIGN_DOWN(start, 64); at < start + bytes; at += 64) {
        __asm__ volatile("dc civac, %0" ::"r"(at) : "memory");
    }
    __asm__ volatile("dsb sy\n\tic iallu\n\tdsb sy\n\tisb" ::: "memory");
}

void boot_main_domain(struct boot *b)
{
    struct domain *d = domain_at(0);
    const char *why;
    struct image_header h;
    const void *image = boot_image(b, &d->conf->image, &h, &why);
    if (!image) {
        boot_refuse("hyp: main: image %s %s: build the system again", d->conf->image.name, why);
    }
    uint64_t bytes = d->conf->image.size_bytes;
    d->image_mem_bytes = h.mem_bytes;
    struct pa_range info = boot_memory_take(PAGE_SIZE, PAGE_SIZE, true);
    d->ram = boot_memory_take(ALIGN_UP(h.mem_bytes, MIB(2)), MIB(2), true);
    if (!d->ram.size_bytes || !info.size_bytes) {
        boot_refuse("hyp: no memory for main: give the machine more RAM");
    }
    uint8_t *to = (uint8_t *)(uintptr_t)d->ram.start.raw;
    memcpy(to, image, bytes);
    memset(to + bytes, 0, h.mem_bytes - bytes);
    struct bootinfo *bi = (struct bootinfo *)(uintptr_t)info.start.raw;
    fill_bootinfo(b, d, bi);
    for (uint32_t i = 0; i < bi->range_count; i++) {
        d->memory_bytes += bi->range[i].size_bytes;
        err_t e = s2_map(&d->s2, (ipa_t){ bi->range[i].ipa }, (pa_t){ bi->range[i].ipa },
                         bi->range[i].size_bytes, S2_MEM_RWX);
        if (e != OK) {
            boot_refuse("hyp: main: memory at 0x%lx cannot be mapped (error %d)", bi->range[i].ipa,
                        (int)e);
        }
    }
    clean(d->ram.start.raw, h.mem_bytes);
    clean(info.start.raw, PAGE_SIZE);
    vcpu_reset(&d->vcpu[0], (ipa_t){ d->ram.start.raw }, info.start.raw);
    d->state = DOMAIN_RUNNING;
}
