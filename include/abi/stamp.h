/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A numbered sector, as the tests of lost and repeated writes put them on disks. tests/system/blklog.py reads it. */
#pragma once
#include <stdint.h>

#define STAMP_MAGIC      UINT64_C(0x31504d4154535a5a) /* "ZZSTAMP1" little-endian */
#define STAMP_FILL_WORDS 59

struct stamp {
    uint64_t magic;
    uint64_t file;   /* number of the file, chosen by the caller */
    uint64_t block;  /* 4 KiB block in the file */
    uint64_t seq;    /* round in which it was written: never falls on a disk that keeps order */
    uint64_t sector; /* in the block */
    uint64_t fill[STAMP_FILL_WORDS]; /* all the same, made of the four above: a torn sector shows */
};
_Static_assert(sizeof(struct stamp) == 512, "one sector");
