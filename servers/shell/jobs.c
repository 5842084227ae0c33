/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Background jobs: the same program in a process of its own, with one line to run. */
#include <string.h>

#include "lib/cpio.h"
#include "lib/format.h"
#include "servers/rt/spawn.h"
#include "servers/rt/startup.h"
#include "servers/shell/shell.h"
#include "servers/shell/text.h"

#define CLIENT_RIGHTS (RIGHT_WRITE | RIGHT_DUP | RIGHT_GRANT)

/* The handles of a job: ours but for the right to switch the machine off and to start jobs. */
static err_t give_handles(struct shell *sh, struct spawn *child)
{
    uint32_t index = 0;
    const struct startup_handle *mount;
    err_t err = spawn_handle(child, "console", sh->console, CLIENT_RIGHTS);
    if (err == OK && sh->supervisor != HANDLE_NONE) {
        err = spawn_handle(child, "supervisor", sh->supervisor, CLIENT_RIGHTS);
    }
    if (err == OK) {
        err = spawn_handle(child, "system", sh->system, RIGHT_READ);
    }
    if (err == OK) {
        err = spawn_handle(child, "log", sh->log, RIGHT_READ | RIGHT_WRITE);
    }
    while (err == OK && (mount = startup_next("fs:", &index)) != NULL) {
        err = spawn_handle(child, mount->name, mount->handle, CLIENT_RIGHTS);
    }
    return err;
}

static err_t start(struct shell *sh, struct shell_job *job, const char *line)
{
    static const void *elf; /* found once: the pack stays mapped */
    static uint64_t elf_bytes;
    struct spawn child;
    err_t err = OK;
    if (elf == NULL) {
        struct sys_vmo_info info;
        uint64_t address = 0;
        err = sys_vmo_info(sh->pack, &info);
        if (err == OK) {
            err = sys_vmo_map(HANDLE_SELF, sh->pack, 0, info.size_bytes, PROT_READ, 0, &address);
        }
        if (err == OK) {
            err = cpio_find((const void *)address, info.size_bytes, "shell", &elf, &elf_bytes);
        }
        if (err != OK) return err;
    }
    err = spawn_begin(&child, "job", elf, elf_bytes);
    if (err != OK) return err;
    err = give_handles(sh, &child);
    if (err == OK) {
        err = spawn_arg(&child, "-c");
    }
    if (err == OK) {
        err = spawn_arg(&child, line);
    }
    if (err == OK) {
        err = spawn_arg(&child, sh->cwd);
    }
    if (err == OK) {
        err = sys_process_watch(child.process, sh->notification, SHELL_BIT_JOB);
    }
    if (err != OK) {
        spawn_abort(&child);
        return err;
    }
    err = spawn_start(&child, 0);
    job->process = child.process;
    return err;
}

uint32_t jobs_start(struct shell *sh, const char *text, size_t text_bytes)
{
    char line[LINE_BYTES];
    struct shell_job *job = NULL;
    for (size_t i = 0; i < SHELL_JOB_MAX && job == NULL; i++) {
        if (sh->job[i].number == 0) {
            job = &sh->job[i];
        }
    }
    if (job == NULL) {
        (void)complain(sh, "&", NULL, "too many jobs; try wait");
        return 0;
    }
    if (text_bytes >= sizeof(line)) return 0; /* cannot be: it is a part of a line */
    memcpy(line, text, text_bytes);
    line[text_bytes] = '\0';
    err_t err = start(sh, job, line);
    if (err != OK) {
        (void)complain(sh, "&", NULL, text_error(err));
        return 0;
    }
    text_guarded(job->text, sizeof(job->text), line);
    job->number = ++sh->last_job;
    return job->number;
}

static bool has_ended(const struct shell_job *job, struct sys_process_info *info)
{
    return sys_process_info(job->process, info) == OK && info->state == SYS_PROCESS_ENDED;
}

size_t jobs_report(struct shell *sh)
{
    size_t lines = 0;
    for (size_t i = 0; i < SHELL_JOB_MAX; i++) {
        struct shell_job *job = &sh->job[i];
        struct sys_process_info info;
        char text[200];
        if (job->number == 0 || !has_ended(job, &info)) continue;
        const char *how = info.cause != SYS_PROCESS_EXITED ? "ended by a fault"
                          : info.exit_code == 0            ? "done"
                                                           : "failed";
        size_t bytes = format(text, sizeof(text), "[%u] %s: %s\n", job->number, how, job->text);
        term_write(&sh->term, text, bytes);
        (void)sys_handle_close(job->process);
        job->number = 0;
        lines++;
    }
    return lines;
}

size_t jobs_running(const struct shell *sh)
{
    size_t count = 0;
    for (size_t i = 0; i < SHELL_JOB_MAX; i++) {
        struct sys_process_info info;
        if (sh->job[i].number != 0 && !has_ended(&sh->job[i], &info)) {
            count++;
        }
    }
    return count;
}

static bool is_running(const struct shell *sh, uint32_t number)
{
    for (size_t i = 0; i < SHELL_JOB_MAX; i++) {
        struct sys_process_info info;
        if (sh->job[i].number == number) return !has_ended(&sh->job[i], &info);
    }
    return false;
}

static bool exists(const struct shell *sh, uint32_t number)
{
    for (size_t i = 0; i < SHELL_JOB_MAX; i++) {
        if (sh->job[i].number == number) return true;
    }
    return false;
}

err_t jobs_wait(struct shell *sh, uint32_t number)
{
    if (number != 0 && !exists(sh, number)) return ERR_NO_ENTRY;
    while (number == 0 ? jobs_running(sh) > 0 : is_running(sh, number)) {
        uint64_t bits = 0;
        if (term_poll(&sh->term)) return ERR_CANCELLED;
        (void)sys_notification_wait(sh->notification, SHELL_BIT_JOB | SHELL_BIT_INPUT,
                                    DEADLINE_NEVER, &bits);
    }
    return OK;
}

int cmd_jobs(struct shell *sh, size_t count, const char *const *word)
{
    (void)count;
    (void)word;
    (void)jobs_report(sh);
    for (size_t i = 0; i < SHELL_JOB_MAX; i++) {
        if (sh->job[i].number != 0) {
            out_print(sh, "[%u] running: %s\n", sh->job[i].number, sh->job[i].text);
        }
    }
    return 0;
}

int cmd_wait(struct shell *sh, size_t count, const char *const *word)
{
    uint64_t number = 0;
    if (count > 1 && (parse_number(word[1], &number) != OK || number == 0 || number > UINT32_MAX)) {
        return complain(sh, word[0], word[1], "not the number of a job");
    }
    err_t err = jobs_wait(sh, (uint32_t)number);
    if (err == ERR_NO_ENTRY) return complain(sh, word[0], word[1], "no such job");
    (void)jobs_report(sh);
    return err == OK ? 0 : complain(sh, word[0], NULL, text_error(err));
}
