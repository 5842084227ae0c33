/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Processor time of a vCPU: {budget, period} as a sporadic server, replenished lazily (POSIX 1003.1, SCHED_SPORADIC, without its flaws). */
#pragma once
#include "hyp/vcpu.h"

/** All of the budget is there. */
void budget_fill(struct vcpu *v);
/**
 * The vCPU, or EL2 for it, used the core for ran_ticks since from_ticks. What it uses comes back a period after it began to use it, in at
 * most VCPU_CHUNK_MAX pieces; with none free the last piece comes later than it could, never sooner.
 */
void budget_use(struct vcpu *v, uint64_t from_ticks, uint64_t ran_ticks);
