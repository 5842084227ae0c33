/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The shell's session with the supervisor. */
#include <string.h>

#include "servers/rt/ipc.h"
#include "servers/rt/time.h"
#include "servers/shell/shell.h"
#include "servers/shell/utf8.h"

#define SUP_BUFFER_BYTES KIB(16)
#define EVENT_OFFSET     KIB(4) /* rows below, events above */
#define EVENT_BYTES      KIB(8)
#define SUP_TIMEOUT_NS   UINT64_C(30000000000)

/* Events are to signal the shell's notification from now on. */
static err_t ask_for_signals(struct shell *sh)
{
    struct ipc_msg msg = ipc_op(SUP_NOTIFY);
    err_t err = sys_handle_dup(sh->notification, RIGHT_WRITE | RIGHT_GRANT, &msg.handle[0]);
    if (err != OK) return err;
    msg.tag = TAG_HANDLES(1);
    msg.word[1] = SHELL_BIT_EVENT;
    return ipc_call_op(sh->sup_session, &msg, time_deadline_ns(SUP_TIMEOUT_NS));
}

static err_t attach(struct shell *sh)
{
    struct ipc_msg msg = ipc_op(SUP_ATTACH);
    handle_t vmo = HANDLE_NONE;
    uint64_t address = 0;
    if (sh->supervisor == HANDLE_NONE) return ERR_DEAD;
    err_t err = sys_vmo_create(SUP_BUFFER_BYTES, &vmo);
    if (err != OK) return err;
    err = sys_vmo_map(HANDLE_SELF, vmo, 0, SUP_BUFFER_BYTES, PROT_READ | PROT_WRITE, 0, &address);
    if (err == OK) {
        msg.tag = TAG_HANDLES(1);
        msg.handle[0] = vmo;
        err = ipc_call_op(sh->supervisor, &msg, time_deadline_ns(SUP_TIMEOUT_NS));
        if (err == OK && TAG_HANDLE_COUNT(msg.tag) == 1) {
            sh->sup_session = msg.handle[0];
            sh->sup_buffer = (uint8_t *)address;
            return sh->is_child ? OK : ask_for_signals(sh);
        }
        (void)sys_vmo_unmap(HANDLE_SELF, address, SUP_BUFFER_BYTES);
        err = err == OK ? ERR_PEER : err;
    }
    (void)sys_handle_close(vmo); /* ours still, when the call did not arrive */
    return err;
}

static void detach(struct shell *sh)
{
    (void)sys_handle_close(sh->sup_session);
    (void)sys_vmo_unmap(HANDLE_SELF, (uint64_t)sh->sup_buffer, SUP_BUFFER_BYTES);
    sh->sup_session = HANDLE_NONE;
    sh->sup_buffer = NULL;
}

err_t sup_call(struct shell *sh, uint64_t operation, uint64_t w1, uint64_t w2, uint64_t w3,
               uint64_t result[2])
{
    err_t err = OK;
    for (uint32_t attempt = 0; attempt < 2; attempt++) {
        struct ipc_msg msg = ipc_op(operation);
        if (sh->sup_session == HANDLE_NONE) {
            err = attach(sh);
            if (err != OK) return err;
        }
        msg.word[1] = w1;
        msg.word[2] = w2;
        msg.word[3] = w3;
        msg.word[4] = EVENT_BYTES; /* of SUP_DUMP */
        err = ipc_call(sh->sup_session, &msg, time_deadline_ns(SUP_TIMEOUT_NS));
        if (err == OK) {
            result[0] = msg.word[1];
            result[1] = msg.word[2];
            return msg.word[0] < ERR_COUNT ? (err_t)msg.word[0] : ERR_PEER;
        }
        detach(sh); /* restarted meanwhile: once more with a new session */
    }
    return err;
}

err_t sup_domain_at(struct shell *sh, uint32_t index, struct sup_domain *out)
{
    uint64_t result[2];
    err_t err = sup_call(sh, SUP_LIST, index, 0, 0, result);
    if (err != OK) return err;
    memcpy(out, sh->sup_buffer, sizeof(*out));
    out->name[DOMAIN_NAME_MAX - 1] = '\0';
    out->why[sizeof(out->why) - 1] = '\0';
    return OK;
}

size_t sup_show_events(struct shell *sh, uint64_t *from, bool to_output)
{
    static char text[EVENT_BYTES], guarded[GUARD_ROOM(EVENT_BYTES)];
    size_t shown = 0;
    for (;;) {
        uint64_t result[2];
        struct guard g = { .mode = GUARD_LINES };
        err_t err = sup_call(sh, SUP_EVENTS, *from, EVENT_OFFSET, EVENT_BYTES, result);
        if (err != OK) return shown;
        size_t bytes = MIN(result[0], EVENT_BYTES);
        if (result[1] != 0) {
            *from = result[1]; /* a supervisor that was restarted counts from 1 again */
        }
        if (bytes == 0) return shown;
        memcpy(text, sh->sup_buffer + EVENT_OFFSET, bytes);
        bytes = guard_feed(&g, text, bytes, guarded);
        if (to_output) {
            out_write(sh, guarded, bytes);
        } else {
            term_write(&sh->term, guarded, bytes);
        }
        shown += bytes;
    }
}
