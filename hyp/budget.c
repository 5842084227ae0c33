/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The budget of a vCPU: a sporadic server whose used pieces come back one period after they began to be used. */
#include "hyp/budget.h"

void budget_fill(struct vcpu *v)
{
    v->cpu.left_ticks = v->cpu.budget_ticks;
    v->cpu.chunk_count = 0;
}

bool vcpu_has_budget(struct vcpu *v, uint64_t now_ticks)
{
    if (!v->cpu.period_ticks) return true;
    while (v->cpu.chunk_count && v->cpu.chunk[v->cpu.chunk_first].at_ticks <= now_ticks) {
        v->cpu.left_ticks += v->cpu.chunk[v->cpu.chunk_first].amount_ticks;
        v->cpu.chunk_first = (v->cpu.chunk_first + 1) % VCPU_CHUNK_MAX;
        v->cpu.chunk_count--;
    }
    return v->cpu.left_ticks != 0;
}

uint64_t vcpu_refill_ticks(const struct vcpu *v)
{
    return v->cpu.chunk_count ? v->cpu.chunk[v->cpu.chunk_first].at_ticks : 0;
}

void budget_use(struct vcpu *v, uint64_t from_ticks, uint64_t ran_ticks)
{
    v->cpu.run_ticks += ran_ticks;
    uint64_t used = MIN(ran_ticks, v->cpu.left_ticks), at = from_ticks + v->cpu.period_ticks;
    if (!v->cpu.period_ticks || !used) return;
    v->cpu.left_ticks -= used;
    uint32_t last = (v->cpu.chunk_first + v->cpu.chunk_count - 1) % VCPU_CHUNK_MAX;
    if (v->cpu.chunk_count) {
        /* It ran on without a break: one piece. No room: the older piece waits for the newer. */
        bool ran_on = v->cpu.until_ticks == from_ticks;
        if (ran_on || v->cpu.chunk_count == VCPU_CHUNK_MAX) {
            v->cpu.chunk[last].amount_ticks += used;
            if (!ran_on) v->cpu.chunk[last].at_ticks = at;
            v->cpu.until_ticks = from_ticks + ran_ticks;
            return;
        }
    }
    v->cpu.until_ticks = from_ticks + ran_ticks;
    last = (v->cpu.chunk_first + v->cpu.chunk_count++) % VCPU_CHUNK_MAX;
    v->cpu.chunk[last].at_ticks = at;
    v->cpu.chunk[last].amount_ticks = used;
}
