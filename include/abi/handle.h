/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Kernel objects and rights. A handle is an index into its process's table; 0 is never a handle. */
#pragma once
#include <stdint.h>

typedef uint32_t handle_t;
#define HANDLE_NONE 0U
#define HANDLE_SELF 0U /* where a call takes a process handle: the caller itself */

enum object_type {
    OBJECT_NONE = 0,
    OBJECT_PROCESS,
    OBJECT_THREAD,
    OBJECT_VMO,
    OBJECT_ENDPOINT,
    OBJECT_REPLY,
    OBJECT_NOTIFICATION,
    OBJECT_INTERRUPT,
    OBJECT_TIMER,
    OBJECT_LINK,   /* client side of a link: register page, window, interrupt */
    OBJECT_DOMAIN, /* domain control: HVC_DOMAIN_* for every driver domain */
    OBJECT_SYSTEM, /* power-off, reboot, process list */
    OBJECT_LOG,    /* EL2's log and trace rings */
    OBJECT_TYPE_COUNT
};

/* Rights only shrink. */
#define RIGHT_READ   (1U << 0) /* map readable, receive, wait, query */
#define RIGHT_WRITE  (1U << 1) /* map writable, send/call, signal, arm */
#define RIGHT_EXEC   (1U << 2) /* map executable */
#define RIGHT_DUP    (1U << 3)
#define RIGHT_GRANT  (1U << 4) /* pass on in a message or to a child */
#define RIGHT_MANAGE (1U << 5) /* kill, start, grant into, mint a badge */
#define RIGHT_ALL    0x3fU
