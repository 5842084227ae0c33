/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who talks to the supervisor: sessions with a transfer buffer and a role. */
#pragma once
#include "servers/rt/ipc.h"

#define SESSION_MAX 32

struct session {
    uint32_t role; /* SUP_BADGE_*: what it may do */
    uint32_t
            serial; /* counts up at each use of the slot: an evicted session's badge fits no more */
    uint64_t last_used; /* 0: free */
    uint8_t *buffer;    /* shared with the client (untrusted) */
    uint64_t buffer_bytes;
    handle_t notification; /* owned; HANDLE_NONE: events are not told of */
    uint64_t bits;
    uint32_t awaits; /* bit i: to be signalled once when guest i writes on its console */
};

struct sessions {
    uint64_t run; /* of this process, in every badge: clients of an earlier one still hold theirs */
    uint64_t uses;
    struct session slot[SESSION_MAX];
};

/** The session of a badge, or NULL: not a session's badge, or evicted. */
struct session *session_of(struct sessions *s, uint64_t badge);

/**
 * Makes a session around the client's VMO, which stays the caller's. The one that was idle longest gives way when all are
 * taken. *client: a handle on endpoint for the client. OK | ERR_RANGE VMO too small | the kernel's errors.
 */
err_t session_open(struct sessions *s, handle_t endpoint, handle_t vmo, uint32_t role,
                   handle_t *client);

/** Takes a notification over, which session_signal signals with bits from now on. */
void session_notify(struct session *s, handle_t notification, uint64_t bits);

/** Signals every session that asked for it. */
void session_signal_all(const struct sessions *s);

/** Signals once those that wait for the console of one of these guests (bit i: guest i). */
void session_signal_consoles(struct sessions *s, uint32_t guests);

/** True when [offset, offset + size_bytes) lies in the session's buffer. */
bool session_has(const struct session *s, uint64_t offset, uint64_t size_bytes);
