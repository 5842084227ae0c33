/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* SHA-256 (FIPS 180-4), in C and with Armv8's SHA2 instructions. */
#pragma once
#include "lib/base.h"

#define SHA256_BYTES       32
#define SHA256_BLOCK_BYTES 64

struct sha256 {
    uint32_t state[8];
    uint64_t total_bytes;
    uint8_t block[SHA256_BLOCK_BYTES]; /* total_bytes % 64 of them wait here */
};

/**
 * Chooses the SHA2 instructions (ID_AA64ISAR0_EL1.SHA2 != 0) or the C version, the default. With them v0..v7, v16 and v17
 * are clobbered by every update and finish: call them only where FP/SIMD is not trapped and nobody's vectors are live.
 * Does nothing on the host.
 * Context: once, at start
 */
void sha256_use_ce(bool present);

void sha256_start(struct sha256 *h);
void sha256_update(struct sha256 *h, const void *data, size_t size_bytes);
void sha256_finish(struct sha256 *h, uint8_t out[SHA256_BYTES]);
/** All of it in one call. Context: any; O(size). */
void sha256(const void *data, size_t size_bytes, uint8_t out[SHA256_BYTES]);
