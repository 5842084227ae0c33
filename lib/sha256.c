/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* SHA-256: padding and the portable compression function. */
#include "lib/sha256.h"

#include "lib/sha256_block.h"
#include "lib/string.h"

const uint32_t sha256_round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static const uint32_t initial_state[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                           0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

/* Set once at start, before a second core runs. */
static bool use_ce;

void sha256_use_ce(bool present)
{
    use_ce = present;
}

static uint32_t rotate(uint32_t x, unsigned count)
{
    return x >> count | x << (32 - count);
}

static uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store_be32(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 24);
    p[1] = (uint8_t)(value >> 16);
    p[2] = (uint8_t)(value >> 8);
    p[3] = (uint8_t)value;
}

static void one_block(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64];
    for (int i = 0; i < 16; i++) w[i] = load_be32(block + 4 * i);
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; i++) {
        uint32_t t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) +
                      sha256_round_constants[i] + w[i];
        uint32_t t2 =
                (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t1;
        d = c, c = b, b = a, a = t1 + t2;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

static void compress(uint32_t state[8], const void *data, uint64_t block_count)
{
    if (SHA256_HAS_CE && use_ce) {
        sha256_blocks_ce(state, data, block_count);
        return;
    }
    const uint8_t *block = data;
    for (uint64_t i = 0; i < block_count; i++) one_block(state, block + i * SHA256_BLOCK_BYTES);
}

void sha256_start(struct sha256 *h)
{
    memcpy(h->state, initial_state, sizeof(h->state));
    h->total_bytes = 0;
}

void sha256_update(struct sha256 *h, const void *data, size_t size_bytes)
{
    const uint8_t *p = data;
    size_t held = (size_t)(h->total_bytes % SHA256_BLOCK_BYTES);
    h->total_bytes += size_bytes;
    if (held != 0) {
        size_t take = MIN(SHA256_BLOCK_BYTES - held, size_bytes);
        memcpy(h->block + held, p, take);
        if (held + take < SHA256_BLOCK_BYTES) return;
        compress(h->state, h->block, 1);
        p += take;
        size_bytes -= take;
    }
    size_t whole_blocks = size_bytes / SHA256_BLOCK_BYTES;
    if (whole_blocks > 0) compress(h->state, p, whole_blocks);
    size_t rest_bytes = size_bytes % SHA256_BLOCK_BYTES;
    if (rest_bytes > 0) memcpy(h->block, p + size_bytes - rest_bytes, rest_bytes);
}

void sha256_finish(struct sha256 *h, uint8_t out[SHA256_BYTES])
{
    uint8_t tail[2 * SHA256_BLOCK_BYTES] = { 0x80 };
    uint64_t bit_count = h->total_bytes * 8;
    size_t held = (size_t)(h->total_bytes % SHA256_BLOCK_BYTES);
    /* One 0x80, zeros, and the length in bits in the last 8 bytes of a block. */
    size_t tail_bytes = (held < 56 ? SHA256_BLOCK_BYTES : 2 * SHA256_BLOCK_BYTES) - held;
    store_be32(tail + tail_bytes - 8, (uint32_t)(bit_count >> 32));
    store_be32(tail + tail_bytes - 4, (uint32_t)bit_count);
    sha256_update(h, tail, tail_bytes);
    for (int i = 0; i < 8; i++) store_be32(out + 4 * i, h->state[i]);
}

void sha256(const void *data, size_t size_bytes, uint8_t out[SHA256_BYTES])
{
    struct sha256 h;
    sha256_start(&h);
    sha256_update(&h, data, size_bytes);
    sha256_finish(&h, out);
}
