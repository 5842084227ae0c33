/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A command's output: the terminal or a file. Complaints. */
#include <stdarg.h>
#include <string.h>

#include "lib/format.h"
#include "servers/rt/time.h"
#include "servers/shell/shell.h"
#include "servers/shell/text.h"

/* How long a file service that ended is waited for. */
#define RESTART_LOOKS   100
#define RESTART_LOOK_NS UINT64_C(50000000)

void out_flush(struct shell *sh)
{
    struct shell_out *o = &sh->out;
    size_t bytes = o->used;
    o->used = 0;
    if (bytes == 0) return;
    if (!o->to_file) {
        term_write(&sh->term, o->buffer, bytes);
        return;
    }
    uint64_t done = 0;
    if (o->err != OK) return;
    o->err = fsclient_write(&sh->fs, &o->file, o->offset, o->buffer, bytes, &done);
    o->offset += done;
}

void out_write(struct shell *sh, const char *text, size_t text_bytes)
{
    struct shell_out *o = &sh->out;
    while (text_bytes > 0) {
        size_t piece = MIN(text_bytes, sizeof(o->buffer) - o->used);
        memcpy(o->buffer + o->used, text, piece);
        o->used += piece;
        text += piece;
        text_bytes -= piece;
        if (o->used == sizeof(o->buffer)) {
            out_flush(sh);
        }
    }
}

void out_print(struct shell *sh, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    size_t bytes = format_v(text, sizeof(text), fmt, args);
    va_end(args);
    out_write(sh, text, bytes);
}

void out_name(struct shell *sh, const char *name)
{
    char guarded[FSCLIENT_PATH_MAX + 8];
    if (sh->out.to_file) {
        out_write(sh, name, strlen(name));
        return;
    }
    text_guarded(guarded, sizeof(guarded), name);
    out_write(sh, guarded, strlen(guarded));
}

int complain(struct shell *sh, const char *command, const char *subject, const char *why)
{
    char text[FSCLIENT_PATH_MAX + 400], guarded[FSCLIENT_PATH_MAX + 8];
    if (!sh->out.to_file) {
        out_flush(sh); /* in the order in which it happened */
    }
    text_guarded(guarded, sizeof(guarded), subject != NULL ? subject : "");
    size_t bytes = format(text, sizeof(text), "%s: %s%s%s\n", command, guarded,
                          subject != NULL ? ": " : "", why);
    term_write(&sh->term, text, bytes);
    return 1;
}

int complain_file(struct shell *sh, const char *command, const char *path, err_t err)
{
    struct fsclient_status status;
    char guarded[sizeof(status.text)];
    const char *place = path[0] == '/' ? path : "/"; /* where to ask; path may be a relative name */
    if (!sh->has_fs) return complain(sh, command, path, "no disk: no file service runs");
    bool may_be_gone = err == ERR_STATE || err == ERR_DEAD || err == ERR_NOT_SUPPORTED ||
                       err == ERR_IO || err == ERR_CORRUPT;
    if (may_be_gone && fsclient_status(&sh->fs, place, &status) == OK && !status.is_mounted) {
        status.text[sizeof(status.text) - 1] = '\0';
        text_guarded(guarded, sizeof(guarded), status.text);
        return complain(sh, command, path, guarded);
    }
    bool is_stale = err == ERR_DEAD || err == ERR_STATE;
    if (is_stale && fsclient_status(&sh->fs, place, &status) != OK) {
        /* The service ended; init starts it again behind the same endpoint. New sessions for what comes. */
        fsclient_end(&sh->fs);
        sh->has_fs = fsclient_init(&sh->fs, SHELL_CHUNK) == OK;
        for (uint32_t i = 0; i < RESTART_LOOKS && sh->has_fs; i++) {
            if (fsclient_status(&sh->fs, place, &status) == OK) {
                return complain(sh, command, path, "the file service ended; it runs again");
            }
            time_sleep_ns(RESTART_LOOK_NS);
        }
        return complain(sh, command, path, "the file service ended and does not come back");
    }
    return complain(sh, command, path, text_error(err));
}
