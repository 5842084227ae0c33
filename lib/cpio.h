/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The system pack: a cpio archive in "newc" format. Untrusted until its files are hashed: every field is checked. */
#pragma once
#include "lib/base.h"

struct cpio_file {
    const char *name; /* in the pack, NUL-terminated */
    const void *data; /* in the pack; 4-byte aligned when the pack is */
    uint64_t size_bytes;
    uint32_t mode; /* as in stat */
};

/**
 * The next file. *at is the position: 0 at first, moved on by OK.
 * Returns  OK | ERR_NO_ENTRY: the end (trailer) | ERR_CORRUPT: not a newc archive, or a field points outside it
 * Context  any; O(name)
 */
err_t cpio_next(const void *pack, uint64_t pack_bytes, uint64_t *at,
                struct cpio_file *out) MUST_CHECK;

/** Finds a file by its exact name ("./x" in the pack also answers to "x"). Errors as cpio_next. Context: any; O(files). */
err_t cpio_find(const void *pack, uint64_t pack_bytes, const char *name, const void **data,
                uint64_t *size_bytes) MUST_CHECK;
