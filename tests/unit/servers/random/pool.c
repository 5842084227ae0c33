/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The entropy pool with honest, lying and missing sources. */
// LINK: servers/random/pool.c lib/sha256.c lib/string.c
#include "servers/random/pool.h"

#include <string.h>

#include "lib/test.h"

static const uint8_t seed_a[32] = "seed of the first machine start",
                     seed_b[32] = "seed of the second one";

/* What a machine with this seed gives, its entropy domain answering with `constant` before each draw (-1: there is none). */
static void run(const uint8_t *seed, int constant, uint8_t out[96])
{
    struct pool p = { 0 };
    uint8_t lie[32];
    memset(lie, constant, sizeof(lie));
    if (seed) pool_mix(&p, POOL_FIRMWARE, seed, 32);
    for (int i = 0; i < 2; i++) {
        if (constant >= 0) pool_mix(&p, POOL_LINK, lie, sizeof(lie));
        EXPECT_OK(pool_draw(&p, out + 48 * i, 48));
    }
}

static bool is_constant(const uint8_t *bytes, size_t count)
{
    size_t same = 1;
    while (same < count && bytes[same] == bytes[0]) same++;
    return same == count;
}

TEST(pool, a_lying_source_takes_nothing_from_the_seed)
{
    uint8_t a[96], b[96];
    run(seed_a, 0, a);
    run(seed_b, 0, b);
    EXPECT_TRUE(memcmp(a, b, 96) != 0);
    EXPECT_TRUE(memcmp(a, a + 48, 48) != 0); /* nor does the same answer come twice */
    for (int i = 0; i < 96; i += 16) {
        EXPECT_FALSE(is_constant(a + i, 16));
        EXPECT_TRUE(memcmp(a + i, b + i, 16) != 0);
    }
}

TEST(pool, works_with_a_seed_and_no_entropy_domain)
{
    uint8_t a[96], b[96];
    run(seed_a, -1, a);
    run(seed_b, -1, b);
    EXPECT_TRUE(memcmp(a, b, 96) != 0);
    EXPECT_TRUE(memcmp(a, a + 48, 48) != 0);
}

TEST(pool, an_entropy_domain_alone_counts_but_changes_with_its_bytes)
{
    uint8_t a[96], b[96];
    run(NULL, 1, a);
    run(NULL, 2, b);
    EXPECT_TRUE(memcmp(a, b, 96) != 0);
}

TEST(pool, time_alone_gives_nothing)
{
    struct pool p = { 0 };
    uint64_t now = 12345;
    uint8_t out[4] = { 1, 2, 3, 4 };
    static const uint8_t zero[4];
    pool_mix(&p, POOL_TIME, &now, sizeof(now));
    pool_mix(&p, POOL_LINK, &now, 0); /* a domain that answers with no byte is no source */
    EXPECT_EQ(ERR_STATE, pool_draw(&p, out, sizeof(out)));
    EXPECT_BYTES(zero, out, sizeof(out));
}

TEST(pool, equal_bytes_of_two_sources_differ)
{
    struct pool p = { 0 }, q = { 0 };
    uint8_t a[32], b[32];
    pool_mix(&p, POOL_FIRMWARE, seed_a, 32);
    pool_mix(&q, POOL_LINK, seed_a, 32);
    EXPECT_OK(pool_draw(&p, a, 32));
    EXPECT_OK(pool_draw(&q, b, 32));
    EXPECT_TRUE(memcmp(a, b, 32) != 0);
}

TEST(pool, the_state_after_a_draw_does_not_give_its_bytes)
{
    struct pool p = { 0 };
    uint8_t a[32], before[32];
    pool_mix(&p, POOL_FIRMWARE, seed_a, 32);
    memcpy(before, p.state, 32);
    EXPECT_OK(pool_draw(&p, a, 32));
    EXPECT_TRUE(memcmp(p.state, before, 32) != 0);
    EXPECT_TRUE(memcmp(p.state, a, 32) != 0);
}
