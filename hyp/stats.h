/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Counters that HVC_STATS reads. */
#pragma once
#include "abi/hypercall.h"
#include "lib/base.h"

struct hyp_stats {
    uint64_t value[HYP_STAT_COUNT];
};
extern struct hyp_stats hyp_stats; /* one core for now; hyp/hypercall.c owns it */
