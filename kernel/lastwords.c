/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The serial line when no process can speak. EL2 or the firmware has set the UART up. */
#include "kernel/lastwords.h"

#include "kernel/aarch64/cpu.h"
#include "lib/mmio.h"
#include "lib/string.h"

#define WAIT_READS 100000 /* for room for one byte: a line that is held up loses the rest */

/* What differs between the kinds: where the state is, and which bit says what about room. */
struct uart_kind {
    const char *compatible;
    uint32_t state_offset, bit;
    bool bit_means_room;
};

static const struct uart_kind kinds[] = {
    { "arm,pl011", 0x18, 1U << 5, false },       /* UARTFR.TXFF */
    { "snps,dw-apb-uart", 0x14, 1U << 5, true }, /* LSR.THRE, registers 4 bytes apart */
};

static struct {
    volatile char *regs; /* mapped for ever; NULL: none */
    const struct uart_kind *kind;
} uart;

void lastwords_start(const struct bootinfo *boot)
{
    for (uint32_t i = 0; i < boot->device_count && !uart.regs; i++) {
        for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
            if (strncmp(boot->device[i].compatible, kinds[k].compatible, BOOT_NAME_MAX) != 0) {
                continue;
            }
            uart.kind = &kinds[k];
            uart.regs = cpu_device_map(boot->device[i].mmio_ipa, PAGE_SIZE);
            break;
        }
    }
}

static bool byte_write(char c)
{
    for (uint32_t i = 0; i < WAIT_READS; i++) {
        bool bit = (mmio_read32(uart.regs + uart.kind->state_offset) & uart.kind->bit) != 0;
        if (bit != uart.kind->bit_means_room) continue;
        mmio_write32(uart.regs, (uint8_t)c);
        return true;
    }
    return false;
}

void lastwords_write(const char *text)
{
    if (!uart.regs) return;
    for (const char *at = text; *at; at++) {
        if (*at == '\n' && !byte_write('\r')) return;
        if (!byte_write(*at)) return;
    }
}
