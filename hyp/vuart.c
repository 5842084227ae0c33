/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* PL011 for stock guests (Arm DDI 0183). Flow control is the line's: a full ring shows TXFF, and the guest waits in its own time. */
#include "hyp/vuart.h"

#define RING_BYTES 512U /* a power of two; each direction */

enum {
    UART_DR = 0x00,
    UART_FR = 0x18,
    UART_PLAIN = 0x20, /* ILPR, IBRD, FBRD, LCR_H, CR, IFLS: kept, without effect */
    UART_IMSC = 0x38,
    UART_RIS = 0x3c,
    UART_MIS = 0x40,
    UART_ID = 0xfe0
};
#define FR_RXFE (1U << 4)
#define FR_TXFF (1U << 5)
#define FR_TXFE (1U << 7)
#define INT_RX  (1U << 4 | 1U << 6) /* received, and receive time-out */
#define INT_TX  (1U << 5)

struct ring {
    uint32_t in, out; /* free-running */
    uint8_t byte[RING_BYTES];
};

static struct uart {
    struct ring tx, rx;
    uint32_t plain[(UART_IMSC - UART_PLAIN) / 4];
    uint32_t imsc;
} uarts[DOMAIN_MAX]; /* by domain */

static uint32_t used(const struct ring *r)
{
    return r->in - r->out;
}

static uint32_t raw_interrupts(const struct uart *u)
{
    return (used(&u->rx) ? INT_RX : 0) | (used(&u->tx) <= RING_BYTES / 2 ? INT_TX : 0);
}

static void line_update(struct domain *d)
{
    const struct uart *u = &uarts[d->index];
    vgic_level(&d->vcpu[0], GUEST_UART_INTID, (raw_interrupts(u) & u->imsc) != 0);
}

void vuart_reset(struct domain *guest)
{
    struct uart *u = &uarts[guest->index];
    u->rx.out = u->rx.in; /* what it sent last can still be read */
    u->imsc = 0;
}

static uint32_t reg_read(struct uart *u, uint32_t offset)
{
    static const uint8_t id[8] = { 0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };
    switch (offset) {
    case UART_DR:
        return used(&u->rx) ? u->rx.byte[u->rx.out++ % RING_BYTES] : 0;
    case UART_FR:
        return (used(&u->rx) ? 0 : FR_RXFE) | (used(&u->tx) ? 0 : FR_TXFE) |
               (used(&u->tx) == RING_BYTES ? FR_TXFF : 0);
    case UART_IMSC:
        return u->imsc;
    case UART_RIS:
        return raw_interrupts(u);
    case UART_MIS:
        return raw_interrupts(u) & u->imsc;
    default:
        break;
    }
    if (offset >= UART_PLAIN && offset < UART_IMSC) return u->plain[(offset - UART_PLAIN) / 4];
    return offset >= UART_ID ? id[(offset - UART_ID) / 4] : 0;
}

static void reg_write(struct uart *u, uint32_t offset, uint32_t value)
{
    if (offset == UART_DR && used(&u->tx) < RING_BYTES) { /* guards: T-600 */
        if (used(&u->tx) == 0) domain_event();            /* main has to look */
        u->tx.byte[u->tx.in++ % RING_BYTES] = (uint8_t)value;
    } else if (offset == UART_IMSC) {
        u->imsc = value;
    } else if (offset >= UART_PLAIN && offset < UART_IMSC) {
        u->plain[(offset - UART_PLAIN) / 4] = value;
    }
}

void vuart_access(struct domain *guest, uint64_t offset, bool is_write, uint64_t *value)
{
    struct uart *u = &uarts[guest->index];
    uint32_t at = (uint32_t)offset & (PAGE_SIZE - 4); /* guards: T-601 */
    if (is_write) {
        reg_write(u, at, (uint32_t)*value);
    } else {
        *value = reg_read(u, at);
    }
    line_update(guest);
}

uint32_t vuart_take(struct domain *guest, uint8_t *out, uint32_t room_bytes)
{
    struct ring *tx = &uarts[guest->index].tx;
    uint32_t n = 0;
    while (n < room_bytes && used(tx)) out[n++] = tx->byte[tx->out++ % RING_BYTES];
    line_update(guest);
    return n;
}

uint32_t vuart_give(struct domain *guest, const uint8_t *in, uint32_t size_bytes)
{
    struct ring *rx = &uarts[guest->index].rx;
    uint32_t n = 0;
    while (n < size_bytes && used(rx) < RING_BYTES) { /* guards: T-602 */
        rx->byte[rx->in++ % RING_BYTES] = in[n++];
    }
    line_update(guest);
    return n;
}
