/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Restart policy, design.md section 5. */
#include "servers/supervisor/policy.h"

static void ring_add(struct policy_ring *r, uint64_t now_ns)
{
    r->at_ns[r->count++ % POLICY_GIVE_UP_COUNT] = now_ns;
}

/* Five within ten seconds, the newest included: the oldest entry of the full ring is the fifth back. */
static bool ring_is_dense(const struct policy_ring *r, uint64_t now_ns)
{
    if (r->count < POLICY_GIVE_UP_COUNT) return false;
    return now_ns - r->at_ns[r->count % POLICY_GIVE_UP_COUNT] <= POLICY_GIVE_UP_NS;
}

static uint64_t back_off_ns(uint32_t row)
{
    static const uint64_t delay_ns[] = { 10000000, 100000000, 1000000000 };
    if (row < POLICY_BACK_OFF_FROM) return 0;
    return delay_ns[MIN(row - POLICY_BACK_OFF_FROM, ARRAY_COUNT(delay_ns) - 1)];
}

static uint32_t links_left(const struct policy *p)
{
    return p->served_links & ~p->detached;
}

static bool is_several(uint32_t mask)
{
    return (mask & (mask - 1)) != 0;
}

/* Counting starts anew: what came before was the blamed link's doing, or is on trial now. */
static void forget_deaths(struct policy *p)
{
    p->counted = p->deaths = (struct policy_ring){ 0 };
    p->row = 0;
}

static void begin_trial(struct policy *p)
{
    uint32_t left = links_left(p);
    p->tried = 0;
    p->on_trial = left & (0 - left);
    forget_deaths(p);
}

/* The link on trial killed its server. Returns its mask when it is detached by that. */
static uint32_t blame(struct policy *p)
{
    uint32_t link = p->on_trial;
    if (++p->blame[__builtin_ctz(link)] < POLICY_BLAME_MAX) return 0;
    p->detached |= link;
    p->on_trial = 0;
    forget_deaths(p);
    if (links_left(p) == 0) {
        p->given_up = true;
    }
    return link;
}

static void count(struct policy *p, uint64_t now_ns, struct policy_verdict *verdict)
{
    ring_add(&p->counted, now_ns);
    p->row++;
    p->given_up = p->given_up || ring_is_dense(&p->counted, now_ns);
    verdict->counts = true;
    verdict->delay_ns = p->given_up ? 0 : back_off_ns(p->row);
}

struct policy_verdict policy_judge(struct policy *p, const struct policy_death *death)
{
    struct policy_verdict verdict = { .give_up = p->given_up };
    bool by_own_will = death->cause == CAUSE_OFF && p->served_links == 0; /* a guest's shutdown */
    if (death->cause == CAUSE_KILLED || by_own_will) return verdict;
    if ((p->on_trial & death->busy_links) != 0) {
        verdict.detach = blame(p);
        verdict.give_up = p->given_up;
        return verdict;
    }
    ring_add(&p->deaths, death->now_ns);
    if (death->served >= POLICY_HEALTHY_SERVED) {
        p->row = 0;
    } else {
        count(p, death->now_ns, &verdict);
    }
    bool keeps_dying = p->row >= POLICY_BACK_OFF_FROM || ring_is_dense(&p->deaths, death->now_ns);
    if (keeps_dying && !p->given_up && p->on_trial == 0 && is_several(links_left(p))) {
        begin_trial(p);
        verdict.begins_trial = true;
    }
    verdict.give_up = p->given_up;
    return verdict;
}

void policy_next_trial(struct policy *p)
{
    p->tried |= p->on_trial;
    uint32_t left = links_left(p) & ~p->tried;
    p->on_trial = left & (0 - left);
}

uint32_t policy_held_links(const struct policy *p)
{
    return p->on_trial != 0 ? links_left(p) & ~p->on_trial : 0;
}

void policy_clear(struct policy *p)
{
    *p = (struct policy){ .served_links = p->served_links };
}
