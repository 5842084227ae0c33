/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* From a line to running commands: dispatch, redirection, background. */
#include <string.h>

#include "lib/format.h"
#include "servers/shell/shell.h"

/* Sorted by name: `help` prints it in this order. */
static const struct shell_command table[] = {
    { "bench", "bench [ROW [ROUNDS]]", "measure; prints lines `bench ROW VALUE UNIT`", 1, 3,
      cmd_bench },
    { "caps", "caps [NAME]", "handles that the shell or another program holds", 1, 2, cmd_caps },
    { "cat", "cat FILE...", "print files", 2, WORD_MAX, cmd_cat },
    { "cd", "cd [DIR]", "change the current directory", 1, 2, cmd_cd },
    { "cp", "cp FROM TO", "copy a file", 3, 3, cmd_cp },
    { "df", "df", "space on the disks", 1, 1, cmd_df },
    { "crashlog", "crashlog [NUMBER]", "crash records on the disk", 1, 2, cmd_crashlog },
    { "domains", "domains [kill|restart|clear|dump|console NAME]",
      "driver domains and what happened to them", 1, 3, cmd_domains },
    { "echo", "echo WORD...", "print words", 1, WORD_MAX, cmd_echo },
    { "fill", "fill DIR COUNT [BYTES]", "make COUNT files f0001... in DIR", 3, 4, cmd_fill },
    { "help", "help [COMMAND]", "this list", 1, 2, cmd_help },
    { "jobs", "jobs", "commands in the background", 1, 1, cmd_jobs },
    { "log", "log", "what EL2 and the supervisor noted", 1, 1, cmd_log },
    { "ls", "ls [PATH]...", "list directories", 1, WORD_MAX, cmd_ls },
    { "mkdir", "mkdir DIR...", "make directories", 2, WORD_MAX, cmd_mkdir },
    { "mv", "mv FROM TO", "rename or move on one disk", 3, 3, cmd_mv },
    { "poweroff", "poweroff", "unmount the disks and switch off", 1, 1, cmd_poweroff },
    { "ps", "ps", "processes", 1, 1, cmd_ps },
    { "pwd", "pwd", "print the current directory", 1, 1, cmd_pwd },
    { "random", "random [BYTES]", "bytes out of the entropy pool, in hex; or its sources", 1, 2,
      cmd_random },
    { "reboot", "reboot", "unmount the disks and start anew", 1, 1, cmd_poweroff },
    { "repeat", "repeat N COMMAND...", "run it N times; $n in its words is the round", 3, WORD_MAX,
      cmd_repeat },
    { "rm", "rm FILE...", "remove files", 2, WORD_MAX, cmd_rm },
    { "rmdir", "rmdir DIR...", "remove empty directories", 2, WORD_MAX, cmd_rmdir },
    { "sha256", "sha256 FILE...", "SHA-256 of files", 2, WORD_MAX, cmd_sha256 },
    { "sleep", "sleep SECONDS", "wait", 2, 2, cmd_sleep },
    { "stamp", "stamp FILE NUMBER BLOCKS FIRST LAST",
      "write numbered blocks, a sync after each round (tests)", 6, 6, cmd_stamp },
    { "stat", "stat PATH...", "what a file is", 2, WORD_MAX, cmd_stat },
    { "status", "status", "state of the file systems", 1, 1, cmd_status },
    { "sync", "sync", "all that was written is on the disk", 1, 1, cmd_sync },
    { "time", "time COMMAND...", "run it; say how many instructions and how long", 2, WORD_MAX,
      cmd_time },
    { "touch", "touch FILE...", "make empty files", 2, WORD_MAX, cmd_touch },
    { "truncate", "truncate FILE BYTES", "cut or lengthen a file", 3, 3, cmd_truncate },
    { "wait", "wait [JOB]", "wait for jobs", 1, 2, cmd_wait },
    { "write", "write FILE WORD...", "put a line into a file", 2, WORD_MAX, cmd_write },
};

const struct shell_command *command_table(size_t *count)
{
    *count = ARRAY_COUNT(table);
    return table;
}

int run_words(struct shell *sh, size_t count, const char *const *word)
{
    char usage[128];
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        const struct shell_command *c = &table[i];
        if (strcmp(c->name, word[0]) != 0) continue;
        if (count >= c->min_words && count <= c->max_words) return c->run(sh, count, word);
        (void)format(usage, sizeof(usage), "usage: %s", c->usage);
        return complain(sh, c->name, NULL, usage);
    }
    return complain(sh, word[0], NULL, "no such command; try help");
}

/* Directs the output to the command's file. */
static bool open_output(struct shell *sh, const struct command *c, char path[FSCLIENT_PATH_MAX])
{
    struct shell_out *o = &sh->out;
    struct fsclient_file file;
    uint32_t flags = FS_O_WRITE | FS_O_CREATE | (c->append ? 0 : FS_O_TRUNC);
    if (!shell_path(sh, ">", c->output, path)) return false;
    err_t err = sh->has_fs ? fsclient_open(&sh->fs, path, flags, &file) : ERR_NO_ENTRY;
    if (err != OK) {
        (void)complain_file(sh, ">", path, err);
        return false;
    }
    out_flush(sh);
    o->to_file = true;
    o->err = OK;
    o->file = file;
    o->offset = c->append ? file.size_bytes : 0;
    return true;
}

static int close_output(struct shell *sh, const char *path)
{
    struct shell_out *o = &sh->out;
    out_flush(sh);
    err_t err = o->err;
    err_t close_err = fsclient_close(&sh->fs, &o->file);
    o->to_file = false;
    o->err = OK;
    if (err == OK) {
        err = close_err;
    }
    return err == OK ? 0 : complain_file(sh, ">", path, err);
}

static int run_command(struct shell *sh, const struct command *c)
{
    char path[FSCLIENT_PATH_MAX];
    int status = 0;
    if (c->output != NULL && !open_output(sh, c, path)) return 1;
    if (c->word_count > 0) {
        status = run_words(sh, c->word_count, c->word);
    }
    if (c->output != NULL) {
        int output_status = close_output(sh, path);
        status = status != 0 ? status : output_status;
    }
    out_flush(sh);
    return status;
}

static int run_job(struct shell *sh, const char *line, const struct command *c)
{
    char text[32];
    if (sh->is_child) return complain(sh, "&", NULL, "a job cannot start jobs");
    uint32_t number = jobs_start(sh, line + c->source, c->source_bytes);
    if (number == 0) return 1;
    size_t bytes = format(text, sizeof(text), "[%u]\n", number);
    term_write(&sh->term, text, bytes);
    return 0;
}

int run_line(struct shell *sh, const char *line)
{
    static struct command command; /* a line runs to its end before the next is read */
    size_t at = 0;
    int status = 0;
    while (!sh->term.interrupted) {
        enum parse_verdict verdict = parse_command(line, &at, &command);
        if (verdict == PARSE_END) return status;
        if (verdict != PARSE_COMMAND) return complain(sh, "shell", NULL, parse_error(verdict));
        status = command.background ? run_job(sh, line, &command) : run_command(sh, &command);
    }
    return status;
}
