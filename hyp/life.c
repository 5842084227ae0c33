/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The rebirth sequence: a dead domain is stilled, scrubbed, filled from its pristine image and started. */
#include "hyp/life.h"

#include "abi/trace.h"
#include "hyp/aarch64/switch.h"
#include "hyp/arch.h"
#include "hyp/console.h"
#include "hyp/core.h"
#include "hyp/dma/guard.h"
#include "hyp/dma/pci.h"
#include "hyp/dma/smmuv3.h"
#include "hyp/link.h"
#include "hyp/owner.h"
#include "hyp/trace.h"
#include "hyp/vuart.h"
#include "lib/string.h"

#define VTIMER_INTID         27
#define BOOTINFO_RANGE_BYTES PAGE_SIZE /* the last page of RAM */

#define RESET_TRIES   100     /* of asking a guarded controller whether its reset is over, */
#define RESET_WAIT_NS 1000000 /* so long after each other */

/*
 * What a piece costs, in instructions, counted on hyp/aarch64/mmu.c: 4 per zeroed and 13 per copied line of 64 bytes. A call goes on
 * while the dearest piece still fits.
 */
#define COPY_BYTES     KIB(16)
#define COST_SCRUB     4200U /* ARCH_CHUNK_MAX */
#define COST_COPY      3800U /* COPY_BYTES */
#define COST_BOOTINFO  4000U
#define COST_SMMU      3000U
#define COST_SMALL     1000U
#define COST_PIECE_MAX COST_SCRUB
#define COST_CALL      22000U
STATIC_ASSERT(COST_COPY <= COST_PIECE_MAX && COST_BOOTINFO <= COST_PIECE_MAX &&
                      COST_SMMU <= COST_PIECE_MAX,
              "dearest piece");

enum piece {
    PIECE_DONE, /* the step is over */
    PIECE_MORE, /* more of the same step */
    PIECE_WAIT, /* another core has to come by first, or a device needs time */
    PIECE_FAIL  /* no proof that the device is still */
};

static bool is_guest(const struct domain *d)
{
    return d->conf->kind == MANIFEST_GUEST;
}

static enum piece step_park(struct domain *d)
{
    for (uint32_t i = 0; i < d->vcpu_count; i++) vcpu_park(&d->vcpu[i]);
    return domain_is_loaded(d) ? PIECE_WAIT : PIECE_DONE;
}

static enum piece step_lines(struct domain *d)
{
    vgic_lines_kill(d);
    life_dump_kept(d);
    return PIECE_DONE;
}

static enum piece step_bus_off(struct domain *d)
{
    for (uint32_t i = 0; i < d->device_count; i++) {
        if (d->device[i].is_pci) pci_bus_master(d->device[i].pci_slot, false);
        d->device[i].dma_open = false;
    }
    return PIECE_DONE;
}

static enum piece step_stream_close(struct domain *d)
{
    uint64_t i = d->rebirth.progress++;
    if (i >= d->device_count) return PIECE_DONE;
    const struct domain_device *dev = &d->device[i];
    if (!dev->is_pci || d->conf->dma != MANIFEST_DMA_SMMU) return PIECE_MORE;
    return smmu_stream_close(dev->stream_id) == OK ? PIECE_MORE : PIECE_FAIL;
}

/* After bus mastering went off: whatever was on its way, the controller forgets it. */
static enum piece step_guard_reset(struct domain *d)
{
    for (uint32_t i = 0; i < d->device_count; i++) {
        if (d->device[i].guard != NULL) guard_reset(d->device[i].guard);
    }
    return PIECE_DONE;
}

/* The completed SYNC is the proof that nothing of the old translation is in flight; a guarded controller is asked itself. */
static enum piece step_dma_proof(struct domain *d)
{
    if (d->conf->dma == MANIFEST_DMA_SMMU && smmu_tlb_flush_vmid(d->vmid) != OK) return PIECE_FAIL;
    for (uint32_t i = 0; i < d->device_count; i++) {
        if (d->device[i].guard == NULL || guard_is_still(d->device[i].guard)) continue;
        return ++d->rebirth.progress < RESET_TRIES ? PIECE_WAIT : PIECE_FAIL;
    }
    d->state = DOMAIN_QUIESCED;
    return PIECE_DONE;
}

static enum piece step_links_quiesced(struct domain *d)
{
    link_server_quiesced(d);
    return PIECE_DONE;
}

/* Bytes from RAM offset `at` that one copy window reaches, at most max_bytes. */
static uint64_t reach(const struct domain *d, uint64_t at, uint64_t max_bytes)
{
    uint64_t pa = d->ram.start.raw + at;
    return MIN(max_bytes, ARCH_CHUNK_MAX - pa % ARCH_CHUNK_MAX);
}

static enum piece step_scrub(struct domain *d)
{
    uint64_t at = d->rebirth.progress;
    uint64_t size_bytes = reach(d, at, MIN(ARCH_CHUNK_MAX, d->ram.size_bytes - at));
    arch_mem_zero((pa_t){ d->ram.start.raw + at }, size_bytes);
    d->rebirth.progress += size_bytes;
    return d->rebirth.progress < d->ram.size_bytes ? PIECE_MORE : PIECE_DONE;
}

static enum piece step_reload(struct domain *d)
{
    const uint8_t *image =
            (const uint8_t *)(uintptr_t)d->pristine.start.raw; /* EL2 memory: VA = PA */
    uint64_t file_bytes = MIN(d->pristine.size_bytes, d->ram.size_bytes - BOOTINFO_RANGE_BYTES);
    uint64_t at = d->rebirth.progress;
    bool is_code = at < d->code_bytes;
    uint64_t part_end = is_code ? MIN(d->code_bytes, file_bytes) : file_bytes;
    uint64_t size_bytes = reach(d, at, MIN(COPY_BYTES, part_end - at));
    arch_mem_copy_in((pa_t){ d->ram.start.raw + at }, image + at, size_bytes, is_code);
    d->rebirth.progress += size_bytes;
    return d->rebirth.progress < file_bytes ? PIECE_MORE : PIECE_DONE;
}

static enum piece step_bootinfo(struct domain *d)
{
    static struct bootinfo info;        /* one core steps at a time; too big for EL2's stack */
    if (is_guest(d)) return PIECE_DONE; /* it has a device tree */
    life_bootinfo(d, &info);
    uint64_t at = d->ram.start.raw + d->ram.size_bytes - BOOTINFO_RANGE_BYTES;
    arch_mem_copy_in((pa_t){ at }, &info, sizeof(info), false);
    return PIECE_DONE;
}

static enum piece step_tlb(struct domain *d)
{
    /* Cortex-A55 erratum 2441007: the first may complete before all accesses of another core did. */
    arch_tlb_flush_vmid(d->vmid, d->s2.root_pa);
    arch_tlb_flush_vmid(d->vmid, d->s2.root_pa);
    return PIECE_DONE;
}

static enum piece step_fp_drop(struct domain *d)
{
    for (uint32_t i = 0; i < d->vcpu_count; i++) world_fp_drop(&d->vcpu[i]);
    return PIECE_DONE;
}

static enum piece step_vgic_reset(struct domain *d)
{
    for (uint32_t i = 0; i < d->vcpu_count; i++) vgic_reset(&d->vcpu[i]);
    vuart_reset(d);
    return PIECE_DONE;
}

static enum piece step_links_reborn(struct domain *d)
{
    link_server_reborn(d);
    return PIECE_DONE;
}

static enum piece step_generation(struct domain *d)
{
    d->generation++;
    return PIECE_DONE;
}

static void start(struct domain *d, uint64_t entry, uint64_t arg)
{
    vcpu_reset(&d->vcpu[0], (ipa_t){ entry }, arg);
    d->state = DOMAIN_RUNNING;
    trace(TRACE_START, d->index, d->generation, 0);
}

void life_start_ready(struct domain *d)
{
    if (d->state != DOMAIN_LOADED || !is_guest(d) || !link_client_is_ready(d)) return;
    start(d, GUEST_IMAGE_IPA, DOMAIN_RAM_IPA);
}

static enum piece step_start(struct domain *d)
{
    if (core_power_on(d->vcpu[0].core) != OK) {
        log_line("hyp: %s: core %u does not start", d->name, d->vcpu[0].core);
        return PIECE_FAIL;
    }
    if (is_guest(d)) {
        d->state = DOMAIN_LOADED;
        life_start_ready(d);
        return PIECE_DONE;
    }
    start(d, DOMAIN_RAM_IPA, DOMAIN_RAM_IPA + d->ram.size_bytes - BOOTINFO_RANGE_BYTES);
    link_server_started(d);
    return PIECE_DONE;
}

static const struct step {
    enum piece (*run)(struct domain *d);
    uint32_t cost;
    bool at_boot; /* part of the first start, too */
} steps[] = {
    { step_park, COST_SMALL, false },
    { step_lines, COST_SMMU, false },
    { step_bus_off, COST_SMALL, true },
    { step_guard_reset, COST_SMALL, true },
    { step_stream_close, COST_SMMU, true },
    { step_dma_proof, COST_SMMU, true },
    { step_links_quiesced, COST_SMALL, false },
    { step_scrub, COST_SCRUB, true },
    { step_reload, COST_COPY, true },
    { step_bootinfo, COST_BOOTINFO, true },
    { step_tlb, COST_SMALL, true },
    { step_fp_drop, COST_SMALL, true },
    { step_vgic_reset, COST_SMALL, true },
    { step_links_reborn, COST_SMALL, false },
    { step_generation, COST_SMALL, false },
    { step_start, COST_SMALL, true },
};

static enum step_verdict quarantine(struct domain *d)
{
    d->state = DOMAIN_QUARANTINED;
    log_line("hyp: %s: its device could not be proven still; the domain stays down until a reset",
             d->name);
    link_server_offer(d, 0, UINT32_MAX);
    return STEP_QUARANTINED;
}

/* One piece, then the step after it. */
static enum piece advance(struct domain *d)
{
    enum piece piece = steps[d->rebirth.step].run(d);
    if (piece != PIECE_DONE) return piece;
    trace(TRACE_STEP, d->index, d->rebirth.step, d->rebirth.progress);
    owner_checkpoint();
    d->rebirth.step++;
    d->rebirth.progress = 0;
    return piece;
}

enum step_verdict life_step(struct domain *d, uint64_t *after_ns)
{
    *after_ns = 0;
    if (d->state == DOMAIN_QUARANTINED) return STEP_QUARANTINED;
    if (d->index == 0 || (d->state != DOMAIN_DEAD && d->state != DOMAIN_QUIESCED)) return STEP_IDLE;
    for (uint32_t cost = 0; cost + COST_PIECE_MAX <= COST_CALL;) {
        cost += steps[d->rebirth.step].cost;
        enum piece piece = advance(d);
        if (piece == PIECE_FAIL) return quarantine(d);
        if (piece == PIECE_WAIT) {
            if (d->rebirth.progress != 0) *after_ns = RESET_WAIT_NS;
            break;
        }
        if (d->rebirth.step == ARRAY_COUNT(steps)) {
            d->rebirth.step = 0;
            return STEP_DONE;
        }
    }
    return STEP_AGAIN;
}

void life_first_start(struct domain *d)
{
    d->rebirth.step = 0;
    d->rebirth.progress = 0;
    while (d->rebirth.step < ARRAY_COUNT(steps)) {
        if (!steps[d->rebirth.step].at_boot) {
            d->rebirth.step++;
        } else if (advance(d) == PIECE_FAIL) {
            (void)quarantine(d);
            return;
        }
    }
    d->rebirth.step = 0;
}

static void describe_device(const struct domain *d, const struct domain_device *dev,
                            struct boot_device *out)
{
    memcpy(out->name, dev->name, sizeof(out->name));
    memcpy(out->compatible, dev->compatible, sizeof(out->compatible));
    out->mmio_ipa = dev->ipa.raw;
    out->mmio_bytes = dev->mmio.size_bytes;
    out->intid = dev->vintid;
    out->edge = dev->edge;
    out->clock_hz = dev->clock_hz;
    out->dma = dev->is_pci ? d->conf->dma : MANIFEST_DMA_NONE;
}

void life_bootinfo(const struct domain *d, struct bootinfo *out)
{
    memset(out, 0, sizeof(*out));
    out->magic = BOOTINFO_MAGIC;
    out->version = BOOTINFO_VERSION;
    out->size_bytes = sizeof(*out);
    memcpy(out->name, d->name, sizeof(out->name));
    out->generation = d->generation + (d->deaths != 0);
    out->vcpu_count = d->vcpu_count;
    out->gicd_ipa = DOMAIN_GICD_IPA;
    out->gicr_ipa = DOMAIN_GICR_IPA;
    out->vtimer_intid = VTIMER_INTID;
    out->pmu = d->conf->pmu;
    out->range_count = 1;
    out->range[0] = (struct boot_range){ DOMAIN_RAM_IPA, d->ram.size_bytes };
    out->image_ipa = DOMAIN_RAM_IPA;
    out->image_bytes = d->image_mem_bytes;
    memcpy(out->params, d->conf->params, sizeof(out->params));
    out->device_count = d->device_count;
    for (uint32_t i = 0; i < d->device_count; i++) {
        describe_device(d, &d->device[i], &out->device[i]);
    }
    for (uint32_t i = 0; i < link_count(); i++) {
        const struct link *l = link_at(i);
        if (l->present && (l->client == d || link_is_offered(l, d))) {
            link_describe(l, l->server == d, &out->link[out->link_count++]);
        }
    }
}
