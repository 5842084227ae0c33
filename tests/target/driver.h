/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Main's hold on the driver domain of a target test: its state, its end, its rebirth. One translation unit each. */
#pragma once
#include "rt/rt.h"

#define DRIVER           1
#define DRIVER_STEPS_MAX 100000

struct driver_state {
    uint64_t state, generation, cause, detail, info, deaths;
};

static inline struct driver_state driver_look(void)
{
    uint64_t x[7] = { 0 };
    EXPECT_OK(rt_call(HVC_DOMAIN_INFO, DRIVER, DOMAIN_ITEM_STATE, 0, x));
    return (struct driver_state){ x[1], x[2], x[3], x[4], x[5], x[6] };
}

static inline void driver_kill_if_alive(void)
{
    if (driver_look().state == DOMAIN_RUNNING)
        EXPECT_OK(rt_call(HVC_DOMAIN_KILL, DRIVER, CAUSE_KILLED, 0, NULL));
}

/** Brings the dead driver back; false when it does not come. */
static inline bool driver_rebirth(void)
{
    for (int i = 0; i < DRIVER_STEPS_MAX; i++) {
        uint64_t x[7];
        uint64_t e = rt_call(HVC_DOMAIN_STEP, DRIVER, 0, 0, x);
        if (e == OK && x[1] == STEP_DONE) return true;
        if (e != OK || x[1] != STEP_AGAIN) {
            EXPECT_OK(e);
            EXPECT_EQ(STEP_AGAIN, x[1]);
            return false;
        }
        if (x[2]) rt_wait_ticks(x[2] / 16 + 1);
    }
    test_fail_note(__FILE__, __LINE__, "rebirth does not end");
    return false;
}
