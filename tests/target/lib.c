/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The assembly of lib/ against plain loops and the C version, where it runs: every alignment of both ends, lengths across each step. */
#include "lib/sha256.h"
#include "lib/string.h"
#include "rt/rt.h"

#define BYTES  1024
#define ROUNDS 3000

static struct {
    uint8_t got[BYTES], want[BYTES], other[BYTES], copy[BYTES];
    uint32_t seed;
} t;

static uint32_t next(uint32_t below)
{
    t.seed = t.seed * 1103515245 + 12345;
    return (t.seed >> 16) % below;
}

/* Fresh contents, and a place and length: every third time 8-byte aligned, so that the pair loops run. */
static void prepare(uint32_t round, uint32_t *dst, uint32_t *src, uint32_t *bytes)
{
    for (uint32_t i = 0; i < BYTES; i++) {
        t.got[i] = t.want[i] = (uint8_t)(i * 7 + round);
        t.other[i] = (uint8_t)(i * 13 + round);
    }
    *dst = next(300);
    *src = next(300);
    *bytes = next(round % 2 ? 40 : 600);
    if (round % 3 == 0) *src = (*src & ~7U) | (*dst & 7);
    if (round % 9 == 0) *dst &= ~7U, *src &= ~7U;
}

static void expect_same(uint32_t round)
{
    test_row(round);
    for (uint32_t i = 0; i < BYTES; i++) {
        if (t.got[i] != t.want[i]) {
            EXPECT_EQ(t.want[i], t.got[i]);
            return;
        }
    }
}

TEST(lib, memcpy_copies_exactly_its_bytes)
{
    uint32_t dst, src, bytes;
    t.seed = 1;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        prepare(round, &dst, &src, &bytes);
        for (volatile uint32_t i = 0; i < bytes; i++) t.want[dst + i] = t.other[src + i];
        EXPECT_TRUE(memcpy(t.got + dst, t.other + src, bytes) == t.got + dst);
        expect_same(round);
    }
}

TEST(lib, memmove_copies_overlapping_bytes_both_ways)
{
    uint32_t dst, src, bytes;
    t.seed = 2;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        prepare(round, &dst, &src, &bytes);
        for (volatile uint32_t i = 0; i < bytes; i++) t.copy[i] = t.want[src + i];
        for (volatile uint32_t i = 0; i < bytes; i++) t.want[dst + i] = t.copy[i];
        EXPECT_TRUE(memmove(t.got + dst, t.got + src, bytes) == t.got + dst);
        expect_same(round);
    }
}

TEST(lib, memset_fills_exactly_its_bytes)
{
    uint32_t dst, src, bytes;
    t.seed = 3;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        prepare(round, &dst, &src, &bytes);
        int byte = (int)round - 1000; /* only the lowest 8 bits count */
        for (volatile uint32_t i = 0; i < bytes; i++) t.want[dst + i] = (uint8_t)byte;
        EXPECT_TRUE(memset(t.got + dst, byte, bytes) == t.got + dst);
        expect_same(round);
    }
}

TEST(lib, sha256_instructions_give_what_c_gives)
{
    uint64_t isar0;
    __asm__("mrs %0, id_aa64isar0_el1" : "=r"(isar0));
    EXPECT_TRUE((isar0 >> 12 & 15) != 0);
    for (uint32_t i = 0; i < BYTES; i++) t.other[i] = (uint8_t)(i * 31 + 5);
    for (uint32_t bytes = 0; bytes < 300; bytes++) {
        test_row(bytes);
        uint8_t c[SHA256_BYTES], instructions[SHA256_BYTES];
        sha256_use_ce(false);
        sha256(t.other + bytes % 5, bytes, c);
        sha256_use_ce(true);
        sha256(t.other + bytes % 5, bytes, instructions);
        EXPECT_BYTES(c, instructions, SHA256_BYTES);
    }
}

void image_main(const struct bootinfo *boot)
{
    (void)boot;
    rt_run_tests();
    rt_poweroff();
}
