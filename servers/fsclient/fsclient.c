/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Calls to the file service: one session a mount, data through its buffer. */
#include "servers/fsclient/fsclient.h"

#include <string.h>

#include "servers/fsclient/internal.h"
#include "servers/rt/startup.h"
#include "servers/rt/time.h"

/* A restart of the storage domain takes milliseconds; giving up on it is the service's decision, long before this. */
#define FSCLIENT_TIMEOUT_NS (UINT64_C(300) * 1000000000)

#define FSCLIENT_HANDLE_PREFIX "fs:"

err_t fsclient_init(struct fsclient *c, uint64_t buffer_bytes)
{
    uint32_t index = 0;
    const struct startup_handle *entry;
    *c = (struct fsclient){ .buffer_bytes = buffer_bytes ? buffer_bytes : FSCLIENT_BUFFER_BYTES };
    while (c->mount_count < FSCLIENT_MOUNT_MAX &&
           (entry = startup_next(FSCLIENT_HANDLE_PREFIX, &index)) != NULL) {
        struct fsclient_mount *m = &c->mount[c->mount_count++];
        const char *prefix = entry->name + strlen(FSCLIENT_HANDLE_PREFIX);
        m->service = entry->handle;
        if (strcmp(prefix, "/") != 0) strncpy(m->prefix, prefix, sizeof(m->prefix) - 1);
    }
    return c->mount_count ? OK : ERR_NO_ENTRY;
}

err_t fsclient_call(struct fsclient_mount *m, struct ipc_msg *msg)
{
    err_t err = ipc_call(m->session, msg, time_deadline_ns(FSCLIENT_TIMEOUT_NS));
    if (err == ERR_DEAD) { /* the service ended: the next call opens a session with its successor */
        (void)sys_handle_close(m->session);
        (void)sys_vmo_unmap(HANDLE_SELF, (uint64_t)m->buffer, m->buffer_bytes);
        m->session = HANDLE_NONE;
        m->buffer = NULL;
    }
    if (err != OK) return err;
    return msg->word[0] < ERR_COUNT ? (err_t)msg->word[0] : ERR_PEER;
}

/* Opens the session of a mount unless it is open. */
static err_t fsclient_attach(struct fsclient *c, struct fsclient_mount *m)
{
    handle_t vmo = HANDLE_NONE, copy = HANDLE_NONE;
    uint64_t at = 0;
    if (m->session != HANDLE_NONE) return OK;
    err_t err = sys_vmo_create(c->buffer_bytes, &vmo);
    if (err != OK) return err;
    if (!m->buffer) {
        err = sys_vmo_map(HANDLE_SELF, vmo, 0, c->buffer_bytes, PROT_READ | PROT_WRITE, 0, &at);
        m->buffer = (uint8_t *)at;
        m->buffer_bytes = c->buffer_bytes;
    }
    if (err == OK) {
        err = sys_handle_dup(vmo, RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT, &copy);
    }
    (void)sys_handle_close(vmo);
    if (err == OK) {
        struct ipc_msg msg = ipc_op(FS_ATTACH);
        msg.tag = TAG_HANDLES(1);
        msg.handle[0] = copy;
        err = ipc_call(m->service, &msg, time_deadline_ns(FSCLIENT_TIMEOUT_NS));
        if (err != OK) {
            (void)sys_handle_close(copy); /* a call that failed moved nothing */
        } else if (msg.word[0] != OK) {
            err = msg.word[0] < ERR_COUNT ? (err_t)msg.word[0] : ERR_PEER;
        } else if (TAG_HANDLE_COUNT(msg.tag) == 1) {
            m->session = msg.handle[0];
        } else {
            ipc_drop_handles(&msg);
            err = ERR_PEER;
        }
    }
    if (err != OK && m->buffer) {
        (void)sys_vmo_unmap(HANDLE_SELF, (uint64_t)m->buffer, c->buffer_bytes);
        m->buffer = NULL;
    }
    return err;
}

void fsclient_end(struct fsclient *c)
{
    for (uint32_t i = 0; i < c->mount_count; i++) {
        struct fsclient_mount *m = &c->mount[i];
        if (m->session == HANDLE_NONE) continue;
        struct ipc_msg msg = ipc_op(FS_DETACH);
        (void)fsclient_call(m, &msg);
        (void)sys_handle_close(m->session);
        (void)sys_vmo_unmap(HANDLE_SELF, (uint64_t)m->buffer, c->buffer_bytes);
    }
    *c = (struct fsclient){ 0 };
}

err_t fsclient_route(struct fsclient *c, const char *path, struct fsclient_mount **out,
                     const char **rest)
{
    struct fsclient_mount *best = NULL;
    size_t best_bytes = 0;
    if (path[0] != '/') return ERR_NAME;
    if (strnlen(path, FSCLIENT_PATH_MAX) >= FSCLIENT_PATH_MAX) return ERR_NAME;
    for (uint32_t i = 0; i < c->mount_count; i++) {
        size_t bytes = strlen(c->mount[i].prefix);
        if (strncmp(path, c->mount[i].prefix, bytes) != 0) continue;
        if (bytes && path[bytes] != '/' && path[bytes] != 0) continue;
        if (!best || bytes > best_bytes) {
            best = &c->mount[i];
            best_bytes = bytes;
        }
    }
    if (!best) return ERR_NO_ENTRY;
    *out = best;
    if (rest) *rest = path[best_bytes] ? path + best_bytes : "/";
    return fsclient_attach(c, best);
}

/* Routes, puts the path at the buffer's start and calls msg with w1, w2 = the path. */
static err_t fsclient_path_call(struct fsclient *c, const char *path, struct ipc_msg *msg,
                                struct fsclient_mount **mount)
{
    const char *rest = NULL;
    err_t err = fsclient_route(c, path, mount, &rest);
    if (err != OK) return err;
    size_t bytes = strlen(rest);
    memcpy((*mount)->buffer, rest, bytes);
    msg->word[1] = 0;
    msg->word[2] = bytes;
    return fsclient_call(*mount, msg);
}

err_t fsclient_open(struct fsclient *c, const char *path, uint32_t flags, struct fsclient_file *f)
{
    struct fsclient_mount *m = NULL;
    struct ipc_msg msg = ipc_op(FS_OPEN);
    msg.word[3] = flags;
    err_t err = fsclient_path_call(c, path, &msg, &m);
    if (err != OK) return err;
    *f = (struct fsclient_file){ .mount_idx = (uint32_t)(m - c->mount),
                                 .type = (uint32_t)msg.word[3],
                                 .id = msg.word[1],
                                 .size_bytes = msg.word[2] };
    return OK;
}

/* Calls about an open file: w1 = its number. */
static err_t fsclient_file_call(struct fsclient *c, const struct fsclient_file *f,
                                struct ipc_msg *msg)
{
    if (f->mount_idx >= c->mount_count) return ERR_ARG;
    struct fsclient_mount *m = &c->mount[f->mount_idx];
    if (m->session == HANDLE_NONE) return ERR_STATE;
    msg->word[1] = f->id;
    return fsclient_call(m, msg);
}

err_t fsclient_close(struct fsclient *c, struct fsclient_file *f)
{
    struct ipc_msg msg = ipc_op(FS_CLOSE);
    err_t err = fsclient_file_call(c, f, &msg);
    *f = (struct fsclient_file){ .mount_idx = UINT32_MAX };
    return err;
}

err_t fsclient_view(struct fsclient *c, const struct fsclient_file *f, uint64_t offset,
                    const uint8_t **data, uint64_t *got)
{
    struct ipc_msg msg = ipc_op(FS_READ);
    msg.word[2] = offset;
    msg.word[3] = 0;
    msg.word[4] = c->buffer_bytes;
    *got = 0;
    err_t err = fsclient_file_call(c, f, &msg);
    if (err != OK) return err;
    if (msg.word[1] > c->buffer_bytes) return ERR_PEER;
    *data = c->mount[f->mount_idx].buffer;
    *got = msg.word[1];
    return OK;
}

err_t fsclient_read(struct fsclient *c, const struct fsclient_file *f, uint64_t offset, void *out,
                    uint64_t size_bytes, uint64_t *got)
{
    *got = 0;
    while (*got < size_bytes) {
        uint64_t want = MIN(size_bytes - *got, c->buffer_bytes);
        struct ipc_msg msg = ipc_op(FS_READ);
        msg.word[2] = offset + *got;
        msg.word[4] = want;
        err_t err = fsclient_file_call(c, f, &msg);
        if (err != OK) return err;
        if (msg.word[1] > want) return ERR_PEER;
        if (msg.word[1] == 0) break;
        memcpy((uint8_t *)out + *got, c->mount[f->mount_idx].buffer, msg.word[1]);
        *got += msg.word[1];
    }
    return OK;
}

err_t fsclient_write(struct fsclient *c, const struct fsclient_file *f, uint64_t offset,
                     const void *data, uint64_t size_bytes, uint64_t *done)
{
    const uint8_t *from = data;
    *done = 0;
    if (f->mount_idx >= c->mount_count || !c->mount[f->mount_idx].buffer) return ERR_STATE;
    uint8_t *buffer = c->mount[f->mount_idx].buffer;
    bool in_place = range_is_inside((uint64_t)from, size_bytes, (uint64_t)buffer,
                                    (uint64_t)buffer + c->buffer_bytes);
    while (*done < size_bytes) {
        uint64_t bytes = MIN(size_bytes - *done, c->buffer_bytes);
        struct ipc_msg msg = ipc_op(FS_WRITE);
        msg.word[2] = offset + *done;
        msg.word[4] = bytes;
        if (in_place) {
            msg.word[3] = (uint64_t)(from + *done - buffer);
        } else {
            memcpy(buffer, from + *done, bytes);
        }
        err_t err = fsclient_file_call(c, f, &msg);
        if (err != OK) return err;
        if (msg.word[1] == 0 || msg.word[1] > bytes) return ERR_PEER;
        *done += msg.word[1];
    }
    return OK;
}

err_t fsclient_truncate(struct fsclient *c, const struct fsclient_file *f, uint64_t size_bytes)
{
    struct ipc_msg msg = ipc_op(FS_TRUNCATE);
    msg.word[2] = size_bytes;
    return fsclient_file_call(c, f, &msg);
}

err_t fsclient_stat(struct fsclient *c, const char *path, struct fsclient_stat *out)
{
    struct fsclient_mount *m = NULL;
    struct ipc_msg msg = ipc_op(FS_STAT);
    err_t err = fsclient_path_call(c, path, &msg, &m);
    if (err != OK) return err;
    *out = (struct fsclient_stat){ msg.word[1], msg.word[2], msg.word[3], msg.word[4],
                                   msg.word[5] };
    return OK;
}

static err_t fsclient_simple(struct fsclient *c, const char *path, uint64_t operation)
{
    struct fsclient_mount *m = NULL;
    struct ipc_msg msg = ipc_op(operation);
    return fsclient_path_call(c, path, &msg, &m);
}

err_t fsclient_unlink(struct fsclient *c, const char *path)
{
    return fsclient_simple(c, path, FS_UNLINK);
}

err_t fsclient_rmdir(struct fsclient *c, const char *path)
{
    return fsclient_simple(c, path, FS_RMDIR);
}

err_t fsclient_mkdir(struct fsclient *c, const char *path)
{
    return fsclient_simple(c, path, FS_MKDIR);
}

err_t fsclient_rename(struct fsclient *c, const char *from, const char *to)
{
    struct fsclient_mount *m = NULL, *m_to = NULL;
    const char *rest = NULL, *rest_to = NULL;
    err_t err = fsclient_route(c, from, &m, &rest);
    if (err == OK) err = fsclient_route(c, to, &m_to, &rest_to);
    if (err != OK) return err;
    if (m != m_to) return ERR_NOT_SUPPORTED;
    struct ipc_msg msg = ipc_op(FS_RENAME);
    msg.word[1] = 0;
    msg.word[2] = strlen(rest);
    msg.word[3] = FSCLIENT_PATH_MAX;
    msg.word[4] = strlen(rest_to);
    if (msg.word[3] + msg.word[4] > c->buffer_bytes) return ERR_NAME;
    memcpy(m->buffer, rest, msg.word[2]);
    memcpy(m->buffer + msg.word[3], rest_to, msg.word[4]);
    return fsclient_call(m, &msg);
}
