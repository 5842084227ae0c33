/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Directory listings and questions about a whole file system. */
#include <string.h>

#include "servers/fsclient/internal.h"

err_t fsclient_dir_open(struct fsclient *c, const char *path, struct fsclient_dir *d)
{
    *d = (struct fsclient_dir){ .at = 0 };
    return fsclient_open(c, path, FS_O_DIR, &d->file);
}

err_t fsclient_dir_close(struct fsclient *c, struct fsclient_dir *d)
{
    return fsclient_close(c, &d->file);
}

/* Gets the next batch of entries into d->batch. */
static err_t dir_fill(struct fsclient *c, struct fsclient_dir *d)
{
    if (d->started && d->cookie == 0) return ERR_NO_ENTRY;
    if (d->file.mount_idx >= c->mount_count) return ERR_STATE;
    struct fsclient_mount *m = &c->mount[d->file.mount_idx];
    struct ipc_msg msg = ipc_op(FS_READDIR);
    msg.word[1] = d->file.id;
    msg.word[2] = d->cookie;
    msg.word[3] = 0;
    msg.word[4] = MIN(sizeof(d->batch), c->buffer_bytes);
    uint64_t most = msg.word[4];
    err_t err = fsclient_call(m, &msg);
    if (err != OK) return err;
    if (msg.word[1] > most) return ERR_PEER;
    memcpy(d->batch, m->buffer, msg.word[1]);
    d->at = 0;
    d->end = (uint32_t)msg.word[1];
    d->cookie = msg.word[2];
    d->started = true;
    return d->end == 0 && d->cookie == 0 ? ERR_NO_ENTRY : OK;
}

err_t fsclient_dir_next(struct fsclient *c, struct fsclient_dir *d, struct fsclient_entry *e)
{
    for (;;) {
        while (d->at == d->end) {
            err_t err = dir_fill(c, d);
            if (err != OK) return err;
        }
        struct fs_dirent head;
        if (d->end - d->at < sizeof(head)) return ERR_PEER;
        memcpy(&head, d->batch + d->at, sizeof(head));
        if (head.record_bytes < sizeof(head) || head.record_bytes > d->end - d->at ||
            head.name_bytes > head.record_bytes - sizeof(head) ||
            head.name_bytes > FSCLIENT_NAME_MAX) {
            return ERR_PEER;
        }
        const char *name = (const char *)d->batch + d->at + sizeof(head);
        d->at += head.record_bytes;
        if (head.name_bytes == 1 && name[0] == '.') continue;
        if (head.name_bytes == 2 && name[0] == '.' && name[1] == '.') continue;
        memcpy(e->name, name, head.name_bytes);
        e->name[head.name_bytes] = 0;
        e->inode = head.ino;
        e->size_bytes = head.size_bytes;
        e->type = head.type;
        return OK;
    }
}

/* A call without a path in it, on the mount that path leads to. */
static err_t query_call(struct fsclient *c, const char *path, struct ipc_msg *msg,
                        struct fsclient_mount **mount)
{
    err_t err = fsclient_route(c, path, mount, NULL);
    return err == OK ? fsclient_call(*mount, msg) : err;
}

static err_t query_all(struct fsclient *c, uint64_t operation)
{
    err_t first = OK;
    for (uint32_t i = 0; i < c->mount_count; i++) {
        struct fsclient_mount *m = NULL;
        struct ipc_msg msg = ipc_op(operation);
        err_t err = query_call(c, c->mount[i].prefix[0] ? c->mount[i].prefix : "/", &msg, &m);
        if (err == ERR_STATE) err = OK; /* nothing mounted: nothing to flush */
        if (first == OK) first = err;
    }
    return first;
}

err_t fsclient_sync(struct fsclient *c)
{
    return query_all(c, FS_SYNC);
}

err_t fsclient_sync_one(struct fsclient *c, const char *path)
{
    struct fsclient_mount *m = NULL;
    struct ipc_msg msg = ipc_op(FS_SYNC);
    return query_call(c, path, &msg, &m);
}

err_t fsclient_unmount(struct fsclient *c)
{
    return query_all(c, FS_UNMOUNT);
}

err_t fsclient_df(struct fsclient *c, const char *path, struct fsclient_df *out)
{
    struct fsclient_mount *m = NULL;
    struct ipc_msg msg = ipc_op(FS_DF);
    err_t err = query_call(c, path, &msg, &m);
    if (err != OK) return err;
    *out = (struct fsclient_df){ msg.word[1], msg.word[2], msg.word[3], msg.word[4], msg.word[5] };
    return OK;
}

err_t fsclient_status(struct fsclient *c, const char *path, struct fsclient_status *out)
{
    struct fsclient_mount *m = NULL;
    struct ipc_msg msg = ipc_op(FS_STATUS);
    msg.word[1] = 0;
    msg.word[2] = sizeof(out->text) - 1;
    *out = (struct fsclient_status){ .is_mounted = false };
    err_t err = query_call(c, path, &msg, &m);
    if (err != OK) return err;
    if (msg.word[1] > sizeof(out->text) - 1) return ERR_PEER;
    memcpy(out->text, m->buffer, msg.word[1]);
    for (uint64_t i = 0; i < msg.word[1]; i++) {
        if (out->text[i] < ' ' || out->text[i] > '~') out->text[i] = '?';
    }
    out->is_mounted = msg.word[2] == 1;
    out->is_read_only = msg.word[3] == 1;
    return OK;
}

err_t fsclient_bench(struct fsclient *c, const char *path, enum fs_bench what, uint64_t rounds,
                     struct fsclient_bench *out)
{
    struct fsclient_mount *m = NULL;
    struct ipc_msg msg = ipc_op(FS_BENCH);
    msg.word[1] = (uint64_t)what;
    msg.word[2] = rounds;
    err_t err = query_call(c, path, &msg, &m);
    if (err != OK) return err;
    *out = (struct fsclient_bench){ msg.word[1], msg.word[2], msg.word[3], msg.word[4] };
    return OK;
}

err_t fsclient_stats(struct fsclient *c, const char *path, struct fsclient_stats *out)
{
    struct fsclient_mount *m = NULL;
    struct ipc_msg msg = ipc_op(FS_STATS);
    err_t err = query_call(c, path, &msg, &m);
    if (err != OK) return err;
    *out = (struct fsclient_stats){ msg.word[1], msg.word[2], msg.word[3], msg.word[4],
                                    msg.word[5] };
    return OK;
}
