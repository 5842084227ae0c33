/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The shell's state and what commands may use: output, files, the supervisor, jobs. */
#pragma once
#include "abi/proto/supervisor.h"
#include "servers/fsclient/fsclient.h"
#include "servers/shell/parse.h"
#include "servers/shell/term.h"

#define SHELL_JOB_MAX   16
#define SHELL_BIT_JOB   BIT(0) /* of the shell's notification: a job ended */
#define SHELL_BIT_INPUT BIT(1) /* something was typed */
#define SHELL_BIT_EVENT BIT(2) /* the supervisor has noted something */
#define SHELL_CHUNK     MIB(1) /* of a file at a time */
#define SHELL_OUT_BYTES KIB(4)
#define SHELL_VERSION   "0.1"

struct shell_job {
    uint32_t number;  /* 0: free */
    handle_t process; /* owned */
    char text[120];   /* what it runs, guarded */
};

/* Where a command's output goes: the terminal, or a file. */
struct shell_out {
    bool to_file;
    err_t err; /* the first one of the file; later output is dropped */
    struct fsclient_file file;
    uint64_t offset;
    size_t used;
    char buffer[SHELL_OUT_BYTES];
};

struct shell {
    struct term term;
    struct fsclient fs;
    bool has_fs;
    handle_t system, log, pack, console, supervisor; /* borrowed from the startup block */
    handle_t sup_session;                            /* owned */
    uint8_t *sup_buffer;                             /* shared with the supervisor: 16 KiB */
    uint64_t next_event;                             /* of the supervisor, to be shown */
    handle_t notification;                           /* SHELL_BIT_* */
    struct shell_job job[SHELL_JOB_MAX];
    uint32_t last_job;
    uint64_t first_prompt_ticks; /* CNTVCT when the first prompt was written; 0: not yet */
    char cwd[FSCLIENT_PATH_MAX];
    struct shell_out out;
    bool is_child; /* runs one -c line in the background: no prompt, no jobs of its own */
};

/* A command: words[0] is its name. Returns the exit status; what failed has been said. */
typedef int (*command_fn)(struct shell *sh, size_t count, const char *const *word);

struct shell_command {
    const char *name, *usage, *help;
    size_t min_words, max_words; /* name included */
    command_fn run;
};

/* ---- output (out.c) ---- */

/** Bytes of a command's output. To the terminal they must be harmless already. */
void out_write(struct shell *sh, const char *text, size_t text_bytes);
/** printf of harmless text. */
void out_print(struct shell *sh, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** A string that a stranger chose (a file name): guarded on the terminal. */
void out_name(struct shell *sh, const char *name);
/** Sends what is buffered on its way. */
void out_flush(struct shell *sh);
/** A line "COMMAND: SUBJECT: why" on the terminal, never into a file. subject may be NULL. Returns 1. */
int complain(struct shell *sh, const char *command, const char *subject, const char *why);
/** The same for an error of the file service; a file system that is not there is told of by its own sentence. */
int complain_file(struct shell *sh, const char *command, const char *path, err_t err);

/* ---- running (run.c) ---- */

/** Runs all commands of a line. Returns the status of the last one. */
int run_line(struct shell *sh, const char *line);
/** Runs one command by its words, output as it is set. Its usage is checked. */
int run_words(struct shell *sh, size_t count, const char *const *word);
/** The table, sorted by name; *count commands. */
const struct shell_command *command_table(size_t *count);

/* ---- paths (files.c) ---- */

/** Absolute path of an argument. False: told of. */
bool shell_path(struct shell *sh, const char *command, const char *arg,
                char out[FSCLIENT_PATH_MAX]);

/* ---- the supervisor (sup.c) ---- */

/** One call on the session; opens it at first, and again when the supervisor was restarted. */
err_t sup_call(struct shell *sh, uint64_t operation, uint64_t w1, uint64_t w2, uint64_t w3,
               uint64_t result[2]);
/** Row of a domain by index. */
err_t sup_domain_at(struct shell *sh, uint32_t index, struct sup_domain *out);
/** Copies new events to the terminal, or old ones to the output. Returns how many bytes of text there were. */
size_t sup_show_events(struct shell *sh, uint64_t *from, bool to_output);

/* ---- jobs (jobs.c) ---- */

/** Starts a command line in a process of its own. Returns its number, 0: told of. */
uint32_t jobs_start(struct shell *sh, const char *text, size_t text_bytes);
/** Tells of jobs that have ended and forgets them. Returns how many lines it wrote. */
size_t jobs_report(struct shell *sh);
/** How many run. */
size_t jobs_running(const struct shell *sh);
/** Waits for one job (0: all). Returns ERR_CANCELLED after Ctrl-C, ERR_NO_ENTRY. */
err_t jobs_wait(struct shell *sh, uint32_t number);

/* ---- completion (complete.c) ---- */

struct line;
/** Completes the word before the cursor, or lists what it could be. */
void complete_line(struct shell *sh, struct line *l);

/* ---- commands ---- */

int cmd_bench(struct shell *sh, size_t count, const char *const *word);
int cmd_caps(struct shell *sh, size_t count, const char *const *word);
int cmd_cat(struct shell *sh, size_t count, const char *const *word);
int cmd_cd(struct shell *sh, size_t count, const char *const *word);
int cmd_cp(struct shell *sh, size_t count, const char *const *word);
int cmd_df(struct shell *sh, size_t count, const char *const *word);
int cmd_crashlog(struct shell *sh, size_t count, const char *const *word);
int cmd_domains(struct shell *sh, size_t count, const char *const *word);
int cmd_echo(struct shell *sh, size_t count, const char *const *word);
int cmd_fill(struct shell *sh, size_t count, const char *const *word);
int cmd_help(struct shell *sh, size_t count, const char *const *word);
int cmd_jobs(struct shell *sh, size_t count, const char *const *word);
int cmd_log(struct shell *sh, size_t count, const char *const *word);
int cmd_ls(struct shell *sh, size_t count, const char *const *word);
int cmd_mkdir(struct shell *sh, size_t count, const char *const *word);
int cmd_mv(struct shell *sh, size_t count, const char *const *word);
int cmd_poweroff(struct shell *sh, size_t count, const char *const *word);
int cmd_ps(struct shell *sh, size_t count, const char *const *word);
int cmd_pwd(struct shell *sh, size_t count, const char *const *word);
int cmd_random(struct shell *sh, size_t count, const char *const *word);
int cmd_repeat(struct shell *sh, size_t count, const char *const *word);
int cmd_rm(struct shell *sh, size_t count, const char *const *word);
int cmd_rmdir(struct shell *sh, size_t count, const char *const *word);
int cmd_sha256(struct shell *sh, size_t count, const char *const *word);
int cmd_sleep(struct shell *sh, size_t count, const char *const *word);
int cmd_stamp(struct shell *sh, size_t count, const char *const *word);
int cmd_stat(struct shell *sh, size_t count, const char *const *word);
int cmd_status(struct shell *sh, size_t count, const char *const *word);
int cmd_sync(struct shell *sh, size_t count, const char *const *word);
int cmd_time(struct shell *sh, size_t count, const char *const *word);
int cmd_touch(struct shell *sh, size_t count, const char *const *word);
int cmd_truncate(struct shell *sh, size_t count, const char *const *word);
int cmd_wait(struct shell *sh, size_t count, const char *const *word);
int cmd_write(struct shell *sh, size_t count, const char *const *word);

/** A child of `bench`: answers calls at its "service" until its parent is gone. Never returns. */
_Noreturn void bench_serve(void);
