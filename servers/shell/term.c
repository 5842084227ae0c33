/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A session with the console service. */
#include "servers/shell/term.h"

#include <string.h>

#include "abi/proto/console.h"
#include "servers/rt/ipc.h"
#include "servers/rt/time.h"

#define OUT_BYTES    KIB(12) /* of the buffer; the rest is for input */
#define BUFFER_BYTES KIB(16)
#define CTRL_C       0x03
#define RETRY_MAX    100
#define RETRY_NS     UINT64_C(50000000)

/* Input is to signal the notification from now on. */
static err_t ask_for_signals(struct term *t)
{
    struct ipc_msg msg = ipc_op(CONSOLE_NOTIFY);
    if (t->notification == HANDLE_NONE) return OK;
    err_t err = sys_handle_dup(t->notification, RIGHT_WRITE | RIGHT_GRANT, &msg.handle[0]);
    if (err != OK) return err;
    msg.tag = TAG_HANDLES(1);
    msg.word[1] = t->bits;
    return ipc_call_op(t->session, &msg, DEADLINE_NEVER);
}

/* Opens a session on a new VMO, or on none at an error. */
static err_t attach(struct term *t)
{
    struct ipc_msg msg = ipc_op(CONSOLE_ATTACH);
    handle_t vmo = HANDLE_NONE;
    uint64_t address = 0;
    err_t err = sys_vmo_create(BUFFER_BYTES, &vmo);
    if (err != OK) return err;
    err = sys_vmo_map(HANDLE_SELF, vmo, 0, BUFFER_BYTES, PROT_READ | PROT_WRITE, 0, &address);
    if (err != OK) {
        (void)sys_handle_close(vmo);
        return err;
    }
    msg.tag = TAG_HANDLES(1);
    msg.handle[0] = vmo;
    err = ipc_call_op(t->service, &msg, DEADLINE_NEVER);
    if (err == OK && TAG_HANDLE_COUNT(msg.tag) != 1) {
        err = ERR_PEER;
    }
    if (err != OK) {
        (void)sys_handle_close(vmo); /* it is still ours when the call did not arrive */
        (void)sys_vmo_unmap(HANDLE_SELF, address, BUFFER_BYTES);
        return err;
    }
    t->session = msg.handle[0];
    t->buffer = (uint8_t *)address;
    return ask_for_signals(t);
}

static void detach(struct term *t)
{
    if (t->session == HANDLE_NONE) return;
    (void)sys_handle_close(t->session);
    (void)sys_vmo_unmap(HANDLE_SELF, (uint64_t)t->buffer, BUFFER_BYTES);
    t->session = HANDLE_NONE;
    t->buffer = NULL;
}

err_t term_open(struct term *t, handle_t service, handle_t notification, uint64_t bits)
{
    *t = (struct term){ .service = service, .notification = notification, .bits = bits };
    return attach(t);
}

void term_close(struct term *t)
{
    struct ipc_msg msg = ipc_op(CONSOLE_DETACH);
    if (t->session == HANDLE_NONE) return;
    (void)ipc_call_op(t->session, &msg, DEADLINE_NEVER);
    detach(t);
}

/* True when the console was restarted or dropped us, and we are attached again. */
static bool recover(struct term *t, err_t err)
{
    if (err != ERR_DEAD && err != ERR_STATE && err != ERR_CANCELLED) return false;
    detach(t);
    for (uint32_t i = 0; i < RETRY_MAX; i++) {
        if (attach(t) == OK) return true;
        time_sleep_ns(RETRY_NS);
    }
    return false;
}

void term_put(struct term *t, const char *text, size_t text_bytes)
{
    while (text_bytes > 0 && !t->is_lost) {
        size_t piece = MIN(text_bytes, (size_t)OUT_BYTES);
        memcpy(t->buffer, text, piece);
        struct ipc_msg msg = ipc_op(CONSOLE_WRITE);
        msg.word[1] = 0;
        msg.word[2] = piece;
        err_t err = ipc_call_op(t->session, &msg, DEADLINE_NEVER);
        if (err == OK) {
            text += piece;
            text_bytes -= piece;
        } else {
            t->is_lost = !recover(t, err);
        }
    }
}

void term_write(struct term *t, const char *text, size_t text_bytes)
{
    static char lines[OUT_BYTES];
    size_t used = 0;
    if (text_bytes > 0) {
        t->in_line = text[text_bytes - 1] != '\n';
    }
    for (size_t i = 0; i < text_bytes; i++) {
        if (used + 2 > sizeof(lines)) {
            term_put(t, lines, used);
            used = 0;
        }
        if (text[i] == '\n') {
            lines[used++] = '\r';
        }
        lines[used++] = text[i];
    }
    term_put(t, lines, used);
}

/* Fetches typed bytes: waits for one with CONSOLE_READ, not with CONSOLE_POLL. */
static void fetch(struct term *t, uint64_t operation)
{
    if (t->in_at == t->in_end) {
        t->in_at = t->in_end = 0;
    }
    size_t room = TERM_IN_BYTES - t->in_end;
    if (room == 0 || t->is_lost) return;
    struct ipc_msg msg = ipc_op(operation);
    msg.word[1] = OUT_BYTES;
    msg.word[2] = room;
    err_t err = ipc_call_op(t->session, &msg, DEADLINE_NEVER);
    if (err != OK) {
        t->is_lost = !recover(t, err);
        return;
    }
    size_t got = MIN(msg.word[1], room);
    memcpy(t->in + t->in_end, t->buffer + OUT_BYTES, got);
    t->in_end += got;
}

int term_get(struct term *t)
{
    while (t->in_at == t->in_end && !t->is_lost) {
        fetch(t, CONSOLE_READ);
    }
    return t->in_at < t->in_end ? t->in[t->in_at++] : -1;
}

void term_fetch(struct term *t)
{
    fetch(t, CONSOLE_POLL);
}

bool term_has_input(const struct term *t)
{
    return t->in_at < t->in_end;
}

bool term_poll(struct term *t)
{
    if (t->is_background) return false;
    fetch(t, CONSOLE_POLL);
    for (size_t i = t->in_at; i < t->in_end; i++) {
        if (t->in[i] != CTRL_C) continue;
        t->interrupted = true;
        t->in_at = i + 1; /* what was typed before it is void */
    }
    return t->interrupted;
}

void term_interrupt_clear(struct term *t)
{
    t->interrupted = false;
}

bool term_sleep(struct term *t, uint64_t deadline)
{
    while (!term_poll(t) && !t->is_lost) {
        struct ipc_msg msg = ipc_op(CONSOLE_WAIT);
        if (time_now_ticks() >= deadline) return false;
        if (t->is_background ||
            t->in_end == TERM_IN_BYTES) { /* no room: a Ctrl-C could not be seen */
            (void)sys_sleep(deadline);
            return false;
        }
        err_t err = ipc_call_op(t->session, &msg, deadline);
        if (err == ERR_TIMEOUT) return false;
        if (err != OK) {
            t->is_lost = !recover(t, err);
        }
    }
    return t->interrupted;
}

void term_drain(struct term *t)
{
    struct ipc_msg msg = ipc_op(CONSOLE_DRAIN);
    (void)ipc_call_op(t->session, &msg, time_deadline_ns(UINT64_C(1000000000)));
}
