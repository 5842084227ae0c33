/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The seam: all that hyp/ asks of the CPU. hyp/aarch64/ has the real one, tests/fake/ a recording one. */
#pragma once
#include "hyp/addr.h"
#include "lib/base.h"

/** CNTPCT_EL0. */
uint64_t arch_ticks(void);
/** CNTFRQ_EL0, Hz. */
uint64_t arch_freq_hz(void);
uint64_t arch_ns_to_ticks(uint64_t ns);
uint64_t arch_ticks_to_ns(uint64_t ticks);

/** Invalidates all stage-1 and stage-2 translations of a VMID, on every core; complete when it returns. */
void arch_tlb_flush_vmid(uint16_t vmid, pa_t s2_root);

/**
 * Memory of a domain, reached through a small window of EL2's own map. At most ARCH_CHUNK_MAX bytes a call, within one 64 KiB-aligned block.
 * zero and copy clean the written lines to the point of coherency; copy_code also makes them good for instruction fetch.
 */
#define ARCH_CHUNK_MAX KIB(64)
void arch_mem_zero(pa_t dst, uint64_t size_bytes);
void arch_mem_copy_in(pa_t dst, const void *src, uint64_t size_bytes, bool is_code);
void arch_mem_copy_out(void *dst, pa_t src, uint64_t size_bytes);

/**
 * Maps one page of a window at EL2, read-only, for the lifetime of a queue (avail.idx, used.idx). At most ARCH_PEEK_MAX at a time.
 * Returns NULL when none is free.
 */
#define ARCH_PEEK_MAX 32
const volatile void *arch_peek_map(pa_t page);
void arch_peek_unmap(const volatile void *page);
/** One 16-bit load, single-copy atomic, acquire. */
uint16_t arch_load16(const volatile void *p);

/** Full barrier to the system. */
void arch_dsb(void);
/** EL2's physical timer: an interrupt at this CNTPCT value; UINT64_MAX disarms. Counts in HYP_STAT_TIMER_WRITES. */
void arch_timer_set(uint64_t cval_ticks);
