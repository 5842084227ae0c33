/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The watch against a fake EL2. */
// LINK: servers/supervisor/watch.c servers/supervisor/policy.c servers/supervisor/events.c servers/supervisor/dump.c
// LINK: servers/supervisor/describe.c servers/supervisor/backtrace.c servers/supervisor/symbols.c
// LINK: lib/format.c lib/string.c
#include "servers/supervisor/watch.h"

#include <string.h>

#include "abi/hypercall.h"
#include "lib/test.h"
#include "servers/supervisor/dump.h"

#define MS UINT64_C(1000000)

static struct {
    uint64_t now_ns;
    uint64_t state, generation, cause, detail, info, served;
    uint32_t steps_left; /* until DONE */
    uint64_t after_ns;   /* of STEP_AGAIN */
    bool quarantines, endless;
    uint32_t steps, kills, give_ups, held, gone;
    struct watch watch;
    struct events events;
    struct manifest manifest;
    struct domain_dump dump;
    uint64_t deaths;
} el2;

static err_t step(uint64_t r[6])
{
    el2.steps++;
    if (el2.state == DOMAIN_RUNNING) {
        r[0] = STEP_IDLE;
        return OK;
    }
    if (el2.quarantines) {
        el2.state = DOMAIN_QUARANTINED;
        r[0] = STEP_QUARANTINED;
        return OK;
    }
    if (el2.endless || el2.steps_left > 0) {
        el2.steps_left -= el2.endless ? 0 : 1;
        r[0] = STEP_AGAIN;
        r[1] = el2.after_ns;
        return OK;
    }
    el2.state = DOMAIN_RUNNING;
    el2.generation++;
    el2.served = 0;
    r[0] = STEP_DONE;
    return OK;
}

static err_t info(uint64_t index, uint64_t item, uint64_t r[6])
{
    static const char name[2][DOMAIN_NAME_MAX] = { "main", "storage" };
    if (index > 1) return ERR_NO_ENTRY;
    if (item == DOMAIN_ITEM_NAME) memcpy(r, name[index], DOMAIN_NAME_MAX);
    if (item == DOMAIN_ITEM_STATE) {
        const uint64_t state[6] = { index == 0 ? DOMAIN_RUNNING : el2.state,
                                    el2.generation,
                                    el2.cause,
                                    el2.detail,
                                    el2.info,
                                    el2.deaths };
        memcpy(r, state, sizeof(state));
    }
    if (item == DOMAIN_ITEM_LINKS) r[1] = el2.served;
    return OK;
}

static void die(enum death_cause cause)
{
    el2.state = DOMAIN_DEAD;
    el2.cause = cause;
    el2.steps_left = 3;
    el2.deaths++;
}

static err_t dump(uint64_t offset, uint64_t r[6])
{
    if (el2.dump.magic == 0 || offset >= sizeof(el2.dump)) return OK;
    r[0] = sizeof(el2.dump);
    r[1] = MIN(32U, sizeof(el2.dump) - offset);
    memcpy(&r[2], (const uint8_t *)&el2.dump + offset, r[1]);
    return OK;
}

static err_t fake_call(void *context, uint64_t function, const uint64_t arg[5], uint64_t r[6])
{
    (void)context;
    memset(r, 0, 6 * sizeof(r[0]));
    switch (function) {
    case HVC_DOMAIN_INFO:
        return info(arg[0], arg[1], r);
    case HVC_DOMAIN_STEP:
        return step(r);
    case HVC_DOMAIN_DUMP:
        return dump(arg[1], r);
    case HVC_DOMAIN_LINKS:
        el2.give_ups += arg[2] == UINT32_MAX ? 1 : 0;
        el2.held = (uint32_t)arg[1];
        el2.gone = (uint32_t)arg[2];
        return OK;
    case HVC_DOMAIN_KILL:
        el2.kills++;
        die((enum death_cause)arg[1]);
        el2.detail = arg[2];
        el2.info = arg[3];
        return OK;
    default:
        return ERR_NO_ENTRY;
    }
}

static uint64_t fake_now(void *context)
{
    (void)context;
    return el2.now_ns;
}

static void fresh(void)
{
    const struct watch_env env = { .call = fake_call, .now_ns = fake_now };
    memset(&el2, 0, sizeof(el2));
    el2.state = DOMAIN_RUNNING;
    el2.now_ns = 1000 * MS;
    events_init(&el2.events);
    el2.manifest.link_count = 3;
    strcpy(el2.manifest.link[0].name, "disk0");
    strcpy(el2.manifest.link[1].name, "disk1");
    el2.manifest.link[0].server = 1;
    el2.manifest.link[1].server = 2;
    el2.manifest.link[2].server = 2;
    watch_init(&el2.watch, env, &el2.events, &el2.manifest);
}

static const char *events(void)
{
    static char text[8192];
    uint64_t from = 0;
    size_t bytes = events_read(&el2.events, &from, text, sizeof(text) - 1);
    text[bytes] = '\0';
    return text;
}

TEST(supervisor_watch, a_death_is_followed_by_steps_until_the_domain_runs)
{
    fresh();
    EXPECT_EQ(0, watch_run(&el2.watch));
    EXPECT_EQ(0, el2.steps);
    die(CAUSE_HANG);
    el2.info = 17;
    EXPECT_EQ(0, watch_run(&el2.watch));
    EXPECT_EQ(4, el2.steps);
    EXPECT_EQ(DOMAIN_RUNNING, el2.state);
    EXPECT_STR("[   1.000] storage: died (hang: link disk0, avail 17), restarted in 0 ns, "
               "generation 1\n",
               events());
}

TEST(supervisor_watch, a_wish_to_wait_is_honoured)
{
    fresh();
    die(CAUSE_KILLED);
    el2.after_ns = 5 * MS;
    EXPECT_EQ(1005 * MS, watch_run(&el2.watch));
    EXPECT_EQ(1, el2.steps);
    EXPECT_EQ(1005 * MS, watch_run(&el2.watch)); /* too early: nothing is done */
    EXPECT_EQ(1, el2.steps);
    for (int i = 0; i < 3; i++) {
        el2.now_ns += 5 * MS;
        (void)watch_run(&el2.watch);
    }
    EXPECT_EQ(4, el2.steps);
    EXPECT_EQ(1, el2.generation);
}

TEST(supervisor_watch, endless_steps_do_not_hold_the_supervisor)
{
    fresh();
    die(CAUSE_KILLED);
    el2.endless = true;
    EXPECT_EQ(1001 * MS, watch_run(&el2.watch));
    EXPECT_EQ(WATCH_BURST_STEPS, el2.steps);
}

TEST(supervisor_watch, backs_off_then_gives_up_then_is_cleared)
{
    fresh();
    for (uint32_t i = 0; i < 2; i++) {
        die(CAUSE_PANIC);
        EXPECT_EQ(0, watch_run(&el2.watch));
    }
    die(CAUSE_PANIC);
    EXPECT_EQ(1010 * MS, watch_run(&el2.watch));
    EXPECT_EQ(DOMAIN_DEAD, el2.state);
    el2.now_ns = 1010 * MS;
    EXPECT_EQ(0, watch_run(&el2.watch));
    EXPECT_EQ(3, el2.generation);
    die(CAUSE_PANIC);
    EXPECT_EQ(1110 * MS, watch_run(&el2.watch));
    el2.now_ns = 1110 * MS;
    EXPECT_EQ(0, watch_run(&el2.watch));
    die(CAUSE_PANIC);
    EXPECT_EQ(0, watch_run(&el2.watch));
    EXPECT_EQ(1, el2.give_ups);
    EXPECT_EQ(DOMAIN_DEAD, el2.state);
    EXPECT_EQ(true, strstr(events(), "given up") != NULL);
    EXPECT_EQ(ERR_STATE, watch_kill(&el2.watch, 1));
    EXPECT_EQ(OK, watch_clear(&el2.watch, 1));
    EXPECT_EQ(0, watch_run(&el2.watch));
    EXPECT_EQ(DOMAIN_RUNNING, el2.state);
    EXPECT_EQ(true, strstr(events(), "started again, generation 5") != NULL);
    die(CAUSE_PANIC);
    EXPECT_EQ(0, watch_run(&el2.watch)); /* counting began anew */
    EXPECT_EQ(DOMAIN_RUNNING, el2.state);
}

TEST(supervisor_watch, healthy_incarnations_are_restarted_for_ever)
{
    fresh();
    for (uint32_t i = 0; i < 40; i++) {
        el2.served = POLICY_HEALTHY_SERVED;
        die(CAUSE_FAULT);
        EXPECT_EQ(0, watch_run(&el2.watch));
    }
    EXPECT_EQ(40, el2.generation);
    EXPECT_EQ(0, el2.give_ups);
}

TEST(supervisor_watch, quarantine_is_final)
{
    fresh();
    die(CAUSE_DMA);
    el2.quarantines = true;
    EXPECT_EQ(0, watch_run(&el2.watch));
    EXPECT_EQ(0, watch_run(&el2.watch));
    EXPECT_EQ(1, el2.steps);
    EXPECT_EQ(true, strstr(events(), "quarantined") != NULL);
    EXPECT_EQ(ERR_QUARANTINE, watch_restart(&el2.watch, 1));
    EXPECT_EQ(ERR_QUARANTINE, watch_clear(&el2.watch, 1));
}

TEST(supervisor_watch, main_and_strangers_are_not_killed)
{
    fresh();
    EXPECT_EQ(ERR_ARG, watch_kill(&el2.watch, 0));
    EXPECT_EQ(ERR_ARG, watch_report(&el2.watch, 0, 0, SUP_USED_ID, 0));
    EXPECT_EQ(ERR_ARG, watch_clear(&el2.watch, 0));
    EXPECT_EQ(ERR_NO_ENTRY, watch_kill(&el2.watch, 2));
    EXPECT_EQ(ERR_NO_ENTRY, watch_restart(&el2.watch, UINT32_MAX));
    EXPECT_EQ(0, el2.kills);
}

TEST(supervisor_watch, restart_kills_a_running_domain_and_wakes_a_waiting_one)
{
    fresh();
    EXPECT_EQ(OK, watch_restart(&el2.watch, 1));
    EXPECT_EQ(1, el2.kills);
    EXPECT_EQ(0, watch_run(&el2.watch));
    EXPECT_EQ(1, el2.generation);
    for (uint32_t i = 0; i < 3; i++) {
        die(CAUSE_PANIC);
        (void)watch_run(&el2.watch);
    }
    EXPECT_EQ(DOMAIN_DEAD, el2.state); /* backs off */
    EXPECT_EQ(OK, watch_restart(&el2.watch, 1));
    EXPECT_EQ(0, watch_run(&el2.watch));
    EXPECT_EQ(DOMAIN_RUNNING, el2.state);
    EXPECT_EQ(1, el2.kills);
}

TEST(supervisor_watch, a_reported_lie_is_a_protocol_death)
{
    fresh();
    el2.generation = 8;
    EXPECT_EQ(OK, watch_report(&el2.watch, 1, 0, SUP_USED_LEN, 8)); /* generation 7 is gone */
    EXPECT_EQ(0, el2.kills);
    EXPECT_EQ(OK, watch_report(&el2.watch, 1, 0, SUP_USED_LEN, 9));
    EXPECT_EQ(1, el2.kills);
    EXPECT_EQ(0, watch_run(&el2.watch));
    EXPECT_EQ(CAUSE_PROTOCOL, el2.cause);
    EXPECT_EQ(true, strstr(events(), "protocol: link disk0, used length") != NULL);
}

TEST(supervisor_watch, an_absent_domain_is_told_of_once)
{
    fresh();
    el2.state = DOMAIN_ABSENT;
    (void)watch_run(&el2.watch);
    (void)watch_run(&el2.watch);
    EXPECT_STR("[   1.000] storage: refused at boot; the log says why\n", events());
}

TEST(supervisor_dump, counts_from_el2_are_bounded_and_text_is_cut)
{
    static struct domain_dump dump;
    static char text[65536];
    const struct symbols none = { 0 };
    memset(&dump, 0xff, sizeof(dump));
    EXPECT_EQ(20, dump_text(&dump, sizeof(dump), &none, text, sizeof(text)));
    EXPECT_STR("the dump is damaged\n", text);
    EXPECT_EQ(0, dump_text(&dump, 0, &none, text, sizeof(text)));
    dump.magic = DUMP_MAGIC;
    EXPECT_EQ(20, dump_text(&dump, sizeof(dump) - 1, &none, text, sizeof(text)));
    size_t bytes = dump_text(&dump, sizeof(dump), &none, text, sizeof(text));
    EXPECT_EQ(strlen(text), bytes);
    EXPECT_EQ(true, strncmp(text, "????", 4) == 0);
    for (size_t room = 1; room < 400; room += 7) {
        memset(text, 'x', 500);
        EXPECT_EQ(room - 1, dump_text(&dump, sizeof(dump), &none, text, room));
        EXPECT_EQ('x', text[room]);
    }
}

/* A server of links 0 and 1 that dies with requests of both in hand. */
static void fresh_shared(void)
{
    fresh();
    el2.watch.domain[1].policy.served_links = 3;
    el2.manifest.link[1].server = 1;
    el2.dump = (struct domain_dump){ .magic = DUMP_MAGIC, .queue_count = 2 };
    el2.dump.queue[0] = (struct dump_queue){ .link = 0, .done = 4, .avail = 4 };
    el2.dump.queue[1] = (struct dump_queue){ .link = 1, .done = 4, .avail = 6 };
}

static void die_busy(void)
{
    die(CAUSE_PANIC);
    el2.dump.deaths = (uint32_t)el2.deaths;
    for (uint32_t i = 0; i < 8 && el2.state != DOMAIN_RUNNING; i++) {
        uint64_t next_ns = watch_run(&el2.watch);
        if (el2.state != DOMAIN_RUNNING) el2.now_ns = next_ns;
    }
}

TEST(supervisor_watch, the_link_that_kills_its_server_twice_alone_is_detached_and_the_other_goes_on)
{
    fresh_shared();
    for (uint32_t i = 0; i < 3; i++) die_busy();
    EXPECT_EQ(2, el2.held); /* disk0 alone */
    EXPECT_EQ(0, el2.gone);
    uint64_t next_ns = watch_run(&el2.watch);
    EXPECT_EQ(el2.now_ns + POLICY_TRIAL_NS, next_ns);
    el2.now_ns = next_ns;
    EXPECT_NE(0, watch_run(&el2.watch)); /* it did well: disk1's turn */
    EXPECT_EQ(1, el2.kills);
    EXPECT_EQ(1, el2.held);
    die_busy();
    EXPECT_EQ(1, el2.held);
    die_busy();
    EXPECT_EQ(0, el2.held);
    EXPECT_EQ(2, el2.gone);
    EXPECT_EQ(DOMAIN_RUNNING, el2.state);
    EXPECT_EQ(0, watch_run(&el2.watch));
    EXPECT_EQ(true, strstr(events(), "runs with no link but disk1") != NULL);
    EXPECT_EQ(true, strstr(events(), "link disk1 killed it twice") != NULL);
    EXPECT_EQ(OK, watch_clear(&el2.watch, 1)); /* by hand: back with both */
    (void)watch_run(&el2.watch);
    EXPECT_EQ(0, el2.gone);
    EXPECT_EQ(2, el2.kills);
}

TEST(supervisor_watch, a_trial_that_blames_nobody_ends_with_all_links)
{
    fresh_shared();
    for (uint32_t i = 0; i < 3; i++) die_busy();
    for (uint32_t i = 0; i < 2; i++) {
        el2.now_ns = watch_run(&el2.watch);
        (void)watch_run(&el2.watch);
    }
    EXPECT_EQ(0, el2.held);
    EXPECT_EQ(0, el2.gone);
    EXPECT_EQ(0, watch_run(&el2.watch));
    EXPECT_EQ(true, strstr(events(), "runs with all its links") != NULL);
}

TEST(supervisor_watch, a_guest_that_switched_itself_off_stays_off_until_it_is_started)
{
    fresh();
    el2.watch.domain[1].policy.served_links = 0;
    die(CAUSE_OFF);
    EXPECT_EQ(0, watch_run(&el2.watch));
    EXPECT_EQ(0, el2.steps);
    EXPECT_EQ(WATCH_OFF, el2.watch.domain[1].phase);
    EXPECT_EQ(OK, watch_restart(&el2.watch, 1));
    (void)watch_run(&el2.watch);
    EXPECT_EQ(DOMAIN_RUNNING, el2.state);
}
