/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* init: checks and starts the programs of the main domain, each with its handles, and starts them again when they end. */
#include <string.h>

#include "abi/proto/supervisor.h"
#include "lib/cpio.h"
#include "lib/format.h"
#include "lib/sha256.h"
#include "lib/string.h"
#include "servers/init/config.h"
#include "servers/init/program.h"
#include "servers/rt/log.h"
#include "servers/rt/startup.h"
#include "servers/rt/time.h"

#define DISK_MAX      4
#define FS_BADGE      0x100 /* of those who may attach; sessions have other low bytes */
#define FIXED_COUNT   5     /* supervisor, console, shell, crashlog, random */
#define PROGRAM_MAX   (FIXED_COUNT + DISK_MAX)
#define BIT_TIMER     BIT(PROGRAM_MAX)
#define CLIENT_RIGHTS (RIGHT_WRITE | RIGHT_DUP | RIGHT_GRANT)
#define DEVICE_RIGHTS (RIGHT_READ | RIGHT_WRITE)

/* One thread: no locks. */
static struct {
    const struct bootinfo *boot; /* read-only, from EL2 */
    struct config config;
    const void *pack; /* read-only; its files' hashes are checked before use */
    handle_t notification, timer;
    handle_t faults; /* the supervisor's endpoint, badge SUP_BADGE_FAULTS */
    struct program supervisor, console, shell, crashlog, random, fs[DISK_MAX];
    uint32_t fs_count;
    uint64_t start_ns[PROGRAM_MAX]; /* a pending start; 0: none */
} init;

/* Says what is wrong in the log and lets the shell say it again. */
static void __attribute__((format(printf, 1, 2))) notice(const char *fmt, ...)
{
    char text[PROGRAM_ARG_BYTES] = "notice=";
    size_t used = strlen(text);
    va_list args;
    va_start(args, fmt);
    (void)format_v(text + used, sizeof(text) - used, fmt, args);
    va_end(args);
    log_printf("%s", text + used);
    program_arg(&init.shell, text);
}

/* The bytes behind a handle; they begin at `address` of main's memory, which need not be a page's start. */
static err_t map_bytes(const char *name, uint64_t address, uint64_t size_bytes, const void **data)
{
    uint64_t in_page = address & (PAGE_SIZE - 1), at = 0;
    uint64_t mapped_bytes = ALIGN_UP(in_page + size_bytes, PAGE_SIZE);
    err_t err = sys_vmo_map(HANDLE_SELF, startup_handle(name), 0, mapped_bytes, PROT_READ, 0, &at);
    *data = err == OK ? (const void *)(at + in_page) : NULL;
    return err;
}

/* Bootinfo, system pack and manifest. */
static err_t map_inputs(void)
{
    const void *manifest = NULL, *page = NULL;
    err_t err = map_bytes("bootinfo", 0, sizeof(struct bootinfo), &page);
    init.boot = page;
    if (err == OK && init.boot->magic != BOOTINFO_MAGIC) {
        err = ERR_CORRUPT;
    }
    if (err == OK) {
        err = map_bytes("pack", init.boot->pack_ipa, init.boot->pack_bytes, &init.pack);
    }
    if (err == OK) {
        err = map_bytes("manifest", init.boot->manifest_ipa, init.boot->manifest_bytes, &manifest);
    }
    if (err == OK) {
        err = config_read(manifest, init.boot->manifest_bytes, &init.config);
    }
    return err;
}

/* Finds a service's file and checks it. False: told of, the program stays out. */
static bool load(struct program *p, const char *service_name)
{
    uint8_t hash[SHA256_BYTES];
    const void *elf = NULL;
    uint64_t elf_bytes = 0;
    const struct manifest_service *service = config_service(&init.config, service_name);
    if (service == NULL) {
        notice("%s: refused, the manifest does not list it", service_name);
        return false;
    }
    if (cpio_find(init.pack, init.boot->pack_bytes, service->image.name, &elf, &elf_bytes) != OK) {
        notice("%s: refused, the system pack has no file %s", service_name, service->image.name);
        return false;
    }
    sha256(elf, elf_bytes, hash);
    if (memcmp(hash, service->image.hash, SHA256_BYTES) != 0) {
        notice("%s: refused, its SHA-256 is not the one in the manifest", service_name);
        return false;
    }
    p->elf = elf;
    p->elf_bytes = elf_bytes;
    return true;
}

static handle_t badge(const struct program *server, uint64_t value)
{
    handle_t out = HANDLE_NONE;
    if (server->elf == NULL) return HANDLE_NONE;
    if (sys_endpoint_mint(server->endpoint, value, CLIENT_RIGHTS, &out) != OK) {
        notice("%s: no handle for its clients", server->name);
    }
    return out;
}

static void prepare_supervisor(void)
{
    struct program *p = &init.supervisor;
    if (!load(p, "supervisor") || program_make_endpoint(p) != OK) return;
    program_give(p, "domains", startup_handle("domains"), RIGHT_ALL);
    program_give(p, "events", startup_handle("events"), DEVICE_RIGHTS);
    program_give(p, "system", startup_handle("system"), RIGHT_READ);
    program_give(p, "log", startup_handle("log"), RIGHT_READ | RIGHT_WRITE);
    program_give(p, "pack", startup_handle("pack"), RIGHT_READ);
    init.faults = badge(p, SUP_BADGE_FAULTS);
}

static void prepare_console(void)
{
    struct program *p = &init.console;
    if (!load(p, "console") || program_make_endpoint(p) != OK) return;
    program_give(p, "uart0", startup_handle("uart0"), DEVICE_RIGHTS);
    program_give(p, "uart0-irq", startup_handle("uart0-irq"), DEVICE_RIGHTS);
    program_give(p, "log", startup_handle("log"), RIGHT_WRITE);
    p->faults = init.faults;
}

/* One file service for a disk link: "/" for the first, "/disk2" and so on. */
static void prepare_fs(const struct config_link *link, uint32_t disk)
{
    char link_handle[STARTUP_NAME_MAX], mount[STARTUP_NAME_MAX] = "fs:/";
    struct program *p = &init.fs[init.fs_count];
    char name[8] = "fs";
    if (disk > 0) {
        (void)format(name, sizeof(name), "fs%u", disk + 1);
        (void)format(mount, sizeof(mount), "fs:/disk%u", disk + 1);
    }
    (void)format(link_handle, sizeof(link_handle), "link:%s", link->name);
    program_init(p, name);
    if (startup_handle(link_handle) == HANDLE_NONE) {
        notice("%s: no disk, its domain was refused at boot (see log)", link->name);
        return;
    }
    if (!load(p, "fs") || program_make_endpoint(p) != OK) return;
    program_give(p, link_handle, startup_handle(link_handle), RIGHT_ALL);
    program_give(p, "supervisor", badge(&init.supervisor, SUP_BADGE_CLIENT), CLIENT_RIGHTS);
    program_give(p, "rtc0", startup_handle("rtc0"), RIGHT_READ);
    program_give(p, "log", startup_handle("log"), RIGHT_WRITE);
    char arg[PROGRAM_ARG_BYTES];
    (void)format(arg, sizeof(arg), "link=%u", (unsigned)(link - init.config.link));
    program_arg(p, arg);
    p->faults = init.faults;
    program_give(&init.shell, mount, badge(p, FS_BADGE), CLIENT_RIGHTS);
    init.fs_count++;
}

static void prepare_shell(void)
{
    struct program *p = &init.shell;
    if (!load(p, "shell")) return;
    program_give(p, "console", badge(&init.console, 1), CLIENT_RIGHTS);
    program_give(p, "supervisor", badge(&init.supervisor, SUP_BADGE_OPERATOR), CLIENT_RIGHTS);
    program_give(p, "system", startup_handle("system"), RIGHT_ALL);
    program_give(p, "log", startup_handle("log"),
                 RIGHT_READ | RIGHT_WRITE | RIGHT_DUP | RIGHT_GRANT);
    program_give(p, "pack", startup_handle("pack"), RIGHT_READ | RIGHT_DUP | RIGHT_GRANT);
    if (init.boot->pmu != 0) {
        program_arg(p, "pmu");
    }
    p->faults = init.faults;
}

/* A manifest need not have it; nobody waits for it. */
static void prepare_crashlog(void)
{
    struct program *p = &init.crashlog;
    if (config_service(&init.config, "crashlog") == NULL || !load(p, "crashlog")) return;
    program_give(p, "supervisor", badge(&init.supervisor, SUP_BADGE_READER), CLIENT_RIGHTS);
    program_give(p, "log", startup_handle("log"), RIGHT_WRITE);
    if (init.fs_count > 0 && strcmp(init.fs[0].name, "fs") == 0) {
        program_give(p, "fs:/", badge(&init.fs[0], FS_BADGE), CLIENT_RIGHTS);
    }
    p->faults = init.faults;
}

/* As with crashlog: a manifest need not have it. With no link it has the firmware's seed alone. */
static void prepare_random(void)
{
    struct program *p = &init.random;
    char name[STARTUP_NAME_MAX];
    if (config_service(&init.config, "random") == NULL || !load(p, "random") ||
        program_make_endpoint(p) != OK) {
        return;
    }
    program_give(p, "bootinfo", startup_handle("bootinfo"), RIGHT_READ);
    program_give(p, "log", startup_handle("log"), RIGHT_WRITE);
    for (uint32_t i = 0; i < init.config.link_count; i++) {
        if (!init.config.link[i].is_entropy) continue;
        (void)format(name, sizeof(name), "link:%s", init.config.link[i].name);
        program_give(p, "link", startup_handle(name), RIGHT_ALL);
    }
    p->faults = init.faults;
    program_give(&init.shell, "random", badge(p, 1), CLIENT_RIGHTS);
}

static void prepare(void)
{
    program_init(&init.shell, "shell");
    program_arg(&init.shell, "first");
    program_init(&init.supervisor, "supervisor");
    program_init(&init.console, "console");
    program_init(&init.crashlog, "crashlog");
    program_init(&init.random, "random");
    prepare_supervisor();
    prepare_console();
    prepare_shell();
    for (uint32_t i = 0, disk = 0; i < init.config.link_count && disk < DISK_MAX; i++) {
        if (init.config.link[i].is_disk) {
            prepare_fs(&init.config.link[i], disk++);
        }
    }
    prepare_crashlog();
    prepare_random();
}

/* The programs in starting order. NULL past the end. */
static struct program *program_at(uint32_t index)
{
    if (index == 0) return &init.supervisor;
    if (index == 1) return &init.console;
    if (index < 2 + init.fs_count) return &init.fs[index - 2];
    if (index == 2 + init.fs_count) return &init.shell;
    if (index == 3 + init.fs_count) return &init.crashlog;
    return index == 4 + init.fs_count ? &init.random : NULL;
}

static void start(uint32_t index)
{
    struct program *p = program_at(index);
    char name[STARTUP_NAME_MAX];
    init.start_ns[index] = 0;
    if (p == NULL || p->elf == NULL) return;
    err_t err = program_start(p, init.notification, BIT(index));
    if (err != OK) {
        log_printf("%s: cannot be started, error %d", p->name, (int)err);
        return;
    }
    (void)format(name, sizeof(name), "process:%s", p->name);
    program_give(&init.shell, name, p->process, RIGHT_READ); /* for `caps` */
    if (p == &init.shell) {
        (void)str_copy(p->arg[0], PROGRAM_ARG_BYTES, "again"); /* no /autorun the next time */
    }
}

/* Starts what is due and arms the timer for the rest. */
static void start_pending(void)
{
    uint64_t now_ns = time_ns_from_ticks(time_now_ticks()), next_ns = 0;
    for (uint32_t i = 0; i < PROGRAM_MAX; i++) {
        if (init.start_ns[i] == 0) continue;
        if (init.start_ns[i] <= now_ns) {
            start(i);
        } else if (next_ns == 0 || init.start_ns[i] < next_ns) {
            next_ns = init.start_ns[i];
        }
    }
    if (next_ns != 0) {
        (void)sys_timer_set(init.timer, time_ticks_from_ns(next_ns), init.notification, BIT_TIMER);
    }
}

static void watch(void)
{
    char name[STARTUP_NAME_MAX];
    for (;;) {
        uint64_t bits = 0;
        err_t err = sys_notification_wait(init.notification, UINT64_MAX, DEADLINE_NEVER, &bits);
        if (err != OK) return;
        uint64_t now_ns = time_ns_from_ticks(time_now_ticks());
        for (uint32_t i = 0; program_at(i) != NULL; i++) {
            struct program *p = program_at(i);
            if ((bits & BIT(i)) == 0) continue;
            (void)format(name, sizeof(name), "process:%s", p->name);
            program_take(&init.shell, name);
            uint64_t delay_ns = program_ended(p, now_ns);
            init.start_ns[i] = delay_ns == UINT64_MAX ? 0 : now_ns + delay_ns;
        }
        start_pending();
    }
}

int main(const struct startup *s)
{
    (void)s;
    sha256_use_ce(
            true); /* every board's core is a Cortex-A55 with the cryptographic instructions */
    err_t err = map_inputs();
    if (err == OK) {
        err = sys_notification_create(&init.notification);
    }
    if (err == OK) {
        err = sys_timer_create(&init.timer);
    }
    if (err != OK) {
        log_printf("cannot start: error %d", (int)err);
        return 1;
    }
    prepare();
    for (uint32_t i = 0; program_at(i) != NULL; i++) {
        start(i);
    }
    watch();
    return 1;
}
