/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Arm PL011 UART. Source: PrimeCell UART (PL011) Technical Reference Manual, DDI 0183G, chapter 3. */
#include "drivers/uart/pl011.h"

#include "lib/mmio.h"

enum {
    UARTDR = 0x000,
    UARTFR = 0x018,
    UARTLCR_H = 0x02c,
    UARTCR = 0x030,
    UARTIFLS = 0x034,
    UARTIMSC = 0x038,
    UARTICR = 0x044,
};

#define DR_ERRORS 0xf00U /* overrun, break, parity, framing */

#define FR_BUSY BIT(3)
#define FR_RXFE BIT(4)
#define FR_TXFF BIT(5)
#define FR_TXFE BIT(7)

#define LCR_H_FEN BIT(4)

#define CR_UARTEN BIT(0)
#define CR_TXE    BIT(8)
#define CR_RXE    BIT(9)

#define INT_RX BIT(4)
#define INT_TX BIT(5)
#define INT_RT \
    BIT(6) /* bytes wait, the line is quiet: without it less than the FIFO level stays unseen */
#define INT_ALL 0x7ffU

static uint32_t read_reg(const struct pl011 *u, uint32_t reg)
{
    return mmio_read32(u->regs + reg);
}

static void write_reg(const struct pl011 *u, uint32_t reg, uint64_t value)
{
    mmio_write32(u->regs + reg, (uint32_t)value);
}

void pl011_start(struct pl011 *u, volatile void *regs)
{
    u->regs = regs;
    write_reg(u, UARTIMSC, 0);
    write_reg(u, UARTLCR_H, read_reg(u, UARTLCR_H) | LCR_H_FEN);
    write_reg(u, UARTIFLS, 0); /* one eighth: early for both directions */
    write_reg(u, UARTCR, read_reg(u, UARTCR) | CR_UARTEN | CR_TXE | CR_RXE);
    write_reg(u, UARTICR, INT_ALL);
    write_reg(u, UARTIMSC, INT_RX | INT_RT);
}

size_t pl011_read(struct pl011 *u, uint8_t *out, size_t room_bytes)
{
    size_t taken = 0;
    write_reg(u, UARTICR,
              INT_RX | INT_RT); /* before the FIFO is read: a byte from now on interrupts again */
    while (taken < room_bytes && (read_reg(u, UARTFR) & FR_RXFE) == 0) {
        uint32_t data = read_reg(u, UARTDR);
        if ((data & DR_ERRORS) == 0) {
            out[taken++] = (uint8_t)data;
        }
    }
    return taken;
}

size_t pl011_write(struct pl011 *u, const uint8_t *data, size_t size_bytes)
{
    size_t given = 0;
    while (given < size_bytes && (read_reg(u, UARTFR) & FR_TXFF) == 0) {
        write_reg(u, UARTDR, data[given++]);
    }
    return given;
}

void pl011_want_room(struct pl011 *u, bool wanted)
{
    write_reg(u, UARTICR, INT_TX);
    write_reg(u, UARTIMSC, INT_RX | INT_RT | (wanted ? INT_TX : 0));
}

bool pl011_is_idle(const struct pl011 *u)
{
    return (read_reg(u, UARTFR) & (FR_BUSY | FR_TXFE)) == FR_TXFE;
}
