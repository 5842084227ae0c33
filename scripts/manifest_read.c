/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* From the compiled manifest to struct manifest: shape only, the rules are in manifest.c. */
#include <libfdt.h> /* first: the host's <limits.h>, which it includes, has another LINK_MAX */

#include "lib/string.h"
#include "scripts/manifest_read.h"

STATIC_ASSERT(LINK_MAX == sizeof(((struct manifest *)0)->link) / sizeof(struct manifest_link),
              "abi's");

#define CELL_BYTES    4
#define CLIENT_MEMORY "client-memory"

/* The node being read, and where its first problem goes. */
struct reader {
    const void *fdt; /* borrowed */
    int node;
    uint32_t seen;   /* bit i: binding i of the node's table was there */
    const char *who; /* domain, link or service; "" for the whole */
    struct manifest_problem *problem;
    struct manifest *m; /* borrowed: what is being filled */
};

enum value_kind {
    VALUE_U32,
    VALUE_U64, /* one or two cells */
    VALUE_TEXT,
    VALUE_FLAG,
    VALUE_WORD, /* the index of one of the words */
    VALUE_HASH,
    VALUE_PLACE,  /* offset and size in the pack */
    VALUE_END,    /* the name of a domain */
    VALUE_QUEUES, /* queue numbers, as a mask */
    VALUE_LBA,    /* first and count, two cells each */
    VALUE_WINDOW  /* bytes, or "client-memory" */
};

/* A property and its place in the struct. */
struct binding {
    const char *name;
    uint8_t kind;
    const char *words; /* each with its NUL, ended by an empty one */
    uint16_t offset, bytes;
    uint32_t max; /* of a VALUE_U32; 0: none */
};

#define PLACE(type, field) \
    .offset = offsetof(struct type, field), .bytes = sizeof(((struct type *)0)->field)

/* The first two are all that a canary may have. */
static const struct binding domain_bindings[] = {
    { "kind", VALUE_WORD, .words = "main\0driver\0canary\0guest\0", PLACE(manifest_domain, kind) },
    { "memory", VALUE_U64, PLACE(manifest_domain, memory_bytes) },
    { "image", VALUE_TEXT, PLACE(manifest_domain, image.name) },
    { "image-hash", VALUE_HASH, PLACE(manifest_domain, image.hash) },
    { "image-place", VALUE_PLACE, PLACE(manifest_domain, image.offset) },
    { "vcpus", VALUE_U32, PLACE(manifest_domain, vcpus) },
    { "core", VALUE_U32, PLACE(manifest_domain, core) },
    { "priority", VALUE_U32, PLACE(manifest_domain, priority) },
    { "budget-us", VALUE_U32, PLACE(manifest_domain, budget_us) },
    { "period-us", VALUE_U32, PLACE(manifest_domain, period_us) },
    { "dma", VALUE_WORD, .words = "none\0smmu\0guard\0", PLACE(manifest_domain, dma) },
    { "on-violation", VALUE_WORD, .words = "kill\0inject\0", PLACE(manifest_domain, on_violation) },
    { "pmu", VALUE_FLAG, PLACE(manifest_domain, pmu) },
    { "params", VALUE_TEXT, PLACE(manifest_domain, params) },
};
#define SEEN_KIND         BIT(0)
#define SEEN_CANARY       (BIT(0) | BIT(1))
#define SEEN_IMAGE        BIT(2)
#define SEEN_ON_VIOLATION BIT(11)

static const struct binding device_bindings[] = {
    { "path", VALUE_TEXT, PLACE(manifest_device, path) },
    { "pci", VALUE_TEXT, PLACE(manifest_device, path) },
    { "slot", VALUE_U32, PLACE(manifest_device, slot), .max = 31 },
    { "class", VALUE_U32, PLACE(manifest_device, class_code), .max = 0xffffff },
};
#define SEEN_PATH  BIT(0)
#define SEEN_PCI   BIT(1)
#define SEEN_SLOT  BIT(2)
#define SEEN_CLASS BIT(3)

static const struct binding link_bindings[] = {
    { "type", VALUE_WORD, .words = "block\0net\0entropy\0", PLACE(manifest_link, device_id) },
    { "server", VALUE_END, PLACE(manifest_link, server) },
    { "client", VALUE_END, PLACE(manifest_link, client) },
    { "layout", VALUE_WORD, .words = "stock\0own\0", PLACE(manifest_link, own_client) },
    { "window", VALUE_WINDOW, PLACE(manifest_link, window_bytes) },
    { "queues", VALUE_U32, PLACE(manifest_link, queue_count) },
    { "queue-size", VALUE_U32, PLACE(manifest_link, queue_size) },
    { "watch", VALUE_QUEUES, PLACE(manifest_link, watch_mask) },
    { "deadline-ms", VALUE_U32, PLACE(manifest_link, deadline_ms) },
    { "slow-ms", VALUE_U32, PLACE(manifest_link, slow_ms) },
    { "lba", VALUE_LBA, PLACE(manifest_link, lba_first) },
    { "read-only", VALUE_FLAG, PLACE(manifest_link, read_only) },
};
STATIC_ASSERT(offsetof(struct manifest_file, size_bytes) ==
                      offsetof(struct manifest_file, offset) + CELL_BYTES,
              "VALUE_PLACE");
STATIC_ASSERT(offsetof(struct manifest_link, lba_count) ==
                      offsetof(struct manifest_link, lba_first) + 8,
              "VALUE_LBA");

static const struct binding service_bindings[] = {
    { "image", VALUE_TEXT, PLACE(manifest_service, image.name) },
    { "image-hash", VALUE_HASH, PLACE(manifest_service, image.hash) },
    { "image-place", VALUE_PLACE, PLACE(manifest_service, image.offset) },
};

struct root {
    char compatible[32];
    uint32_t version;
};
static const struct binding root_bindings[] = {
    { "compatible", VALUE_TEXT, PLACE(root, compatible) },
    { "version", VALUE_U32, PLACE(root, version) },
};

/* Big-endian number of cell_count (1 or 2) cells. */
static uint64_t number_of(const void *p, uint32_t cell_count)
{
    return cell_count == 1 ? fdt32_ld(p) : fdt64_ld(p);
}

/* libfdt leaves the alignment of the parts to its caller. */
static bool is_sound(const void *fdt, uint64_t fdt_bytes)
{
    return fdt_bytes >= sizeof(struct fdt_header) && fdt_off_mem_rsvmap(fdt) % 8 == 0 &&
           fdt_off_dt_struct(fdt) % 4 == 0 && fdt_check_full(fdt, fdt_bytes) == 0;
}

static bool fail(const struct reader *r, enum manifest_verdict verdict, const char *what)
{
    r->problem->verdict = verdict;
    (void)!str_copy(r->problem->who, sizeof(r->problem->who), r->who);
    (void)!str_copy(r->problem->what, sizeof(r->problem->what), what != NULL ? what : "");
    return false;
}

/* Index of word in a list; UINT32_MAX: not there. */
static uint32_t word_index(const char *words, const char *word)
{
    for (uint32_t i = 0; *words != '\0'; i++, words += strlen(words) + 1) {
        if (strcmp(words, word) == 0) return i;
    }
    return UINT32_MAX;
}

static uint32_t domain_index(const struct manifest *m, const char *name)
{
    for (uint32_t i = 0; i < m->domain_count; i++) {
        if (strcmp(m->domain[i].name, name) == 0) return i;
    }
    return MANIFEST_NO_DOMAIN; /* manifest_check's to refuse */
}

/* A list of cells below 32, as a mask. */
static bool read_queues(const uint8_t *p, uint32_t bytes, uint32_t *mask)
{
    for (uint32_t i = 0; i + CELL_BYTES <= bytes; i += CELL_BYTES) {
        uint64_t queue = number_of(p + i, 1);
        if (queue >= 32) return false;
        *mask |= (uint32_t)BIT(queue);
    }
    return bytes % CELL_BYTES == 0;
}

/* Reads a value into the struct at base. False: wrong size or unknown value. */
static bool read_value(const struct reader *r, const struct binding *b, const void *p,
                       uint32_t bytes, void *base)
{
    void *out = (uint8_t *)base + b->offset;
    uint32_t *number = out;
    uint64_t *wide = out;
    const char *text = p;
    bool is_text = bytes > 0 && strnlen(text, bytes) == bytes - 1;
    switch ((enum value_kind)b->kind) {
    case VALUE_U32:
        if (bytes != CELL_BYTES) return false;
        *number = (uint32_t)number_of(p, 1);
        return b->max == 0 || *number <= b->max;
    case VALUE_U64:
        if (bytes != CELL_BYTES && bytes != 2 * CELL_BYTES) return false;
        *wide = number_of(p, bytes / CELL_BYTES);
        return true;
    case VALUE_TEXT:
        return is_text && str_copy(out, b->bytes, text);
    case VALUE_FLAG:
        *number = 1;
        return bytes == 0;
    case VALUE_WORD:
        *number = is_text ? word_index(b->words, text) : UINT32_MAX;
        return *number != UINT32_MAX;
    case VALUE_HASH:
        if (bytes != MANIFEST_HASH_BYTES) return false;
        memcpy(out, p, bytes);
        return true;
    case VALUE_PLACE:
        if (bytes != 2 * CELL_BYTES) return false;
        number[0] = (uint32_t)number_of(p, 1);
        number[1] = (uint32_t)number_of(text + CELL_BYTES, 1);
        return true;
    case VALUE_END:
        *number = is_text ? domain_index(r->m, text) : 0;
        return is_text;
    case VALUE_QUEUES:
        return read_queues(p, bytes, number);
    case VALUE_LBA:
        if (bytes != 4 * CELL_BYTES) return false;
        wide[0] = number_of(p, 2);
        wide[1] = number_of(text + 2 * CELL_BYTES, 2);
        return wide[1] <= UINT64_MAX - wide[0];
    case VALUE_WINDOW:
        if (is_text && strcmp(text, CLIENT_MEMORY) == 0) {
            ((struct manifest_link *)base)->client_memory = 1;
            return true;
        }
        if (bytes != CELL_BYTES && bytes != 2 * CELL_BYTES) return false;
        *wide = number_of(p, bytes / CELL_BYTES);
        return true;
    }
    return false;
}

/* All properties of the node. One that is not in the table is refused, not ignored: it may be misspelt. */
static bool read_properties(struct reader *r, const struct binding *table, uint32_t count,
                            void *base)
{
    int at;
    r->seen = 0;
    fdt_for_each_property_offset(at, r->fdt, r->node)
    {
        const char *name = "";
        int bytes = 0;
        const void *value = fdt_getprop_by_offset(r->fdt, at, &name, &bytes);
        uint32_t i = 0;
        while (i < count && strcmp(table[i].name, name) != 0) i++;
        if (value == NULL || i == count ||
            !read_value(r, &table[i], value, (uint32_t)bytes, base)) {
            return fail(r, MANIFEST_BAD_PROPERTY, name);
        }
        r->seen |= (uint32_t)BIT(i);
    }
    return true;
}

#define READ_PROPERTIES(r, table, base) read_properties(r, table, ARRAY_COUNT(table), base)

static bool need(const struct reader *r, uint64_t seen, const char *name)
{
    return (r->seen & seen) != 0 ? true : fail(r, MANIFEST_BAD_PROPERTY, name);
}

static bool no_children(const struct reader *r)
{
    int child = fdt_first_subnode(r->fdt, r->node);
    return child < 0 ? true : fail(r, MANIFEST_BAD_TREE, fdt_get_name(r->fdt, child, NULL));
}

/* The node's own name into out; with as_who, problems are its own from now on. */
static bool read_name(struct reader *r, char *out, size_t out_bytes, bool as_who)
{
    const char *name = fdt_get_name(r->fdt, r->node, NULL);
    if (as_who) r->who = out;
    return name != NULL && str_copy(out, out_bytes, name) ? true : fail(r, MANIFEST_NAME, name);
}

static bool read_device(struct reader r, int node, struct manifest_device *d)
{
    r.node = node;
    if (!read_name(&r, d->name, sizeof(d->name), false) || !no_children(&r)) return false;
    if (!READ_PROPERTIES(&r, device_bindings, d)) return false;
    d->is_pci = (r.seen & SEEN_PCI) != 0;
    if (!d->is_pci) return r.seen == SEEN_PATH ? true : fail(&r, MANIFEST_BAD_PROPERTY, "path");
    if ((r.seen & SEEN_PATH) != 0) return fail(&r, MANIFEST_BAD_PROPERTY, "path");
    return need(&r, SEEN_SLOT, "slot") && need(&r, SEEN_CLASS, "class");
}

static bool read_domain(struct reader *r, struct manifest_domain *d)
{
    d->vcpus = 1;
    if (!read_name(r, d->name, sizeof(d->name), true) || !READ_PROPERTIES(r, domain_bindings, d)) {
        return false;
    }
    if (!need(r, SEEN_KIND, "kind")) return false;
    if (d->kind == MANIFEST_CANARY) {
        return (r->seen & ~SEEN_CANARY) == 0 ? no_children(r)
                                             : fail(r, MANIFEST_BAD_PROPERTY, "kind");
    }
    if (!need(r, SEEN_IMAGE, "image")) return false;
    if (d->kind == MANIFEST_GUEST && (r->seen & SEEN_ON_VIOLATION) == 0) {
        d->on_violation = MANIFEST_INJECT;
    }
    int child;
    fdt_for_each_subnode(child, r->fdt, r->node)
    {
        if (d->device_count == BOOT_DEVICE_MAX) return fail(r, MANIFEST_TOO_MANY, "devices");
        if (!read_device(*r, child, &d->device[d->device_count++])) return false;
    }
    return true;
}

static bool read_link(struct reader *r, struct manifest_link *l)
{
    static const uint8_t virtio_ids[] = { 2, 1, 4 };
    if (!read_name(r, l->name, sizeof(l->name), true) || !READ_PROPERTIES(r, link_bindings, l)) {
        return false;
    }
    for (uint32_t i = 0; i < 3; i++) {
        if (!need(r, BIT(i), link_bindings[i].name)) return false;
    }
    l->device_id = virtio_ids[l->device_id];
    return no_children(r);
}

static bool read_service(struct reader *r, struct manifest_service *s)
{
    return read_name(r, s->name, sizeof(s->name), true) &&
           READ_PROPERTIES(r, service_bindings, s) && need(r, BIT(0), "image") && no_children(r);
}

enum part { PART_DOMAINS, PART_LINKS, PART_SERVICES, PART_COUNT };
#define PART_WORDS "domains\0links\0services\0"

static bool read_item(struct reader *r, enum part part)
{
    struct manifest *m = r->m;
    r->who = "";
    if (part == PART_DOMAINS) {
        if (m->domain_count == DOMAIN_MAX) return fail(r, MANIFEST_TOO_MANY, "domains");
        return read_domain(r, &m->domain[m->domain_count++]);
    }
    if (part == PART_LINKS) {
        if (m->link_count == LINK_MAX) return fail(r, MANIFEST_TOO_MANY, "links");
        return read_link(r, &m->link[m->link_count++]);
    }
    if (m->service_count == MANIFEST_SERVICE_MAX) return fail(r, MANIFEST_TOO_MANY, "services");
    return read_service(r, &m->service[m->service_count++]);
}

/* Main gets index 0 wherever it stands; the others keep their order. */
static void put_main_first(struct manifest *m)
{
    for (uint32_t i = 1; i < m->domain_count && m->domain[0].kind != MANIFEST_MAIN; i++) {
        if (m->domain[i].kind != MANIFEST_MAIN) continue;
        struct manifest_domain found = m->domain[i];
        memmove(&m->domain[1], &m->domain[0], i * sizeof(found));
        m->domain[0] = found;
    }
}

static bool read_root(struct reader *r, int parts[PART_COUNT])
{
    struct root root = { .version = 0 };
    if (!READ_PROPERTIES(r, root_bindings, &root)) return false;
    if (strcmp(root.compatible, "zeros,system") != 0) {
        return fail(r, MANIFEST_BAD_TREE, "compatible");
    }
    if (root.version != MANIFEST_VERSION) return fail(r, MANIFEST_BAD_TREE, "version");
    int child;
    fdt_for_each_subnode(child, r->fdt, 0)
    {
        const char *name = fdt_get_name(r->fdt, child, NULL);
        uint32_t part = name == NULL ? UINT32_MAX : word_index(PART_WORDS, name);
        if (part == UINT32_MAX || parts[part] >= 0) return fail(r, MANIFEST_BAD_TREE, name);
        parts[part] = child;
        struct reader top = *r;
        top.node = child;
        if (!read_properties(&top, NULL, 0, NULL)) return false;
    }
    return true;
}

bool manifest_read(const void *dtb, uint64_t dtb_bytes, struct manifest *out,
                   struct manifest_problem *problem)
{
    struct reader r = { .fdt = dtb, .who = "", .problem = problem, .m = out };
    *out = (struct manifest){ .magic = MANIFEST_MAGIC,
                              .format = MANIFEST_FORMAT,
                              .size_bytes = sizeof(*out) };
    memset(problem, 0, sizeof(*problem));
    if (!is_sound(dtb, dtb_bytes)) return fail(&r, MANIFEST_BAD_TREE, "");
    int parts[PART_COUNT] = { -1, -1, -1 };
    if (!read_root(&r, parts)) return false;
    for (uint32_t part = 0; part < PART_COUNT; part++) {
        if (parts[part] < 0) continue;
        fdt_for_each_subnode(r.node, dtb, parts[part])
        {
            if (!read_item(&r, (enum part)part)) return false;
        }
        if (part == PART_DOMAINS) put_main_first(out);
    }
    return true;
}
