/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What to do about the death of a domain: restart, wait first, or give up. Pure. */
#pragma once
#include "abi/domain.h"
#include "lib/base.h"

#define POLICY_HEALTHY_SERVED 64 /* an incarnation that completed so many requests was healthy */
#define POLICY_GIVE_UP_COUNT  5
#define POLICY_GIVE_UP_NS     UINT64_C(10000000000)
#define POLICY_BACK_OFF_FROM  3 /* the counted death from which on a restart waits */

/* One domain's record. */
struct policy {
    uint64_t counted_ns[POLICY_GIVE_UP_COUNT]; /* times of the last counted deaths, as a ring */
    uint32_t counted;                          /* since the last healthy incarnation or clear */
    uint32_t counted_all;                      /* ring position */
    bool given_up;
};

struct policy_verdict {
    bool counts;       /* this death counted */
    bool give_up;      /* do not restart */
    uint64_t delay_ns; /* before the restart; 0: at once */
};

/**
 * Judges a death at now_ns of an incarnation that completed `served` requests. An operator's kill is not counted; nor is
 * the death of a healthy incarnation, which also ends the back-off. 5 counted deaths within 10 s: given up.
 * Context: any.
 */
struct policy_verdict policy_judge(struct policy *p, enum death_cause cause, uint64_t served,
                                   uint64_t now_ns);

/** Forgets everything: the operator takes the responsibility. */
void policy_clear(struct policy *p);
