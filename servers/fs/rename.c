/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Rename: the new name appears before the old one goes. */
#include <string.h>

#include "servers/fs/dir.h"
#include "servers/rt/time.h"

#define DEPTH_MAX 4096U /* of a directory tree: deeper is taken for a loop */

static int rename_type(const struct ext2_inode *inode)
{
    if (LINUX_S_ISREG(inode->i_mode)) return EXT2_FT_REG_FILE;
    if (LINUX_S_ISDIR(inode->i_mode)) return EXT2_FT_DIR;
    if (LINUX_S_ISLNK(inode->i_mode)) return EXT2_FT_SYMLINK;
    return EXT2_FT_UNKNOWN;
}

/* ERR_ARG when dir lies inside moved. */
static err_t rename_check_loop(struct volume *v, ext2_ino_t moved, ext2_ino_t dir)
{
    for (uint32_t depth = 0; depth < DEPTH_MAX; depth++) {
        ext2_ino_t parent = 0;
        if (dir == moved) return ERR_ARG;
        if (dir == EXT2_ROOT_INO) return OK;
        errcode_t code = ext2fs_lookup(v->fs, dir, "..", 2, NULL, &parent);
        if (code) return volume_err(v, code);
        if (parent == dir) return ERR_CORRUPT;
        dir = parent;
    }
    return ERR_CORRUPT;
}

struct rename_entry {
    const char *name;
    size_t name_bytes;
    ext2_ino_t ino;
    int type;
    bool done;
};

/* NOLINTNEXTLINE(readability-function-size): libext2fs's callback */
static int rename_set_entry(ext2_ino_t dir, int entry, struct ext2_dir_entry *dirent, int offset,
                            int block_size, char *buffer, void *priv)
{
    struct rename_entry *want = priv;
    (void)dir;
    (void)entry;
    (void)offset;
    (void)block_size;
    (void)buffer;
    if ((size_t)ext2fs_dirent_name_len(dirent) != want->name_bytes || dirent->inode == 0 ||
        memcmp(dirent->name, want->name, want->name_bytes) != 0) {
        return 0;
    }
    dirent->inode = want->ino;
    ext2fs_dirent_set_file_type(dirent, want->type);
    want->done = true;
    return DIRENT_CHANGED | DIRENT_ABORT;
}

/* Makes an existing entry lead elsewhere: one write of one block. */
static err_t rename_redirect(struct volume *v, ext2_ino_t dir, const char *name, ext2_ino_t ino,
                             int type)
{
    struct rename_entry want = { .name = name,
                                 .name_bytes = strlen(name),
                                 .ino = ino,
                                 .type = ext2fs_has_feature_filetype(v->fs->super) ? type : 0 };
    err_t err = volume_err(v, ext2fs_dir_iterate2(v->fs, dir, 0, NULL, rename_set_entry, &want));
    if (err != OK) return err;
    return want.done ? OK : ERR_CORRUPT;
}

static err_t rename_count(struct volume *v, ext2_ino_t dir, int change)
{
    struct ext2_inode inode;
    err_t err = node_get(v, dir, &inode);
    if (err != OK) return err;
    if (inode.i_links_count > 1) inode.i_links_count = (uint16_t)(inode.i_links_count + change);
    inode.i_mtime = inode.i_ctime = (uint32_t)time_wall_s();
    return node_put(v, dir, &inode);
}

/* What is to be replaced must be of the same kind, and an empty directory. */
static err_t rename_check_target(struct volume *v, struct node_table *t, bool moves_dir,
                                 const struct place *to)
{
    struct ext2_inode target;
    if (!to->ino) return OK;
    err_t err = node_get(v, to->ino, &target);
    if (err != OK) return err;
    bool is_dir = LINUX_S_ISDIR(target.i_mode);
    if (is_dir && !moves_dir) return ERR_IS_DIR;
    if (!is_dir && moves_dir) return ERR_NOT_DIR;
    return is_dir ? dir_remove(v, t, to) : OK; /* an empty one goes first */
}

err_t dir_rename(struct volume *v, struct node_table *t, const struct place *from,
                 const struct place *to)
{
    struct ext2_inode moved;
    if (!from->ino) return ERR_NO_ENTRY;
    if (!from->dir || !to->dir) return ERR_BUSY;
    if (from->ino == to->ino) return OK;
    err_t err = node_get(v, from->ino, &moved);
    if (err != OK) return err;
    bool moves_dir = LINUX_S_ISDIR(moved.i_mode);
    int type = rename_type(&moved);
    if (moves_dir) err = rename_check_loop(v, from->ino, to->dir);
    if (err == OK) err = volume_begin_change(v);
    if (err == OK) err = rename_check_target(v, t, moves_dir, to);
    if (err != OK) return err;
    bool replaces_file = to->ino && !moves_dir;
    err = replaces_file ? rename_redirect(v, to->dir, to->name, from->ino, type)
                        : dir_link(v, to->dir, to->name, from->ino, type);
    if (err == OK) err = dir_unlink(v, from->dir, from->name, from->ino);
    if (err == OK && replaces_file) err = node_drop_link(t, v, to->ino);
    if (err == OK && moves_dir && from->dir != to->dir) {
        err = rename_redirect(v, from->ino, "..", to->dir, EXT2_FT_DIR);
        if (err == OK) err = rename_count(v, from->dir, -1);
        if (err == OK) err = rename_count(v, to->dir, 1);
    }
    return err;
}
