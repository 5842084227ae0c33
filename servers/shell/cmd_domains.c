/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is known of domains: domains, log. */
#include <string.h>

#include "lib/format.h"
#include "servers/rt/time.h"
#include "servers/shell/shell.h"
#include "servers/shell/text.h"
#include "servers/shell/utf8.h"

#define DUMP_AT       KIB(4) /* in the supervisor's buffer */
#define DUMP_BYTES    KIB(8)
#define DETACH_KEY    0x1d /* Ctrl-] */
#define TYPE_PAUSE_NS UINT64_C(10000000)

static const char *state_name(const struct sup_domain *d)
{
    static const char *const name[DOMAIN_STATE_COUNT] = {
        [DOMAIN_ABSENT] = "absent",       [DOMAIN_LOADED] = "loaded",
        [DOMAIN_RUNNING] = "running",     [DOMAIN_DEAD] = "dead",
        [DOMAIN_QUIESCED] = "restarting", [DOMAIN_QUARANTINED] = "quarantined",
    };
    if (d->given_up == SUP_OFF) return "off";
    if (d->given_up != 0) return "given-up";
    return d->state < DOMAIN_STATE_COUNT ? name[d->state] : "?";
}

static const char *cause_name(uint32_t cause)
{
    static const char *const name[CAUSE_COUNT] = {
        [CAUSE_NONE] = "-",        [CAUSE_PANIC] = "panic",
        [CAUSE_FAULT] = "fault",   [CAUSE_FORBIDDEN] = "forbidden",
        [CAUSE_DMA] = "dma",       [CAUSE_HANG] = "hang",
        [CAUSE_BUDGET] = "budget", [CAUSE_PROTOCOL] = "protocol",
        [CAUSE_KILLED] = "killed", [CAUSE_OFF] = "off",
    };
    return cause < CAUSE_COUNT ? name[cause] : "?";
}

static void print_row(struct shell *sh, const struct sup_domain *d)
{
    char why[sizeof(d->why) + 8] = "-";
    char name[DOMAIN_NAME_MAX + 8], memory[16], cpu[16], restart[24] = "-";
    uint64_t now = time_now_ticks();
    uint64_t permille = now != 0 ? (d->run_ticks + d->el2_ticks) * 1000 / now : 0;
    text_guarded(name, sizeof(name), d->name);
    if (d->why[0] != '\0') {
        text_guarded(why, sizeof(why), d->why);
    }
    text_size(memory, sizeof(memory), d->memory_bytes);
    (void)format(cpu, sizeof(cpu), "%llu.%llu%%", (unsigned long long)(permille / 10),
                 (unsigned long long)(permille % 10));
    if (d->last_restart_ticks != 0) {
        text_duration(restart, sizeof(restart), time_ns_from_ticks(d->last_restart_ticks));
    }
    out_print(sh, "%-10s  %-11s  %3u  %-9s  %6u  %9s  %6s  %9llu  %-8s  %s\n", name, state_name(d),
              d->generation, cause_name(d->cause), d->deaths, memory, cpu,
              (unsigned long long)d->served, restart, why);
}

static int list(struct shell *sh, const char *command)
{
    struct sup_domain row;
    err_t err = sup_domain_at(sh, 0, &row);
    if (err != OK) return complain(sh, command, NULL, text_error(err));
    out_print(sh, "%-10s  %-11s  %3s  %-9s  %6s  %9s  %6s  %9s  %-8s  %s\n", "NAME", "STATE", "GEN",
              "CAUSE", "DEATHS", "MEMORY", "CPU", "SERVED", "RESTART", "WHY");
    for (uint32_t i = 0; sup_domain_at(sh, i, &row) == OK; i++) {
        print_row(sh, &row);
    }
    return 0;
}

static err_t find(struct shell *sh, const char *name, uint32_t *index)
{
    struct sup_domain row;
    for (uint32_t i = 0;; i++) {
        err_t err = sup_domain_at(sh, i, &row);
        if (err != OK) return err;
        if (strcmp(row.name, name) != 0) continue;
        *index = i;
        return OK;
    }
}

/* The supervisor gives the dump as text. */
static int dump(struct shell *sh, uint32_t index, const char *name)
{
    static char text[DUMP_BYTES], guarded[GUARD_ROOM(DUMP_BYTES)];
    struct guard g = { .mode = GUARD_LINES };
    uint64_t result[2] = { 0 };
    for (uint64_t offset = 0;; offset += result[0]) {
        err_t err = sup_call(sh, SUP_DUMP, index, offset, DUMP_AT, result);
        if (err != OK) return complain(sh, "domains", name, text_error(err));
        if (offset == 0 && result[0] == 0) return complain(sh, "domains", name, "has not died yet");
        if (result[0] == 0 || result[0] > DUMP_BYTES) break;
        memcpy(text, sh->sup_buffer + DUMP_AT, result[0]);
        out_write(sh, guarded, guard_feed(&g, text, result[0], guarded));
    }
    out_write(sh, guarded, guard_end(&g, guarded));
    return 0;
}

/* What was typed, up to Ctrl-]. False: leave. What a guest does not take within a second is lost. */
static bool type(struct shell *sh, uint32_t index)
{
    uint64_t result[2] = { 0 };
    size_t bytes = 0, at = 0;
    bool stays = true;
    term_fetch(&sh->term);
    while (stays && term_has_input(&sh->term) && bytes < KIB(1)) {
        int byte = term_get(&sh->term);
        stays = byte >= 0 && byte != DETACH_KEY;
        if (stays) sh->sup_buffer[DUMP_AT + bytes++] = (uint8_t)byte;
    }
    for (uint32_t i = 0; i < 100 && at < bytes; i++) {
        if (i > 0) time_sleep_ns(TYPE_PAUSE_NS);
        if (sup_call(sh, SUP_TYPE, index, DUMP_AT + at, bytes - at, result) != OK) break;
        at += MIN(result[0], bytes - at);
    }
    return stays && !sh->term.is_lost;
}

static bool is_up(struct shell *sh, uint32_t index)
{
    struct sup_domain row;
    return sup_domain_at(sh, index, &row) == OK &&
           (row.state == DOMAIN_RUNNING || row.state == DOMAIN_LOADED);
}

/* Shows what a stock guest writes and types for it, until Ctrl-] or its end. */
static int console(struct shell *sh, uint32_t index, const char *name)
{
    static char text[DUMP_BYTES], guarded[GUARD_ROOM(DUMP_BYTES)];
    static uint64_t seen[DOMAIN_MAX]; /* what was shown before is not shown again */
    struct guard g = { .mode = GUARD_TERMINAL };
    uint64_t result[2] = { 0 }, bits = 0;
    if (sh->is_child) return complain(sh, "domains", name, "a job has no keyboard");
    err_t err = sup_call(sh, SUP_CONSOLE, index, seen[index], DUMP_AT, result);
    if (err != OK) return complain(sh, "domains", name, "has no console: it is no stock guest");
    out_print(sh, "[console of %s; Ctrl-] leaves]\n", name);
    out_flush(sh);
    while (err == OK) {
        size_t bytes = MIN(result[0], DUMP_BYTES);
        seen[index] = result[1];
        memcpy(text, sh->sup_buffer + DUMP_AT, bytes);
        term_put(&sh->term, guarded, guard_feed(&g, text, bytes, guarded));
        if (!type(sh, index) || (bytes == 0 && !is_up(sh, index))) break;
        err = sup_call(sh, SUP_CONSOLE, index, seen[index], DUMP_AT, result);
        if (err != OK || result[0] != 0) continue;
        (void)sys_notification_wait(sh->notification, SHELL_BIT_INPUT | SHELL_BIT_EVENT,
                                    DEADLINE_NEVER, &bits);
    }
    out_print(sh, "\033[0m\n[left %s]\n", name);
    return 0;
}

static const char *why(uint64_t operation, err_t err)
{
    if (err == ERR_ARG) return "the main domain cannot be killed; try reboot";
    if (err == ERR_DEAD) return "stays down: it was given up";
    if (err != ERR_STATE) return text_error(err);
    return operation == SUP_RESTART ? "is being restarted" : "does not run";
}

int cmd_domains(struct shell *sh, size_t count, const char *const *word)
{
    static const struct {
        const char *word;
        uint64_t operation;
    } verb[] = { { "kill", SUP_KILL },
                 { "restart", SUP_RESTART },
                 { "clear", SUP_CLEAR },
                 { "dump", SUP_DUMP },
                 { "console", SUP_CONSOLE } };
    uint64_t operation = 0, result[2];
    uint32_t index = 0;
    if (count == 1) return list(sh, word[0]);
    for (size_t i = 0; i < ARRAY_COUNT(verb); i++) {
        operation = strcmp(verb[i].word, word[1]) == 0 ? verb[i].operation : operation;
    }
    if (operation == 0 || count != 3) {
        return complain(sh, word[0], NULL, "usage: domains [kill|restart|clear|dump|console NAME]");
    }
    err_t err = find(sh, word[2], &index);
    if (err == ERR_NO_ENTRY) return complain(sh, word[0], word[2], "no such domain");
    if (err != OK) return complain(sh, word[0], word[2], text_error(err));
    if (operation == SUP_DUMP) return dump(sh, index, word[2]);
    if (operation == SUP_CONSOLE) return console(sh, index, word[2]);
    err = sup_call(sh, operation, index, 0, 0, result);
    return err == OK ? 0 : complain(sh, word[0], word[2], why(operation, err));
}

/* EL2's ring from its oldest byte on. */
static err_t print_hyp_log(struct shell *sh)
{
    struct guard g = { .mode = GUARD_LINES };
    char text[32], guarded[GUARD_ROOM(sizeof(text))];
    uint64_t position = 0, count = 0, words[4];
    for (;;) {
        err_t err = sys_log_read(sh->log, &position, words, &count);
        if (err != OK && err != ERR_NO_ENTRY && err != ERR_AGAIN) return err;
        if (err != OK || count == 0 || count > sizeof(text)) break;
        memcpy(text, words, count);
        out_write(sh, guarded, guard_feed(&g, text, count, guarded));
    }
    out_write(sh, guarded, guard_end(&g, guarded));
    return OK;
}

int cmd_log(struct shell *sh, size_t count, const char *const *word)
{
    uint64_t from = 0;
    (void)count;
    err_t err = print_hyp_log(sh);
    (void)sup_show_events(sh, &from, true);
    return err == OK ? 0 : complain(sh, word[0], NULL, text_error(err));
}
