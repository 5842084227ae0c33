/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The console service: the serial line for several clients. Driven by interrupts, nothing armed when idle. */
#include <string.h>

#include "abi/proto/console.h"
#include "drivers/uart/pl011.h"
#include "servers/console/ring.h"
#include "servers/rt/ipc.h"
#include "servers/rt/log.h"
#include "servers/rt/startup.h"
#include "servers/rt/time.h"

#define SESSION_MAX 32
#define WAITER_MAX  16
#define BUFFER_MAX  MIB(1)
#define SHORT_MAX   32
#define BIT_IRQ     BIT(0)
/* A badge: run of this process (31 bits), 1 for "a session", serial (24 bits), slot (8 bits). */
#define BADGE_SESSION   BIT(32)
#define BADGE_RUN_SHIFT 33
#define DRAIN_NS        1000000 /* between two looks at a line that still shifts its last bytes */

struct session {
    uint64_t last_used; /* 0: free */
    uint64_t serial;    /* an evicted session's badge fits no more */
    uint8_t *buffer;    /* shared with the client (untrusted) */
    uint64_t buffer_bytes;
    handle_t notification; /* owned; HANDLE_NONE: input is not told of */
    uint64_t bits;
};

/* A call that is not answered yet. */
struct waiter {
    handle_t reply;     /* owned; HANDLE_NONE: free */
    uint64_t operation; /* CONSOLE_WRITE, CONSOLE_READ, CONSOLE_WAIT or CONSOLE_DRAIN */
    uint64_t arrival;
    uint64_t badge;
    uint64_t offset, left; /* of WRITE: what is still to be taken; of READ: where to, how much */
};

/* One thread: no locks. */
static struct {
    struct pl011 uart;
    handle_t endpoint, irq, notification;
    struct ring in, out;
    uint64_t uses, arrivals;
    uint64_t run;    /* in every badge: clients of an earlier console still hold theirs */
    bool wants_room; /* the transmit interrupt is on */
    struct session session[SESSION_MAX];
    struct waiter waiter[WAITER_MAX];
} con;

static struct session *session_of(uint64_t badge)
{
    uint64_t index = badge & 0xff;
    if ((badge & BADGE_SESSION) == 0 || index >= SESSION_MAX) return NULL;
    if (badge >> BADGE_RUN_SHIFT != con.run) return NULL;
    struct session *s = &con.session[index];
    if (s->last_used == 0 || s->serial != ((badge >> 8) & 0xffffff)) return NULL;
    s->last_used = ++con.uses;
    return s;
}

static void session_close(struct session *s)
{
    if (s->buffer != NULL) {
        (void)sys_vmo_unmap(HANDLE_SELF, (uint64_t)s->buffer, s->buffer_bytes);
    }
    if (s->notification != HANDLE_NONE) {
        (void)sys_handle_close(s->notification);
    }
    *s = (struct session){ .serial = (s->serial + 1) & 0xffffff };
}

/* A free slot, or the one that was idle longest: its client may have ended without a word. */
static struct session *session_slot(void)
{
    struct session *found = &con.session[0];
    for (uint32_t i = 1; i < SESSION_MAX; i++) {
        found = con.session[i].last_used < found->last_used ? &con.session[i] : found;
    }
    session_close(found);
    return found;
}

static err_t attach(handle_t vmo, handle_t *client)
{
    struct sys_vmo_info info;
    uint64_t address = 0;
    err_t err = sys_vmo_info(vmo, &info);
    if (err != OK) return err;
    if (info.size_bytes < PAGE_SIZE || info.size_bytes > BUFFER_MAX || info.is_device != 0) {
        return ERR_RANGE;
    }
    err = sys_vmo_map(HANDLE_SELF, vmo, 0, info.size_bytes, PROT_READ | PROT_WRITE, 0, &address);
    if (err != OK) return err;
    struct session *s = session_slot();
    s->buffer = (uint8_t *)address;
    s->buffer_bytes = info.size_bytes;
    uint64_t badge = con.run << BADGE_RUN_SHIFT | BADGE_SESSION | s->serial << 8 |
                     (uint64_t)(s - con.session);
    err = sys_endpoint_mint(con.endpoint, badge, RIGHT_WRITE | RIGHT_DUP | RIGHT_GRANT, client);
    if (err != OK) {
        session_close(s);
        return err;
    }
    s->last_used = ++con.uses;
    return OK;
}

static void answer(struct waiter *w, err_t err, uint64_t bytes)
{
    struct ipc_msg msg = ipc_op(err);
    msg.word[1] = bytes;
    (void)ipc_reply_recv(HANDLE_NONE, w->reply, &msg, DEADLINE_NEVER);
    w->reply = HANDLE_NONE;
}

/* Gives waiting bytes to the UART; asks for an interrupt when it cannot take all. */
static void transmit(void)
{
    const uint8_t *data = NULL;
    for (size_t bytes = ring_peek(&con.out, &data); bytes > 0; bytes = ring_peek(&con.out, &data)) {
        size_t given = pl011_write(&con.uart, data, bytes);
        ring_drop(&con.out, given);
        if (given < bytes) break;
    }
    bool wants_room = ring_used(&con.out) > 0;
    if (wants_room != con.wants_room) {
        con.wants_room = wants_room;
        pl011_want_room(&con.uart, wants_room);
    }
}

static void receive(void)
{
    uint8_t piece[64];
    size_t bytes = 0;
    do {
        bytes = pl011_read(&con.uart, piece, sizeof(piece));
        (void)ring_put(&con.in, piece,
                       bytes); /* what nobody reads falls away when the ring is full */
    } while (bytes == sizeof(piece));
}

static void signal_input(void)
{
    if (ring_used(&con.in) == 0) return;
    for (uint32_t i = 0; i < SESSION_MAX; i++) {
        const struct session *s = &con.session[i];
        if (s->notification != HANDLE_NONE) {
            (void)sys_notification_signal(s->notification, s->bits);
        }
    }
}

/* Copies input into a session's buffer. */
static uint64_t take_input(const struct session *s, uint64_t offset, uint64_t room)
{
    uint64_t taken = 0;
    const uint8_t *data = NULL;
    while (taken < room) {
        size_t bytes = MIN(ring_peek(&con.in, &data), room - taken);
        if (bytes == 0) break;
        memcpy(s->buffer + offset + taken, data, bytes);
        ring_drop(&con.in, bytes);
        taken += bytes;
    }
    return taken;
}

/* Does what a waiter waits for, if it can be done now. Returns true when it has been answered. */
static bool serve_waiter(struct waiter *w)
{
    const struct session *s = session_of(w->badge);
    if (s == NULL) {
        answer(w, ERR_STATE, 0); /* evicted meanwhile */
        return true;
    }
    switch (w->operation) {
    case CONSOLE_WRITE: {
        size_t taken = ring_put(&con.out, s->buffer + w->offset, w->left);
        w->offset += taken;
        w->left -= taken;
        transmit();
        if (w->left > 0) return false;
        answer(w, OK, 0);
        return true;
    }
    case CONSOLE_READ:
        if (ring_used(&con.in) == 0) return false;
        answer(w, OK, take_input(s, w->offset, w->left));
        return true;
    case CONSOLE_WAIT:
        if (ring_used(&con.in) == 0) return false;
        answer(w, OK, 0);
        return true;
    case CONSOLE_DRAIN:
    default:
        if (ring_used(&con.out) > 0 || !pl011_is_idle(&con.uart)) return false;
        answer(w, OK, 0);
        return true;
    }
}

/* In the order in which they came. */
static void serve_waiters(void)
{
    for (uint64_t served = 0;;) {
        struct waiter *next = NULL;
        for (uint32_t i = 0; i < WAITER_MAX; i++) {
            struct waiter *w = &con.waiter[i];
            if (w->reply == HANDLE_NONE || w->arrival <= served) continue;
            next = next == NULL || w->arrival < next->arrival ? w : next;
        }
        if (next == NULL) return;
        served = next->arrival;
        (void)serve_waiter(next);
    }
}

/* Keeps a call until it can be answered. ERR_BUSY: too many wait. */
static err_t wait(const struct ipc_msg *msg, uint64_t offset, uint64_t left)
{
    for (uint32_t i = 0; i < WAITER_MAX; i++) {
        struct waiter *w = &con.waiter[i];
        if (w->reply != HANDLE_NONE) continue;
        *w = (struct waiter){ .reply = (handle_t)msg->reply,
                              .operation = msg->word[0],
                              .arrival = ++con.arrivals,
                              .badge = msg->badge,
                              .offset = offset,
                              .left = left };
        return OK;
    }
    return ERR_BUSY;
}

static err_t write_short(const struct ipc_msg *msg)
{
    uint8_t bytes[SHORT_MAX];
    if (msg->word[1] > SHORT_MAX) return ERR_RANGE;
    memcpy(bytes, &msg->word[2], sizeof(bytes));
    if (ring_room(&con.out) < msg->word[1]) return ERR_AGAIN;
    (void)ring_put(&con.out, bytes, msg->word[1]);
    transmit();
    return OK;
}

/* A session's call. *kept: it is answered later. */
static err_t serve(struct session *s, struct ipc_msg *msg, bool *kept)
{
    uint64_t operation = msg->word[0], offset = msg->word[1], bytes = msg->word[2];
    bool has_range =
            operation == CONSOLE_WRITE || operation == CONSOLE_READ || operation == CONSOLE_POLL;
    if (has_range && !range_is_inside(offset, bytes, 0, s->buffer_bytes)) return ERR_RANGE;
    switch (operation) {
    case CONSOLE_WRITE:
    case CONSOLE_READ:
    case CONSOLE_WAIT:
    case CONSOLE_DRAIN: {
        err_t err = wait(msg, offset, bytes);
        *kept = err == OK;
        return err;
    }
    case CONSOLE_POLL:
        receive(); /* what has come, even if its interrupt has not been looked at yet */
        msg->word[1] = take_input(s, offset, bytes);
        return OK;
    case CONSOLE_SHORT:
        return write_short(msg);
    case CONSOLE_NOTIFY:
        if (TAG_HANDLE_COUNT(msg->tag) != 1) return ERR_ARG;
        if (s->notification != HANDLE_NONE) {
            (void)sys_handle_close(s->notification);
        }
        s->notification = msg->handle[0];
        s->bits = msg->word[1];
        msg->tag = 0; /* kept */
        return OK;
    case CONSOLE_DETACH:
        session_close(s);
        return OK;
    default:
        return ERR_ARG;
    }
}

static void on_message(struct ipc_msg *msg)
{
    err_t err = ERR_STATE;
    handle_t client = HANDLE_NONE, reply = (handle_t)msg->reply;
    bool kept = false;
    struct session *s = session_of(msg->badge);
    uint64_t handle_count = TAG_HANDLE_COUNT(msg->tag);
    if ((msg->badge & BADGE_SESSION) == 0) {
        err = ERR_ARG;
        if (msg->word[0] == CONSOLE_ATTACH && handle_count == 1) {
            err = attach(msg->handle[0], &client);
        }
    } else if (s != NULL) {
        err = serve(s, msg, &kept);
    }
    ipc_drop_handles(msg);
    if (kept) return;
    msg->tag = 0;
    if (client != HANDLE_NONE) {
        msg->tag = TAG_HANDLES(1);
        msg->handle[0] = client;
    }
    msg->word[0] = err;
    (void)ipc_reply_recv(HANDLE_NONE, reply, msg, DEADLINE_NEVER);
}

static err_t prepare(void)
{
    struct sys_vmo_info info;
    uint64_t address = 0;
    handle_t regs = startup_handle("uart0");
    con.endpoint = startup_handle("service");
    con.run = time_now_ticks() & 0x7fffffff;
    con.irq = startup_handle("uart0-irq");
    err_t err = sys_vmo_info(regs, &info);
    if (err == OK) {
        err = sys_vmo_map(HANDLE_SELF, regs, 0, info.size_bytes,
                          PROT_READ | PROT_WRITE | PROT_DEVICE, 0, &address);
    }
    if (err != OK) return err;
    pl011_start(&con.uart, (volatile void *)address);
    err = sys_notification_create(&con.notification);
    if (err == OK) {
        err = sys_notification_bind(con.notification);
    }
    if (err == OK) {
        err = sys_irq_bind(con.irq, con.notification, BIT_IRQ);
    }
    (void)sys_irq_ack(con.irq); /* one that an earlier console left masked */
    return err;
}

/* Only while a client waits for the last bytes to leave the line: no interrupt tells of that. */
static uint64_t next_look(void)
{
    for (uint32_t i = 0; i < WAITER_MAX; i++) {
        if (con.waiter[i].reply != HANDLE_NONE && con.waiter[i].operation == CONSOLE_DRAIN) {
            return time_deadline_ns(DRAIN_NS);
        }
    }
    return DEADLINE_NEVER;
}

int main(const struct startup *s)
{
    (void)s;
    err_t err = prepare();
    if (err != OK) {
        log_printf("cannot start: error %d", (int)err);
        return 1;
    }
    for (;;) {
        struct ipc_msg msg = { 0 };
        err = ipc_reply_recv(con.endpoint, HANDLE_NONE, &msg, next_look());
        if (err != OK && err != ERR_TIMEOUT) {
            log_printf("cannot receive: error %d", (int)err);
            return 1;
        }
        if (err == OK && (msg.tag & TAG_NOTIFICATION) != 0) {
            receive();
            signal_input();
            transmit();
            (void)sys_irq_ack(con.irq);
        } else if (err == OK) {
            on_message(&msg);
        }
        serve_waiters();
    }
}
