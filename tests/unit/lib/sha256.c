/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* SHA-256 against the vectors of FIPS 180-4 and against itself in pieces. */
#include "lib/sha256.h"

#include <string.h>

#include "lib/format.h"
#include "lib/test.h"
// LINK: lib/sha256.c lib/format.c

static const char *hex_of(const uint8_t hash[SHA256_BYTES])
{
    static char text[2 * SHA256_BYTES + 1];
    for (int i = 0; i < SHA256_BYTES; i++) format(text + 2 * i, 3, "%02x", hash[i]);
    return text;
}

TEST(sha256, knows_the_published_vectors)
{
    static const struct {
        const char *text, *want;
    } row[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
          "lmnopqrs"
          "mnopqrstnopqrstu",
          "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        test_row((int64_t)i);
        uint8_t hash[SHA256_BYTES];
        sha256(row[i].text, strlen(row[i].text), hash);
        EXPECT_STR(row[i].want, hex_of(hash));
    }
}

TEST(sha256, a_million_a)
{
    static uint8_t block[1000];
    memset(block, 'a', sizeof(block));
    struct sha256 h;
    uint8_t hash[SHA256_BYTES];
    sha256_start(&h);
    for (int i = 0; i < 1000; i++) sha256_update(&h, block, sizeof(block));
    sha256_finish(&h, hash);
    EXPECT_STR("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", hex_of(hash));
}

TEST(sha256, pieces_of_any_size_give_the_same_hash)
{
    uint8_t data[300];
    for (size_t i = 0; i < sizeof(data); i++) data[i] = (uint8_t)(i * 31 + 7);
    for (size_t total = 0; total <= sizeof(data); total += 13) {
        uint8_t want[SHA256_BYTES], got[SHA256_BYTES];
        sha256(data, total, want);
        for (size_t step = 1; step <= 130; step += 3) {
            struct sha256 h;
            sha256_start(&h);
            for (size_t at = 0; at < total; at += step) {
                sha256_update(&h, data + at, MIN(step, total - at));
            }
            sha256_finish(&h, got);
            EXPECT_BYTES(want, got, SHA256_BYTES);
        }
    }
}

TEST(sha256, one_bit_changes_the_hash)
{
    uint8_t data[100] = { 0 }, before[SHA256_BYTES], after[SHA256_BYTES];
    sha256(data, sizeof(data), before);
    data[99] ^= 1;
    sha256(data, sizeof(data), after);
    EXPECT_TRUE(memcmp(before, after, SHA256_BYTES) != 0);
}
