/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Reading a static ELF64 program: a checked walk over its segments. */
#pragma once
#include "lib/base.h"

struct elf_segment {
    uint64_t va, mem_bytes; /* page-aligned start; rounded up to pages */
    uint64_t lead_bytes;    /* zero bytes before the data in the first page */
    const uint8_t *data;    /* in the file */
    uint64_t data_bytes;    /* lead + data <= mem */
    bool is_writable, is_executable;
};

/** Entry address of a static AArch64 program. ERR_CORRUPT: not one, or its tables lie outside the file. */
err_t elf_entry(const void *file, uint64_t file_bytes, uint64_t *entry) MUST_CHECK;
/**
 * Segment idx of the loadable ones. elf_entry said OK for this file.
 * Returns OK | ERR_NO_ENTRY: no more | ERR_CORRUPT: outside the file or the address space, or writable and executable
 */
err_t elf_segment_get(const void *file, uint64_t file_bytes, uint32_t idx,
                      struct elf_segment *out) MUST_CHECK;
