/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Ownership of every page, checked against the tables that the hardware walks. It decodes them on its own: stage2.c is on trial here. */
#include "hyp/owner.h"

#include "hyp/aarch64/mmu.h"
#include "hyp/console.h"
#include "hyp/dma/smmuv3.h"
#include "hyp/domain.h"
#include "hyp/link.h"

/* Arm ARM, "VMSAv8-64 stage 2 block and page descriptors". */
#define LEAF_READ   BIT(6)
#define LEAF_WRITE  BIT(7)
#define LEAF_XN     BIT(54)
#define LEAF_NORMAL BITS(5, 4) /* MemAttr[3:2]: 0 is device memory */
#define LEAF_ADDR   BITS(47, 12)

/* Arm IHI 0070, "Stream Table Entry": word 0 V and Config, word 2 the VMID, word 3 the table. */
#define STE_CONFIG BITS(3, 0)
enum { STE_CONFIG_ABORT = 1, STE_CONFIG_BYPASS = 9, STE_CONFIG_STAGE2 = 13 };

#define CLAIM_MAX 64

struct claim {
    struct pa_range range;
    const struct domain *owner;         /* NULL: EL2's */
    const struct link *link;            /* a window: EL2's, lent to its two ends */
    const struct domain_device *device; /* registers */
};

static struct {
    struct claim claim[CLAIM_MAX];
    uint32_t count;
    const char *why;
    uint64_t at;
} owner;

static bool broken(const char *why, uint64_t at)
{
    if (!owner.why) {
        owner.why = why;
        owner.at = at;
    }
    return false;
}

static bool claim(struct claim c)
{
    if (!c.range.size_bytes) return true;
    if (owner.count == CLAIM_MAX)
        return broken("there are more ranges than the check has room for", 0);
    for (uint32_t i = 0; i < owner.count; i++) {
        const struct pa_range *r = &owner.claim[i].range;
        bool shared = c.device && owner.claim[i].device && c.owner == owner.claim[i].owner;
        if (!shared &&
            ranges_overlap(c.range.start.raw, c.range.size_bytes, r->start.raw, r->size_bytes)) {
            return broken("a page has two owners", c.range.start.raw);
        }
    }
    owner.claim[owner.count++] = c;
    return true;
}

/* Main owns what nobody else does: it needs no claim but for its devices. */
static bool claim_all(void)
{
    bool good = claim((struct claim){ .range = mmu_image() });
    for (uint32_t i = 0; i < domain_count() && good; i++) {
        const struct domain *d = domain_at(i);
        if (d->state == DOMAIN_ABSENT) continue;
        if (i != 0) good = claim((struct claim){ .range = d->ram, .owner = d });
        if (good && i != 0) good = claim((struct claim){ .range = d->pristine });
        for (uint32_t k = 0; k < d->device_count && good; k++) {
            good = claim((struct claim){
                    .range = d->device[k].mmio, .owner = d, .device = &d->device[k] });
        }
    }
    for (uint32_t i = 0; i < link_count() && good; i++) {
        const struct link *l = link_at(i);
        if (!l->present || l->conf->client_memory)
            continue; /* the client's own RAM, claimed above */
        good = claim((struct claim){ .range = l->window, .link = l });
    }
    return good;
}

/* The claim that holds any byte of the range; *whole when it holds all of it. */
static const struct claim *claim_of(uint64_t pa, uint64_t size_bytes, bool *whole)
{
    for (uint32_t i = 0; i < owner.count; i++) {
        const struct pa_range *r = &owner.claim[i].range;
        if (!ranges_overlap(pa, size_bytes, r->start.raw, r->size_bytes)) continue;
        *whole = range_is_inside(pa, size_bytes, r->start.raw, r->start.raw + r->size_bytes);
        return &owner.claim[i];
    }
    return NULL;
}

/* True when d serves a link whose window is all of the memory of `client`. */
static bool is_lent_all(const struct domain *d, const struct domain *client)
{
    for (uint32_t i = 0; i < link_count(); i++) {
        const struct link *l = link_at(i);
        if (l->present && l->conf->client_memory && l->server == d && l->client == client)
            return true;
    }
    return false;
}

static bool check_window(const struct domain *d, const struct link *l, uint64_t pa, uint64_t leaf)
{
    if (d != l->client && d != l->server) return broken("a window is mapped in a third domain", pa);
    if (!(leaf & LEAF_XN)) return broken("a window is executable", pa);
    uint64_t ro_bytes = l->conf->own_client ? LINK_SERVER_RO_BYTES(l->conf->queue_count) : 0;
    if (d == l->server && pa - l->window.start.raw < ro_bytes && (leaf & LEAF_WRITE)) {
        return broken("the server can write the client's rings", pa);
    }
    return true;
}

static bool check_memory(const struct domain *d, const struct claim *c, uint64_t pa, uint64_t leaf)
{
    if (!c) return d->index == 0 ? true : broken("a domain reaches main's memory", pa);
    if (c->device) return broken("registers are mapped as memory", pa);
    if (c->link) return check_window(d, c->link, pa, leaf);
    if (!c->owner) return broken("a domain reaches EL2's memory", pa);
    if (c->owner != d) {
        if (!is_lent_all(d, c->owner)) return broken("a domain reaches another one's memory", pa);
        return leaf & LEAF_XN ? true : broken("lent memory is executable", pa);
    }
    bool both = (leaf & LEAF_WRITE) && !(leaf & LEAF_XN);
    return both && d->conf->kind == MANIFEST_DRIVER
                   ? broken("a driver domain has pages that are writable and executable", pa)
                   : true;
}

static bool check_leaf(const struct domain *d, uint64_t pa, uint64_t size_bytes, uint64_t leaf)
{
    bool whole = true;
    const struct claim *c = claim_of(pa, size_bytes, &whole);
    if (!whole) return broken("a block reaches past its owner's memory", pa);
    if (leaf & LEAF_NORMAL) return check_memory(d, c, pa, leaf);
    if (!c || !c->device || c->owner != d) return broken("a domain reaches foreign registers", pa);
    if (d->conf->dma == MANIFEST_DMA_GUARD) return broken("guarded registers are mapped", pa);
    return leaf & LEAF_XN ? true : broken("registers are executable", pa);
}

/* Every leaf of a level-1 table; three loops, for there is no recursion here. */
static bool check_tables(const struct domain *d)
{
    for (uint32_t i = 0; i < 512; i++) {
        uint64_t e1 = d->s2.root[i];
        if (!(e1 & 1)) continue;
        if (!(e1 & 2)) {
            if (!check_leaf(d, e1 & LEAF_ADDR, GIB(1), e1)) return false;
            continue;
        }
        const uint64_t *l2 = (const uint64_t *)(uintptr_t)(e1 & LEAF_ADDR);
        for (uint32_t k = 0; k < 512; k++) {
            if (!(l2[k] & 1)) continue;
            if (!(l2[k] & 2)) {
                if (!check_leaf(d, l2[k] & LEAF_ADDR, MIB(2), l2[k])) return false;
                continue;
            }
            const uint64_t *l3 = (const uint64_t *)(uintptr_t)(l2[k] & LEAF_ADDR);
            for (uint32_t n = 0; n < 512; n++) {
                bool bad = (l3[n] & 1) && !check_leaf(d, l3[n] & LEAF_ADDR, PAGE_SIZE, l3[n]);
                if (bad) return false;
            }
        }
    }
    return true;
}

static bool maps_nothing(const uint64_t *root)
{
    for (uint32_t i = 0; i < 512; i++) {
        if (root[i] & 1) return false;
    }
    return true;
}

/* d has switched the device on, or died and is not yet proven still. */
static bool is_open(const struct domain *d, uint64_t stream)
{
    for (uint32_t i = 0; i < d->device_count; i++) {
        const struct domain_device *dev = &d->device[i];
        if (dev->is_pci && dev->stream_id == stream && dev->dma_open) return true;
    }
    return d->state == DOMAIN_DEAD;
}

static bool check_streams(void)
{
    struct pa_range table = smmu_stream_table();
    const volatile uint64_t *word = (const volatile uint64_t *)(uintptr_t)table.start.raw;
    for (uint64_t i = 0; i < table.size_bytes / 64; i++, word += 8) {
        uint64_t config = word[0] & STE_CONFIG, root = word[3] & LEAF_ADDR;
        if (config == STE_CONFIG_ABORT || !(config & 1)) continue;
        const struct domain *d = domain_of_stream((uint32_t)i);
        if (config == STE_CONFIG_BYPASS && d && d->conf->dma == MANIFEST_DMA_GUARD) continue;
        if (config != STE_CONFIG_STAGE2) return broken("a stream goes around translation", i);
        if (maps_nothing((const uint64_t *)(uintptr_t)root)) continue;
        if (!d || d->conf->dma != MANIFEST_DMA_SMMU)
            return broken("a stream is open without the manifest's leave", i);
        if (!is_open(d, i)) return broken("a stream is open for a device that is switched off", i);
        if ((word[2] & 0xffff) != d->vmid || root != d->s2.root_pa.raw) {
            return broken("a stream goes through another domain's tables", i);
        }
    }
    return true;
}

const char *owner_problem(uint64_t *at)
{
    owner.count = 0;
    owner.why = NULL;
    bool good = claim_all();
    for (uint32_t i = 0; i < domain_count() && good; i++) {
        const struct domain *d = domain_at(i);
        if (d->s2.root) good = check_tables(d);
    }
    if (good) good = check_streams();
    *at = owner.at;
    return owner.why;
}

void owner_checkpoint(void)
{
    uint64_t at;
    const char *why = owner_problem(&at);
    if (!why) return;
    log_line("hyp: ownership: %s (0x%lx)", why, at);
    panic_at("the ownership specification is broken", __FILE__, __LINE__);
}
