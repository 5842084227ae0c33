/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The entropy pool: everything is mixed in with SHA-256, so that no source can take away what another gave. Pure. */
#pragma once
#include "lib/sha256.h"

/* Whose bytes are mixed: part of what is hashed, so that equal bytes of two sources differ. */
enum pool_source { POOL_FIRMWARE = 1, POOL_LINK, POOL_TIME };

struct pool {
    uint8_t state[SHA256_BYTES]; /* secret; all zero at first */
    uint64_t drawn;              /* blocks given so far */
    bool has_secret;             /* a source that can be a secret was mixed: time is none */
};

/** state := SHA256("mix", state, source, size, bytes). */
void pool_mix(struct pool *p, enum pool_source source, const void *data, uint32_t size_bytes);

/**
 * Fills out. Afterwards the state has moved on: who sees it then cannot find these bytes.
 * Returns OK | ERR_STATE: only time was mixed so far, out is zeroed
 */
err_t pool_draw(struct pool *p, uint8_t *out, uint32_t size_bytes) MUST_CHECK;
