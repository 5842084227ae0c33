/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The first 64 bytes of kernel and domain images (flat binaries), written by their linker scripts. */
#pragma once
#include <stdint.h>

#define IMAGE_MAGIC 0x474d495aU /* "ZIMG" little-endian */

/*
 * Layout of a flat image: [0, text_bytes) read-only and executable, [text_bytes, text_bytes +
 * rodata_bytes) read-only, the rest of the file and bss up to mem_bytes read-write. All three
 * bounds are multiples of 4 KiB; the entry is the first instruction of the file.
 */
struct image_header {
    uint32_t branch;       /* b entry */
    uint32_t magic;        /* IMAGE_MAGIC */
    uint64_t text_bytes;   /* executable part, from offset 0 */
    uint64_t rodata_bytes; /* read-only part after it */
    uint64_t file_bytes;   /* size of the file */
    uint64_t mem_bytes;    /* file plus bss, stack included */
    uint64_t reserved[3];  /* 0 */
};
_Static_assert(sizeof(struct image_header) == 64, "linker scripts reserve 64 bytes");
