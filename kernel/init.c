/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The first process. Everybody after it gets handles from it, and no others. */
#include "kernel/init.h"

#include "abi/manifest.h"
#include "abi/proto/startup.h"
#include "kernel/arch.h"
#include "kernel/elf.h"
#include "kernel/hyper.h"
#include "kernel/irq.h"
#include "kernel/lastwords.h"
#include "kernel/link.h"
#include "kernel/log.h"
#include "kernel/page.h"
#include "kernel/process.h"
#include "kernel/slab.h"
#include "kernel/vmo.h"
#include "lib/cpio.h"
#include "lib/format.h"
#include "lib/sha256.h"
#include "lib/string.h"

#define STACK_BYTES KIB(256)

static struct slab token_slab = SLAB(struct object);

static _Noreturn void refuse(const char *why)
{
    char line[LOG_BYTES];
    (void)format(line, sizeof(line), "kernel: init cannot be started: %s\n", why);
    klog("%s", line);
    lastwords_write(line); /* nobody is there to read the log */
    hyper_poweroff();
}

struct program {
    const void *file;
    uint64_t file_bytes;
};

/* The file of init as the verified manifest names it, when its hash is the one given there. */
static struct program program_find(const struct bootinfo *boot)
{
    const struct manifest *m = arch_ptr((pa_t){ boot->manifest_ipa });
    if (boot->manifest_bytes != sizeof(*m) || m->magic != MANIFEST_MAGIC) {
        refuse("there is no manifest");
    }
    const struct manifest_service *s = m->service, *end = s + m->service_count;
    while (s < end && strcmp(s->name, "init") != 0) s++;
    if (s == end) refuse("the manifest has no /services/init");
    struct program p;
    if (!boot->pack_bytes || cpio_find(arch_ptr((pa_t){ boot->pack_ipa }), boot->pack_bytes,
                                       s->image.name, &p.file, &p.file_bytes) != OK) {
        refuse("its image is not in the system pack");
    }
    uint8_t found[SHA256_BYTES];
    sha256(p.file, p.file_bytes, found);
    if (memcmp(found, s->image.hash, sizeof(found)) != 0) {
        refuse("its image does not match its hash in the manifest");
    }
    return p;
}

/* Copies into a VMO that nobody has mapped yet. */
static void vmo_fill(struct vmo *v, uint64_t offset, const uint8_t *from, uint64_t size_bytes)
{
    while (size_bytes > 0) {
        char *page = vmo_page(v, offset >> PAGE_SHIFT);
        if (!page) refuse("there is too little memory");
        uint64_t in_page = offset & (PAGE_SIZE - 1), part = MIN(size_bytes, PAGE_SIZE - in_page);
        memcpy(page + in_page, from, part);
        offset += part;
        from += part;
        size_bytes -= part;
    }
}

/* Maps a new VMO into init and fills it. Returns the address. */
static uint64_t map_new(struct process *p, struct map_request *r, const uint8_t *from,
                        uint64_t lead, uint64_t from_bytes)
{
    r->vmo = vmo_create(r->size_bytes, p->account);
    if (!r->vmo) refuse("there is too little memory");
    vmo_fill(r->vmo, lead, from, from_bytes);
    if (aspace_map(&p->aspace, r) != OK) {
        refuse("parts of its image overlap, or there is too little memory");
    }
    object_put(&r->vmo->object);
    return r->va;
}

static uint64_t program_load(struct process *p, struct program program)
{
    uint64_t entry;
    if (elf_entry(program.file, program.file_bytes, &entry) != OK) {
        refuse("its image is no AArch64 program");
    }
    for (uint32_t i = 0;; i++) {
        struct elf_segment s;
        err_t e = elf_segment_get(program.file, program.file_bytes, i, &s);
        if (e == ERR_NO_ENTRY) return entry;
        if (e != OK) refuse("its image has a segment that cannot be loaded");
        struct map_request r = { .size_bytes = s.mem_bytes, .va = s.va, .prot = PROT_READ };
        if (s.is_writable) r.prot |= PROT_WRITE;
        if (s.is_executable) r.prot |= PROT_EXEC;
        (void)map_new(p, &r, s.data, s.lead_bytes, s.data_bytes);
    }
}

/* Gives init a handle under a name: all rights but those in `without`. */
static void give(struct process *p, struct startup *s, const char *name, struct object *o,
                 uint32_t without)
{
    if (!o || s->handle_count == STARTUP_HANDLE_MAX || handle_reserve(&p->handles, 1) != OK) {
        klog("kernel: init gets no handle \"%s\": there is no room\n", name);
        return;
    }
    struct startup_handle *h = &s->handle[s->handle_count++];
    (void)str_copy(h->name, sizeof(h->name), name);
    struct handle_entry e = { .object = o, .type = o->type, .rights = RIGHT_ALL & ~without };
    h->handle = handle_insert(&p->handles, &e);
}

static struct object *token(enum object_type type)
{
    struct object *o = slab_alloc(&token_slab);
    if (o) object_init(o, type);
    return o;
}

static struct object *fixed(enum vmo_kind kind, uint64_t pa, uint64_t size_bytes)
{
    struct vmo *v = size_bytes ? vmo_create_fixed(kind, (pa_t){ ALIGN_DOWN(pa, PAGE_SIZE) },
                                                  size_bytes + (pa & (PAGE_SIZE - 1)))
                               : NULL;
    return v ? &v->object : NULL;
}

static struct object *line(uint32_t intid, bool is_edge)
{
    struct interrupt *i = irq_create(intid, is_edge);
    return i ? &i->object : NULL;
}

static void give_devices(struct process *p, struct startup *s, const struct bootinfo *boot)
{
    char name[STARTUP_NAME_MAX];
    for (uint32_t i = 0; i < boot->device_count; i++) {
        const struct boot_device *d = &boot->device[i];
        give(p, s, d->name, fixed(VMO_DEVICE, d->mmio_ipa, d->mmio_bytes), RIGHT_EXEC);
        (void)format(name, sizeof(name), "%s-irq", d->name);
        if (d->intid) give(p, s, name, line(d->intid, d->edge != 0), 0);
    }
    for (uint32_t i = 0; i < boot->link_count; i++) {
        if (boot->link[i].is_server) continue;
        struct link *l = link_create(&boot->link[i]);
        (void)format(name, sizeof(name), "link:%s", boot->link[i].name);
        give(p, s, name, l ? &l->object : NULL, 0);
    }
}

static void give_all(struct process *p, struct startup *s, const struct bootinfo *boot,
                     uint64_t bootinfo_pa)
{
    give(p, s, "system", token(OBJECT_SYSTEM), 0);
    give(p, s, "log", token(OBJECT_LOG), 0);
    give(p, s, "domains", token(OBJECT_DOMAIN), 0);
    if (boot->event_intid) give(p, s, "events", line(boot->event_intid, true), 0);
    uint32_t read_only = RIGHT_WRITE | RIGHT_EXEC;
    give(p, s, "pack", fixed(VMO_MEMORY, boot->pack_ipa, boot->pack_bytes), read_only);
    give(p, s, "manifest", fixed(VMO_MEMORY, boot->manifest_ipa, boot->manifest_bytes), read_only);
    give(p, s, "bootinfo", fixed(VMO_MEMORY, bootinfo_pa, sizeof(*boot)), read_only);
    if (boot->fdt_bytes) {
        give(p, s, "fdt", fixed(VMO_MEMORY, boot->fdt_ipa, boot->fdt_bytes), read_only);
    }
    give_devices(p, s, boot);
}

void init_start(const struct bootinfo *boot, uint64_t bootinfo_pa)
{
    static struct startup s; /* too large for the stack */
    struct program program = program_find(boot);
    char name[PROCESS_NAME_BYTES] = "init";
    struct process *p = process_create(name);
    if (!p) refuse("there is too little memory");
    uint64_t entry = program_load(p, program);
    s.magic = STARTUP_MAGIC;
    (void)str_copy(s.name, sizeof(s.name), name);
    give_all(p, &s, boot, bootinfo_pa);
    struct map_request page = { .size_bytes = PAGE_SIZE, .prot = PROT_READ };
    STATIC_ASSERT(sizeof(struct startup) <= PAGE_SIZE, "one page");
    uint64_t startup_va = map_new(p, &page, (const uint8_t *)&s, 0, sizeof(s));
    struct map_request stack = { .size_bytes = STACK_BYTES, .prot = PROT_READ | PROT_WRITE };
    uint64_t stack_va = map_new(p, &stack, NULL, 0, 0);
    if (process_start(p, entry, stack_va + STACK_BYTES, startup_va) != OK) {
        refuse("there is too little memory");
    }
    object_put(&p->object);
}
