/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What to do about the death of a domain: restart, wait first, blame one of its links, or give up. Pure. */
#pragma once
#include "abi/domain.h"
#include "lib/base.h"

#define POLICY_HEALTHY_SERVED 64 /* an incarnation that completed so many requests was healthy */
#define POLICY_GIVE_UP_COUNT  5
#define POLICY_GIVE_UP_NS     UINT64_C(10000000000)
#define POLICY_BACK_OFF_FROM  3 /* the counted death from which on a restart waits */
#define POLICY_BLAME_MAX      2 /* deaths with one link only, until that link is detached */
#define POLICY_TRIAL_NS       UINT64_C(500000000) /* how long a link is alone */

/* Times of the last deaths of one kind, as a ring. */
struct policy_ring {
    uint64_t at_ns[POLICY_GIVE_UP_COUNT];
    uint32_t count; /* since the beginning: the ring's position */
};

/*
 * One domain's record. A server of several links that keeps dying (third counted death in a row, or five deaths of any kind but kills
 * within 10 s) is put on trial: its incarnations get one link after the other, each for POLICY_TRIAL_NS. A death with requests of
 * the one link in hand blames that link; the second one detaches it for good. When all had their turn, all that are left come back.
 */
struct policy {
    uint32_t served_links; /* mask of the links that it serves; set once */
    struct policy_ring counted, deaths;
    uint32_t row; /* counted deaths since the last healthy incarnation or clear */
    bool given_up;
    uint32_t detached; /* mask */
    uint32_t on_trial; /* mask of one link; 0: no trial */
    uint32_t tried;    /* mask, of this trial */
    uint8_t blame[LINK_MAX];
};

struct policy_death {
    enum death_cause cause;
    uint64_t served; /* requests that the incarnation completed */
    uint64_t now_ns;
    uint32_t busy_links; /* mask of links with requests in hand */
};

struct policy_verdict {
    bool counts;       /* this death counted */
    bool give_up;      /* do not restart */
    uint64_t delay_ns; /* before the restart; 0: at once */
    uint32_t detach;   /* mask of the link that was detached by this death; 0: none */
    bool begins_trial;
};

/**
 * Judges a death. An operator's kill is not counted, nor is a guest (a domain that serves nobody) that switched itself off; nor is the death of a
 * healthy incarnation, which also ends the back-off. 5 counted deaths within 10 s: given up; so is a server whose links are all
 * detached. Deaths on trial blame a link instead of counting. Context: any.
 */
struct policy_verdict policy_judge(struct policy *p, const struct policy_death *death);

/** The link on trial had its time: the next one's turn, or all links again. The domain is restarted for it. */
void policy_next_trial(struct policy *p);

/** Mask of the links that the next incarnation does not get though they are not detached. */
uint32_t policy_held_links(const struct policy *p);

/** Forgets everything, detached links too: the operator takes the responsibility. */
void policy_clear(struct policy *p);
