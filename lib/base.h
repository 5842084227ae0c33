/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Shared vocabulary: sizes, bit fields, checks. The only place, with mmio.h and aarch64/, for compiler extensions. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/err.h"

#define STATIC_ASSERT  _Static_assert
#define MUST_CHECK     __attribute__((warn_unused_result))
#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
/* Code and constants of the boot, dropped before the first domain runs. */
#define INIT_CODE        __attribute__((section(".init.text")))
#define INIT_DATA        __attribute__((section(".init.rodata")))
#define KIB(n)           (UINT64_C(1024) * (n))
#define MIB(n)           (KIB(1024) * (n))
#define GIB(n)           (MIB(1024) * (n))
#define PAGE_SIZE        KIB(4)
#define PAGE_SHIFT       12
#define MIN(a, b)        ((a) < (b) ? (a) : (b))
#define MAX(a, b)        ((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a)   (((x) + ((a)-1)) & ~((uint64_t)(a)-1))
#define ALIGN_DOWN(x, a) ((x) & ~((uint64_t)(a)-1))

/* Bits hi..lo inclusive, the way the Arm ARM and virtio print them. */
#define BITS(hi, lo)       ((UINT64_MAX >> (63 - (hi))) & (UINT64_MAX << (lo)))
#define BIT(n)             (UINT64_C(1) << (n))
#define FIELD(mask, value) ((uint64_t)(value) * ((mask) & (0 - (mask))))
#define FIELD_OF(mask, r)  (((r) & (mask)) / ((mask) & (0 - (mask))))

/* Distinct types: passing an IPA where a PA is wanted does not compile. */
typedef struct {
    uint64_t raw;
} pa_t; /* physical */
typedef struct {
    uint64_t raw;
} ipa_t; /* what a domain calls physical */

/**
 * Stops for good: prints what failed and where. Each program defines it.
 * Context  any; never returns
 */
_Noreturn void panic_at(const char *what, const char *file, int line);

/* Our own bug: stop. Never for anything that a guest, device, domain or manifest can cause. */
#define CHECK(cond) ((cond) ? (void)0 : panic_at("check failed", __FILE__, __LINE__))

/** True when [start, start + size) neither is empty, nor wraps, nor ends past end (exclusive). Context: any. */
static inline bool range_is_inside(uint64_t start, uint64_t size_bytes, uint64_t first,
                                   uint64_t end)
{
    return size_bytes != 0 && start >= first && start <= end && size_bytes <= end - start;
}

/** True when two ranges share a byte. Neither may wrap. Context: any. */
static inline bool ranges_overlap(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
    return a < b + b_bytes && b < a + a_bytes;
}
