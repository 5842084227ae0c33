/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Judges an ELF file: which segments go where. Pure, tested on the host. */
#pragma once
#include "lib/base.h"

#define ELF_SEGMENT_MAX 8
#define ELF_ADDRESS_MIN UINT64_C(0x10000)
#define ELF_ADDRESS_END \
    UINT64_C(0x40000000) /* images lie below 1 GiB; the kernel maps "any" addresses above */

struct elf_segment {
    uint64_t address;     /* page-aligned */
    uint64_t size_bytes;  /* multiple of PAGE_SIZE */
    uint64_t file_offset; /* where its bytes lie in the file */
    uint64_t file_bytes;  /* <= size_bytes - lead_bytes */
    uint64_t lead_bytes;  /* zeros before them in the first page */
    uint32_t prot;        /* PROT_*, never W with X */
};

struct elf_plan {
    uint64_t entry;
    uint32_t segment_count;
    struct elf_segment segment[ELF_SEGMENT_MAX];
};

/**
 * Checks elf[0, elf_bytes) and fills *plan: static AArch64 executable, loads that do not overlap, share no page, stay in
 * [ELF_ADDRESS_MIN, ELF_ADDRESS_END), are not writable and executable, an entry in an executable one.
 * Returns  OK | ERR_CORRUPT
 * Context  any, host too
 */
err_t elf_plan_make(const void *elf, uint64_t elf_bytes, struct elf_plan *plan);
