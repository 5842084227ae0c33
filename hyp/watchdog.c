/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Deadlines armed by somebody who waits: hang detection without ticks. */
#include "abi/trace.h"
#include "hyp/arch.h"
#include "hyp/core.h"
#include "hyp/link.h"
#include "hyp/trace.h"

/* Links to look at: a deadline runs, or a stock client may have been told not to ring. Bits go when they are found to be old. */
static uint32_t watched;

static void wait_begin(struct link *l, struct link_wait *w, uint64_t now_ticks)
{
    w->since_ticks = MAX(now_ticks, 1U);
    w->since_run = l->server->vcpu[0].cpu.run_ticks;
}

static uint64_t span_ticks(const struct link *l)
{
    return l->slow ? l->slow_ticks : l->normal_ticks;
}

void watchdog_wait_server(struct link *l, uint64_t now_ticks)
{
    wait_begin(l, &l->wait[LINK_WAIT_SERVER], now_ticks);
}

static bool look_queue(struct link *l, uint32_t idx, uint64_t now_ticks)
{
    struct link_queue *q = &l->queue[idx];
    struct link_wait *w = &l->wait[idx];
    enum link_sample sample = link_queue_sample(l, q);
    if (sample == LINK_BAD_SERVER) {
        /* Only our own client's avail.idx is believed enough to kill by it: a hostile guest could take it back. */
        if (l->conf->own_client) {
            domain_kill(l->server, CAUSE_PROTOCOL, l->index, q->done);
        } else {
            link_needs_reset(l);
            link_event(l, LINK_EV_STATUS);
        }
        return false;
    }
    bool is_watched = (l->conf->watch_mask & BIT(idx)) != 0;
    if (!is_watched || sample == LINK_BAD_CLIENT || q->avail_seen == q->done) {
        w->since_ticks = 0;
    } else if (sample == LINK_MOVED || w->since_ticks == 0) {
        wait_begin(l, w, now_ticks);
    }
    if (is_watched && sample == LINK_MOVED && l->slow) {
        l->slow = false;
        l->deadline_ticks =
                MAX(now_ticks, 1U); /* the others have their normal deadline again: look soon */
    }
    return true;
}

static void deadline_update(struct link *l, bool queue_waits, uint64_t now_ticks)
{
    if (!queue_waits && l->wait[LINK_WAIT_SERVER].since_ticks == 0) {
        l->deadline_ticks = 0;
        l->slow = false;
    } else if (l->deadline_ticks == 0) {
        l->deadline_ticks = now_ticks + span_ticks(l);
        struct core *c = core_at(l->server->vcpu[0].core); /* whose timer rings for it */
        if (c != this_core()) core_poke(c);
    }
    if (l->deadline_ticks != 0 || !l->conf->own_client) watched |= 1U << l->index;
}

void watchdog_queues_stopped(struct link *l, uint64_t now_ticks)
{
    for (uint32_t i = 0; i < LINK_QUEUE_MAX; i++) l->wait[i].since_ticks = 0;
    deadline_update(l, false, now_ticks);
}

void watchdog_look(struct link *l, uint64_t now_ticks)
{
    bool is_live = link_is_live(l), waits = false;
    for (uint32_t i = 0; is_live && i < l->conf->queue_count; i++) {
        if (!l->queue[i].ready) continue;
        is_live = look_queue(l, i, now_ticks); /* false: the server or the negotiation ended */
        waits |= l->wait[i].since_ticks != 0;
    }
    if (!is_live) {
        for (uint32_t i = 0; i < LINK_QUEUE_MAX; i++) l->wait[i].since_ticks = 0;
        waits = false;
    }
    deadline_update(l, waits, now_ticks);
}

void watchdog_doorbell(struct link *l)
{
    for (uint32_t i = 0; i < l->conf->queue_count; i++) {
        const struct link_queue *q = &l->queue[i];
        if (q->ready &&
            (arch_load16(q->used_idx) != q->done || arch_load16(q->avail_idx) != q->avail_seen)) {
            watchdog_look(l, arch_ticks());
            return;
        }
    }
}

/* The first watched link of the mask; NULL when there is none any more. */
static struct link *next_watched(uint32_t *mask)
{
    for (; *mask; *mask &= *mask - 1) {
        struct link *l = link_at((uint32_t)__builtin_ctz(*mask));
        if (l && (l->deadline_ticks != 0 || (l->published && !l->conf->own_client))) {
            *mask &= *mask - 1;
            return l;
        }
        watched &= ~(*mask & -*mask);
    }
    return NULL;
}

void watchdog_look_all(uint64_t now_ticks)
{
    uint32_t mask = watched;
    for (struct link *l; (l = next_watched(&mask));) {
        if (link_is_live(l)) watchdog_look(l, now_ticks);
    }
}

uint64_t watchdog_next(void)
{
    uint64_t next = UINT64_MAX;
    uint32_t mask = watched;
    for (const struct link *l; (l = next_watched(&mask));) {
        bool is_ours = l->deadline_ticks != 0 && l->server->vcpu[0].core == this_core()->index;
        if (is_ours) next = MIN(next, l->deadline_ticks);
    }
    return next;
}

/* Out of budget, and not one full budget since the wait began: it had no chance to answer. */
static bool was_starved(struct link *l, const struct link_wait *w, uint64_t now_ticks)
{
    struct vcpu *v = &l->server->vcpu[0];
    return !vcpu_has_budget(v, now_ticks) && v->cpu.run_ticks - w->since_run < v->cpu.budget_ticks;
}

static void kill_hung(struct link *l, uint32_t wait_idx)
{
    uint64_t info = l->published ? HANG_NO_ACK : HANG_NO_PUBLISH;
    if (wait_idx < LINK_QUEUE_MAX) info = l->queue[wait_idx].avail_seen;
    trace(TRACE_DEADLINE, l->server->index, l->index, 0);
    domain_kill(l->server, CAUSE_HANG, l->index, info);
}

static void expire_link(struct link *l, uint64_t now_ticks)
{
    l->deadline_ticks = 0;
    watchdog_look(l, now_ticks); /* moves what progressed, and forgets what is answered */
    if (l->deadline_ticks == 0) return;
    uint64_t span = span_ticks(l), next = UINT64_MAX;
    for (uint32_t i = 0; i < LINK_WAIT_COUNT; i++) {
        struct link_wait *w = &l->wait[i];
        if (w->since_ticks == 0) continue;
        if (now_ticks >= w->since_ticks && now_ticks - w->since_ticks >= span) {
            if (!was_starved(l, w, now_ticks)) {
                kill_hung(l, i);
                return;
            }
            wait_begin(l, w, MAX(vcpu_refill_ticks(&l->server->vcpu[0]), now_ticks));
        }
        next = MIN(next, w->since_ticks + span);
    }
    l->deadline_ticks = next;
}

void watchdog_expire(uint64_t now_ticks)
{
    uint32_t mask = watched;
    for (struct link *l; (l = next_watched(&mask));) {
        if (l->deadline_ticks != 0 && l->deadline_ticks <= now_ticks) expire_link(l, now_ticks);
    }
}
