/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Function names of a domain's image, out of the system pack: NAME.sym, made by scripts/mkpack.py. Pure. */
#pragma once
#include "lib/base.h"

#define SYMBOLS_MAGIC      UINT64_C(0x314d59535f4f525a) /* "ZRO_SYM1" little-endian */
#define SYMBOLS_HASH_BYTES 32
#define SYMBOL_TEXT_BYTES  64 /* "name+0x12", NUL included */

/* The file: this header, `count` entries by rising address, then `names_bytes` of NUL-terminated names. */
struct symbols_header {
    uint64_t magic;
    uint32_t count, names_bytes;
    uint8_t image_hash[SYMBOLS_HASH_BYTES]; /* SHA-256 of the image that these are the names of */
};

struct symbols_entry {
    uint32_t address; /* as linked; domains lie below 4 GiB */
    uint32_t name;    /* offset in the names */
};

struct symbols {
    const struct symbols_entry *entry; /* borrowed: the file, untrusted but checked */
    const char *names;
    uint32_t count;
};

/**
 * Checks a file and takes it into use. It stays where it is, 4-byte aligned.
 * Returns  OK | ERR_CORRUPT: cut, out of order, or a name outside it | ERR_HASH: names of another image
 */
err_t symbols_open(struct symbols *s, const void *file, uint64_t file_bytes,
                   const uint8_t image_hash[SYMBOLS_HASH_BYTES]) MUST_CHECK;

/** The function around an address, NULL: none is known. *offset: from its start. s may be empty (all zero). */
const char *symbols_find(const struct symbols *s, uint64_t address, uint64_t *offset);

/** "name+0x12", or "0x1234" where no name is known. Returns out. */
const char *symbols_text(const struct symbols *s, uint64_t address, char out[SYMBOL_TEXT_BYTES]);

/** The same for a return address: a call may be the last instruction of its function. */
const char *symbols_return_text(const struct symbols *s, uint64_t address,
                                char out[SYMBOL_TEXT_BYTES]);
