/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The kernel's own log lines, panic included. */
#include "kernel/log.h"

#include <stdarg.h>

#include "abi/hypercall.h"
#include "kernel/arch.h"
#include "kernel/lastwords.h"
#include "lib/format.h"
#include "lib/string.h"

#define PIECE_BYTES 40 /* five registers */

static void piece_send(uint64_t function, const char *text, size_t size_bytes)
{
    struct hvc_regs regs = { .x = { function, size_bytes } };
    memcpy(&regs.x[2], text, size_bytes);
    arch_hvc(&regs);
}

void klog_write(const char *text, size_t size_bytes)
{
    for (size_t at = 0; at < size_bytes; at += PIECE_BYTES) {
        piece_send(HVC_LOG_WRITE, text + at, MIN(size_bytes - at, (size_t)PIECE_BYTES));
    }
}

void klog(const char *fmt, ...)
{
    char line[LOG_BYTES];
    va_list args;
    va_start(args, fmt);
    size_t size_bytes = format_v(line, sizeof(line), fmt, args);
    va_end(args);
    klog_write(line, size_bytes);
}

_Noreturn void panic_at(const char *what, const char *file, int line)
{
    char text[LOG_BYTES];
    (void)format(text, sizeof(text), "kernel panic: %s (%s:%d)\n", what, file, line);
    klog("%s", text);
    lastwords_write(text);
    piece_send(HVC_PANIC, "kernel panic", 12);
    arch_halt();
}
