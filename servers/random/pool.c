/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The entropy pool. */
#include "servers/random/pool.h"

#include "lib/string.h"

/* One letter of purpose for each use of the hash: no output is ever a later state. */
static void derive(const struct pool *p, char purpose, uint64_t number, uint8_t out[SHA256_BYTES])
{
    struct sha256 h;
    sha256_start(&h);
    sha256_update(&h, &purpose, 1);
    sha256_update(&h, p->state, sizeof(p->state));
    sha256_update(&h, &number, sizeof(number));
    sha256_finish(&h, out);
}

void pool_mix(struct pool *p, enum pool_source source, const void *data, uint32_t size_bytes)
{
    struct sha256 h;
    uint32_t label[2] = { (uint32_t)source, size_bytes };
    sha256_start(&h);
    sha256_update(&h, "m", 1);
    sha256_update(&h, p->state, sizeof(p->state));
    sha256_update(&h, label, sizeof(label));
    sha256_update(&h, data, size_bytes);
    sha256_finish(&h, p->state);
    if (source != POOL_TIME && size_bytes != 0) p->has_secret = true;
}

err_t pool_draw(struct pool *p, uint8_t *out, uint32_t size_bytes)
{
    uint8_t block[SHA256_BYTES];
    memset(out, 0, size_bytes);
    if (!p->has_secret) return ERR_STATE; /* guards: T-890 */
    for (uint32_t at = 0; at < size_bytes; at += SHA256_BYTES) {
        derive(p, 'o', p->drawn++, block);
        memcpy(out + at, block, MIN(size_bytes - at, (uint32_t)SHA256_BYTES));
    }
    derive(p, 'n', p->drawn, block);
    memcpy(p->state, block, sizeof(p->state));
    return OK;
}
