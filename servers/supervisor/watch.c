/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Watches the driver domains. */
#include "servers/supervisor/watch.h"

#include <stdarg.h>
#include <string.h>

#include "abi/hypercall.h"
#include "lib/format.h"
#include "servers/supervisor/describe.h"
#include "servers/supervisor/dump.h"

#define MAIN_DOMAIN 0
#define PAUSE_NS    1000000 /* after a burst of steps */

static err_t call(struct watch *w, uint64_t function, uint32_t index, uint64_t a2, uint64_t r[6])
{
    const uint64_t arg[5] = { index, a2, 0, 0, 0 };
    return w->env.call(w->env.context, function, arg, r);
}

static void __attribute__((format(printf, 3, 4)))
say(struct watch *w, const struct watched *d, const char *fmt, ...)
{
    char text[EVENT_BYTES];
    va_list args;
    size_t used = format(text, sizeof(text), "%s: ", d->name);
    va_start(args, fmt);
    (void)format_v(text + used, sizeof(text) - used, fmt, args);
    va_end(args);
    events_add(w->events, w->env.now_ns(w->env.context), text);
}

/* The links that it serves. */
static uint32_t served_links(const struct manifest *m, uint32_t index)
{
    uint32_t mask = 0;
    for (uint32_t i = 0; m != NULL && i < MIN(m->link_count, (uint32_t)LINK_MAX); i++) {
        if (m->link[i].server == index) mask |= 1U << i;
    }
    return mask;
}

void watch_init(struct watch *w, struct watch_env env, struct events *events,
                const struct manifest *manifest)
{
    uint64_t r[6];
    memset(w, 0, sizeof(*w));
    w->env = env;
    w->events = events;
    w->manifest = manifest;
    while (w->count < DOMAIN_MAX && call(w, HVC_DOMAIN_INFO, w->count, DOMAIN_ITEM_NAME, r) == OK) {
        struct watched *d = &w->domain[w->count];
        memcpy(d->name, r, DOMAIN_NAME_MAX);
        text_sanitize(d->name, strlen(d->name));
        d->policy.served_links = served_links(manifest, w->count);
        w->count++;
    }
}

size_t watch_dump_text(const struct watch *w, uint32_t index, char *out, size_t room_bytes)
{
    const struct watched *d = &w->domain[index];
    return dump_text(&d->dump, d->dump_bytes, &d->symbols, out, room_bytes);
}

/* Which of its links the next incarnations do not get: held back, or gone. EL2 knows; a call is made only for news. */
static void set_links(struct watch *w, uint32_t index, uint32_t held, uint32_t gone)
{
    struct watched *d = &w->domain[index];
    const uint64_t arg[5] = { index, held, gone, 0, 0 };
    uint64_t r[6];
    if (d->links_told && d->links_held == held && d->links_gone == gone) return;
    d->links_told = w->env.call(w->env.context, HVC_DOMAIN_LINKS, arg, r) == OK;
    d->links_held = held;
    d->links_gone = gone;
    if (!d->links_told) {
        say(w, d, "its links could not be set");
    }
}

/* EL2 keeps the dump of the last death: a copy, when it is of the death that EL2 told of. */
static void take_dump(struct watch *w, uint32_t index, uint64_t deaths)
{
    struct watched *d = &w->domain[index];
    uint64_t r[6];
    size_t got = 0;
    while (got < sizeof(d->dump)) {
        if (call(w, HVC_DOMAIN_DUMP, index, got, r) != OK) break;
        size_t bytes = MIN(r[1], sizeof(d->dump) - got);
        if (bytes == 0 || bytes > 32) break;
        memcpy((uint8_t *)&d->dump + got, &r[2], bytes);
        got += bytes;
    }
    d->dump_bytes = got;
    d->dump_is_fresh = got == sizeof(d->dump) && d->dump.magic == DUMP_MAGIC &&
                       d->dump.deaths == (uint32_t)deaths;
}

/* What is known of the last death of a domain. */
static struct death death_of(const struct watch *w, uint32_t index)
{
    const struct watched *d = &w->domain[index];
    return (struct death){
        .cause = (enum death_cause)d->state[2],
        .detail = d->state[3],
        .info = d->state[4],
        .dump = d->dump_is_fresh ? &d->dump : NULL,
        .symbols = &d->symbols,
        .manifest = w->manifest,
        .domain = index,
    };
}

/* Nobody waits for the domain any more, or it runs again: time to look closely. */
static void describe(struct watch *w, uint32_t index)
{
    struct watched *d = &w->domain[index];
    take_dump(w, index, d->state[5]);
    const struct death death = death_of(w, index);
    describe_death(&death, d->cause);
}

static void give_up(struct watch *w, uint32_t index, uint32_t detached)
{
    struct watched *d = &w->domain[index];
    d->phase = WATCH_GIVEN_UP;
    set_links(w, index, 0, UINT32_MAX);
    describe(w, index);
    if (detached != 0) {
        say(w, d, "died (%s): given up, all its links are detached; try: domains clear %s",
            d->cause, d->name);
    } else {
        say(w, d, "died (%s): given up after %d deaths in 10 s; try: domains clear %s", d->cause,
            POLICY_GIVE_UP_COUNT, d->name);
    }
}

/* A guest's shutdown: it stays off until somebody starts it. */
static bool is_shutdown(const struct watched *d)
{
    return d->state[2] == CAUSE_OFF && d->state[3] == 0 && d->policy.served_links == 0;
}

static struct policy_verdict judge(struct watch *w, uint32_t index)
{
    struct watched *d = &w->domain[index];
    uint64_t links[6] = { 0 };
    struct policy_death death = { .cause = (enum death_cause)d->state[2], .now_ns = d->died_ns };
    (void)call(w, HVC_DOMAIN_INFO, index, DOMAIN_ITEM_LINKS, links);
    death.served = links[1];
    if (d->policy.on_trial != 0) {
        take_dump(w, index, d->state[5]);
        const struct death seen = death_of(w, index);
        death.busy_links = describe_busy_links(&seen);
    }
    return policy_judge(&d->policy, &death);
}

static void on_death(struct watch *w, uint32_t index, const uint64_t state[6])
{
    struct watched *d = &w->domain[index];
    d->died_ns = w->env.now_ns(w->env.context);
    d->trial_end_ns = 0;
    d->dump_is_fresh = false;
    memcpy(d->state, state, sizeof(d->state));
    const struct death death = death_of(w, index);
    describe_death(&death, d->cause);
    if (is_shutdown(d)) {
        d->phase = WATCH_OFF;
        say(w, d, "%s; try: domains restart %s", d->cause, d->name);
        return;
    }
    struct policy_verdict verdict = judge(w, index);
    d->counted += verdict.counts ? 1 : 0;
    if (verdict.detach != 0) {
        say(w, d, "link %s killed it twice while it had no other: detached; try: domains clear %s",
            describe_link(w->manifest, (uint64_t)__builtin_ctz(verdict.detach)), d->name);
    }
    if (verdict.give_up) {
        give_up(w, index, verdict.detach);
        return;
    }
    d->phase = WATCH_STEPPING;
    d->starting = false;
    d->at_ns = d->died_ns + verdict.delay_ns;
    if (verdict.begins_trial) {
        say(w, d, "keeps dying (%s): it runs with one link at a time", d->cause);
    } else if (verdict.delay_ns != 0) {
        char delay[24];
        text_duration(delay, sizeof(delay), verdict.delay_ns);
        say(w, d, "died (%s), restart in %s", d->cause, delay);
    }
}

static void on_restarted(struct watch *w, uint32_t index)
{
    struct watched *d = &w->domain[index];
    char duration[24];
    uint64_t state[6] = { 0 };
    d->phase = WATCH_UP;
    uint64_t now_ns = w->env.now_ns(w->env.context);
    d->restart_ns = now_ns - d->died_ns;
    d->trial_end_ns = d->policy.on_trial != 0 ? now_ns + POLICY_TRIAL_NS : 0;
    (void)call(w, HVC_DOMAIN_INFO, index, DOMAIN_ITEM_STATE, state);
    text_duration(duration, sizeof(duration), d->restart_ns);
    if (d->switching) {
        say(w, d, "runs with %s%s, generation %llu",
            d->policy.on_trial != 0 ? "no link but " : "all its links",
            d->policy.on_trial == 0
                    ? ""
                    : describe_link(w->manifest, (uint64_t)__builtin_ctz(d->policy.on_trial)),
            (unsigned long long)state[1]);
    } else if (d->starting) {
        say(w, d, "started again, generation %llu", (unsigned long long)state[1]);
    } else {
        describe(w, index);
        say(w, d, "died (%s), restarted in %s, generation %llu", d->cause, duration,
            (unsigned long long)state[1]);
    }
    d->switching = false;
}

/* Steps of one domain that are due now. */
static void step(struct watch *w, uint32_t index)
{
    struct watched *d = &w->domain[index];
    set_links(w, index, policy_held_links(&d->policy), d->policy.detached);
    for (uint32_t i = 0; i < WATCH_BURST_STEPS; i++) {
        uint64_t r[6] = { 0 };
        err_t err = call(w, HVC_DOMAIN_STEP, index, 0, r);
        if (err != OK) {
            d->phase = WATCH_GIVEN_UP;
            say(w, d, "died (%s): the restart was refused, error %d", d->cause, (int)err);
            return;
        }
        switch ((enum step_verdict)r[0]) {
        case STEP_AGAIN:
            if (r[1] == 0) continue;
            d->at_ns = w->env.now_ns(w->env.context) + r[1];
            return;
        case STEP_DONE:
            on_restarted(w, index);
            return;
        case STEP_QUARANTINED:
            d->phase = WATCH_QUARANTINED;
            describe(w, index);
            say(w, d, "died (%s): quarantined, its device could not be stopped", d->cause);
            return;
        case STEP_IDLE:
        default:
            d->phase = WATCH_UP;
            return;
        }
    }
    d->at_ns = w->env.now_ns(w->env.context) + PAUSE_NS;
}

static err_t kill(struct watch *w, uint32_t index, enum death_cause cause, uint64_t detail,
                  uint64_t info)
{
    const uint64_t arg[5] = { index, cause, detail, info, 0 };
    uint64_t state[6] = { 0 }, r[6];
    err_t err = call(w, HVC_DOMAIN_INFO, index, DOMAIN_ITEM_STATE, state);
    if (err != OK) return err;
    if (state[0] != DOMAIN_RUNNING) return ERR_STATE;
    return w->env.call(w->env.context, HVC_DOMAIN_KILL, arg, r);
}

static void look(struct watch *w, uint32_t index)
{
    struct watched *d = &w->domain[index];
    uint64_t state[6] = { 0 };
    if (d->phase != WATCH_UP) return;
    if (call(w, HVC_DOMAIN_INFO, index, DOMAIN_ITEM_STATE, state) != OK) return;
    switch ((enum domain_state)state[0]) {
    case DOMAIN_DEAD:
    case DOMAIN_QUIESCED:
        on_death(w, index, state);
        break;
    case DOMAIN_QUARANTINED:
        d->phase = WATCH_QUARANTINED;
        say(w, d, "quarantined until the next reset");
        break;
    case DOMAIN_ABSENT:
        if (!d->absent_noted) {
            say(w, d, "refused at boot; the log says why");
        }
        d->absent_noted = true;
        break;
    case DOMAIN_LOADED:
    case DOMAIN_RUNNING:
    case DOMAIN_STATE_COUNT:
    default:
        break;
    }
}

static void no_later_than(uint64_t *next_ns, uint64_t at_ns)
{
    if (*next_ns == 0 || at_ns < *next_ns) {
        *next_ns = at_ns;
    }
}

/* The link that was alone had its time: the next one's turn. */
static void switch_links(struct watch *w, uint32_t index)
{
    struct watched *d = &w->domain[index];
    d->trial_end_ns = 0;
    policy_next_trial(&d->policy);
    d->switching = kill(w, index, CAUSE_KILLED, 0, 0) == OK;
}

uint64_t watch_run(struct watch *w)
{
    uint64_t next_ns = 0;
    for (uint32_t i = MAIN_DOMAIN + 1; i < w->count; i++) {
        struct watched *d = &w->domain[i];
        look(w, i);
        if (d->phase == WATCH_UP && d->trial_end_ns != 0 &&
            d->trial_end_ns <= w->env.now_ns(w->env.context)) {
            switch_links(w, i);
            look(w, i);
        }
        if (d->phase == WATCH_STEPPING && d->at_ns <= w->env.now_ns(w->env.context)) {
            step(w, i);
            look(w, i); /* it may have died again meanwhile */
        }
        if (d->phase == WATCH_STEPPING) {
            no_later_than(&next_ns, d->at_ns);
        } else if (d->phase == WATCH_UP && d->trial_end_ns != 0) {
            no_later_than(&next_ns, d->trial_end_ns);
        }
    }
    return next_ns;
}

static err_t check(const struct watch *w, uint32_t index)
{
    if (index >= w->count) return ERR_NO_ENTRY;
    return index == MAIN_DOMAIN ? ERR_ARG : OK;
}

err_t watch_kill(struct watch *w, uint32_t index)
{
    err_t err = check(w, index);
    return err == OK ? kill(w, index, CAUSE_KILLED, 0, 0) : err;
}

err_t watch_report(struct watch *w, uint32_t index, uint32_t link, uint32_t violation,
                   uint64_t incarnation)
{
    uint64_t state[6] = { 0 };
    err_t err = check(w, index);
    if (err == OK) {
        err = call(w, HVC_DOMAIN_INFO, index, DOMAIN_ITEM_STATE, state);
    }
    if (err != OK) return err;
    /* guards: T-840 */
    if (incarnation != 0 && incarnation != state[1] + 1) return OK;
    return kill(w, index, CAUSE_PROTOCOL, link, violation);
}

/* Steps of a domain that waits or was given up begin now. */
static err_t start_now(struct watch *w, uint32_t index)
{
    struct watched *d = &w->domain[index];
    uint64_t now_ns = w->env.now_ns(w->env.context);
    if (d->phase == WATCH_QUARANTINED) return ERR_QUARANTINE;
    if (d->phase == WATCH_UP) return ERR_STATE;
    if (d->phase == WATCH_GIVEN_UP || d->phase == WATCH_OFF) {
        d->starting = true;
        d->died_ns = now_ns;
    }
    d->phase = WATCH_STEPPING;
    d->at_ns = now_ns;
    return OK;
}

err_t watch_restart(struct watch *w, uint32_t index)
{
    err_t err = watch_kill(w, index);
    if (err != OK && err != ERR_STATE) return err;
    policy_clear(&w->domain[index].policy);
    return err == OK ? OK : start_now(w, index);
}

err_t watch_clear(struct watch *w, uint32_t index)
{
    err_t err = check(w, index);
    if (err != OK) return err;
    struct watched *d = &w->domain[index];
    if (d->phase == WATCH_QUARANTINED) return ERR_QUARANTINE;
    bool had_detached = d->policy.detached != 0;
    policy_clear(&d->policy);
    d->counted = 0;
    if (d->phase == WATCH_UP && had_detached) return kill(w, index, CAUSE_KILLED, 0, 0);
    return d->phase == WATCH_GIVEN_UP ? start_now(w, index) : OK;
}

err_t watch_info(struct watch *w, uint32_t index, struct sup_domain *out)
{
    uint64_t state[6], memory[6], cpu[6], links[6];
    if (index >= w->count) return ERR_NO_ENTRY;
    const struct watched *d = &w->domain[index];
    memset(out, 0, sizeof(*out));
    if (call(w, HVC_DOMAIN_INFO, index, DOMAIN_ITEM_STATE, state) != OK ||
        call(w, HVC_DOMAIN_INFO, index, DOMAIN_ITEM_MEMORY, memory) != OK ||
        call(w, HVC_DOMAIN_INFO, index, DOMAIN_ITEM_CPU, cpu) != OK ||
        call(w, HVC_DOMAIN_INFO, index, DOMAIN_ITEM_LINKS, links) != OK) {
        return ERR_NO_ENTRY;
    }
    memcpy(out->name, d->name, DOMAIN_NAME_MAX - 1);
    out->index = index;
    out->state = (uint32_t)state[0];
    out->generation = (uint32_t)state[1];
    out->cause = (uint32_t)state[2];
    out->detail = state[3];
    out->info = state[4];
    out->deaths = (uint32_t)state[5];
    out->memory_bytes = memory[0];
    out->run_ticks = cpu[0];
    out->el2_ticks = cpu[1];
    out->budget_us = (uint32_t)cpu[2];
    out->period_us = (uint32_t)cpu[3];
    out->served = links[0];
    out->counted_deaths = d->counted;
    out->given_up = d->phase == WATCH_GIVEN_UP ? SUP_GIVEN_UP : d->phase == WATCH_OFF ? SUP_OFF : 0;
    memcpy(out->why, d->cause, MIN(sizeof(out->why) - 1, sizeof(d->cause)));
    return OK;
}
