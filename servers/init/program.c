/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One program of the main domain. */
#include "servers/init/program.h"

#include <string.h>

#include "lib/format.h"
#include "lib/string.h"
#include "servers/rt/log.h"
#include "servers/rt/spawn.h"

/* A program that fails so often in so short a time will go on failing. */
#define FAILURES_MAX      8
#define FAILURE_WINDOW_NS UINT64_C(10000000000)
#define PAUSE_NS          UINT64_C(100000000) /* from the third failure on */

void program_init(struct program *p, const char *name)
{
    memset(p, 0, sizeof(*p));
    (void)str_copy(p->name, sizeof(p->name), name);
}

void program_give(struct program *p, const char *name, handle_t handle, uint32_t rights)
{
    uint32_t at = 0;
    if (handle == HANDLE_NONE) return;
    while (at < p->handle_count && strcmp(p->handle[at].name, name) != 0) {
        at++;
    }
    CHECK(at < PROGRAM_HANDLE_MAX);
    struct program_handle *given = &p->handle[at];
    p->handle_count += at == p->handle_count ? 1 : 0;
    CHECK(str_copy(given->name, sizeof(given->name), name));
    given->handle = handle;
    given->rights = rights;
}

void program_take(struct program *p, const char *name)
{
    for (uint32_t i = 0; i < p->handle_count; i++) {
        if (strcmp(p->handle[i].name, name) != 0) continue;
        p->handle[i] = p->handle[--p->handle_count];
        return;
    }
}

void program_arg(struct program *p, const char *arg)
{
    if (p->arg_count == PROGRAM_ARG_MAX) return;
    (void)str_copy(p->arg[p->arg_count++], PROGRAM_ARG_BYTES, arg);
}

err_t program_make_endpoint(struct program *p)
{
    err_t err = sys_endpoint_create(&p->endpoint);
    if (err == OK) {
        program_give(p, "service", p->endpoint, RIGHT_ALL);
    }
    return err;
}

err_t program_start(struct program *p, handle_t notification, uint64_t bits)
{
    struct spawn child;
    err_t err = spawn_begin(&child, p->name, p->elf, p->elf_bytes);
    if (err != OK) return err;
    for (uint32_t i = 0; i < p->handle_count && err == OK; i++) {
        err = spawn_handle(&child, p->handle[i].name, p->handle[i].handle, p->handle[i].rights);
    }
    for (uint32_t i = 0; i < p->arg_count && err == OK; i++) {
        err = spawn_arg(&child, p->arg[i]);
    }
    if (err == OK) {
        err = sys_process_watch(child.process, notification, bits);
    }
    if (err == OK && p->faults != HANDLE_NONE) {
        err = sys_process_faults(child.process, p->faults);
    }
    if (err != OK) {
        spawn_abort(&child);
        return err;
    }
    err = spawn_start(&child, 0);
    p->process = err == OK ? child.process : HANDLE_NONE;
    return err;
}

static const char *cause_name(uint64_t cause)
{
    static const char *const name[] = { [SYS_PROCESS_EXITED] = "exit",
                                        [SYS_PROCESS_KILLED] = "killed",
                                        [SYS_PROCESS_FAULTED] = "fault" };
    return cause < ARRAY_COUNT(name) ? name[cause] : "?";
}

uint64_t program_ended(struct program *p, uint64_t now_ns)
{
    struct sys_process_info info = { 0 };
    (void)sys_process_info(p->process, &info);
    (void)sys_handle_close(p->process);
    p->process = HANDLE_NONE;
    if (info.cause == SYS_PROCESS_EXITED && info.exit_code == 0) return 0;
    log_printf("%s ended: %s, code %llu", p->name, cause_name(info.cause),
               (unsigned long long)info.exit_code);
    if (p->ends == 0 || now_ns - p->window_ns > FAILURE_WINDOW_NS) {
        p->window_ns = now_ns;
        p->ends = 0;
    }
    p->ends++;
    if (p->ends > FAILURES_MAX) {
        log_printf("%s failed %u times in 10 s: it stays down", p->name, p->ends);
        return UINT64_MAX;
    }
    return p->ends < 3 ? 0 : PAUSE_NS;
}
