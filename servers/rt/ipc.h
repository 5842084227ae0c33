/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Messages: one struct, two calls. */
#pragma once
#include "servers/rt/sys.h"

/* What arrives is the other side's word: check before use. Offsets are known to ipc.S. */
struct ipc_msg {
    uint64_t tag; /* TAG_HANDLES(n); TAG_NOTIFICATION and TAG_FAULT in what is received */
    uint64_t word[IPC_WORDS];
    handle_t handle
            [IPC_HANDLES]; /* the first TAG_HANDLE_COUNT(tag) are there; they move to the receiver */
    uint64_t reply;        /* out of ipc_reply_recv: reply handle, 0 for a notification */
    uint64_t badge;        /* out of ipc_reply_recv */
};

/**
 * Sends *msg to endpoint and waits for the answer, which replaces *msg.
 * Returns  OK, ERR_DEAD (server gone), ERR_TIMEOUT (it may still do it), ERR_HANDLE, ERR_RIGHTS, ERR_TYPE
 * Context  EL0, any thread
 */
err_t ipc_call(handle_t endpoint, struct ipc_msg *msg, uint64_t deadline);

/**
 * Answers reply (0: nobody) with *msg, then waits for the next message at endpoint (0: does not wait), which replaces *msg.
 * Returns  OK | ERR_TIMEOUT | ERR_HANDLE, ERR_RIGHTS, ERR_TYPE. A caller that is gone is no error.
 * Context  EL0, any thread
 */
err_t ipc_reply_recv(handle_t endpoint, handle_t reply, struct ipc_msg *msg, uint64_t deadline);

/** A message with w0 and no more; set word[1..5] and handles by hand. */
static inline struct ipc_msg ipc_op(uint64_t operation)
{
    return (struct ipc_msg){ .word = { operation } };
}

/** Calls and folds the transport's error and the answer's w0 into one. Context: as ipc_call. */
static inline err_t ipc_call_op(handle_t endpoint, struct ipc_msg *msg, uint64_t deadline)
{
    err_t err = ipc_call(endpoint, msg, deadline);
    if (err != OK) return err;
    return msg->word[0] < ERR_COUNT ? (err_t)msg->word[0] : ERR_PEER;
}

/** Closes handles that came with a message and are not wanted. Context: EL0. */
static inline void ipc_drop_handles(const struct ipc_msg *msg)
{
    uint64_t count = MIN(TAG_HANDLE_COUNT(msg->tag), (uint64_t)IPC_HANDLES);
    for (uint64_t i = 0; i < count; i++) (void)sys_handle_close(msg->handle[i]);
}
