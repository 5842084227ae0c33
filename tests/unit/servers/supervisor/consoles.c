/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Consoles of guests: bounded, polite to main, and never beyond what is there. */
// LINK: servers/supervisor/consoles.c
#include "servers/supervisor/consoles.h"

#include <string.h>

#include "abi/hypercall.h"
#include "lib/test.h"

static struct {
    char out[64 * 1024]; /* what guest 1 still wants to say */
    uint64_t out_at, out_bytes;
    char in[256];
    uint64_t in_bytes, room, calls, now_ns;
} fake;
static struct consoles c;

static err_t call(void *context, uint64_t function, const uint64_t arg[5], uint64_t r[6])
{
    (void)context;
    fake.calls++;
    if (arg[0] != 1) return ERR_NO_ENTRY;
    if (function == HVC_CONSOLE_READ) {
        r[1] = MIN(fake.out_bytes - fake.out_at, (uint64_t)32);
        memcpy(&r[2], fake.out + fake.out_at, r[1]);
        fake.out_at += r[1];
        return OK;
    }
    if (arg[1] > 24) return ERR_RANGE;
    r[0] = MIN(arg[1], fake.room);
    memcpy(fake.in + fake.in_bytes, &arg[2], r[0]);
    fake.in_bytes += r[0];
    fake.room -= r[0];
    return OK;
}

static uint64_t now_ns(void *context)
{
    (void)context;
    return fake.now_ns;
}

static void start(void)
{
    const struct watch_env env = { .call = call, .now_ns = now_ns };
    memset(&fake, 0, sizeof(fake));
    fake.room = sizeof(fake.in);
    fake.now_ns = 1000;
    consoles_init(&c, env, 3);
}

static void guest_says(const char *text)
{
    memcpy(fake.out + fake.out_bytes, text, strlen(text));
    fake.out_bytes += strlen(text);
}

static const char *heard(uint64_t *position)
{
    static char out[CONSOLES_BYTES + 1];
    uint64_t got = 0;
    EXPECT_EQ(OK, consoles_read(&c, 1, position, out, CONSOLES_BYTES, &got));
    out[got] = '\0';
    return out;
}

TEST(consoles, what_a_guest_says_can_be_read_once_and_again)
{
    uint64_t position = 0, again = 0, next_ns = 0;
    start();
    guest_says("a line that is longer than one hypercall can carry\r\n");
    EXPECT_EQ(2, consoles_run(&c, &next_ns));
    EXPECT_EQ(1000 + CONSOLES_PAUSE_NS, next_ns);
    EXPECT_STR("a line that is longer than one hypercall can carry\r\n", heard(&position));
    EXPECT_STR("", heard(&position));
    EXPECT_STR("a line that is longer than one hypercall can carry\r\n", heard(&again));
}

TEST(consoles, a_flood_costs_one_look_a_pause_and_the_newest_is_kept)
{
    uint64_t position = 0, next_ns = 0, got = 0;
    static char out[2 * CONSOLES_BYTES];
    start();
    for (uint32_t i = 0; i < sizeof(fake.out); i++) fake.out[i] = (char)('a' + i % 26);
    fake.out_bytes = sizeof(fake.out);
    (void)consoles_run(&c, &next_ns);
    uint64_t calls = fake.calls;
    EXPECT_LE(70, calls);
    for (int i = 0; i < 100; i++) EXPECT_EQ(0, consoles_run(&c, &next_ns)); /* events come */
    EXPECT_EQ(calls, fake.calls);
    while (fake.out_at < fake.out_bytes) {
        fake.now_ns = next_ns;
        (void)consoles_run(&c, &next_ns);
    }
    EXPECT_EQ(OK, consoles_read(&c, 1, &position, out, sizeof(out), &got));
    EXPECT_EQ(CONSOLES_BYTES, got);
    EXPECT_EQ(sizeof(fake.out), position);
    EXPECT_BYTES(fake.out + sizeof(fake.out) - CONSOLES_BYTES, out, CONSOLES_BYTES);
}

TEST(consoles, silence_arms_nothing)
{
    uint64_t next_ns = 0;
    start();
    guest_says("x");
    (void)consoles_run(&c, &next_ns);
    fake.now_ns = next_ns;
    EXPECT_EQ(0, consoles_run(&c, &next_ns));
    EXPECT_EQ(0, next_ns);
}

TEST(consoles, a_position_from_the_future_is_the_past)
{
    uint64_t position = UINT64_MAX, next_ns = 0;
    start();
    guest_says("hello");
    (void)consoles_run(&c, &next_ns);
    EXPECT_STR("hello", heard(&position)); /* of an earlier supervisor */
    EXPECT_EQ(5, position);
}

TEST(consoles, typing_takes_what_there_is_room_for)
{
    uint64_t taken = 0;
    start();
    fake.room = 30;
    EXPECT_EQ(OK, consoles_type(&c, 1, "0123456789012345678901234567890123456789", 40, &taken));
    EXPECT_EQ(30, taken);
    EXPECT_EQ(30, fake.in_bytes);
    EXPECT_BYTES("012345678901234567890123456789", fake.in, 30);
}

TEST(consoles, only_guests_have_one)
{
    uint64_t position = 0, got = 1, taken = 1;
    char out[8];
    start();
    EXPECT_EQ(ERR_NO_ENTRY, consoles_read(&c, 0, &position, out, sizeof(out), &got));
    EXPECT_EQ(ERR_NO_ENTRY, consoles_read(&c, 3, &position, out, sizeof(out), &got));
    EXPECT_EQ(ERR_NO_ENTRY, consoles_read(&c, UINT64_MAX, &position, out, sizeof(out), &got));
    EXPECT_EQ(ERR_NO_ENTRY, consoles_type(&c, 2, "x", 1, &taken));
    EXPECT_EQ(0, taken);
}
