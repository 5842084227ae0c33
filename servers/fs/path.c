/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Walking a path that somebody else wrote. */
#include <string.h>

#include "servers/fs/dir.h"

/* A walk in progress: what is left of the path lies in rest[at, end). */
struct walk {
    struct volume *v;
    ext2_ino_t root;
    ext2_ino_t dir;
    uint32_t links_followed;
    size_t at, end;
    char rest[PATH_BYTES_MAX];
};

/* Takes the next component. False: there is none. */
static err_t walk_next(struct walk *w, char name[NAME_BYTES_MAX + 1], bool *found)
{
    while (w->at < w->end && w->rest[w->at] == '/') w->at++;
    size_t start = w->at;
    while (w->at < w->end && w->rest[w->at] != '/') w->at++;
    size_t name_bytes = w->at - start;
    *found = name_bytes != 0;
    if (name_bytes > NAME_BYTES_MAX || memchr(w->rest + start, 0, name_bytes)) return ERR_NAME;
    memcpy(name, w->rest + start, name_bytes);
    name[name_bytes] = 0;
    return OK;
}

static bool walk_is_at_end(const struct walk *w)
{
    size_t at = w->at;
    while (at < w->end && w->rest[at] == '/') at++;
    return at == w->end;
}

/* Puts the target of symbolic link ino in front of what is left. */
static err_t walk_follow(struct walk *w, ext2_ino_t ino, struct ext2_inode *inode)
{
    static char joined[PATH_BYTES_MAX]; /* one thread */
    uint64_t target_bytes = EXT2_I_SIZE(inode), got = 0;
    size_t left = w->end - w->at;
    if (++w->links_followed > SYMLINKS_MAX) return ERR_NOT_SUPPORTED;
    if (target_bytes == 0 || target_bytes + 1 + left > sizeof(joined)) return ERR_NAME;
    if (ext2fs_is_fast_symlink(inode)) {
        if (target_bytes > sizeof(inode->i_block)) return ERR_CORRUPT;
        memcpy(joined, inode->i_block, target_bytes);
    } else {
        err_t err = node_read(w->v, ino, 0, (uint8_t *)joined, target_bytes, &got);
        if (err != OK) return err;
        if (got != target_bytes) return ERR_CORRUPT;
    }
    joined[target_bytes] = '/';
    memcpy(joined + target_bytes + 1, w->rest + w->at, left);
    w->end = target_bytes + 1 + left;
    w->at = 0;
    memcpy(w->rest, joined, w->end);
    if (w->rest[0] == '/') w->dir = w->root;
    return OK;
}

static err_t walk_look_up(struct walk *w, const char *name, ext2_ino_t *ino)
{
    *ino = 0;
    errcode_t code = ext2fs_lookup(w->v->fs, w->dir, name, (int)strlen(name), NULL, ino);
    if (code == EXT2_ET_FILE_NOT_FOUND) return OK;
    err_t err = volume_err(w->v, code);
    if (err == OK && (*ino == 0 || *ino > w->v->fs->super->s_inodes_count)) err = ERR_CORRUPT;
    return err;
}

/* One component that is neither the last nor "." or "..": goes down or follows a link. */
static err_t walk_enter(struct walk *w, ext2_ino_t ino)
{
    struct ext2_inode inode;
    if (ino == 0) return ERR_NO_ENTRY;
    err_t err = node_get(w->v, ino, &inode);
    if (err != OK) return err;
    if (LINUX_S_ISLNK(inode.i_mode)) return walk_follow(w, ino, &inode);
    if (!LINUX_S_ISDIR(inode.i_mode)) return ERR_NOT_DIR;
    w->dir = ino;
    return OK;
}

static err_t walk_is_link(struct walk *w, ext2_ino_t ino, bool *is_link)
{
    struct ext2_inode inode;
    err_t err = node_get(w->v, ino, &inode);
    *is_link = err == OK && LINUX_S_ISLNK(inode.i_mode);
    return err;
}

static err_t walk_up(struct walk *w)
{
    ext2_ino_t parent = 0;
    if (w->dir == w->root) return OK; /* there is nothing above */
    err_t err = walk_look_up(w, "..", &parent);
    if (err == OK && parent == 0) err = ERR_CORRUPT;
    if (err == OK) w->dir = parent;
    return err;
}

err_t dir_walk(struct volume *v, ext2_ino_t root, const char *path, size_t path_bytes,
               bool follow_last, struct place *place)
{
    static struct walk w; /* one thread; too large for the stack of a deep call */
    *place = (struct place){ .ino = root };
    if (!v->fs) return ERR_STATE;
    if (path_bytes > sizeof(w.rest)) return ERR_NAME;
    w = (struct walk){ .v = v, .root = root, .dir = root, .end = path_bytes };
    memcpy(w.rest, path, path_bytes);
    for (;;) {
        bool found = false, is_link = false;
        err_t err = walk_next(&w, place->name, &found);
        if (err != OK) return err;
        if (!found) { /* the path is a directory that was entered: the root, "..", or a link to one */
            place->dir = 0;
            place->ino = w.dir;
            return OK;
        }
        if (strcmp(place->name, ".") == 0) continue;
        if (strcmp(place->name, "..") == 0) {
            err = walk_up(&w);
            if (err != OK) return err;
            continue;
        }
        err = walk_look_up(&w, place->name, &place->ino);
        if (err != OK) return err;
        place->dir = w.dir;
        if (walk_is_at_end(&w)) {
            if (place->ino && follow_last) err = walk_is_link(&w, place->ino, &is_link);
            if (err != OK || !is_link) return err;
        }
        err = walk_enter(&w, place->ino);
        if (err != OK) return err;
    }
}
