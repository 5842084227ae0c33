/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Commands about the running system: help echo sleep repeat time ps caps poweroff reboot. */
#include <string.h>

#include "lib/format.h"
#include "servers/rt/startup.h"
#include "servers/rt/time.h"
#include "servers/shell/counter.h"
#include "servers/shell/shell.h"
#include "servers/shell/text.h"

#define DEPTH_MAX 4 /* of repeat and time inside each other */

int cmd_help(struct shell *sh, size_t count, const char *const *word)
{
    size_t command_count = 0;
    const struct shell_command *table = command_table(&command_count);
    bool found = count == 1;
    for (size_t i = 0; i < command_count; i++) {
        if (count > 1 && strcmp(table[i].name, word[1]) != 0) continue;
        found = true;
        out_print(sh, "%-38s  %s\n", table[i].usage, table[i].help);
    }
    if (!found) return complain(sh, word[0], word[1], "no such command");
    if (count == 1) {
        out_print(sh, "A & B, A &  background   A ; B  one after the other   > FILE  >> FILE  "
                      "output to a file\n'a b' \"a b\" a\\ b  quoting   Tab completes, Ctrl-C "
                      "interrupts, arrows edit and recall lines\n");
    }
    return 0;
}

int cmd_echo(struct shell *sh, size_t count, const char *const *word)
{
    for (size_t i = 1; i < count; i++) {
        out_print(sh, "%s", i > 1 ? " " : "");
        out_write(sh, word[i], strlen(word[i])); /* the user's own words, \e included */
    }
    out_print(sh, "\n");
    return 0;
}

/* "1.5" in nanoseconds. */
static err_t parse_seconds(const char *text, uint64_t *ns)
{
    char whole[24];
    uint64_t seconds = 0, part_ns = 0, unit_ns = 100000000;
    const char *dot = strchr(text, '.');
    size_t bytes = dot != NULL ? (size_t)(dot - text) : strlen(text);
    if (bytes >= sizeof(whole)) return ERR_RANGE;
    memcpy(whole, text, bytes);
    whole[bytes] = '\0';
    err_t err = parse_number(whole, &seconds);
    if (err != OK || seconds > 1000000000) return ERR_RANGE;
    for (const char *p = dot; p != NULL && *++p != '\0';) {
        if (*p < '0' || *p > '9') return ERR_ARG;
        part_ns += (uint64_t)(*p - '0') * unit_ns;
        unit_ns /= 10;
    }
    *ns = seconds * 1000000000 + part_ns;
    return OK;
}

int cmd_sleep(struct shell *sh, size_t count, const char *const *word)
{
    uint64_t ns = 0;
    (void)count;
    if (parse_seconds(word[1], &ns) != OK) {
        return complain(sh, word[0], word[1], "not a number of seconds");
    }
    out_flush(sh);
    return term_sleep(&sh->term, time_deadline_ns(ns)) ? 1 : 0;
}

/* repeat and time run commands: bounded, so that a line cannot exhaust the stack. */
static int run_inner(struct shell *sh, const char *command, size_t count, const char *const *word)
{
    static uint32_t depth;
    if (depth == DEPTH_MAX) return complain(sh, command, NULL, "too many inside each other");
    depth++;
    int status = run_words(sh, count, word);
    depth--;
    return status;
}

int cmd_repeat(struct shell *sh, size_t count, const char *const *word)
{
    char text[2 * LINE_BYTES];
    const char *expanded[WORD_MAX + 1];
    uint64_t rounds = 0;
    int status = 0;
    if (parse_number(word[1], &rounds) != OK) return complain(sh, word[0], word[1], "not a number");
    for (uint64_t n = 1; n <= rounds; n++) {
        size_t used = 0;
        for (size_t i = 2; i < count; i++) {
            expanded[i - 2] = text + used;
            if (!parse_expand(word[i], n, text + used, sizeof(text) - used)) {
                return complain(sh, word[0], NULL, "the words are too long");
            }
            used += strlen(text + used) + 1;
        }
        expanded[count - 2] = NULL;
        status = run_inner(sh, word[0], count - 2, expanded);
        if (term_poll(&sh->term)) return 1;
    }
    return status;
}

int cmd_time(struct shell *sh, size_t count, const char *const *word)
{
    char text[32];
    uint64_t start_ticks = time_now_ticks();
    uint32_t start = counter_read();
    int status = run_inner(sh, word[0], count - 1, word + 1);
    uint32_t instructions = counter_read() - start;
    uint64_t ns = time_ns_from_ticks(time_now_ticks() - start_ticks);
    text_duration(text, sizeof(text), ns);
    if (counter_counts() && ns < UINT64_C(4000000000)) { /* later the counter may have wrapped */
        out_print(sh, "time: %u instructions, %s\n", instructions, text);
    } else {
        out_print(sh, "time: %s\n", text);
    }
    return status;
}

int cmd_ps(struct shell *sh, size_t count, const char *const *word)
{
    static const char *const state[] = { "new", "running", "ended" };
    struct sys_process_row row;
    char name[48], memory[16], run[24];
    (void)count;
    err_t err = OK;
    out_print(sh, "%5s  %-12s  %-8s  %10s  %10s  %7s  %7s\n", "ID", "NAME", "STATE", "CPU-TIME",
              "MEMORY", "THREADS", "HANDLES");
    for (uint64_t i = 0; (err = sys_process_list(sh->system, i, &row)) == OK; i++) {
        text_guarded(name, sizeof(name), row.name);
        text_size(memory, sizeof(memory), row.memory_bytes);
        text_duration(run, sizeof(run), time_ns_from_ticks(row.run_ticks));
        out_print(sh, "%5llu  %-12s  %-8s  %10s  %10s  %7llu  %7llu\n",
                  (unsigned long long)row.object_id, name,
                  row.state < ARRAY_COUNT(state) ? state[row.state] : "?", run, memory,
                  (unsigned long long)row.threads, (unsigned long long)row.handles);
    }
    return err == ERR_NO_ENTRY ? 0 : complain(sh, word[0], NULL, text_error(err));
}

/* The name under which this process was given a handle, or "". */
static const char *given_name(handle_t handle)
{
    uint32_t index = 0;
    const struct startup_handle *given;
    while ((given = startup_next("", &index)) != NULL) {
        if (given->handle == handle) return given->name;
    }
    return "-";
}

static void rights_text(uint32_t rights, char out[8])
{
    static const char letter[] = "rwxdgm";
    for (uint32_t i = 0; i < 6; i++) {
        out[i] = (rights & BIT(i)) != 0 ? letter[i] : '-';
    }
    out[6] = '\0';
}

static int list_handles(struct shell *sh, const char *command, handle_t process)
{
    static const char *const type[OBJECT_TYPE_COUNT] = {
        [OBJECT_NONE] = "none",
        [OBJECT_PROCESS] = "process",
        [OBJECT_THREAD] = "thread",
        [OBJECT_VMO] = "memory",
        [OBJECT_ENDPOINT] = "endpoint",
        [OBJECT_REPLY] = "reply",
        [OBJECT_NOTIFICATION] = "notification",
        [OBJECT_INTERRUPT] = "interrupt",
        [OBJECT_TIMER] = "timer",
        [OBJECT_LINK] = "link",
        [OBJECT_DOMAIN] = "domains",
        [OBJECT_SYSTEM] = "system",
        [OBJECT_LOG] = "log",
    };
    struct sys_handle_info info = { 0 };
    char rights[8];
    err_t err = OK;
    out_print(sh, "%6s  %-12s  %-6s  %6s  %s\n", "HANDLE", "TYPE", "RIGHTS", "OBJECT", "GIVEN-AS");
    for (uint64_t at = 0; (err = sys_handle_list(process, at, &info)) == OK; at = info.next) {
        rights_text(info.rights, rights);
        out_print(sh, "%6u  %-12s  %-6s  %6llu  %s\n", info.handle,
                  info.type < OBJECT_TYPE_COUNT ? type[info.type] : "?", rights,
                  (unsigned long long)info.object_id,
                  process == HANDLE_SELF ? given_name(info.handle) : "-");
    }
    return err == ERR_NO_ENTRY ? 0 : complain(sh, command, NULL, text_error(err));
}

int cmd_caps(struct shell *sh, size_t count, const char *const *word)
{
    char name[STARTUP_NAME_MAX];
    uint64_t number = 0;
    if (count == 1 || strcmp(word[1], "shell") == 0) return list_handles(sh, word[0], HANDLE_SELF);
    bool is_number = parse_number(word[1], &number) == OK;
    (void)format(name, sizeof(name), "process:%s", word[1]);
    handle_t process = is_number ? HANDLE_NONE : startup_handle(name);
    uint32_t index = 0;
    const struct startup_handle *given;
    while (is_number && (given = startup_next("process:", &index)) != NULL) {
        struct sys_process_info info;
        if (sys_process_info(given->handle, &info) == OK && info.object_id == number) {
            process = given->handle;
        }
    }
    for (size_t i = 0; i < SHELL_JOB_MAX && is_number; i++) {
        struct sys_process_info info;
        if (sh->job[i].number == 0 || sys_process_info(sh->job[i].process, &info) != OK) continue;
        process = info.object_id == number ? sh->job[i].process : process;
    }
    if (process == HANDLE_NONE) {
        return complain(sh, word[0], word[1],
                        "no such program, or the shell holds no handle of it");
    }
    return list_handles(sh, word[0], process);
}

int cmd_poweroff(struct shell *sh, size_t count, const char *const *word)
{
    bool is_reboot = strcmp(word[0], "reboot") == 0;
    size_t jobs = jobs_running(sh);
    char text[80];
    (void)count;
    if (sh->is_child) return complain(sh, word[0], NULL, "not possible in a job");
    if (jobs > 0) {
        (void)format(text, sizeof(text), "waiting for %zu job%s; Ctrl-C: do not switch off", jobs,
                     jobs > 1 ? "s" : "");
        (void)complain(sh, word[0], NULL, text);
        if (jobs_wait(sh, 0) != OK) return 1;
        (void)jobs_report(sh);
    }
    err_t err = sh->has_fs ? fsclient_unmount(&sh->fs) : OK;
    if (err != OK && err != ERR_STATE) { /* ERR_STATE: nothing is mounted */
        (void)complain(sh, word[0], "a disk was not unmounted", text_error(err));
    }
    out_flush(sh);
    term_drain(&sh->term);
    err = sys_system(sh->system, is_reboot ? SYSTEM_REBOOT : SYSTEM_POWEROFF);
    return complain(sh, word[0], NULL, text_error(err));
}
