/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Builds the facts that manifest_check judges by. */
#include "hyp/facts.h"

#include "hyp/dma/guard.h"
#include "lib/string.h"

#define PCI_CLASS_BRIDGE 0x06

/* Devices known to do no DMA of their own. Whatever is not here is taken for a master. */
static INIT_DATA const char tame[][24] = { "arm,pl011", "arm,pl031", "arm,pl061",
                                           "snps,dw-apb-uart", "ns16550a" };

/* What EL2 drives itself, and never gives away. */
static INIT_DATA const char reserved[][24] = { "arm,gic-v3",  "arm,gic-v3-its",
                                               "arm,smmu-v3", "pci-host-ecam-generic",
                                               "cfi-flash",   "arm,armv7-timer-mem" };

#define IS_ONE_OF(t, node, list) is_one_of((t), (node), (list)[0], ARRAY_COUNT(list))

static INIT_CODE bool is_one_of(const struct tree *t, int node, const char *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (tree_is(t, node, list + i * sizeof(tame[0]))) return true;
    }
    return false;
}
STATIC_ASSERT(sizeof(tame[0]) == sizeof(reserved[0]), "is_one_of walks both");

static INIT_CODE err_t add_node(const struct tree *t, int node, struct manifest_facts *out)
{
    struct pa_range r;
    for (uint32_t i = 0; tree_reg(t, node, i, &r) == OK; i++) {
        if (out->device_count == MANIFEST_FACT_DEVICES) return ERR_NO_MEMORY;
        struct manifest_fact *f = &out->device[out->device_count++];
        memset(f, 0, sizeof(*f));
        f->mmio_start = r.start.raw;
        f->mmio_bytes = r.size_bytes;
        f->is_master = !IS_ONE_OF(t, node, tame);
        /* Only the first entry of a node can be given away; the others are its neighbours in the page checks. */
        f->is_reserved = true;
        if (i > 0) continue;
        /* A path that does not fit cannot be in a manifest either; its pages and line still count. */
        (void)!tree_path(t, node, f->path, sizeof(f->path));
        struct tree_irq irq;
        if (tree_irq(t, node, 0, &irq) == OK) f->intid = irq.intid;
        f->is_reserved = t->node[node].compatible == NULL || IS_ONE_OF(t, node, reserved);
    }
    return OK;
}

INIT_CODE err_t facts_from_tree(const struct tree *t, const struct platform *p, uint64_t el2_bytes,
                                struct manifest_facts *out)
{
    uint64_t ram_bytes = 0;
    for (uint32_t i = 0; i < p->ram_count; i++) ram_bytes += p->ram[i].size_bytes;
    out->ram_bytes = ram_bytes > el2_bytes ? ram_bytes - el2_bytes : 0;
    out->core_count = p->core_count;
    out->has_smmu = p->smmu.size_bytes != 0;
    out->device_count = 0;
    err_t err = OK;
    for (int i = 0; err == OK && i < t->node_count; i++) {
        if (t->node[i].is_on) err = add_node(t, i, out);
    }
    return err;
}

INIT_CODE err_t facts_add_function(const struct platform *p, const struct pci_function *f,
                                   struct manifest_facts *out)
{
    if (out->device_count == MANIFEST_FACT_DEVICES) return ERR_NO_MEMORY;
    struct manifest_fact *fact = &out->device[out->device_count++];
    memset(fact, 0, sizeof(*fact));
    (void)!str_copy(fact->path, sizeof(fact->path), p->pci.path);
    fact->is_pci = true;
    fact->slot = f->slot;
    fact->class_code = f->class_code;
    fact->intid = f->intid;
    fact->is_master = true;
    fact->has_stream = p->pci.behind_smmu && p->smmu.size_bytes != 0 && !f->bypasses_iommu;
    fact->has_guard = guard_knows_class(f->class_code);
    fact->is_reserved = f->class_code >> 16 == PCI_CLASS_BRIDGE;
    return OK;
}
