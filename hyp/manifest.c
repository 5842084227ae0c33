/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The rules of a manifest, in the order of docs/manifest.md. */
#include "hyp/manifest.h"

#include "lib/format.h"
#include "lib/string.h"

#define VIRTIO_BLOCK 2

struct judge {
    const struct manifest *m;           /* borrowed */
    const struct manifest_facts *facts; /* borrowed */
    struct manifest_problem *problem;
    uint32_t refused;
};

static INIT_CODE bool fail(struct judge *j, enum manifest_verdict verdict, const char *who,
                           const char *what)
{
    j->problem->verdict = verdict;
    (void)!str_copy(j->problem->who, sizeof(j->problem->who), who);
    (void)!str_copy(j->problem->what, sizeof(j->problem->what), what);
    return false;
}

static INIT_CODE bool fail_device(struct judge *j, enum manifest_verdict verdict,
                                  const struct manifest_domain *d,
                                  const struct manifest_device *dev)
{
    char what[MANIFEST_PATH_MAX];
    if (dev->is_pci) {
        format(what, sizeof(what), "%.30s slot %u class %06x", dev->path, dev->slot,
               dev->class_code);
    } else {
        (void)!str_copy(what, sizeof(what), dev->path);
    }
    return fail(j, verdict, d->name, what);
}

static INIT_CODE bool fail_number(struct judge *j, enum manifest_verdict verdict, const char *who,
                                  const char *name, uint64_t value)
{
    char what[MANIFEST_PATH_MAX];
    format(what, sizeof(what), "%s = %lu", name, (unsigned long)value);
    return fail(j, verdict, who, what);
}

/* Letters, digits and a few marks: a name is printed, compared and used as a file name, never quoted. */
static INIT_CODE bool name_is_good(const char *name, size_t max_bytes, bool is_file)
{
    size_t length = strnlen(name, max_bytes);
    if (length == 0 || length == max_bytes) return false;
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '-' && c != '_' && !(is_file && c == '.' && i > 0)) return false;
    }
    return true;
}

static INIT_CODE bool check_domain_names(struct judge *j)
{
    for (uint32_t i = 0; i < j->m->domain_count; i++) {
        const struct manifest_domain *d = &j->m->domain[i];
        if (!name_is_good(d->name, sizeof(d->name), false))
            return fail(j, MANIFEST_NAME, d->name, "domain");
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(d->name, j->m->domain[k].name) == 0)
                return fail(j, MANIFEST_NAME, d->name, "domain");
        }
        bool runs = d->kind != MANIFEST_CANARY;
        if (runs && !name_is_good(d->image, sizeof(d->image), true))
            return fail(j, MANIFEST_NAME, d->name, "image");
        for (uint32_t n = 0; n < d->device_count; n++) {
            const char *name = d->device[n].name;
            if (!name_is_good(name, BOOT_NAME_MAX, false))
                return fail(j, MANIFEST_NAME, d->name, name);
            for (uint32_t k = 0; k < n; k++) {
                if (strcmp(name, d->device[k].name) == 0)
                    return fail(j, MANIFEST_NAME, d->name, name);
            }
        }
    }
    return true;
}

static INIT_CODE bool check_other_names(struct judge *j)
{
    for (uint32_t i = 0; i < j->m->link_count; i++) {
        const char *name = j->m->link[i].name;
        if (!name_is_good(name, BOOT_NAME_MAX, false)) return fail(j, MANIFEST_NAME, name, "link");
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(name, j->m->link[k].name) == 0) return fail(j, MANIFEST_NAME, name, "link");
        }
    }
    for (uint32_t i = 0; i < j->m->service_count; i++) {
        const struct manifest_service *s = &j->m->service[i];
        if (!name_is_good(s->name, BOOT_NAME_MAX, false))
            return fail(j, MANIFEST_NAME, s->name, "service");
        if (!name_is_good(s->image, BOOT_NAME_MAX, true))
            return fail(j, MANIFEST_NAME, s->name, "image");
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(s->name, j->m->service[k].name) == 0)
                return fail(j, MANIFEST_NAME, s->name, "service");
        }
    }
    return true;
}

static INIT_CODE bool check_main(struct judge *j)
{
    if (j->m->domain_count == 0 || j->m->domain[0].kind != MANIFEST_MAIN)
        return fail(j, MANIFEST_NO_MAIN, "", "");
    for (uint32_t i = 1; i < j->m->domain_count; i++) {
        const struct manifest_domain *d = &j->m->domain[i];
        if (d->kind == MANIFEST_MAIN) return fail(j, MANIFEST_NO_MAIN, d->name, "");
    }
    return true;
}

/* What every domain but main and every window take must leave enough for main. */
static INIT_CODE bool check_memory(struct judge *j)
{
    uint64_t left = j->facts->ram_bytes;
    if (left < MANIFEST_MAIN_MIN)
        return fail_number(j, MANIFEST_MEMORY, j->m->domain[0].name, "ram", left);
    left -= MANIFEST_MAIN_MIN;
    for (uint32_t i = 0; i < j->m->domain_count; i++) {
        const struct manifest_domain *d = &j->m->domain[i];
        uint64_t bytes = d->memory_bytes;
        bool size_is_wrong =
                d->kind == MANIFEST_MAIN ? bytes != 0 : bytes == 0 || bytes % MIB(2) != 0;
        if (size_is_wrong || bytes > left)
            return fail_number(j, MANIFEST_MEMORY, d->name, "memory", bytes);
        left -= bytes;
    }
    for (uint32_t i = 0; i < j->m->link_count; i++) {
        const struct manifest_link *l = &j->m->link[i];
        if (l->window_bytes > left)
            return fail_number(j, MANIFEST_MEMORY, l->name, "window", l->window_bytes);
        left -= l->window_bytes;
    }
    return true;
}

static INIT_CODE bool check_cpu(struct judge *j, const struct manifest_domain *d)
{
    if (d->vcpus < 1 || d->vcpus > MANIFEST_VCPU_MAX) {
        return fail_number(j, MANIFEST_VCPU, d->name, "vcpus", d->vcpus);
    }
    if (d->core >= j->facts->core_count)
        return fail_number(j, MANIFEST_VCPU, d->name, "core", d->core);

    bool none = d->budget_us == 0 && d->period_us == 0;
    if (none && d->kind == MANIFEST_DRIVER) return fail(j, MANIFEST_BUDGET, d->name, "budget-us");
    if (!none && (d->period_us < MANIFEST_PERIOD_US_MIN || d->period_us > MANIFEST_PERIOD_US_MAX)) {
        return fail_number(j, MANIFEST_BUDGET, d->name, "period-us", d->period_us);
    }
    if (!none && (d->budget_us == 0 || d->budget_us > d->period_us)) {
        return fail_number(j, MANIFEST_BUDGET, d->name, "budget-us", d->budget_us);
    }
    bool too_low = d->kind == MANIFEST_DRIVER && d->priority <= j->m->domain[0].priority;
    if (too_low || d->priority < 1 || d->priority > MANIFEST_PRIORITY_MAX) {
        return fail_number(j, MANIFEST_PRIORITY, d->name, "priority", d->priority);
    }
    return true;
}

static INIT_CODE bool is_same_thing(const struct manifest_device *a,
                                    const struct manifest_device *b)
{
    return a->is_pci == b->is_pci && (!a->is_pci || a->slot == b->slot) &&
           strcmp(a->path, b->path) == 0;
}

static INIT_CODE bool is_fact_of(const struct manifest_fact *f, const struct manifest_device *dev)
{
    if (f->is_pci != (dev->is_pci != 0) || strcmp(f->path, dev->path) != 0) return false;
    return !f->is_pci || (f->slot == dev->slot && f->class_code == dev->class_code);
}

static INIT_CODE const struct manifest_fact *find_fact(const struct judge *j,
                                                       const struct manifest_device *dev)
{
    for (uint32_t i = 0; i < j->facts->device_count; i++) {
        if (is_fact_of(&j->facts->device[i], dev)) return &j->facts->device[i];
    }
    return NULL;
}

/* True when the domain lists this device. */
static INIT_CODE bool domain_has(const struct manifest_domain *d, const struct manifest_fact *f)
{
    for (uint32_t i = 0; i < d->device_count; i++) {
        if (is_fact_of(f, &d->device[i])) return true;
    }
    return false;
}

/* True when a domain other than `but` lists this device. */
static INIT_CODE bool others_have(const struct judge *j, const struct manifest_domain *but,
                                  const struct manifest_fact *f)
{
    for (uint32_t i = 0; i < j->m->domain_count; i++) {
        if (&j->m->domain[i] != but && domain_has(&j->m->domain[i], f)) return true;
    }
    return false;
}

static INIT_CODE bool check_device_twice(struct judge *j, uint32_t domain, uint32_t index)
{
    const struct manifest_domain *d = &j->m->domain[domain];
    for (uint32_t i = 0; i <= domain; i++) {
        const struct manifest_domain *other = &j->m->domain[i];
        uint32_t count = i == domain ? index : other->device_count;
        for (uint32_t k = 0; k < count; k++) {
            if (is_same_thing(&d->device[index], &other->device[k])) {
                return fail_device(j, MANIFEST_DEVICE_TWICE, d, &d->device[index]);
            }
        }
    }
    return true;
}

static INIT_CODE bool shares_page(const struct manifest_fact *a, const struct manifest_fact *b)
{
    if (a->mmio_bytes == 0 || b->mmio_bytes == 0) return false;
    uint64_t a_first = a->mmio_start >> PAGE_SHIFT,
             a_last = (a->mmio_start + a->mmio_bytes - 1) >> PAGE_SHIFT;
    uint64_t b_first = b->mmio_start >> PAGE_SHIFT,
             b_last = (b->mmio_start + b->mmio_bytes - 1) >> PAGE_SHIFT;
    return a_first <= b_last && b_first <= a_last;
}

/* A device that is there, against all others. */
static INIT_CODE bool check_fact(struct judge *j, const struct manifest_domain *d,
                                 const struct manifest_device *dev, const struct manifest_fact *f)
{
    if (f->is_reserved) return fail_device(j, MANIFEST_DEVICE_RESERVED, d, dev);
    if (f->is_master && !f->has_stream) return fail_device(j, MANIFEST_MASTER_OUTSIDE, d, dev);
    for (uint32_t i = 0; i < j->facts->device_count; i++) {
        const struct manifest_fact *other = &j->facts->device[i];
        if (other == f) continue;
        if (shares_page(f, other) && !domain_has(d, other))
            return fail_device(j, MANIFEST_DEVICE_OVERLAP, d, dev);
        if (f->intid != 0 && f->intid == other->intid &&
            (other->is_reserved || others_have(j, d, other))) {
            return fail_device(j, MANIFEST_LINE_SHARED, d, dev);
        }
    }
    return true;
}

static INIT_CODE bool check_devices(struct judge *j, uint32_t domain)
{
    const struct manifest_domain *d = &j->m->domain[domain];
    uint32_t fenced_count = 0;
    for (uint32_t i = 0; i < d->device_count; i++) {
        const struct manifest_device *dev = &d->device[i];
        if (!check_device_twice(j, domain, i)) return false;
        const struct manifest_fact *f = find_fact(j, dev);
        if (f == NULL) {
            fail_device(j, MANIFEST_DEVICE_UNKNOWN, d, dev);
            if (d->kind == MANIFEST_MAIN) return false;
            j->refused |= (uint32_t)BIT(domain);
            continue;
        }
        if (!check_fact(j, d, dev, f)) return false;
        fenced_count += f->has_stream;
    }
    if (d->dma == MANIFEST_DMA_GUARD) return fail(j, MANIFEST_DMA, d->name, "guard");
    if (d->dma == MANIFEST_DMA_SMMU) {
        if (d->device_count == 0 || !j->facts->has_smmu)
            return fail(j, MANIFEST_DMA, d->name, "smmu");
        bool refused = (j->refused & BIT(domain)) != 0;
        if (!refused && fenced_count == 0) return fail(j, MANIFEST_DMA, d->name, "smmu");
    }
    return true;
}

static INIT_CODE bool check_link_ends(struct judge *j, const struct manifest_link *l)
{
    uint32_t count = j->m->domain_count;
    if (l->server >= count) return fail(j, MANIFEST_LINK_ENDS, l->name, "server");
    if (l->client >= count || l->client == l->server)
        return fail(j, MANIFEST_LINK_ENDS, l->name, "client");
    if (j->m->domain[l->server].kind == MANIFEST_CANARY)
        return fail(j, MANIFEST_LINK_ENDS, l->name, "server");
    if (j->m->domain[l->client].kind == MANIFEST_CANARY)
        return fail(j, MANIFEST_LINK_ENDS, l->name, "client");
    return true;
}

static INIT_CODE bool check_link(struct judge *j, const struct manifest_link *l)
{
    if (!check_link_ends(j, l)) return false;
    if (l->queue_count < 1 || l->queue_count > LINK_QUEUE_MAX) {
        return fail_number(j, MANIFEST_LINK_QUEUES, l->name, "queues", l->queue_count);
    }
    bool power_of_2 = (l->queue_size & (l->queue_size - 1)) == 0;
    if (l->queue_size < 2 || l->queue_size > LINK_RING_MAX || !power_of_2) {
        return fail_number(j, MANIFEST_LINK_QUEUES, l->name, "queue-size", l->queue_size);
    }
    /* Three pages a queue hold its rings in either layout; buffers need one more. */
    uint64_t bytes = l->window_bytes;
    if (bytes % PAGE_SIZE != 0 || bytes <= LINK_DATA_OFF(l->queue_count) ||
        bytes > DOMAIN_WINDOW_STEP) {
        return fail_number(j, MANIFEST_LINK_WINDOW, l->name, "window", bytes);
    }
    if ((l->watch_mask >> l->queue_count) != 0)
        return fail(j, MANIFEST_LINK_WATCH, l->name, "watch");
    if (l->watch_mask == 0) return true;
    if (l->deadline_ms == 0 || l->deadline_ms > MANIFEST_DEADLINE_MS_MAX) {
        return fail_number(j, MANIFEST_LINK_WATCH, l->name, "deadline-ms", l->deadline_ms);
    }
    if (l->slow_ms < l->deadline_ms || l->slow_ms > MANIFEST_DEADLINE_MS_MAX) {
        return fail_number(j, MANIFEST_LINK_WATCH, l->name, "slow-ms", l->slow_ms);
    }
    return true;
}

/* First sector after a link's share; UINT64_MAX: to the end of the disk. */
static INIT_CODE uint64_t lba_end(const struct manifest_link *l)
{
    return l->lba_count == 0 ? UINT64_MAX : l->lba_first + l->lba_count;
}

static INIT_CODE bool check_sectors(struct judge *j)
{
    for (uint32_t i = 0; i < j->m->link_count; i++) {
        const struct manifest_link *a = &j->m->link[i];
        for (uint32_t k = 0; k < i; k++) {
            const struct manifest_link *b = &j->m->link[k];
            if (a->server != b->server || a->device_id != VIRTIO_BLOCK ||
                b->device_id != VIRTIO_BLOCK)
                continue;
            if (a->lba_first < lba_end(b) && b->lba_first < lba_end(a)) {
                return fail(j, MANIFEST_LBA_OVERLAP, a->name, b->name);
            }
        }
    }
    return true;
}

static INIT_CODE bool hash_is_there(const uint8_t hash[MANIFEST_HASH_BYTES])
{
    uint32_t any = 0;
    for (int i = 0; i < MANIFEST_HASH_BYTES; i++) any |= hash[i];
    return any != 0;
}

static INIT_CODE bool check_hashes(struct judge *j)
{
    for (uint32_t i = 0; i < j->m->domain_count; i++) {
        const struct manifest_domain *d = &j->m->domain[i];
        if (d->kind != MANIFEST_CANARY && !hash_is_there(d->hash))
            return fail(j, MANIFEST_HASH, d->name, d->image);
    }
    for (uint32_t i = 0; i < j->m->service_count; i++) {
        const struct manifest_service *s = &j->m->service[i];
        if (!hash_is_there(s->hash)) return fail(j, MANIFEST_HASH, s->name, s->image);
    }
    return true;
}

INIT_CODE bool manifest_check(const struct manifest *m, const struct manifest_facts *facts,
                              uint32_t *refused, struct manifest_problem *problem)
{
    struct judge j = { .m = m, .facts = facts, .problem = problem };
    memset(problem, 0, sizeof(*problem));
    *refused = 0;
    if (!check_domain_names(&j) || !check_other_names(&j) || !check_main(&j) || !check_memory(&j))
        return false;
    for (uint32_t i = 0; i < m->domain_count; i++) {
        if (m->domain[i].kind == MANIFEST_CANARY) continue;
        if (!check_cpu(&j, &m->domain[i]) || !check_devices(&j, i)) return false;
    }
    for (uint32_t i = 0; i < m->link_count; i++) {
        if (!check_link(&j, &m->link[i])) return false;
    }
    if (!check_sectors(&j) || !check_hashes(&j)) return false;
    *refused = j.refused;
    return true;
}

INIT_CODE const char *manifest_verdict_text(enum manifest_verdict v)
{
    /* Arrays, not pointers: these are constants of the boot image and need no relocation. */
    static INIT_DATA const char text[MANIFEST_VERDICT_COUNT][112] = {
        [MANIFEST_OK] = "the manifest is good",
        [MANIFEST_BAD_TREE] = "this is not a manifest: compile boards/<board>/system.dts with dtc "
                              "and check compatible and version",
        [MANIFEST_BAD_PROPERTY] =
                "this property is missing, misspelt, of the wrong size, or has an unknown value",
        [MANIFEST_TOO_MANY] = "there are more of these than the system has room for",
        [MANIFEST_NAME] = "this name is empty, too long, used twice, or has other characters than "
                          "letters, digits, - and _",
        [MANIFEST_NO_MAIN] = "exactly one domain must be of kind \"main\"",
        [MANIFEST_MEMORY] = "memory must be a multiple of 2 MiB (none for main) and fit into this "
                            "machine's RAM beside main",
        [MANIFEST_VCPU] = "there is no such core, or no support for so many vCPUs",
        [MANIFEST_BUDGET] = "a driver needs a period of 1000 to 1000000 us and a budget above 0 "
                            "and not above it",
        [MANIFEST_PRIORITY] = "priorities go from 1 to 31, and a driver's must be above main's",
        [MANIFEST_DEVICE_UNKNOWN] = "this machine has no such device: the domain is not started",
        [MANIFEST_DEVICE_TWICE] = "this device is given away twice: it must have one owner",
        [MANIFEST_DEVICE_RESERVED] =
                "this device belongs to the hypervisor and cannot be given away",
        [MANIFEST_DEVICE_OVERLAP] =
                "this device shares a page with another one that the domain must not reach",
        [MANIFEST_LINE_SHARED] = "this device shares its interrupt line with another domain's: "
                                 "move one to another PCI slot",
        [MANIFEST_MASTER_OUTSIDE] =
                "this device can reach memory past every fence: use one behind the SMMU",
        [MANIFEST_DMA] = "this kind of DMA fence needs a device behind it, and an SMMU or a "
                         "guarded controller on this board",
        [MANIFEST_LINK_ENDS] = "a link needs a server and a client that are two domains of this "
                               "manifest and can run",
        [MANIFEST_LINK_WINDOW] =
                "a window is whole pages, more than 12 KiB for each queue and at most 16 MiB",
        [MANIFEST_LINK_QUEUES] = "a link has 1 to 4 queues of 2 to 128 entries, a power of two",
        [MANIFEST_LINK_WATCH] =
                "a watched queue must exist and have 1 <= deadline-ms <= slow-ms <= 600000",
        [MANIFEST_LBA_OVERLAP] =
                "two links of one server share sectors: give each its own lba range",
        [MANIFEST_HASH] = "this image has no hash: build the manifest with scripts/mkpack.py",
    };
    return (uint32_t)v < MANIFEST_VERDICT_COUNT && text[v][0] != '\0' ? text[v] : "unknown verdict";
}
