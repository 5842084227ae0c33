/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The PL011 driver against a register model. */
// LINK: drivers/uart/pl011.c
#include "drivers/uart/pl011.h"

#include <string.h>

#include "lib/mmio.h"
#include "lib/test.h"

#define FIFO 32

static struct {
    uint8_t page[4096];
    uint32_t rx[64];
    size_t rx_at, rx_end;
    char tx[64];
    size_t tx_count, tx_room;
    uint32_t lcr, cr, imsc, icr, ifls;
    bool busy;
} m;

static size_t reg_of(const volatile void *reg)
{
    return (size_t)((const volatile uint8_t *)reg - m.page);
}

uint32_t mmio_read32(const volatile void *reg)
{
    switch (reg_of(reg)) {
    case 0x000:
        return m.rx_at < m.rx_end ? m.rx[m.rx_at++] : 0;
    case 0x018:
        return (m.busy ? 8U : 0) | (m.rx_at == m.rx_end ? 0x10U : 0) |
               (m.tx_room == 0 ? 0x20U : 0) | (m.tx_room == FIFO ? 0x80U : 0);
    case 0x02c:
        return m.lcr;
    case 0x030:
        return m.cr;
    default:
        test_fail_note(__FILE__, __LINE__, "read of an unexpected register");
        return 0;
    }
}

void mmio_write32(volatile void *reg, uint32_t value)
{
    switch (reg_of(reg)) {
    case 0x000:
        EXPECT_NE(0, m.tx_room);
        m.tx[m.tx_count++] = (char)value;
        m.tx_room--;
        break;
    case 0x02c:
        m.lcr = value;
        break;
    case 0x030:
        m.cr = value;
        break;
    case 0x034:
        m.ifls = value;
        break;
    case 0x038:
        m.imsc = value;
        break;
    case 0x044:
        m.icr |= value;
        break;
    default:
        test_fail_note(__FILE__, __LINE__, "write of an unexpected register");
    }
}

static struct pl011 fresh(void)
{
    struct pl011 u;
    memset(&m, 0, sizeof(m));
    m.tx_room = FIFO;
    m.lcr = 0x60; /* 8 bits, as the firmware left it */
    pl011_start(&u, m.page);
    return u;
}

TEST(pl011, start_keeps_the_format_and_asks_for_received_bytes_only)
{
    (void)fresh();
    EXPECT_EQ(0x70, m.lcr);
    EXPECT_EQ(0x301, m.cr);
    EXPECT_EQ(0x50, m.imsc);
    EXPECT_EQ(0x7ff, m.icr);
}

TEST(pl011, read_takes_what_is_there_and_drops_errors)
{
    uint8_t out[8] = { 0 };
    struct pl011 u = fresh();
    const uint32_t rx[] = { 'a', 0x400 | 'b', 'c', 0x100 | 'd', 'e' };
    memcpy(m.rx, rx, sizeof(rx));
    m.rx_end = 5;
    EXPECT_EQ(2, pl011_read(&u, out, 2));
    EXPECT_EQ(1, pl011_read(&u, out + 2, 6));
    EXPECT_STR("ace", (const char *)out);
    EXPECT_EQ(0, pl011_read(&u, out, 8));
}

TEST(pl011, write_stops_at_a_full_fifo)
{
    struct pl011 u = fresh();
    m.tx_room = 3;
    EXPECT_EQ(3, pl011_write(&u, (const uint8_t *)"hello", 5));
    EXPECT_EQ(0, pl011_write(&u, (const uint8_t *)"lo", 2));
    EXPECT_EQ(0, memcmp(m.tx, "hel", 3));
}

TEST(pl011, room_is_asked_for_and_taken_back)
{
    struct pl011 u = fresh();
    pl011_want_room(&u, true);
    EXPECT_EQ(0x70, m.imsc);
    pl011_want_room(&u, false);
    EXPECT_EQ(0x50, m.imsc);
}

TEST(pl011, idle_means_fifo_and_line_are_empty)
{
    struct pl011 u = fresh();
    EXPECT_EQ(true, pl011_is_idle(&u));
    m.busy = true;
    EXPECT_EQ(false, pl011_is_idle(&u));
    m.busy = false;
    m.tx_room = 5;
    EXPECT_EQ(false, pl011_is_idle(&u));
}
