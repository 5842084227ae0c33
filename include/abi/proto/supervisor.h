/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The supervisor: states of domains and what may be done to them. w0 = operation; answer w0 = err_t. */
#pragma once

#define SUP_ATTACH \
    1 /* handle: VMO of the caller (>= 4 KiB) -> handle: session endpoint. The rights of the endpoint it came over decide: badge SUP_BADGE_OPERATOR may do all, SUP_BADGE_CLIENT only LIST, INFO, REPORT, EVENTS; SUP_BADGE_READER also DUMP */
#define SUP_LIST \
    2 /* w1 index, w2 buffer offset -> struct sup_domain at the offset; ERR_NO_ENTRY at the end */
#define SUP_KILL    3 /* w1 index */
#define SUP_RESTART 4 /* w1 index: kill when it runs, then start; also out of give-up */
#define SUP_CLEAR \
    5 /* w1 index: forget counted deaths and the give-up state; starts it if it was given up */
#define SUP_DUMP \
    6 /* w1 index, w2 offset in the dump, w3 buffer offset, w4 bytes -> w1 bytes, w2 total */
#define SUP_REPORT \
    7 /* w1 domain index, w2 link index in the caller, w3 enum sup_violation, w4 detail, w5 1 + the incarnation that lied (0: not known): a client saw a protocol violation */
#define SUP_EVENTS \
    8 /* w1 sequence, w2 buffer offset, w3 bytes -> w1 bytes of text, w2 next sequence: one line for each event */
#define SUP_NOTIFY \
    10 /* handle: notification, w1 bits: signalled when an event was noted; one for each session */
#define SUP_CONSOLE \
    11 /* w1 index of a stock guest, w2 position, w3 buffer offset, w4 bytes -> w1 bytes that it wrote on its console, w2 next position; none: the session's notification is signalled once when there are */
#define SUP_TYPE \
    12 /* w1 index of a stock guest, w2 buffer offset, w3 bytes -> w1 bytes that its console had room for */
#define SUP_FAULTS 9 /* -> handle: endpoint for SYS_PROCESS_FAULTS */

#define SUP_BADGE_OPERATOR 1
#define SUP_BADGE_CLIENT   2
#define SUP_BADGE_READER   4
#define SUP_BADGE_FAULTS   3 /* for SYS_PROCESS_FAULTS: faults are told of, the process ends */

enum sup_violation {
    SUP_USED_ID = 1,
    SUP_USED_LEN,
    SUP_USED_IDX,
    SUP_STATUS_BYTE,
    SUP_TIMEOUT,
    SUP_CONFIG,
    SUP_RESETS /* asked for one reset after the other and completed nothing */
};

#include <stdint.h>

#include "abi/domain.h"

#define SUP_GIVEN_UP 1
#define SUP_OFF      2 /* a guest that switched itself off */

struct sup_domain {
    char name[DOMAIN_NAME_MAX];
    uint32_t index, state, generation,
            cause; /* enum domain_state, enum death_cause of the last death */
    uint64_t detail, info;
    uint64_t memory_bytes;
    uint64_t run_ticks, el2_ticks;
    uint64_t served; /* requests completed, all incarnations */
    uint32_t deaths, counted_deaths;
    uint32_t given_up; /* SUP_GIVEN_UP, SUP_OFF: it stays down until somebody says otherwise; 0 */
    uint32_t budget_us, period_us;
    uint32_t reserved;
    uint64_t
            last_restart_ticks; /* death noticed to the start of the next incarnation, CNTVCT ticks; 0: never */
    char why[128];              /* the last death in one line; "": none */
};
