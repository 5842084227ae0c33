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
    const char *who; /* the domain, link or service being judged */
    uint32_t refused;
};

static INIT_CODE bool fail(struct judge *j, enum manifest_verdict verdict, const char *what)
{
    j->problem->verdict = verdict;
    (void)!str_copy(j->problem->who, sizeof(j->problem->who), j->who);
    (void)!str_copy(j->problem->what, sizeof(j->problem->what), what);
    return false;
}

/* The rule about a number: good, or the verdict with "name = value". */
static INIT_CODE bool rule(struct judge *j, bool good, enum manifest_verdict verdict,
                           const char *name, uint64_t value)
{
    char what[MANIFEST_PATH_MAX];
    if (good) return true;
    format(what, sizeof(what), "%s = %lu", name, (unsigned long)value);
    return fail(j, verdict, what);
}

static INIT_CODE bool fail_device(struct judge *j, enum manifest_verdict verdict,
                                  const struct manifest_device *dev)
{
    char what[MANIFEST_PATH_MAX];
    if (!dev->is_pci) return fail(j, verdict, dev->path);
    format(what, sizeof(what), "%.30s slot %u class %06x", dev->path, dev->slot, dev->class_code);
    return fail(j, verdict, what);
}

/* Letters, digits and a few marks: a name is printed, compared and used as a file name, never quoted. */
static INIT_CODE bool name_is_good(const char *name, bool is_file)
{
    size_t length = strnlen(name, BOOT_NAME_MAX);
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '-' && c != '_' && !(is_file && c == '.' && i > 0)) return false;
    }
    return length > 0 && length < BOOT_NAME_MAX;
}

/* Names at the start of count structs: plain, and none twice. of_whom NULL: each speaks for itself. */
static INIT_CODE bool check_names(struct judge *j, const void *first, uint32_t count, size_t step,
                                  const char *of_whom, const char *kind)
{
    for (uint32_t i = 0; i < count; i++) {
        const char *name = (const char *)first + i * step;
        bool good = name_is_good(name, false);
        for (uint32_t k = 0; k < i; k++) {
            good = good && strcmp(name, (const char *)first + k * step) != 0;
        }
        j->who = of_whom != NULL ? of_whom : name;
        if (!good) return fail(j, MANIFEST_NAME, of_whom != NULL ? name : kind);
    }
    return true;
}
STATIC_ASSERT(sizeof(((struct manifest_domain *)0)->name) == BOOT_NAME_MAX, "check_names");

#define CHECK_NAMES(j, list, count, of_whom, kind) \
    check_names((j), (list), (count), sizeof((list)[0]), (of_whom), (kind))

/* A file of the pack: a name without a path, and a hash. */
static INIT_CODE bool check_file(struct judge *j, const struct manifest_file *file)
{
    uint32_t any = 0;
    if (!name_is_good(file->name, true)) return fail(j, MANIFEST_NAME, "image");
    for (int i = 0; i < MANIFEST_HASH_BYTES; i++) any |= file->hash[i];
    return any != 0 ? true : fail(j, MANIFEST_HASH, file->name);
}

/* What every domain but main and every window take must leave enough for main. */
static INIT_CODE bool check_memory(struct judge *j)
{
    uint64_t left = j->facts->ram_bytes;
    j->who = j->m->domain[0].name;
    if (!rule(j, left >= MANIFEST_MAIN_MIN, MANIFEST_MEMORY, "ram", left)) return false;
    left -= MANIFEST_MAIN_MIN;
    for (uint32_t i = 0; i < j->m->domain_count; i++) {
        uint64_t bytes = j->m->domain[i].memory_bytes;
        bool good = i == 0 ? bytes == 0 : bytes != 0 && bytes % MIB(2) == 0 && bytes <= left;
        j->who = j->m->domain[i].name;
        if (!rule(j, good, MANIFEST_MEMORY, "memory", bytes)) return false;
        left -= bytes;
    }
    for (uint32_t i = 0; i < j->m->link_count; i++) {
        uint64_t bytes = j->m->link[i].window_bytes;
        j->who = j->m->link[i].name;
        if (!rule(j, bytes <= left, MANIFEST_MEMORY, "window", bytes)) return false;
        left -= bytes;
    }
    return true;
}

static INIT_CODE bool check_cpu(struct judge *j, const struct manifest_domain *d)
{
    uint32_t budget = d->budget_us, period = d->period_us, mains = j->m->domain[0].priority;
    bool is_driver = d->kind == MANIFEST_DRIVER;
    bool unlimited = !is_driver && budget == 0 && period == 0;
    /* Without a budget it would take from main what it likes. */
    uint32_t lowest = is_driver ? mains + 1 : 1;
    uint32_t highest = unlimited ? MIN(mains, MANIFEST_PRIORITY_MAX) : MANIFEST_PRIORITY_MAX;
    bool period_fits = period >= MANIFEST_PERIOD_US_MIN && period <= MANIFEST_PERIOD_US_MAX;
    return rule(j, d->vcpus >= 1 && d->vcpus <= (is_driver ? 1 : VCPU_MAX), MANIFEST_VCPU, "vcpus",
                d->vcpus) &&
           rule(j, d->core < j->facts->core_count, MANIFEST_VCPU, "core", d->core) &&
           rule(j, unlimited || period_fits, MANIFEST_BUDGET, "period-us", period) &&
           rule(j, unlimited || (budget >= 1 && budget <= period), MANIFEST_BUDGET, "budget-us",
                budget) &&
           rule(j, d->priority >= lowest && d->priority <= highest, MANIFEST_PRIORITY, "priority",
                d->priority);
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

/* True when a domain before this one, or this one before `index`, lists the same thing. */
static INIT_CODE bool is_given_before(const struct judge *j, const struct manifest_domain *d,
                                      uint32_t index)
{
    for (const struct manifest_domain *other = j->m->domain; other <= d; other++) {
        uint32_t count = other == d ? index : other->device_count;
        for (uint32_t k = 0; k < count; k++) {
            if (is_same_thing(&d->device[index], &other->device[k])) return true;
        }
    }
    return false;
}

/* True when the domain's fence holds this device. */
static INIT_CODE bool is_fenced(const struct manifest_domain *d, const struct manifest_fact *f)
{
    return d->dma == MANIFEST_DMA_GUARD ? f->has_guard : f->has_stream;
}

static INIT_CODE bool shares_page(const struct manifest_fact *a, const struct manifest_fact *b)
{
    uint64_t start = ALIGN_DOWN(a->mmio_start, PAGE_SIZE),
             end = ALIGN_UP(a->mmio_start + a->mmio_bytes, PAGE_SIZE);
    return a->mmio_bytes != 0 && b->mmio_bytes != 0 &&
           ranges_overlap(start, end - start, b->mmio_start, b->mmio_bytes);
}

/* A device that is there, against all others. */
static INIT_CODE bool check_fact(struct judge *j, const struct manifest_domain *d,
                                 const struct manifest_device *dev, const struct manifest_fact *f)
{
    if (f->is_reserved) return fail_device(j, MANIFEST_DEVICE_RESERVED, dev);
    if (f->is_master && !is_fenced(d, f)) {
        if (d->dma == MANIFEST_DMA_GUARD) return fail(j, MANIFEST_DMA, "guard");
        return fail_device(j, MANIFEST_MASTER_OUTSIDE, dev);
    }
    for (uint32_t i = 0; i < j->facts->device_count; i++) {
        const struct manifest_fact *other = &j->facts->device[i];
        if (other == f) continue;
        if (shares_page(f, other) && !domain_has(d, other)) {
            return fail_device(j, MANIFEST_DEVICE_OVERLAP, dev);
        }
        bool same_line = f->intid != 0 && f->intid == other->intid;
        if (same_line && (other->is_reserved || others_have(j, d, other))) {
            return fail_device(j, MANIFEST_LINE_SHARED, dev);
        }
    }
    return true;
}

static INIT_CODE bool check_devices(struct judge *j, const struct manifest_domain *d)
{
    uint32_t fenced_count = 0, absent_count = 0;
    for (uint32_t i = 0; i < d->device_count; i++) {
        const struct manifest_device *dev = &d->device[i];
        if (is_given_before(j, d, i)) return fail_device(j, MANIFEST_DEVICE_TWICE, dev);
        uint32_t n = 0;
        while (n < j->facts->device_count && !is_fact_of(&j->facts->device[n], dev)) n++;
        if (n == j->facts->device_count) {
            (void)fail_device(j, MANIFEST_DEVICE_UNKNOWN, dev);
            if (d->kind == MANIFEST_MAIN) return false;
            absent_count++;
            continue;
        }
        if (!check_fact(j, d, dev, &j->facts->device[n])) return false;
        fenced_count += is_fenced(d, &j->facts->device[n]);
    }
    if (absent_count != 0) j->refused |= (uint32_t)BIT(d - j->m->domain);
    if (d->dma == MANIFEST_DMA_NONE) return true;
    bool is_guard = d->dma == MANIFEST_DMA_GUARD;
    bool fenced = (is_guard || j->facts->has_smmu) && fenced_count + absent_count != 0;
    return fenced ? true : fail(j, MANIFEST_DMA, is_guard ? "guard" : "smmu");
}

static INIT_CODE bool check_domains(struct judge *j)
{
    const struct manifest *m = j->m;
    j->who = "";
    if (m->domain_count == 0 || m->domain[0].kind != MANIFEST_MAIN) {
        return fail(j, MANIFEST_NO_MAIN, "");
    }
    if (!CHECK_NAMES(j, m->domain, m->domain_count, NULL, "domain") || !check_memory(j)) {
        return false;
    }
    for (const struct manifest_domain *d = m->domain; d < m->domain + m->domain_count; d++) {
        j->who = d->name;
        if (d != m->domain && d->kind == MANIFEST_MAIN) return fail(j, MANIFEST_NO_MAIN, "");
        if (d->kind == MANIFEST_CANARY) continue;
        if (!CHECK_NAMES(j, d->device, d->device_count, d->name, "device")) return false;
        if (!check_file(j, &d->image) || !check_cpu(j, d) || !check_devices(j, d)) return false;
    }
    return true;
}

/* An end of a link: a domain that can run. */
static INIT_CODE bool can_end(const struct judge *j, uint32_t domain)
{
    return domain < j->m->domain_count && j->m->domain[domain].kind != MANIFEST_CANARY;
}

/* The client's RAM in place of a window: a stock guest's, all of it below 4 GiB, and the server's only link. */
static INIT_CODE bool check_client_memory(struct judge *j, const struct manifest_link *l)
{
    const struct manifest_domain *client = &j->m->domain[l->client];
    if (client->kind != MANIFEST_GUEST || l->own_client != 0) {
        return fail(j, MANIFEST_CLIENT_MEMORY, client->name);
    }
    if (j->m->domain[l->server].kind != MANIFEST_DRIVER) {
        return fail(j, MANIFEST_CLIENT_MEMORY, j->m->domain[l->server].name);
    }
    for (const struct manifest_link *k = j->m->link; k < j->m->link + j->m->link_count; k++) {
        if (k != l && (k->server == l->server || k->client == l->server)) {
            return fail(j, MANIFEST_CLIENT_MEMORY, k->name);
        }
    }
    return rule(j, client->memory_bytes <= MANIFEST_CLIENT_RAM_MAX, MANIFEST_CLIENT_MEMORY,
                "memory", client->memory_bytes);
}

static INIT_CODE bool check_window(struct judge *j, const struct manifest_link *l)
{
    uint64_t window = l->window_bytes;
    if (l->client_memory != 0) {
        return rule(j, window == 0, MANIFEST_LINK_WINDOW, "window", window) &&
               check_client_memory(j, l);
    }
    /* Three pages a queue hold its rings in either layout; buffers need one more. */
    bool fits = window > LINK_DATA_OFF(l->queue_count) && window <= DOMAIN_WINDOW_STEP;
    return rule(j, fits && window % PAGE_SIZE == 0, MANIFEST_LINK_WINDOW, "window", window);
}

static INIT_CODE bool check_link(struct judge *j, const struct manifest_link *l)
{
    j->who = l->name;
    if (!can_end(j, l->server)) return fail(j, MANIFEST_LINK_ENDS, "server");
    if (!can_end(j, l->client) || l->client == l->server) {
        return fail(j, MANIFEST_LINK_ENDS, "client");
    }
    uint32_t size = l->queue_size, deadline = l->deadline_ms, slow = l->slow_ms;
    bool size_fits = size >= 2 && size <= LINK_RING_MAX && (size & (size - 1)) == 0;
    if (!rule(j, l->queue_count >= 1 && l->queue_count <= LINK_QUEUE_MAX, MANIFEST_LINK_QUEUES,
              "queues", l->queue_count) ||
        !rule(j, size_fits, MANIFEST_LINK_QUEUES, "queue-size", size) || !check_window(j, l) ||
        !rule(j, l->watch_mask >> l->queue_count == 0, MANIFEST_LINK_WATCH, "watch",
              l->watch_mask)) {
        return false;
    }
    if (l->watch_mask == 0) return true;
    return rule(j, deadline >= 1 && deadline <= slow, MANIFEST_LINK_WATCH, "deadline-ms",
                deadline) &&
           rule(j, slow <= MANIFEST_DEADLINE_MS_MAX, MANIFEST_LINK_WATCH, "slow-ms", slow);
}

/* First sector after a link's share; UINT64_MAX: to the end of the disk. */
static INIT_CODE uint64_t lba_end(const struct manifest_link *l)
{
    return l->lba_count == 0 ? UINT64_MAX : l->lba_first + l->lba_count;
}

static INIT_CODE bool shares_sectors(const struct manifest_link *a, const struct manifest_link *b)
{
    if (a->server != b->server || a->device_id != VIRTIO_BLOCK || b->device_id != VIRTIO_BLOCK) {
        return false;
    }
    return a->lba_first < lba_end(b) && b->lba_first < lba_end(a);
}

static INIT_CODE bool check_links(struct judge *j)
{
    const struct manifest *m = j->m;
    if (!CHECK_NAMES(j, m->link, m->link_count, NULL, "link")) return false;
    for (uint32_t i = 0; i < m->link_count; i++) {
        if (!check_link(j, &m->link[i])) return false;
        for (uint32_t k = 0; k < i; k++) {
            if (shares_sectors(&m->link[i], &m->link[k])) {
                return fail(j, MANIFEST_LBA_OVERLAP, m->link[k].name);
            }
        }
    }
    return true;
}

static INIT_CODE bool check_services(struct judge *j)
{
    const struct manifest *m = j->m;
    if (!CHECK_NAMES(j, m->service, m->service_count, NULL, "service")) return false;
    for (uint32_t i = 0; i < m->service_count; i++) {
        j->who = m->service[i].name;
        if (!check_file(j, &m->service[i].image)) return false;
    }
    return true;
}

INIT_CODE bool manifest_check(const struct manifest *m, const struct manifest_facts *facts,
                              uint32_t *refused, struct manifest_problem *problem)
{
    struct judge j = { .m = m, .facts = facts, .problem = problem };
    memset(problem, 0, sizeof(*problem));
    *refused = 0;
    if (!check_domains(&j) || !check_links(&j) || !check_services(&j)) return false;
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
        [MANIFEST_PRIORITY] = "priorities go from 1 to 31: a driver's must be above main's, and "
                              "without a budget none may be",
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
        [MANIFEST_CLIENT_MEMORY] = "client-memory joins a stock guest of at most 3.5 GiB and a "
                                   "driver that has no other link",
        [MANIFEST_LINK_QUEUES] = "a link has 1 to 4 queues of 2 to 128 entries, a power of two",
        [MANIFEST_LINK_WATCH] =
                "a watched queue must exist and have 1 <= deadline-ms <= slow-ms <= 600000",
        [MANIFEST_LBA_OVERLAP] =
                "two links of one server share sectors: give each its own lba range",
        [MANIFEST_HASH] = "this image has no hash: build the manifest with scripts/mkpack.py",
    };
    return (uint32_t)v < MANIFEST_VERDICT_COUNT && text[v][0] != '\0' ? text[v] : "unknown verdict";
}
