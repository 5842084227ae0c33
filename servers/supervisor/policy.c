/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Restart policy, design.md section 5. */
#include "servers/supervisor/policy.h"

static bool is_too_many(const struct policy *p, uint64_t now_ns)
{
    if (p->counted_all < POLICY_GIVE_UP_COUNT) return false;
    /* The oldest entry of the full ring is the fifth death back, this one included. */
    uint64_t oldest_ns = p->counted_ns[p->counted_all % POLICY_GIVE_UP_COUNT];
    return now_ns - oldest_ns <= POLICY_GIVE_UP_NS;
}

static uint64_t back_off_ns(uint32_t counted)
{
    static const uint64_t delay_ns[] = { 10000000, 100000000, 1000000000 };
    if (counted < POLICY_BACK_OFF_FROM) return 0;
    return delay_ns[MIN(counted - POLICY_BACK_OFF_FROM, ARRAY_COUNT(delay_ns) - 1)];
}

struct policy_verdict policy_judge(struct policy *p, enum death_cause cause, uint64_t served,
                                   uint64_t now_ns)
{
    struct policy_verdict verdict = { .give_up = p->given_up };
    if (cause == CAUSE_KILLED) return verdict;
    if (served >= POLICY_HEALTHY_SERVED) {
        p->counted = 0;
        return verdict;
    }
    p->counted_ns[p->counted_all % POLICY_GIVE_UP_COUNT] = now_ns;
    p->counted_all++;
    p->counted++;
    p->given_up = p->given_up || is_too_many(p, now_ns);
    verdict.counts = true;
    verdict.give_up = p->given_up;
    verdict.delay_ns = verdict.give_up ? 0 : back_off_ns(p->counted);
    return verdict;
}

void policy_clear(struct policy *p)
{
    *p = (struct policy){ 0 };
}
