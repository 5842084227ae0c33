/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The serial shell: banner, /autorun, prompt; or one line as a background job. */
#include <string.h>

#include "lib/cpio.h"
#include "lib/format.h"
#include "lib/sha256.h"
#include "servers/rt/log.h"
#include "servers/rt/startup.h"
#include "servers/rt/time.h"
#include "servers/shell/line.h"
#include "servers/shell/shell.h"
#include "servers/shell/text.h"

/* One thread: no locks. */
static struct {
    struct shell shell;
    struct history history;
    struct line line;
} main_state;

static void put(void *context, const char *text, size_t text_bytes)
{
    struct shell *sh = context;
    term_put(&sh->term, text, text_bytes);
}

static bool has_arg(const char *wanted)
{
    for (uint32_t i = 0;; i++) {
        const char *arg = startup_arg(i);
        if (arg == NULL) return false;
        if (strcmp(arg, wanted) == 0) return true;
    }
}

static void say(struct shell *sh, const char *text)
{
    term_write(&sh->term, text, strlen(text));
}

static void say_domains(struct shell *sh)
{
    struct sup_domain row;
    uint32_t running = 0, others = 0;
    char text[120];
    for (uint32_t i = 0; sup_domain_at(sh, i, &row) == OK; i++) {
        if (row.state == DOMAIN_RUNNING) {
            running++;
        } else if (row.state != DOMAIN_LOADED) {
            others++;
        }
    }
    (void)format(text, sizeof(text), "ZerOS %s: %u domain%s running", SHELL_VERSION, running,
                 running == 1 ? "" : "s");
    say(sh, text);
    if (others > 0) {
        (void)format(text, sizeof(text), ", %u not; try domains", others);
        say(sh, text);
    }
    say(sh, ". Type help for the commands.\n");
}

/* What each disk says of itself. */
static void say_disks(struct shell *sh)
{
    if (!sh->has_fs) {
        say(sh, "No disk: no file service runs.\n");
        return;
    }
    for (uint32_t i = 0; i < sh->fs.mount_count; i++) {
        struct fsclient_status status;
        char guarded[sizeof(status.text)];
        const char *name = sh->fs.mount[i].prefix[0] != '\0' ? sh->fs.mount[i].prefix : "/";
        err_t err = fsclient_status(&sh->fs, name, &status);
        say(sh, name);
        say(sh, ": ");
        if (err != OK) {
            say(sh, text_error(err));
        } else {
            status.text[sizeof(status.text) - 1] = '\0';
            text_guarded(guarded, sizeof(guarded), status.text);
            say(sh, guarded);
            say(sh, status.is_mounted && status.is_read_only ? " (read-only)" : "");
        }
        say(sh, "\n");
    }
}

static void banner(struct shell *sh)
{
    say_domains(sh);
    for (uint32_t i = 0; startup_arg(i) != NULL; i++) {
        if (strncmp(startup_arg(i), "notice=", 7) == 0) {
            say(sh, startup_arg(i) + 7);
            say(sh, "\n");
        }
    }
    say_disks(sh);
}

static void prompt_text(struct shell *sh, char *out, size_t out_bytes)
{
    if (sh->first_prompt_ticks == 0) {
        sh->first_prompt_ticks = time_now_ticks();
    }
    char guarded[LINE_PROMPT_BYTES];
    text_guarded(guarded, sizeof(guarded) - 16, sh->cwd);
    (void)format(out, out_bytes, "zeros:%s> ", guarded);
}

/* Runs a line that was entered. */
static void run(struct shell *sh, const char *line)
{
    term_interrupt_clear(&sh->term);
    (void)run_line(sh, line);
    if (sh->term.interrupted) {
        say(sh, "^C");
    }
    if (sh->term.in_line) {
        say(sh, "\n"); /* the prompt begins a line, whatever was printed */
    }
    term_interrupt_clear(&sh->term);
}

/* News comes behind the prompt, which then moves below it: a command's output stays its own. */
static void tell_news(struct shell *sh, struct line *l)
{
    uint64_t result[2];
    bool has_ended = false;
    for (size_t i = 0; i < SHELL_JOB_MAX; i++) {
        struct sys_process_info info;
        has_ended = has_ended ||
                    (sh->job[i].number != 0 && sys_process_info(sh->job[i].process, &info) == OK &&
                     info.state == SYS_PROCESS_ENDED);
    }
    bool has_event =
            sup_call(sh, SUP_EVENTS, sh->next_event, KIB(4), KIB(8), result) == OK && result[0] > 0;
    if (!has_event && !has_ended) return;
    line_hide(l);
    (void)sup_show_events(sh, &sh->next_event, false);
    (void)jobs_report(sh);
    line_redraw(l);
}

/* A shell that was started again does not tell what its predecessor told. */
static void skip_old_events(struct shell *sh)
{
    uint64_t result[2] = { 0, 1 };
    do {
        if (sup_call(sh, SUP_EVENTS, sh->next_event, KIB(4), KIB(8), result) != OK) return;
        sh->next_event = result[1];
    } while (result[0] > 0);
}

/* Runs the lines of a file of the pack as if they were typed. */
static void autorun(struct shell *sh)
{
    char line[LINE_BYTES], prompt[LINE_PROMPT_BYTES];
    struct sys_vmo_info info;
    uint64_t address = 0, bytes = 0;
    const void *data = NULL;
    if (sys_vmo_info(sh->pack, &info) != OK) return;
    err_t err = sys_vmo_map(HANDLE_SELF, sh->pack, 0, info.size_bytes, PROT_READ, 0, &address);
    if (err != OK) return;
    err = cpio_find((const void *)address, info.size_bytes, "autorun", &data, &bytes);
    const char *text = data;
    while (err == OK && bytes > 0) {
        const char *end = memchr(text, '\n', bytes);
        size_t line_bytes = end != NULL ? (size_t)(end - text) : bytes;
        size_t kept = MIN(line_bytes, sizeof(line) - 1);
        memcpy(line, text, kept);
        line[kept] = '\0';
        prompt_text(sh, prompt, sizeof(prompt));
        say(sh, prompt);
        say(sh, line);
        say(sh, "\n");
        run(sh, line);
        (void)sup_show_events(sh, &sh->next_event, false);
        (void)jobs_report(sh);
        text += line_bytes + (end != NULL ? 1 : 0);
        bytes -= line_bytes + (end != NULL ? 1 : 0);
    }
    (void)sys_vmo_unmap(HANDLE_SELF, address, info.size_bytes);
}

/* Sleeps until something is typed; what happens meanwhile is told at once. */
static void wait_for_input(struct shell *sh, struct line *l)
{
    for (;;) {
        uint64_t bits = 0;
        term_fetch(&sh->term);
        if (term_has_input(&sh->term) || sh->term.is_lost) return;
        err_t err = sys_notification_wait(sh->notification, UINT64_MAX, DEADLINE_NEVER, &bits);
        if (err != OK) return;
        if ((bits & (SHELL_BIT_JOB | SHELL_BIT_EVENT)) != 0) {
            tell_news(sh, l);
        }
    }
}

/* Prompt, line, command; until the terminal is lost or Ctrl-D. */
static int interact(struct shell *sh)
{
    struct line *l = &main_state.line;
    char prompt[LINE_PROMPT_BYTES];
    for (;;) {
        enum line_event event = LINE_MORE;
        prompt_text(sh, prompt, sizeof(prompt));
        line_start(l, prompt);
        tell_news(sh, l);
        while (event == LINE_MORE || event == LINE_TAB) {
            if (!term_has_input(&sh->term)) {
                line_render(l);
                wait_for_input(sh, l);
            }
            int byte = term_get(&sh->term);
            if (byte < 0) return 1;
            event = line_feed(l, (uint8_t)byte);
            if (event == LINE_TAB) {
                complete_line(sh, l);
            }
        }
        if (event == LINE_END) {
            say(sh, "\n");
            return 0;
        }
        if (event != LINE_DONE) continue;
        history_add(&main_state.history, l->text, l->text_bytes);
        run(sh, l->text);
    }
}

static err_t prepare(struct shell *sh)
{
    sh->console = startup_handle("console");
    sh->supervisor = startup_handle("supervisor");
    sh->system = startup_handle("system");
    sh->log = startup_handle("log");
    sh->pack = startup_handle("pack");
    (void)format(sh->cwd, sizeof(sh->cwd), "/");
    sha256_use_ce(
            true); /* every board's core is a Cortex-A55 with the cryptographic instructions */
    err_t err = sys_notification_create(&sh->notification);
    if (err == OK) {
        err = term_open(&sh->term, sh->console, sh->notification, SHELL_BIT_INPUT);
    }
    if (err == OK) {
        sh->has_fs = fsclient_init(&sh->fs, SHELL_CHUNK) == OK;
    }
    return err;
}

/* A background job: "-c", the line, the directory. */
static int run_job(struct shell *sh)
{
    const char *line = startup_arg(1), *directory = startup_arg(2);
    if (line == NULL || directory == NULL) return 2;
    sh->is_child = sh->term.is_background = true;
    (void)format(sh->cwd, sizeof(sh->cwd), "%s", directory);
    int status = run_line(sh, line);
    out_flush(sh);
    if (sh->has_fs) {
        fsclient_end(&sh->fs);
    }
    term_close(&sh->term);
    return status;
}

int main(const struct startup *s)
{
    struct shell *sh = &main_state.shell;
    const char *first = startup_arg(0);
    (void)s;
    if (first != NULL && strcmp(first, "bench-serve") == 0) bench_serve();
    err_t err = prepare(sh);
    if (err != OK) {
        log_printf("cannot start: error %d", (int)err);
        return 1;
    }
    if (first != NULL && strcmp(first, "-c") == 0) return run_job(sh);
    line_init(&main_state.line, &main_state.history, (struct line_sink){ put, sh });
    banner(sh);
    if (has_arg("first")) {
        autorun(sh);
    } else {
        skip_old_events(sh);
    }
    return interact(sh);
}
