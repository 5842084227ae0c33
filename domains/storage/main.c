/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The storage domain: one disk, chosen by the manifest, shared out to links. Wiring only. */
#include "domains/rt/hvc.h"
#include "domains/rt/loop.h"
#include "domains/rt/rt.h"
#include "domains/rt/serve_blk.h"
#include "drivers/nvme/nvme.h"
#include "drivers/sdhci/sdhci.h"
#include "lib/string.h"

static struct {
    const struct blk_driver *driver;
    void *device;        /* one of the two below */
    uint32_t device_idx; /* in bootinfo */
    uint32_t link_count, next_link;
    struct serve_blk link[LINK_MAX];
    struct sdhci sdhci;
    struct nvme nvme;
} storage;

static err_t env_dma_enable(void *ctx)
{
    (void)ctx;
    return hvc_dma_enable(storage.device_idx);
}

static void env_sleep_ns(void *ctx, uint64_t duration_ns)
{
    (void)ctx;
    loop_sleep_ns(duration_ns);
}

static void on_timer(void *ctx)
{
    (void)ctx;
    storage.driver->on_timer(storage.device);
}

static void env_timer_arm(void *ctx, uint64_t delay_ns)
{
    loop_timer_arm(delay_ns, on_timer, ctx);
}

static void env_done(void *ctx, struct blk_request *request)
{
    (void)ctx;
    serve_blk_done(request);
}

static void env_log(void *ctx, const char *sentence)
{
    (void)ctx;
    hvc_log(sentence);
}

static const struct blk_env env = {
    .dma_enable = env_dma_enable,
    .sleep_ns = env_sleep_ns,
    .timer_arm = env_timer_arm,
    .done = env_done,
    .log = env_log,
};

/* The write cache may stay on only where every client replays what a flush has not confirmed. */
static bool all_clients_are_ours(const struct bootinfo *boot)
{
    for (uint32_t i = 0; i < boot->link_count; i++) {
        if (boot->link[i].is_server && !boot->link[i].own_client) return false;
    }
    return true;
}

/* Finds the disk among the devices and sets its driver up. */
static const struct boot_device *device_choose(const struct bootinfo *boot)
{
    for (uint32_t i = 0; i < boot->device_count; i++) {
        const struct boot_device *d = &boot->device[i];
        void *regs = (void *)(uintptr_t)d->mmio_ipa;
        storage.device_idx = i;
        if (strcmp(d->compatible, "pci,080501") == 0) {
            sdhci_init(&storage.sdhci, regs, d->clock_hz, (enum manifest_dma)d->dma, &env);
            storage.driver = &sdhci_driver;
            storage.device = &storage.sdhci;
            return d;
        }
        if (strcmp(d->compatible, "pci,010802") == 0) {
            nvme_init(&storage.nvme, regs, d->mmio_bytes, all_clients_are_ours(boot), &env);
            storage.driver = &nvme_driver;
            storage.device = &storage.nvme;
            return d;
        }
    }
    hvc_panic("storage: no disk among my devices");
}

static void links_start(const struct bootinfo *boot, const struct blk_geometry *geometry)
{
    for (uint32_t i = 0; i < boot->link_count; i++) {
        if (!boot->link[i].is_server) continue;
        struct serve_blk *b = &storage.link[storage.link_count];
        loop_add_link(boot->link[i].id, serve_blk_on_events, b);
        err_t e = serve_blk_start(b, &boot->link[i], storage.driver, storage.device, geometry);
        if (e != OK) hvc_panic("storage: a link of another kind");
        storage.link_count++;
    }
}

/* A turn for each link, beginning after the one that came first last time. */
static bool work(void *ctx)
{
    (void)ctx;
    bool more = false;
    for (uint32_t i = 0; i < storage.link_count; i++) {
        more |= serve_blk_turn(&storage.link[(storage.next_link + i) % storage.link_count]);
    }
    if (storage.link_count > 1) storage.next_link = (storage.next_link + 1) % storage.link_count;
    return more;
}

_Noreturn void domain_main(const struct bootinfo *boot)
{
    const struct boot_device *device = device_choose(boot);
    struct blk_geometry geometry;
    err_t e = storage.driver->start(storage.device, &geometry);
    if (e == ERR_NO_ENTRY) {
        hvc_log("storage: there is no medium in the drive");
    } else if (e != OK) {
        hvc_panic("storage: the disk does not start");
    }
    loop_add(device->intid, storage.driver->on_irq, storage.device);
    links_start(boot, &geometry);
    loop_run(work, NULL);
}
