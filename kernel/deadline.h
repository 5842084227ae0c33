/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The queue of deadlines: a skew heap through nodes inside threads and timers. Amortised O(log n). */
#pragma once
#include "lib/base.h"

struct deadline {
    struct deadline *parent, *left, *right; /* borrowed */
    uint64_t at_ticks;
    bool is_queued;
    bool is_timer; /* inside struct timer, else inside struct thread */
};

/** Queues d for at_ticks; a queued one moves. True when it is now the earliest. */
bool deadline_set(struct deadline *d, uint64_t at_ticks);
/** Takes d out; nothing happens when it is in no queue. */
void deadline_clear(struct deadline *d);
/** The earliest, or NULL. */
struct deadline *deadline_first(void);
