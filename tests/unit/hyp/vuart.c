/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The PL011 of stock guests: flow control instead of loss, a level interrupt, and nothing outside its rings. */
// LINK: hyp/vuart.c
#include "hyp/vuart.h"

#include <string.h>

#include "lib/test.h"

#define DR   0x00
#define FR   0x18
#define IBRD 0x24
#define IMSC 0x38
#define RIS  0x3c
#define MIS  0x40
#define RXFE (1U << 4)
#define TXFF (1U << 5)
#define TXFE (1U << 7)

static struct domain guest[DOMAIN_MAX];
static uint32_t events;
static bool line;

void domain_event(void)
{
    events++;
}
void vgic_level(struct vcpu *v, uint32_t intid, bool high)
{
    EXPECT_EQ(GUEST_UART_INTID, intid);
    EXPECT_TRUE(v == &guest[3].vcpu[0] || v == &guest[2].vcpu[0]);
    line = high;
}

static uint64_t get(uint64_t offset)
{
    uint64_t value = UINT64_MAX;
    vuart_access(&guest[3], offset, false, &value);
    return value;
}

static void set(uint64_t offset, uint64_t value)
{
    vuart_access(&guest[3], offset, true, &value);
}

static void start(void)
{
    uint8_t out[32];
    for (uint32_t i = 0; i < DOMAIN_MAX; i++) guest[i].index = i;
    while (vuart_take(&guest[3], out, sizeof(out))) continue;
    vuart_reset(&guest[3]);
    events = 0;
}

TEST(vuart, what_the_guest_sends_main_takes_in_order_after_one_event)
{
    uint8_t out[32];
    start();
    EXPECT_EQ(RXFE | TXFE, get(FR));
    set(DR, 'h');
    set(DR, 'i');
    EXPECT_EQ(1, events);
    EXPECT_EQ(RXFE, get(FR));
    EXPECT_EQ(2, vuart_take(&guest[3], out, sizeof(out)));
    EXPECT_BYTES("hi", out, 2);
    EXPECT_EQ(RXFE | TXFE, get(FR));
    set(DR, '!');
    EXPECT_EQ(2, events);
}

TEST(vuart, a_full_line_holds_the_guest_and_keeps_what_it_has)
{
    uint8_t out[32];
    uint32_t sent = 0, got = 0;
    start();
    while (!(get(FR) & TXFF)) set(DR, sent++ & 0x7f);
    EXPECT_EQ(512, sent);
    for (uint32_t i = 0; i < 1000; i++) set(DR, 0xff); /* it does not look at TXFF */
    for (uint32_t n; (n = vuart_take(&guest[3], out, sizeof(out))) != 0; got += n) {
        for (uint32_t i = 0; i < n; i++) EXPECT_EQ((got + i) & 0x7f, out[i]);
    }
    EXPECT_EQ(512, got);
    EXPECT_EQ(1, events);
}

TEST(vuart, main_types_no_more_than_there_is_room_for)
{
    static uint8_t in[600];
    start();
    for (uint32_t i = 0; i < sizeof(in); i++) in[i] = (uint8_t)(i * 3);
    EXPECT_EQ(512, vuart_give(&guest[3], in, sizeof(in)));
    EXPECT_EQ(0, vuart_give(&guest[3], in, 1));
    for (uint32_t i = 0; i < 512; i++) EXPECT_EQ((uint8_t)(i * 3), get(DR));
    EXPECT_EQ(RXFE | TXFE, get(FR));
    EXPECT_EQ(0, get(DR));
}

TEST(vuart, the_interrupt_is_a_level_of_what_is_unmasked)
{
    uint8_t out[32];
    start();
    EXPECT_FALSE(line);
    set(IMSC, 0x20); /* transmit: there is room */
    EXPECT_TRUE(line);
    EXPECT_EQ(0x20, get(MIS));
    while (get(RIS) & 0x20) set(DR, 'x');
    EXPECT_FALSE(line);
    while (vuart_take(&guest[3], out, sizeof(out))) continue;
    EXPECT_TRUE(line);
    set(IMSC, 0x10); /* receive */
    EXPECT_FALSE(line);
    EXPECT_EQ(1, vuart_give(&guest[3], (const uint8_t *)"a", 1));
    EXPECT_TRUE(line);
    EXPECT_EQ('a', get(DR));
    EXPECT_FALSE(line);
    (void)vuart_give(&guest[3], (const uint8_t *)"b", 1);
    vuart_reset(&guest[3]);
    EXPECT_EQ(RXFE | TXFE, get(FR)); /* typed before the restart */
    EXPECT_EQ(0, get(IMSC));
}

TEST(vuart, every_offset_answers_and_none_reaches_another_guest)
{
    uint64_t value = 0;
    start();
    for (uint64_t offset = 0; offset < 3 * VUART_BYTES; offset++) {
        set(offset & ~0x3fUL ? offset : IBRD, UINT64_MAX);
        (void)get(offset);
    }
    start();
    set(IBRD, 13);
    EXPECT_EQ(13, get(IBRD));
    EXPECT_EQ(13, get(IBRD + 2)); /* words only */
    vuart_access(&guest[2], IBRD, false, &value);
    EXPECT_EQ(0, value);
    EXPECT_EQ(0x11, get(0xfe0)); /* PrimeCell: what a driver looks for */
    EXPECT_EQ(0xb1, get(0xffc));
    EXPECT_EQ(0, get(0x100));
}
