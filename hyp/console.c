/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The log ring, its way to the UART, and EL2's last words. */
#include "hyp/console.h"

#include "hyp/aarch64/psci.h"
#include "hyp/arch.h"
#include "hyp/core.h"
#include "lib/format.h"
#include "lib/mmio.h"
#include "lib/string.h"

#include "abi/domain.h"

#define RING_BYTES  32768 /* a power of two */
#define LINE_MAX    200
#define PIECE_MAX   120
#define PANIC_BYTES 512    /* of the log that a panic shows */
#define TX_POLL_MAX 100000 /* boot and panic only: a dead UART must not stop them */

static struct {
    char ring[RING_BYTES];
    uint64_t end; /* free-running byte count */
    uint8_t *uart;
    uint32_t uart_kind;
    bool uart_ours;
    bool panicking;
    struct {
        char text[PIECE_MAX + 1];
        uint32_t bytes;
    } piece[DOMAIN_MAX];
} console;

static void uart_put(char c)
{
    bool dw = console.uart_kind == 2;
    for (int i = 0; i < TX_POLL_MAX; i++) {
        bool room = dw ? (mmio_read32(console.uart + 0x14) & 0x20) != 0  /* LSR.THRE */
                       : (mmio_read32(console.uart + 0x18) & 0x20) == 0; /* PL011 FR.TXFF */
        if (room) break;
    }
    mmio_write32(console.uart, (uint8_t)c);
}

static void put(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        console.ring[console.end++ & (RING_BYTES - 1)] = text[i];
        if (!console.uart_ours) continue;
        if (text[i] == '\n') uart_put('\r');
        uart_put(text[i]);
    }
}

void log_uart_start(uint64_t regs, uint32_t kind)
{
    console.uart = (uint8_t *)(uintptr_t)regs;
    console.uart_kind = kind;
    console.uart_ours = kind != 0;
}

void log_uart_release(void)
{
    console.uart_ours = false;
}

static void line_v(const char *fmt, va_list args)
{
    char line[LINE_MAX];
    uint64_t us = arch_ticks_to_ns(arch_ticks()) / 1000;
    size_t n = format(line, sizeof line - 1, "[%3lu.%06lu] ", us / 1000000, us % 1000000);
    n += format_v(line + n, sizeof line - 1 - n, fmt, args);
    line[n++] = '\n';
    put(line, n);
}

void log_line(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    line_v(fmt, args);
    va_end(args);
}

void log_domain(uint32_t index, const char *name, const char *text, uint32_t bytes)
{
    CHECK(index < DOMAIN_MAX);
    for (uint32_t i = 0; i < bytes; i++) {
        bool ends = text[i] == '\n';
        if (!ends) console.piece[index].text[console.piece[index].bytes++] = text[i];
        if (!ends && console.piece[index].bytes < PIECE_MAX) continue;
        text_sanitize(console.piece[index].text, console.piece[index].bytes);
        console.piece[index].text[console.piece[index].bytes] = '\0';
        log_line("%s: %s", name, console.piece[index].text);
        console.piece[index].bytes = 0;
    }
}

uint64_t log_read(uint64_t *position, char *out, uint64_t out_bytes)
{
    uint64_t oldest = console.end > RING_BYTES ? console.end - RING_BYTES : 0;
    if (*position < oldest || *position > console.end) *position = oldest;
    uint64_t n = MIN(out_bytes, console.end - *position);
    for (uint64_t i = 0; i < n; i++) out[i] = console.ring[(*position + i) & (RING_BYTES - 1)];
    *position += n;
    return n;
}

void boot_refuse(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    line_v(fmt, args);
    va_end(args);
    for (;;) __asm__ volatile("wfi");
}

void panic_at(const char *what, const char *file, int line)
{
    if (!console.panicking) {
        bool booting = console.uart_ours;
        console.panicking = true;
        /* What was noted last was for the ring only. */
        for (uint64_t at = console.end - MIN(console.end, PANIC_BYTES);
             console.uart_kind && at < console.end; at++) {
            uart_put(console.ring[at & (RING_BYTES - 1)]);
        }
        console.uart_ours = console.uart_kind != 0;
        log_line("hyp: PANIC: %s (%s:%d): %s", what, file, line,
                 booting ? "stopped" : "the machine restarts");
        core_backtrace();
        if (!booting)
            (void)psci_call(PSCI_SYSTEM_RESET, 0, 0,
                            0); /* a boot that fails would only fail again */
    }
    for (;;) __asm__ volatile("wfi");
}
