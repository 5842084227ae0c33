/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the benches share: samples, their median, the cost of reading the counter. One translation unit each. */
#pragma once
#include "rt/rt.h"

#define BENCH_ROUNDS 4096
#define BENCH_WARM   64

static uint32_t bench_sample[BENCH_ROUNDS];

/** Round i (below 0: warming up) took so many instructions. */
static inline void bench_note(int i, uint64_t instructions)
{
    if (i >= 0) bench_sample[i] = (uint32_t)instructions;
}

/** Sorts the samples; returns the one in the middle. */
static inline uint32_t bench_median(void)
{
    uint32_t *s = bench_sample;
    for (size_t gap = BENCH_ROUNDS / 2; gap > 0; gap /= 2) {
        for (size_t i = gap; i < BENCH_ROUNDS; i++) {
            uint32_t x = s[i];
            size_t k = i;
            for (; k >= gap && s[k - gap] > x; k -= gap) s[k] = s[k - gap];
            s[k] = x;
        }
    }
    return s[BENCH_ROUNDS / 2];
}

/** What two back-to-back readings of the counter cost. */
static inline uint32_t bench_empty(void)
{
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        uint64_t start = rt_instructions();
        bench_note(i, rt_instructions() - start);
    }
    return bench_median();
}

/** Prints the samples as a row of bench.json, net of `loop`. */
static inline void bench_row(const char *name, uint32_t loop)
{
    uint32_t gross = bench_median();
    rt_print("bench %s %u (min %u max %u loop %u)", name, gross - loop, bench_sample[0] - loop,
             bench_sample[BENCH_ROUNDS - 1] - loop, loop);
}
