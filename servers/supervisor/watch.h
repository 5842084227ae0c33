/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Watches the driver domains: notices deaths, applies the policy, brings them back step by step. No system calls. */
#pragma once
#include "abi/domain.h"
#include "abi/link.h"
#include "abi/proto/supervisor.h"
#include "servers/supervisor/describe.h"
#include "servers/supervisor/events.h"
#include "servers/supervisor/policy.h"

#define WATCH_BURST_STEPS 4096 /* steps without a pause before other work gets its turn */

/* How EL2 and the clock are reached. */
struct watch_env {
    void *context; /* borrowed */
    /* One hypercall: function, x1..x5 -> x1..x6. */
    err_t (*call)(void *context, uint64_t function, const uint64_t arg[5], uint64_t result[6]);
    uint64_t (*now_ns)(void *context);
};

enum watch_phase {
    WATCH_UP = 0,      /* runs, or has never been started */
    WATCH_STEPPING,    /* dead: steps go on at at_ns */
    WATCH_OFF,         /* a guest that switched itself off */
    WATCH_GIVEN_UP,    /* stays dead until the operator says otherwise */
    WATCH_QUARANTINED, /* stays dead until a reset */
};

struct watched {
    char name[DOMAIN_NAME_MAX + 1];
    enum watch_phase phase;
    bool absent_noted;
    bool links_told; /* EL2 knows the two masks; a supervisor that was started again does not */
    uint32_t links_held, links_gone;
    bool starting;  /* the operator starts it anew: not a death to be told of */
    uint64_t at_ns; /* of the next step */
    uint64_t died_ns;
    uint64_t restart_ns; /* how long the last rebirth took; 0: none yet */
    uint32_t counted;    /* deaths that counted, all together */
    struct policy policy;
    bool switching;             /* this restart is for another link's turn */
    uint64_t trial_end_ns;      /* of the link that is alone; 0: no trial */
    uint64_t state[6];          /* of the last death: DOMAIN_ITEM_STATE */
    char cause[DESCRIBE_BYTES]; /* the same as text */
    bool dump_is_fresh;         /* it is of that death */
    size_t dump_bytes;
    struct domain_dump dump;
    struct symbols symbols; /* of its image; empty: not known */
};

struct watch {
    struct watch_env env;
    struct events *events; /* borrowed: outlives it */
    uint32_t count;        /* domains, main included */
    const struct manifest
            *manifest; /* borrowed, its hash was checked at boot; NULL: names are not known */
    struct watched domain[DOMAIN_MAX]; /* [0], main, is not watched: EL2 does that */
};

/** Learns names and number of the domains. Deaths from before are found by the first watch_run. manifest may be NULL. */
void watch_init(struct watch *w, struct watch_env env, struct events *events,
                const struct manifest *manifest);

/** The dump of the last death as text, NUL-terminated. Returns its bytes without the NUL, 0: it never died. */
size_t watch_dump_text(const struct watch *w, uint32_t index, char *out, size_t room_bytes);

/**
 * Looks at all domains and does the steps that are due. Returns when it wants to be called again (ns of env.now_ns),
 * 0: only after the next death. Context: EL0; bounded by WATCH_BURST_STEPS hypercalls for each domain.
 */
uint64_t watch_run(struct watch *w);

/** Kills a running domain. OK | ERR_NO_ENTRY no such domain | ERR_ARG main | ERR_STATE not running. */
err_t watch_kill(struct watch *w, uint32_t index);

/** Kills it when it runs, and starts it again at once, whatever the policy says. As watch_kill; ERR_QUARANTINE. */
err_t watch_restart(struct watch *w, uint32_t index);

/** Forgets its deaths; starts it when it was given up. As watch_kill; ERR_QUARANTINE. */
err_t watch_clear(struct watch *w, uint32_t index);

/**
 * A client saw domain `index` break the protocol: it is killed for that. As watch_kill. incarnation: 1 + the one that lied, when the
 * client knows it; a report about one that is gone does no harm to its successor (OK). 0: not known.
 */
err_t watch_report(struct watch *w, uint32_t index, uint32_t link, uint32_t violation,
                   uint64_t incarnation);

/** Fills *out from EL2 and the record. OK | ERR_NO_ENTRY. out->last_restart_ticks is left to the caller. */
err_t watch_info(struct watch *w, uint32_t index, struct sup_domain *out);
