/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Watches the driver domains. */
#include "servers/supervisor/watch.h"

#include <stdarg.h>
#include <string.h>

#include "abi/hypercall.h"
#include "lib/format.h"
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

void watch_init(struct watch *w, struct watch_env env, struct events *events)
{
    uint64_t r[6];
    memset(w, 0, sizeof(*w));
    w->env = env;
    w->events = events;
    while (w->count < DOMAIN_MAX && call(w, HVC_DOMAIN_INFO, w->count, DOMAIN_ITEM_NAME, r) == OK) {
        memcpy(w->domain[w->count].name, r, DOMAIN_NAME_MAX);
        text_sanitize(w->domain[w->count].name, strlen(w->domain[w->count].name));
        w->count++;
    }
}

static const char *link_name(const struct watch *w, uint64_t link)
{
    return link < LINK_MAX && w->link_name[link][0] != '\0' ? w->link_name[link] : "?";
}

static const char *violation_name(uint64_t violation)
{
    static const char *const name[] = {
        [SUP_USED_ID] = "used id",     [SUP_USED_LEN] = "used length",
        [SUP_USED_IDX] = "used index", [SUP_STATUS_BYTE] = "status byte",
        [SUP_TIMEOUT] = "no answer",   [SUP_CONFIG] = "configuration",
        [SUP_RESETS] = "resets",
    };
    if (violation >= ARRAY_COUNT(name) || name[violation] == NULL) return "transport";
    return name[violation];
}

/* "hang: link disk0, avail 17" */
static void describe(const struct watch *w, const uint64_t state[6], char *out, size_t out_bytes)
{
    unsigned long long detail = state[3], info = state[4];
    switch ((enum death_cause)state[2]) {
    case CAUSE_PANIC:
        (void)format(out, out_bytes, "panic");
        break;
    case CAUSE_FAULT:
        (void)format(out, out_bytes, "fault: address 0x%llx, ESR 0x%llx", detail, info);
        break;
    case CAUSE_FORBIDDEN:
        (void)format(out, out_bytes, "forbidden: ESR 0x%llx at 0x%llx", detail, info);
        break;
    case CAUSE_DMA:
        (void)format(out, out_bytes, "dma: address 0x%llx, stream 0x%llx", detail, info);
        break;
    case CAUSE_HANG:
        (void)format(out, out_bytes, "hang: link %s, avail %llu", link_name(w, detail), info);
        break;
    case CAUSE_BUDGET:
        (void)format(out, out_bytes, "budget abuse");
        break;
    case CAUSE_PROTOCOL:
        (void)format(out, out_bytes, "protocol: link %s, %s", link_name(w, detail),
                     violation_name(info));
        break;
    case CAUSE_KILLED:
        (void)format(out, out_bytes, "killed");
        break;
    case CAUSE_OFF:
        (void)format(out, out_bytes, detail ? "asked for a reset" : "switched itself off");
        break;
    case CAUSE_NONE:
    case CAUSE_COUNT:
    default:
        (void)format(out, out_bytes, "cause %llu", (unsigned long long)state[2]);
        break;
    }
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

static void give_up(struct watch *w, uint32_t index)
{
    struct watched *d = &w->domain[index];
    d->phase = WATCH_GIVEN_UP;
    set_links(w, index, 0, UINT32_MAX);
    say(w, d, "died (%s): given up after %d deaths in 10 s; try: domains clear %s", d->cause,
        POLICY_GIVE_UP_COUNT, d->name);
}

static void on_death(struct watch *w, uint32_t index, const uint64_t state[6])
{
    struct watched *d = &w->domain[index];
    uint64_t links[6] = { 0 };
    d->died_ns = w->env.now_ns(w->env.context);
    describe(w, state, d->cause, sizeof(d->cause));
    (void)call(w, HVC_DOMAIN_INFO, index, DOMAIN_ITEM_LINKS, links);
    struct policy_verdict verdict =
            policy_judge(&d->policy, (enum death_cause)state[2], links[1], d->died_ns);
    d->counted += verdict.counts ? 1 : 0;
    if (verdict.give_up) {
        give_up(w, index);
        return;
    }
    d->phase = WATCH_STEPPING;
    d->starting = false;
    d->at_ns = d->died_ns + verdict.delay_ns;
    if (verdict.delay_ns != 0) {
        char delay[24];
        text_duration(delay, sizeof(delay), verdict.delay_ns);
        say(w, d, "died (%s), restart in %s", d->cause, delay);
    }
}

/* EL2 keeps the dump of the last death: taken over once the domain runs again, so that nobody waits for it. */
static void take_dump(struct watch *w, uint32_t index)
{
    static struct domain_dump raw; /* large; one thread */
    struct watched *d = &w->domain[index];
    uint64_t r[6];
    size_t got = 0;
    while (got < sizeof(raw)) {
        if (call(w, HVC_DOMAIN_DUMP, index, got, r) != OK) break;
        size_t bytes = MIN(r[1], sizeof(raw) - got);
        if (bytes == 0 || bytes > 32) break;
        memcpy((uint8_t *)&raw + got, &r[2], bytes);
        got += bytes;
    }
    d->dump_bytes = dump_text(&raw, got, d->dump, sizeof(d->dump));
}

static void on_restarted(struct watch *w, uint32_t index)
{
    struct watched *d = &w->domain[index];
    char duration[24];
    uint64_t state[6] = { 0 };
    d->phase = WATCH_UP;
    d->restart_ns = w->env.now_ns(w->env.context) - d->died_ns;
    (void)call(w, HVC_DOMAIN_INFO, index, DOMAIN_ITEM_STATE, state);
    text_duration(duration, sizeof(duration), d->restart_ns);
    if (d->starting) {
        say(w, d, "started again, generation %llu", (unsigned long long)state[1]);
    } else {
        say(w, d, "died (%s), restarted in %s, generation %llu", d->cause, duration,
            (unsigned long long)state[1]);
    }
    take_dump(w, index);
}

/* Steps of one domain that are due now. */
static void step(struct watch *w, uint32_t index)
{
    struct watched *d = &w->domain[index];
    set_links(w, index, 0, 0);
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
            say(w, d, "died (%s): quarantined, its device could not be stopped", d->cause);
            take_dump(w, index);
            return;
        case STEP_IDLE:
        default:
            d->phase = WATCH_UP;
            return;
        }
    }
    d->at_ns = w->env.now_ns(w->env.context) + PAUSE_NS;
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

uint64_t watch_run(struct watch *w)
{
    uint64_t next_ns = 0;
    for (uint32_t i = MAIN_DOMAIN + 1; i < w->count; i++) {
        struct watched *d = &w->domain[i];
        look(w, i);
        if (d->phase == WATCH_STEPPING && d->at_ns <= w->env.now_ns(w->env.context)) {
            step(w, i);
            look(w, i); /* it may have died again meanwhile */
        }
        if (d->phase == WATCH_STEPPING && (next_ns == 0 || d->at_ns < next_ns)) {
            next_ns = d->at_ns;
        }
    }
    return next_ns;
}

static err_t check(const struct watch *w, uint32_t index)
{
    if (index >= w->count) return ERR_NO_ENTRY;
    return index == MAIN_DOMAIN ? ERR_ARG : OK;
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

err_t watch_kill(struct watch *w, uint32_t index)
{
    err_t err = check(w, index);
    return err == OK ? kill(w, index, CAUSE_KILLED, 0, 0) : err;
}

err_t watch_report(struct watch *w, uint32_t index, uint32_t link, uint32_t violation)
{
    err_t err = check(w, index);
    return err == OK ? kill(w, index, CAUSE_PROTOCOL, link, violation) : err;
}

/* Steps of a domain that waits or was given up begin now. */
static err_t start_now(struct watch *w, uint32_t index)
{
    struct watched *d = &w->domain[index];
    uint64_t now_ns = w->env.now_ns(w->env.context);
    if (d->phase == WATCH_QUARANTINED) return ERR_QUARANTINE;
    if (d->phase == WATCH_UP) return ERR_STATE;
    if (d->phase == WATCH_GIVEN_UP) {
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
    policy_clear(&d->policy);
    d->counted = 0;
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
    out->given_up = d->phase == WATCH_GIVEN_UP ? 1 : 0;
    return OK;
}
