/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The operations of abi/proto/fs.h: every word checked, then done. */
#include <string.h>

#include "abi/proto/fs.h"
#include "servers/fs/session.h"

#define FLAGS_KNOWN (FS_O_WRITE | FS_O_CREATE | FS_O_EXCL | FS_O_TRUNC | FS_O_DIR)

/* Copies a path out of the client's buffer, once. */
static err_t ops_path(struct service *s, const struct session *c, uint64_t offset, uint64_t bytes,
                      bool follow_last, struct place *place)
{
    static char path[PATH_BYTES_MAX]; /* one thread */
    if (bytes > sizeof(path)) return ERR_NAME;
    if (!session_range_ok(c, offset, bytes)) return ERR_RANGE;
    memcpy(path, c->buffer + offset, bytes);
    return dir_walk(&s->volume, c->root, path, bytes, follow_last, place);
}

static err_t ops_file(struct session *c, uint64_t number, struct session_file **out)
{
    if (number == 0 || number > SESSION_FILES_MAX || c->file[number - 1].ino == 0) return ERR_ARG;
    *out = &c->file[number - 1];
    return OK;
}

/* Creates, checks type and flags of what was found. */
static err_t open_prepare(struct service *s, const struct place *place, uint32_t flags,
                          ext2_ino_t *ino, struct ext2_inode *inode)
{
    struct volume *v = &s->volume;
    bool is_new = place->ino == 0;
    err_t err = OK;
    *ino = place->ino;
    if (is_new) {
        if (!(flags & FS_O_CREATE)) return ERR_NO_ENTRY;
        if (flags & FS_O_DIR) return ERR_ARG;
        err = dir_create_file(v, place, ino);
    } else if ((flags & FS_O_CREATE) && (flags & FS_O_EXCL)) {
        return ERR_EXISTS;
    }
    if (err == OK) err = node_get(v, *ino, inode);
    if (err != OK) return err;
    bool is_dir = LINUX_S_ISDIR(inode->i_mode);
    if (is_dir && (flags & (FS_O_WRITE | FS_O_TRUNC))) return ERR_IS_DIR;
    if (!is_dir && (flags & FS_O_DIR)) return ERR_NOT_DIR;
    if (!is_dir && !LINUX_S_ISREG(inode->i_mode)) return ERR_NOT_SUPPORTED;
    if ((flags & FS_O_WRITE) && v->is_read_only) return ERR_READ_ONLY;
    if ((flags & FS_O_TRUNC) && EXT2_I_SIZE(inode)) {
        if (!(flags & FS_O_WRITE)) return ERR_ARG;
        err = node_truncate(v, *ino, 0);
        if (err == OK) err = node_get(v, *ino, inode);
    }
    return err;
}

static err_t op_open(struct service *s, struct session *c, struct ipc_msg *msg)
{
    struct place place;
    struct ext2_inode inode;
    ext2_ino_t ino = 0;
    uint32_t number = 0;
    if (msg->word[3] & ~(uint64_t)FLAGS_KNOWN) return ERR_ARG;
    uint32_t flags = (uint32_t)msg->word[3];
    while (number < SESSION_FILES_MAX && c->file[number].ino) number++;
    if (number == SESSION_FILES_MAX) return ERR_NO_MEMORY;
    err_t err = ops_path(s, c, msg->word[1], msg->word[2], true, &place);
    if (err == OK) err = open_prepare(s, &place, flags, &ino, &inode);
    if (err == OK) err = node_table_open(&s->nodes, ino);
    if (err != OK) return err;
    c->file[number] = (struct session_file){ .ino = ino,
                                             .flags = flags,
                                             .is_dir = LINUX_S_ISDIR(inode.i_mode) };
    msg->word[1] = number + 1;
    msg->word[2] = EXT2_I_SIZE(&inode);
    msg->word[3] = node_type(&inode);
    return OK;
}

static err_t op_close(struct service *s, struct session *c, struct ipc_msg *msg)
{
    struct session_file *f = NULL;
    err_t err = ops_file(c, msg->word[1], &f);
    if (err != OK) return err;
    ext2_ino_t ino = f->ino;
    f->ino = 0;
    return node_table_close(&s->nodes, &s->volume, ino);
}

static err_t op_read(struct service *s, struct session *c, struct ipc_msg *msg)
{
    struct session_file *f = NULL;
    uint64_t got = 0;
    err_t err = ops_file(c, msg->word[1], &f);
    if (err != OK) return err;
    if (f->is_dir) return ERR_IS_DIR;
    if (!session_range_ok(c, msg->word[3], msg->word[4])) return ERR_RANGE;
    err = node_read(&s->volume, f->ino, msg->word[2], c->buffer + msg->word[3], msg->word[4], &got);
    msg->word[1] = got;
    return err;
}

static err_t op_write(struct service *s, struct session *c, struct ipc_msg *msg)
{
    struct session_file *f = NULL;
    uint64_t done = 0;
    err_t err = ops_file(c, msg->word[1], &f);
    if (err != OK) return err;
    if (!(f->flags & FS_O_WRITE)) return ERR_RIGHTS;
    if (!session_range_ok(c, msg->word[3], msg->word[4])) return ERR_RANGE;
    err = node_write(&s->volume, f->ino, msg->word[2], c->buffer + msg->word[3], msg->word[4],
                     &done);
    msg->word[1] = done;
    return err;
}

static err_t op_truncate(struct service *s, struct session *c, struct ipc_msg *msg)
{
    struct session_file *f = NULL;
    err_t err = ops_file(c, msg->word[1], &f);
    if (err != OK) return err;
    if (!(f->flags & FS_O_WRITE)) return ERR_RIGHTS;
    return node_truncate(&s->volume, f->ino, msg->word[2]);
}

static err_t op_stat(struct service *s, struct session *c, struct ipc_msg *msg)
{
    struct place place;
    struct ext2_inode inode;
    err_t err = ops_path(s, c, msg->word[1], msg->word[2], true, &place);
    if (err == OK && place.ino == 0) err = ERR_NO_ENTRY;
    if (err == OK) err = node_get(&s->volume, place.ino, &inode);
    if (err != OK) return err;
    msg->word[1] = EXT2_I_SIZE(&inode);
    msg->word[2] = node_type(&inode);
    msg->word[3] = inode.i_mtime;
    msg->word[4] = place.ino;
    msg->word[5] = inode.i_links_count;
    return OK;
}

static err_t op_readdir(struct service *s, struct session *c, struct ipc_msg *msg)
{
    struct session_file *f = NULL;
    uint64_t cookie = msg->word[2], bytes = msg->word[4];
    err_t err = ops_file(c, msg->word[1], &f);
    if (err != OK) return err;
    if (!f->is_dir) return ERR_NOT_DIR;
    if (!session_range_ok(c, msg->word[3], bytes)) return ERR_RANGE;
    err = dir_read(&s->volume, f->ino, &cookie, c->buffer + msg->word[3], &bytes);
    msg->word[1] = bytes;
    msg->word[2] = cookie;
    return err;
}

static err_t op_remove(struct service *s, struct session *c, struct ipc_msg *msg)
{
    struct place place;
    bool makes = msg->word[0] == FS_MKDIR;
    err_t err = ops_path(s, c, msg->word[1], msg->word[2], false, &place);
    if (err != OK) return err;
    if (makes) return dir_make(&s->volume, &place);
    if (msg->word[0] == FS_RMDIR) return dir_remove(&s->volume, &s->nodes, &place);
    return dir_remove_file(&s->volume, &s->nodes, &place);
}

static err_t op_rename(struct service *s, struct session *c, struct ipc_msg *msg)
{
    struct place from, to;
    err_t err = ops_path(s, c, msg->word[1], msg->word[2], false, &from);
    if (err == OK) err = ops_path(s, c, msg->word[3], msg->word[4], false, &to);
    return err == OK ? dir_rename(&s->volume, &s->nodes, &from, &to) : err;
}

static err_t op_df(struct service *s, struct ipc_msg *msg)
{
    ext2_filsys fs = s->volume.fs;
    if (!fs) return ERR_STATE;
    msg->word[1] = fs->blocksize;
    msg->word[2] = ext2fs_blocks_count(fs->super);
    msg->word[3] = ext2fs_free_blocks_count(fs->super);
    msg->word[4] = fs->super->s_inodes_count;
    msg->word[5] = fs->super->s_free_inodes_count;
    return OK;
}

static err_t op_status(struct service *s, struct session *c, struct ipc_msg *msg)
{
    uint64_t bytes = MIN(strlen(s->volume.text), msg->word[2]);
    if (!session_range_ok(c, msg->word[1], msg->word[2])) return ERR_RANGE;
    memcpy(c->buffer + msg->word[1], s->volume.text, bytes);
    msg->word[1] = bytes;
    msg->word[2] = s->volume.fs != NULL;
    msg->word[3] = s->volume.is_read_only;
    return OK;
}

static err_t op_unmount(struct service *s)
{
    if (!s->volume.fs) return ERR_STATE;
    session_close_all(s);
    return volume_unmount(&s->volume);
}

static err_t op_subdir(struct service *s, struct session *c, struct ipc_msg *msg)
{
    struct place place;
    struct ext2_inode inode;
    handle_t vmo = HANDLE_NONE, endpoint = HANDLE_NONE;
    err_t err = ops_path(s, c, msg->word[1], msg->word[2], true, &place);
    if (err == OK && place.ino == 0) err = ERR_NO_ENTRY;
    if (err == OK) err = node_get(&s->volume, place.ino, &inode);
    if (err == OK && !LINUX_S_ISDIR(inode.i_mode)) err = ERR_NOT_DIR;
    if (err == OK) err = sys_handle_dup(c->vmo, RIGHT_READ | RIGHT_WRITE | RIGHT_DUP, &vmo);
    if (err == OK) err = session_create(s, vmo, place.ino, &endpoint);
    if (err != OK) return err;
    msg->tag = TAG_HANDLES(1);
    msg->handle[0] = endpoint;
    return OK;
}

static err_t op_stats(struct service *s, struct ipc_msg *msg)
{
    const struct blk_stats *stats = &s->blk->stats;
    msg->word[1] = stats->requests;
    msg->word[2] = stats->replays;
    msg->word[3] = stats->resets;
    msg->word[4] = stats->violations;
    msg->word[5] = stats->io_errors;
    return OK;
}

/* An operation of a session. */
static err_t ops_session(struct service *s, struct session *c, struct ipc_msg *msg)
{
    switch (msg->word[0]) {
    case FS_OPEN:
        return op_open(s, c, msg);
    case FS_CLOSE:
        return op_close(s, c, msg);
    case FS_READ:
        return op_read(s, c, msg);
    case FS_WRITE:
        return op_write(s, c, msg);
    case FS_STAT:
        return op_stat(s, c, msg);
    case FS_READDIR:
        return op_readdir(s, c, msg);
    case FS_UNLINK:
    case FS_RMDIR:
    case FS_MKDIR:
        return op_remove(s, c, msg);
    case FS_RENAME:
        return op_rename(s, c, msg);
    case FS_TRUNCATE:
        return op_truncate(s, c, msg);
    case FS_SYNC:
        return volume_sync(&s->volume);
    case FS_DF:
        return op_df(s, msg);
    case FS_STATUS:
        return op_status(s, c, msg);
    case FS_UNMOUNT:
        return op_unmount(s);
    case FS_DETACH:
        session_end(s, c);
        return OK;
    case FS_SUBDIR:
        return op_subdir(s, c, msg);
    case FS_BENCH:
        return bench_run(s, msg->word[1], msg->word[2], msg);
    case FS_STATS:
        return op_stats(s, msg);
    default:
        return ERR_NOT_SUPPORTED;
    }
}

/* A message to the service itself. Only a new session can be had there. */
static err_t ops_attach(struct service *s, struct ipc_msg *msg)
{
    handle_t endpoint = HANDLE_NONE;
    if (session_is_badge(msg->badge)) {
        ipc_drop_handles(msg);
        return ERR_STATE; /* a session that was ended: it may have been rooted lower, so it gets no new one */
    }
    if (msg->word[0] != FS_ATTACH || TAG_HANDLE_COUNT(msg->tag) != 1) {
        ipc_drop_handles(msg);
        return msg->word[0] == FS_ATTACH ? ERR_ARG : ERR_STATE;
    }
    err_t err = session_create(s, msg->handle[0], EXT2_ROOT_INO, &endpoint);
    if (err != OK) return err;
    msg->tag = TAG_HANDLES(1);
    msg->handle[0] = endpoint;
    return OK;
}

void session_handle(struct service *s, struct ipc_msg *msg)
{
    err_t err = OK;
    struct session *c = session_of_badge(s, msg->badge);
    if (c) {
        ipc_drop_handles(msg);
        msg->tag = 0;
        err = ops_session(s, c, msg);
    } else {
        err = ops_attach(s, msg);
    }
    if (err != OK) msg->tag = 0;
    msg->word[0] = (uint64_t)err;
}
