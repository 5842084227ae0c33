/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The supervisor: restarts domains, keeps events and crash dumps, tells of faults in processes. */
#include <string.h>

#include "abi/hypercall.h"
#include "abi/proto/supervisor.h"
#include "lib/cpio.h"
#include "lib/format.h"
#include "servers/rt/ipc.h"
#include "servers/rt/log.h"
#include "servers/rt/startup.h"
#include "servers/rt/time.h"
#include "servers/supervisor/consoles.h"
#include "servers/supervisor/dump.h"
#include "servers/supervisor/session.h"
#include "servers/supervisor/watch.h"

#define BIT_DEATH  BIT(0)
#define BIT_TIMER  BIT(1)
#define WAITER_MAX 8

/* One thread: no locks. */
static struct {
    handle_t endpoint, domains, system, irq, notification, timer;
    uint64_t told_event; /* the last one that was signalled */
    uint64_t armed_ns;   /* what the timer is set to; 0: off */
    struct watch watch;
    struct consoles consoles;
    struct events events;
    struct sessions sessions;
    /* Callers of KILL and RESTART who wait until the domain is up again or stays down. */
    struct {
        handle_t reply;
        uint32_t index;
    } waiter[WAITER_MAX];
} sup;

static err_t hypercall(void *context, uint64_t function, const uint64_t arg[5], uint64_t result[6])
{
    (void)context;
    return sys_domain_call(sup.domains, function, arg, result);
}

static uint64_t now_ns(void *context)
{
    (void)context;
    return time_ns_from_ticks(time_now_ticks());
}

static void answer(handle_t reply, err_t err)
{
    struct ipc_msg msg = ipc_op(err);
    (void)ipc_reply_recv(HANDLE_NONE, reply, &msg, DEADLINE_NEVER);
}

static void answer_waiters(void)
{
    for (uint32_t i = 0; i < WAITER_MAX; i++) {
        if (sup.waiter[i].reply == HANDLE_NONE) continue;
        enum watch_phase phase = sup.watch.domain[sup.waiter[i].index].phase;
        if (phase == WATCH_STEPPING) continue;
        err_t err = phase == WATCH_UP ? OK : phase == WATCH_QUARANTINED ? ERR_QUARANTINE : ERR_DEAD;
        answer(sup.waiter[i].reply, err);
        sup.waiter[i].reply = HANDLE_NONE;
    }
}

/* Keeps the caller until the domain is back. False: no room, answer at once. */
static bool keep_waiting(handle_t reply, uint32_t index)
{
    for (uint32_t i = 0; i < WAITER_MAX; i++) {
        if (sup.waiter[i].reply != HANDLE_NONE) continue;
        sup.waiter[i].reply = reply;
        sup.waiter[i].index = index;
        return true;
    }
    return false;
}

static err_t do_list(const struct session *s, const struct ipc_msg *msg)
{
    struct sup_domain row;
    if (!session_has(s, msg->word[2], sizeof(row))) return ERR_RANGE;
    if (msg->word[1] >= DOMAIN_MAX) return ERR_NO_ENTRY;
    err_t err = watch_info(&sup.watch, (uint32_t)msg->word[1], &row);
    if (err != OK) return err;
    row.last_restart_ticks = time_ticks_from_ns(sup.watch.domain[row.index].restart_ns);
    memcpy(s->buffer + msg->word[2], &row, sizeof(row));
    return OK;
}

static err_t do_dump(const struct session *s, struct ipc_msg *msg)
{
    if (msg->word[1] >= sup.watch.count) return ERR_NO_ENTRY;
    static char text[DUMP_TEXT_BYTES];
    uint64_t offset = msg->word[2], bytes = 0;
    if (!session_has(s, msg->word[3], msg->word[4])) return ERR_RANGE;
    size_t total = watch_dump_text(&sup.watch, (uint32_t)msg->word[1], text, sizeof(text));
    if (offset < total) {
        bytes = MIN(msg->word[4], total - offset);
        memcpy(s->buffer + msg->word[3], text + offset, bytes);
    }
    msg->word[1] = bytes;
    msg->word[2] = total;
    return OK;
}

static err_t do_events(const struct session *s, struct ipc_msg *msg)
{
    uint64_t from = msg->word[1];
    if (!session_has(s, msg->word[2], msg->word[3])) return ERR_RANGE;
    size_t bytes = events_read(&sup.events, &from, (char *)s->buffer + msg->word[2], msg->word[3]);
    msg->word[1] = bytes;
    msg->word[2] = from;
    return OK;
}

static err_t do_console(struct session *s, struct ipc_msg *msg)
{
    uint64_t index = msg->word[1], position = msg->word[2], bytes = 0;
    if (!session_has(s, msg->word[3], msg->word[4])) return ERR_RANGE;
    err_t err = consoles_read(&sup.consoles, index, &position, (char *)s->buffer + msg->word[3],
                              msg->word[4], &bytes);
    if (err == OK && bytes == 0) {
        s->awaits |= 1U << index;
    }
    msg->word[1] = bytes;
    msg->word[2] = position;
    return err;
}

static err_t do_type(const struct session *s, struct ipc_msg *msg)
{
    if (!session_has(s, msg->word[2], msg->word[3])) return ERR_RANGE;
    return consoles_type(&sup.consoles, msg->word[1], (const char *)s->buffer + msg->word[2],
                         msg->word[3], &msg->word[1]);
}

/* A session's request. Returns the answer's w0; handles of the answer go into msg. */
static err_t serve(struct session *s, struct ipc_msg *msg)
{
    uint32_t index = (uint32_t)MIN(msg->word[1], (uint64_t)DOMAIN_MAX);
    uint64_t operation = msg->word[0];
    bool for_operators = operation == SUP_KILL || operation == SUP_RESTART ||
                         operation == SUP_CLEAR || operation == SUP_FAULTS ||
                         operation == SUP_CONSOLE || operation == SUP_TYPE;
    if (for_operators && s->role != SUP_BADGE_OPERATOR) return ERR_RIGHTS;
    if (operation == SUP_DUMP && s->role == SUP_BADGE_CLIENT) return ERR_RIGHTS;
    switch (operation) {
    case SUP_LIST:
        return do_list(s, msg);
    case SUP_KILL:
        return watch_kill(&sup.watch, index);
    case SUP_RESTART:
        return watch_restart(&sup.watch, index);
    case SUP_CLEAR:
        return watch_clear(&sup.watch, index);
    case SUP_DUMP:
        return do_dump(s, msg);
    case SUP_CONSOLE:
        return do_console(s, msg);
    case SUP_TYPE:
        return do_type(s, msg);
    case SUP_EVENTS:
        return do_events(s, msg);
    case SUP_NOTIFY:
        return s->notification != HANDLE_NONE ? OK : ERR_ARG;
    case SUP_REPORT:
        return watch_report(&sup.watch, index, (uint32_t)msg->word[2], (uint32_t)msg->word[3],
                            msg->word[5]);
    case SUP_FAULTS: {
        err_t err = sys_endpoint_mint(sup.endpoint, SUP_BADGE_FAULTS,
                                      RIGHT_WRITE | RIGHT_DUP | RIGHT_GRANT, &msg->handle[0]);
        msg->tag = err == OK ? TAG_HANDLES(1) : 0;
        return err;
    }
    default:
        return ERR_ARG;
    }
}

static err_t attach(struct ipc_msg *msg, uint32_t role)
{
    handle_t client = HANDLE_NONE;
    if (msg->word[0] != SUP_ATTACH || TAG_HANDLE_COUNT(msg->tag) != 1) {
        ipc_drop_handles(msg);
        return ERR_ARG;
    }
    err_t err = session_open(&sup.sessions, sup.endpoint, msg->handle[0], role, &client);
    ipc_drop_handles(msg);
    if (err != OK) return err;
    msg->tag = TAG_HANDLES(1);
    msg->handle[0] = client;
    return OK;
}

static const char *process_name(uint64_t object_id, struct sys_process_row *row)
{
    for (uint64_t i = 0; sys_process_list(sup.system, i, row) == OK; i++) {
        if (row->object_id != object_id) continue;
        text_sanitize(row->name, strlen(row->name));
        return row->name;
    }
    return "process";
}

/* A process faulted: it is told of, and ends. */
static void on_fault(struct ipc_msg *msg)
{
    struct sys_process_row row;
    char text[EVENT_BYTES];
    const uint64_t *w = msg->word;
    (void)format(text, sizeof(text), "%s: ended by a fault: ESR 0x%llx, address 0x%llx, PC 0x%llx",
                 process_name(w[0], &row), (unsigned long long)w[1], (unsigned long long)w[2],
                 (unsigned long long)w[3]);
    events_add(&sup.events, now_ns(NULL), text);
    log_printf("%s (SP 0x%llx, LR 0x%llx)", text, (unsigned long long)w[4],
               (unsigned long long)w[5]);
    handle_t reply = (handle_t)msg->reply;
    ipc_drop_handles(msg);
    answer(reply, OK); /* word 0 = 0: end it */
}

static void on_message(struct ipc_msg *msg)
{
    err_t err = ERR_STATE;
    handle_t reply = (handle_t)msg->reply;
    uint64_t operation = msg->word[0], index = msg->word[1];
    if ((msg->tag & TAG_FAULT) != 0 && msg->badge == SUP_BADGE_FAULTS) {
        on_fault(msg);
        return;
    }
    struct session *s = session_of(&sup.sessions, msg->badge);
    if (msg->badge == SUP_BADGE_OPERATOR || msg->badge == SUP_BADGE_CLIENT ||
        msg->badge == SUP_BADGE_READER) {
        err = attach(msg, (uint32_t)msg->badge);
    } else {
        if (s != NULL && operation == SUP_NOTIFY && TAG_HANDLE_COUNT(msg->tag) == 1) {
            session_notify(s, msg->handle[0], msg->word[1]);
            msg->tag = 0; /* kept */
        }
        ipc_drop_handles(msg);
        msg->tag = 0;
        if (s != NULL) {
            err = serve(s, msg);
        }
    }
    if (err != OK) {
        msg->tag = 0;
    } else if (s != NULL && (operation == SUP_KILL || operation == SUP_RESTART)) {
        (void)watch_run(&sup.watch); /* notices the death */
        if (sup.watch.domain[index].phase == WATCH_STEPPING &&
            keep_waiting(reply, (uint32_t)index)) {
            return;
        }
    }
    msg->word[0] = err;
    (void)ipc_reply_recv(HANDLE_NONE, reply, msg, DEADLINE_NEVER);
}

/* Runs the watch and arms the timer for what is left to do. */
static void run_watch(void)
{
    uint64_t console_ns = 0, next_ns = watch_run(&sup.watch);
    session_signal_consoles(&sup.sessions, consoles_run(&sup.consoles, &console_ns));
    if (console_ns != 0 && (next_ns == 0 || console_ns < next_ns)) {
        next_ns = console_ns;
    }
    answer_waiters();
    if (sup.events.next != sup.told_event) {
        sup.told_event = sup.events.next;
        session_signal_all(&sup.sessions);
    }
    if (next_ns == sup.armed_ns) return;
    sup.armed_ns = next_ns;
    uint64_t deadline = next_ns == 0 ? DEADLINE_NEVER : time_ticks_from_ns(next_ns);
    (void)sys_timer_set(sup.timer, deadline, sup.notification, BIT_TIMER);
}

/* Names of a domain's functions, when the pack has those of this very image. */
static void open_symbols(const void *pack, uint64_t pack_bytes, const struct manifest_file *image,
                         struct symbols *out)
{
    char name[BOOT_NAME_MAX + 4];
    const void *file = NULL;
    uint64_t file_bytes = 0;
    (void)format(name, sizeof(name), "%.31s.sym", image->name);
    if (cpio_find(pack, pack_bytes, name, &file, &file_bytes) != OK) return;
    err_t err = symbols_open(out, file, file_bytes, image->hash);
    if (err != OK) {
        log_printf("%s: not used, error %d", name, (int)err);
    }
}

/* The manifest, which EL2 has checked, and the symbols, which nobody has. Without them everything works and has no names. */
static void read_pack(struct watch_env env)
{
    struct sys_vmo_info info = { 0 };
    uint64_t at = 0;
    handle_t pack = startup_handle("pack");
    const struct manifest *m = NULL;
    if (sys_vmo_info(pack, &info) == OK &&
        info.size_bytes >= MANIFEST_PACK_OFFSET + sizeof(struct manifest) &&
        sys_vmo_map(HANDLE_SELF, pack, 0, info.size_bytes, PROT_READ, 0, &at) == OK) {
        m = (const struct manifest *)(at + MANIFEST_PACK_OFFSET);
        m = m->magic == MANIFEST_MAGIC && m->format == MANIFEST_FORMAT ? m : NULL;
    }
    watch_init(&sup.watch, env, &sup.events, m);
    for (uint32_t i = 1; m != NULL && i < sup.watch.count; i++) {
        open_symbols((const void *)at, info.size_bytes, &m->domain[i].image,
                     &sup.watch.domain[i].symbols);
    }
}

static err_t prepare(void)
{
    const struct watch_env env = { .call = hypercall, .now_ns = now_ns };
    sup.endpoint = startup_handle("service");
    sup.domains = startup_handle("domains");
    sup.system = startup_handle("system");
    sup.irq = startup_handle("events");
    events_init(&sup.events);
    sup.sessions.run = time_now_ticks() & 0x7fffffff;
    read_pack(env);
    consoles_init(&sup.consoles, env, sup.watch.count);
    err_t err = sys_notification_create(&sup.notification);
    if (err == OK) {
        err = sys_notification_bind(sup.notification);
    }
    if (err == OK) {
        err = sys_timer_create(&sup.timer);
    }
    if (err == OK) {
        err = sys_irq_bind(sup.irq, sup.notification, BIT_DEATH);
    }
    return err;
}

int main(const struct startup *s)
{
    (void)s;
    err_t err = prepare();
    if (err != OK) {
        log_printf("cannot start: error %d", (int)err);
        return 1;
    }
    (void)sys_irq_ack(sup.irq); /* one that an earlier supervisor left masked */
    run_watch();
    for (;;) {
        struct ipc_msg msg = { 0 };
        err = ipc_reply_recv(sup.endpoint, HANDLE_NONE, &msg, DEADLINE_NEVER);
        if (err != OK) {
            log_printf("cannot receive: error %d", (int)err);
            return 1;
        }
        if ((msg.tag & TAG_NOTIFICATION) == 0) {
            on_message(&msg);
        } else {
            if ((msg.word[0] & BIT_TIMER) != 0) {
                sup.armed_ns = 0;
            }
            if ((msg.word[0] & BIT_DEATH) != 0) {
                (void)sys_irq_ack(sup.irq); /* before looking: a death from now on signals again */
            }
        }
        run_watch();
    }
}
