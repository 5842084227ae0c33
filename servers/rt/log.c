/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Log lines, in pieces of 40 bytes. */
#include "servers/rt/log.h"

#include <stdio.h>
#include <string.h>

#include "servers/rt/startup.h"

#define LOG_PIECE_BYTES 40
#define LOG_LINE_BYTES  256

void log_write(const char *text, size_t size_bytes)
{
    handle_t log = startup_handle("log");
    if (log == HANDLE_NONE) return;
    while (size_bytes) {
        uint64_t words[LOG_PIECE_BYTES / 8] = { 0 };
        size_t piece = MIN(size_bytes, (size_t)LOG_PIECE_BYTES);
        memcpy(words, text, piece);
        if (sys_log_write(log, words, piece) != OK) return;
        text += piece;
        size_bytes -= piece;
    }
}

void log_vprintf(const char *fmt, va_list args)
{
    char line[LOG_LINE_BYTES];
    const struct startup *s = startup_get();
    int used = snprintf(line, sizeof(line), "%.32s: ", s ? s->name : "?");
    if (used < 0) return;
    size_t at = (size_t)used;
    used = vsnprintf(line + at, sizeof(line) - 1 - at, fmt, args);
    if (used < 0) return;
    at = MIN(at + (size_t)used, sizeof(line) - 2);
    line[at++] = '\n';
    log_write(line, at);
}

void log_printf(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    log_vprintf(fmt, args);
    va_end(args);
}
