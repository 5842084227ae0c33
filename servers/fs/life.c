/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Inodes: birth, names, death. */
#include <string.h>

#include "servers/fs/node.h"
#include "servers/rt/time.h"

err_t node_create(struct volume *v, ext2_ino_t dir, uint16_t mode, ext2_ino_t *ino)
{
    return volume_err(v, ext2fs_new_inode(v->fs, dir, mode, NULL, ino));
}

err_t node_create_commit(struct volume *v, ext2_ino_t ino, uint16_t mode)
{
    struct ext2_inode inode;
    ext2_extent_handle_t handle = NULL;
    memset(&inode, 0, sizeof(inode));
    inode.i_mode = mode;
    inode.i_links_count = 1;
    inode.i_atime = inode.i_ctime = inode.i_mtime = (uint32_t)time_wall_s();
    errcode_t code = 0;
    if (ext2fs_has_feature_extents(v->fs->super)) {
        inode.i_flags |= EXT4_EXTENTS_FL;
        code = ext2fs_extent_open2(v->fs, ino, &inode, &handle); /* makes the empty root */
        if (code == 0) ext2fs_extent_free(handle);
    }
    if (code == 0) code = ext2fs_write_new_inode(v->fs, ino, &inode);
    if (code == 0) ext2fs_inode_alloc_stats2(v->fs, ino, 1, LINUX_S_ISDIR(mode));
    return volume_err(v, code);
}

err_t node_free(struct volume *v, ext2_ino_t ino)
{
    struct ext2_inode inode;
    err_t err = node_get(v, ino, &inode);
    if (err != OK) return err;
    errcode_t code = 0;
    if (ext2fs_file_acl_block(v->fs, &inode)) {
        code = ext2fs_free_ext_attr(v->fs, ino, NULL); /* rewrites the inode */
        if (code == 0) err = node_get(v, ino, &inode);
        if (err != OK) return err;
    }
    if (code == 0 && ext2fs_inode_has_valid_blocks2(v->fs, &inode)) {
        code = ext2fs_punch(v->fs, ino, &inode, NULL, 0, ~UINT64_C(0));
    }
    inode.i_links_count = 0;
    inode.i_dtime = (uint32_t)time_wall_s();
    if (code == 0) code = ext2fs_inode_size_set(v->fs, &inode, 0);
    err = volume_err(v, code);
    err_t put = node_put(v, ino, &inode);
    ext2fs_inode_alloc_stats2(v->fs, ino, -1, LINUX_S_ISDIR(inode.i_mode));
    return err == OK ? put : err;
}

/* Index of ino, or NODE_OPEN_MAX. */
static uint32_t table_find(const struct node_table *t, ext2_ino_t ino)
{
    uint32_t i = 0;
    while (i < NODE_OPEN_MAX && t->entry[i].ino != ino) i++;
    return i;
}

bool node_table_is_open(const struct node_table *t, ext2_ino_t ino)
{
    return table_find(t, ino) != NODE_OPEN_MAX;
}

err_t node_table_open(struct node_table *t, ext2_ino_t ino)
{
    uint32_t i = table_find(t, ino);
    if (i == NODE_OPEN_MAX) {
        i = table_find(t, 0);
        if (i == NODE_OPEN_MAX) return ERR_NO_MEMORY;
        t->entry[i].ino = ino;
        t->entry[i].opens = 0;
        t->entry[i].is_doomed = false;
    }
    t->entry[i].opens++;
    return OK;
}

err_t node_table_close(struct node_table *t, struct volume *v, ext2_ino_t ino)
{
    uint32_t i = table_find(t, ino);
    if (i == NODE_OPEN_MAX) return ERR_STATE;
    if (--t->entry[i].opens) return OK;
    bool doomed = t->entry[i].is_doomed;
    t->entry[i].ino = 0;
    return doomed && v->fs ? node_free(v, ino) : OK;
}

err_t node_drop_link(struct node_table *t, struct volume *v, ext2_ino_t ino)
{
    struct ext2_inode inode;
    err_t err = node_get(v, ino, &inode);
    if (err != OK) return err;
    bool is_dir = LINUX_S_ISDIR(inode.i_mode);
    if (!is_dir && inode.i_links_count > 1) {
        inode.i_links_count--;
        inode.i_ctime = (uint32_t)time_wall_s();
        return node_put(v, ino, &inode);
    }
    uint32_t i = table_find(t, ino);
    if (i == NODE_OPEN_MAX) return node_free(v, ino);
    t->entry[i].is_doomed = true;
    inode.i_links_count = 0;
    return node_put(v, ino, &inode);
}
