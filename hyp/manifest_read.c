/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* From the compiled manifest to struct manifest: shape only, the rules are in manifest.c. */
#include <libfdt.h>

#include "hyp/fdt_tree.h"
#include "hyp/manifest.h"
#include "lib/string.h"

#define CELL_BYTES 4

/* The node being read, and where its first problem goes. */
struct reader {
    const void *fdt; /* borrowed */
    int node;
    const char *who; /* domain, link or service; "" for the whole */
    struct manifest_problem *problem;
};

/* Words of a list, each with its NUL, ended by an empty one. */
#define ROOT_WORDS "compatible\0version\0"
#define DOMAIN_WORDS                                                                   \
    "kind\0image\0hash\0memory\0vcpus\0core\0priority\0budget-us\0period-us\0dma\0on-" \
    "violation\0pmu\0params\0"
#define CANARY_WORDS "kind\0memory\0"
#define DEVICE_WORDS "path\0"
#define PCI_WORDS    "pci\0slot\0class\0"
#define LINK_WORDS                                                                        \
    "type\0server\0client\0layout\0window\0queues\0queue-size\0watch\0deadline-ms\0slow-" \
    "ms\0lba\0read-only\0"
#define SERVICE_WORDS "image\0hash\0"

static INIT_CODE bool fail(const struct reader *r, enum manifest_verdict verdict, const char *what)
{
    r->problem->verdict = verdict;
    (void)!str_copy(r->problem->who, sizeof(r->problem->who), r->who);
    (void)!str_copy(r->problem->what, sizeof(r->problem->what), what);
    return false;
}

/* Index of word in a list; UINT32_MAX: not there. */
static INIT_CODE uint32_t word_index(const char *words, const char *word)
{
    for (uint32_t i = 0; *words != '\0'; i++, words += strlen(words) + 1) {
        if (strcmp(words, word) == 0) return i;
    }
    return UINT32_MAX;
}

/* No property but these: a misspelt one is refused, not ignored. */
static INIT_CODE bool only_known(const struct reader *r, const char *words)
{
    int offset;
    fdt_for_each_property_offset(offset, r->fdt, r->node)
    {
        const char *name;
        if (fdt_getprop_by_offset(r->fdt, offset, &name, NULL) == NULL)
            return fail(r, MANIFEST_BAD_TREE, "");
        if (word_index(words, name) == UINT32_MAX) return fail(r, MANIFEST_BAD_PROPERTY, name);
    }
    return true;
}

/* A number of one or two cells, at most max; absent: *out stays. */
static INIT_CODE bool get_number(const struct reader *r, const char *name, uint64_t max,
                                 uint64_t *out)
{
    int size_bytes;
    const void *p = fdt_getprop(r->fdt, r->node, name, &size_bytes);
    if (p == NULL) return true;
    if (size_bytes != CELL_BYTES && size_bytes != 2 * CELL_BYTES)
        return fail(r, MANIFEST_BAD_PROPERTY, name);
    *out = tree_number(p, (uint32_t)size_bytes / CELL_BYTES);
    return *out <= max ? true : fail(r, MANIFEST_BAD_PROPERTY, name);
}

static INIT_CODE bool get_u32(const struct reader *r, const char *name, uint32_t *out)
{
    uint64_t value = *out;
    if (!get_number(r, name, UINT32_MAX, &value)) return false;
    *out = (uint32_t)value;
    return true;
}

/* The one string of a property; NULL: absent or malformed. */
static INIT_CODE const char *text_of(const struct reader *r, const char *name)
{
    int size_bytes;
    const char *p = fdt_getprop(r->fdt, r->node, name, &size_bytes);
    if (p == NULL || size_bytes <= 0 || strnlen(p, (size_t)size_bytes) + 1 != (size_t)size_bytes)
        return NULL;
    return p;
}

static INIT_CODE bool get_text(const struct reader *r, const char *name, char *out,
                               size_t out_bytes)
{
    const char *text = text_of(r, name);
    if (text == NULL || !str_copy(out, out_bytes, text))
        return fail(r, MANIFEST_BAD_PROPERTY, name);
    return true;
}

/* A property whose value is one of a list of words; absent: the first. */
static INIT_CODE bool get_choice(const struct reader *r, const char *name, const char *words,
                                 uint32_t *out)
{
    *out = 0;
    if (fdt_getprop(r->fdt, r->node, name, NULL) == NULL) return true;
    const char *text = text_of(r, name);
    *out = text == NULL ? UINT32_MAX : word_index(words, text);
    return *out != UINT32_MAX ? true : fail(r, MANIFEST_BAD_PROPERTY, name);
}

static INIT_CODE bool get_flag(const struct reader *r, const char *name, uint32_t *out)
{
    int size_bytes;
    const void *p = fdt_getprop(r->fdt, r->node, name, &size_bytes);
    *out = p != NULL;
    return p == NULL || size_bytes == 0 ? true : fail(r, MANIFEST_BAD_PROPERTY, name);
}

/* Absent: stays all zero, which manifest_check refuses by the name of the image. */
static INIT_CODE bool get_hash(const struct reader *r, uint8_t out[MANIFEST_HASH_BYTES])
{
    int size_bytes;
    const void *p = fdt_getprop(r->fdt, r->node, "hash", &size_bytes);
    if (p == NULL) return true;
    if (size_bytes != MANIFEST_HASH_BYTES) return fail(r, MANIFEST_BAD_PROPERTY, "hash");
    memcpy(out, p, MANIFEST_HASH_BYTES);
    return true;
}

static INIT_CODE bool no_children(const struct reader *r)
{
    int child = fdt_first_subnode(r->fdt, r->node);
    return child < 0 ? true : fail(r, MANIFEST_BAD_TREE, fdt_get_name(r->fdt, child, NULL));
}

/* The node's own name into out. */
static INIT_CODE bool get_name(const struct reader *r, char *out, size_t out_bytes)
{
    const char *name = fdt_get_name(r->fdt, r->node, NULL);
    if (name == NULL || !str_copy(out, out_bytes, name))
        return fail(r, MANIFEST_NAME, name ? name : "");
    return true;
}

static INIT_CODE bool read_device(const struct reader *r, struct manifest_device *d)
{
    if (!get_name(r, d->name, sizeof(d->name)) || !no_children(r)) return false;
    d->is_pci = fdt_getprop(r->fdt, r->node, "pci", NULL) != NULL;
    if (!d->is_pci)
        return only_known(r, DEVICE_WORDS) && get_text(r, "path", d->path, sizeof(d->path));
    d->slot = d->class_code = UINT32_MAX;
    if (!only_known(r, PCI_WORDS) || !get_text(r, "pci", d->path, sizeof(d->path))) return false;
    if (!get_u32(r, "slot", &d->slot) || !get_u32(r, "class", &d->class_code)) return false;
    if (d->slot > 31) return fail(r, MANIFEST_BAD_PROPERTY, "slot");
    return d->class_code <= 0xffffff ? true : fail(r, MANIFEST_BAD_PROPERTY, "class");
}

static INIT_CODE bool read_domain(struct reader *r, uint32_t kind, struct manifest_domain *d)
{
    d->kind = kind;
    r->who = d->name;
    if (!get_name(r, d->name, sizeof(d->name))) return false;
    if (kind == MANIFEST_CANARY) {
        return only_known(r, CANARY_WORDS) && no_children(r) &&
               get_number(r, "memory", UINT64_MAX, &d->memory_bytes);
    }
    d->vcpus = 1;
    if (!only_known(r, DOMAIN_WORDS) || !get_text(r, "image", d->image, sizeof(d->image)))
        return false;
    if (!get_hash(r, d->hash) || !get_number(r, "memory", UINT64_MAX, &d->memory_bytes))
        return false;
    if (!get_u32(r, "vcpus", &d->vcpus) || !get_u32(r, "core", &d->core)) return false;
    if (!get_u32(r, "priority", &d->priority) || !get_u32(r, "budget-us", &d->budget_us))
        return false;
    if (!get_u32(r, "period-us", &d->period_us) || !get_flag(r, "pmu", &d->pmu)) return false;
    if (!get_choice(r, "dma", "none\0smmu\0guard\0", &d->dma)) return false;
    if (!get_choice(r, "on-violation", "kill\0inject\0", &d->on_violation)) return false;
    if (fdt_getprop(r->fdt, r->node, "params", NULL) != NULL &&
        !get_text(r, "params", d->params, sizeof(d->params))) {
        return false;
    }
    int child;
    fdt_for_each_subnode(child, r->fdt, r->node)
    {
        if (d->device_count == BOOT_DEVICE_MAX) return fail(r, MANIFEST_TOO_MANY, "devices");
        struct reader device = *r;
        device.node = child;
        if (!read_device(&device, &d->device[d->device_count++])) return false;
    }
    return true;
}

/* Domains of this kind; main is read first, so that it has index 0 wherever it stands. */
static INIT_CODE bool read_domains(struct reader *r, int domains, bool main_ones,
                                   struct manifest *out)
{
    int child;
    fdt_for_each_subnode(child, r->fdt, domains)
    {
        r->node = child;
        r->who = fdt_get_name(r->fdt, child, NULL);
        const char *text = text_of(r, "kind");
        uint32_t kind = text == NULL ? UINT32_MAX : word_index("main\0driver\0canary\0", text);
        if (kind == UINT32_MAX) return fail(r, MANIFEST_BAD_PROPERTY, "kind");
        if ((kind == MANIFEST_MAIN) != main_ones) continue;
        if (out->domain_count == DOMAIN_MAX) return fail(r, MANIFEST_TOO_MANY, "domains");
        if (!read_domain(r, kind, &out->domain[out->domain_count++])) return false;
    }
    return true;
}

static INIT_CODE bool get_end(const struct reader *r, const char *name, const struct manifest *m,
                              uint32_t *out)
{
    const char *text = text_of(r, name);
    if (text == NULL) return fail(r, MANIFEST_BAD_PROPERTY, name);
    *out = MANIFEST_NO_DOMAIN;
    for (uint32_t i = 0; i < m->domain_count; i++) {
        if (strcmp(m->domain[i].name, text) == 0) *out = i;
    }
    return true;
}

static INIT_CODE bool get_watch(const struct reader *r, uint32_t *mask)
{
    int size_bytes;
    const uint8_t *p = fdt_getprop(r->fdt, r->node, "watch", &size_bytes);
    if (p == NULL) return true;
    if (size_bytes % CELL_BYTES != 0) return fail(r, MANIFEST_BAD_PROPERTY, "watch");
    for (int i = 0; i < size_bytes; i += CELL_BYTES) {
        uint64_t queue = tree_number(p + i, 1);
        if (queue >= 32) return fail(r, MANIFEST_BAD_PROPERTY, "watch");
        *mask |= (uint32_t)BIT(queue);
    }
    return true;
}

static INIT_CODE bool get_lba(const struct reader *r, struct manifest_link *l)
{
    int size_bytes;
    const uint8_t *p = fdt_getprop(r->fdt, r->node, "lba", &size_bytes);
    if (p == NULL) return true;
    if (size_bytes != 4 * CELL_BYTES) return fail(r, MANIFEST_BAD_PROPERTY, "lba");
    l->lba_first = tree_number(p, 2);
    l->lba_count = tree_number(p + 2 * CELL_BYTES, 2);
    return l->lba_count <= UINT64_MAX - l->lba_first ? true : fail(r, MANIFEST_BAD_PROPERTY, "lba");
}

static INIT_CODE bool read_link(struct reader *r, const struct manifest *m, struct manifest_link *l)
{
    static INIT_DATA const uint8_t virtio_ids[] = { 2, 1, 4 };
    uint32_t type, layout;
    r->who = l->name;
    if (!get_name(r, l->name, sizeof(l->name)) || !only_known(r, LINK_WORDS) || !no_children(r))
        return false;
    if (text_of(r, "type") == NULL) return fail(r, MANIFEST_BAD_PROPERTY, "type");
    if (!get_choice(r, "type", "block\0net\0entropy\0", &type)) return false;
    l->device_id = virtio_ids[type];
    if (!get_choice(r, "layout", "stock\0own\0", &layout)) return false;
    l->own_client = layout;
    if (!get_end(r, "server", m, &l->server) || !get_end(r, "client", m, &l->client)) return false;
    if (!get_number(r, "window", UINT64_MAX, &l->window_bytes)) return false;
    if (!get_u32(r, "queues", &l->queue_count) || !get_u32(r, "queue-size", &l->queue_size))
        return false;
    if (!get_watch(r, &l->watch_mask) || !get_u32(r, "deadline-ms", &l->deadline_ms)) return false;
    if (!get_u32(r, "slow-ms", &l->slow_ms) || !get_lba(r, l)) return false;
    return get_flag(r, "read-only", &l->read_only);
}

static INIT_CODE bool read_links(struct reader *r, int links, struct manifest *out)
{
    int child;
    fdt_for_each_subnode(child, r->fdt, links)
    {
        r->node = child;
        r->who = "";
        if (out->link_count == LINK_MAX) return fail(r, MANIFEST_TOO_MANY, "links");
        if (!read_link(r, out, &out->link[out->link_count++])) return false;
    }
    return true;
}

static INIT_CODE bool read_services(struct reader *r, int services, struct manifest *out)
{
    int child;
    fdt_for_each_subnode(child, r->fdt, services)
    {
        r->node = child;
        r->who = "";
        if (out->service_count == MANIFEST_SERVICE_MAX)
            return fail(r, MANIFEST_TOO_MANY, "services");
        struct manifest_service *s = &out->service[out->service_count++];
        r->who = s->name;
        if (!get_name(r, s->name, sizeof(s->name)) || !only_known(r, SERVICE_WORDS) ||
            !no_children(r))
            return false;
        if (!get_text(r, "image", s->image, sizeof(s->image)) || !get_hash(r, s->hash))
            return false;
    }
    return true;
}

INIT_CODE bool manifest_read(const void *dtb, uint64_t dtb_bytes, struct manifest *out,
                             struct manifest_problem *problem)
{
    struct reader r = { .fdt = dtb, .node = 0, .who = "", .problem = problem };
    memset(out, 0, sizeof(*out));
    memset(problem, 0, sizeof(*problem));
    if (!tree_is_sound(dtb, dtb_bytes)) return fail(&r, MANIFEST_BAD_TREE, "");
    if (fdt_node_check_compatible(dtb, 0, "zeros,system") != 0)
        return fail(&r, MANIFEST_BAD_TREE, "compatible");
    uint32_t version = 0;
    if (!get_u32(&r, "version", &version)) return false;
    if (version != MANIFEST_VERSION) return fail(&r, MANIFEST_BAD_TREE, "version");
    if (!only_known(&r, ROOT_WORDS)) return false;

    int part[3] = { -1, -1, -1 }, child;
    fdt_for_each_subnode(child, dtb, 0)
    {
        const char *name = fdt_get_name(dtb, child, NULL);
        uint32_t index = name == NULL ? UINT32_MAX : word_index("domains\0links\0services\0", name);
        if (index == UINT32_MAX || part[index] >= 0)
            return fail(&r, MANIFEST_BAD_TREE, name ? name : "");
        part[index] = child;
        struct reader top = r;
        top.node = child;
        if (!only_known(&top, "")) return false;
    }
    if (part[0] >= 0 &&
        (!read_domains(&r, part[0], true, out) || !read_domains(&r, part[0], false, out)))
        return false;
    if (part[1] >= 0 && !read_links(&r, part[1], out)) return false;
    return part[2] < 0 || read_services(&r, part[2], out);
}
