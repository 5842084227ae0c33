/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Clients: their buffer, their open files, the operations they ask for. */
#pragma once
#include "servers/fs/dir.h"
#include "servers/rt/ipc.h"

#define SESSION_MAX        64
#define SESSION_FILES_MAX  32
#define SESSION_BUFFER_MAX MIB(1)

struct session_file {
    ext2_ino_t ino; /* 0: free */
    uint32_t flags; /* FS_O_* */
    bool is_dir;
};

struct session {
    bool is_used;
    uint32_t generation; /* in the badge: a recycled place does not answer old handles */
    uint64_t last_use;
    ext2_ino_t root;
    handle_t vmo;    /* owned */
    uint8_t *buffer; /* shared with the client (untrusted) */
    uint64_t buffer_bytes;
    struct session_file file[SESSION_FILES_MAX];
};

/* The whole service: one disk, one thread. */
struct service {
    handle_t endpoint; /* borrowed */
    struct blk *blk;   /* borrowed */
    struct volume volume;
    struct node_table nodes;
    struct session session[SESSION_MAX];
    uint64_t use_counter;
    uint32_t first_generation; /* of sessions; another in every run of the service */
};

/** Handles one message and leaves the answer in *msg (word 0: err_t). */
void session_handle(struct service *s, struct ipc_msg *msg);

/** A new session on vmo (taken over, also when it fails), rooted at root; its endpoint in *out. */
err_t session_create(struct service *s, handle_t vmo, ext2_ino_t root, handle_t *out) MUST_CHECK;
void session_end(struct service *s, struct session *c);
/** Closes every file of every session: before unmounting. */
void session_close_all(struct service *s);
/** True for the badge of a session, also one that was ended or of an earlier run; false: of those who may attach. */
bool session_is_badge(uint64_t badge);
/** The session a badge names, or NULL. */
struct session *session_of_badge(struct service *s, uint64_t badge);
/** True for a range inside the session's buffer; an empty one anywhere up to the end is. */
static inline bool session_range_ok(const struct session *c, uint64_t offset, uint64_t bytes)
{
    return offset <= c->buffer_bytes && bytes <= c->buffer_bytes - offset;
}

/** FS_BENCH on the raw disk: fills words 1..4 of the answer. */
err_t bench_run(struct service *s, uint64_t what, uint64_t rounds, struct ipc_msg *msg) MUST_CHECK;
