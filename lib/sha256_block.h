/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Between sha256.c and its assembly variant only. */
#pragma once
#include "lib/base.h"

#if defined(__aarch64__)
#define SHA256_HAS_CE 1
#else
#define SHA256_HAS_CE 0
#endif

extern const uint32_t sha256_round_constants[64];

/** lib/aarch64/sha256_ce.S: compresses block_count blocks of 64 bytes into state. Clobbers v0..v7, v16, v17. */
void sha256_blocks_ce(uint32_t state[8], const void *data, uint64_t block_count);
