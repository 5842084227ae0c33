/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Directory entries: listing, making, removing. */
#include "servers/fs/dir.h"

#include <string.h>

#include "abi/proto/fs.h"
#include "servers/rt/time.h"

#define FILE_MODE (LINUX_S_IFREG | 0644)

err_t dir_link(struct volume *v, ext2_ino_t dir, const char *name, ext2_ino_t ino, int type)
{
    struct ext2_inode inode;
    errcode_t code = ext2fs_link(v->fs, dir, name, ino, type);
    if (code == EXT2_ET_DIR_NO_SPACE) {
        err_t err = node_get(v, dir, &inode);
        if (err != OK) return err;
        if (inode.i_flags & EXT2_INDEX_FL) return ERR_NO_SPACE; /* its tree is full */
        code = ext2fs_expand_dir(v->fs, dir);
        if (code == 0) code = ext2fs_link(v->fs, dir, name, ino, type);
    }
    err_t err = volume_err(v, code);
    if (err == OK) err = node_get(v, dir, &inode);
    if (err != OK) return err;
    inode.i_mtime = inode.i_ctime = (uint32_t)time_wall_s();
    return node_put(v, dir, &inode);
}

err_t dir_unlink(struct volume *v, ext2_ino_t dir, const char *name, ext2_ino_t ino)
{
    struct ext2_inode inode;
    errcode_t code = ext2fs_unlink(v->fs, dir, name, ino, 0);
    if (code == EXT2_ET_DIR_NO_SPACE) return ERR_NO_ENTRY; /* libext2fs's word for "not there" */
    err_t err = volume_err(v, code);
    if (err == OK) err = node_get(v, dir, &inode);
    if (err != OK) return err;
    inode.i_mtime = inode.i_ctime = (uint32_t)time_wall_s();
    return node_put(v, dir, &inode);
}

err_t dir_create_file(struct volume *v, const struct place *place, ext2_ino_t *ino)
{
    if (!place->dir || place->ino) return ERR_EXISTS;
    err_t err = volume_begin_change(v);
    if (err == OK) err = node_create(v, place->dir, FILE_MODE, ino);
    if (err == OK) err = node_create_commit(v, *ino, FILE_MODE);
    if (err != OK) return err;
    err = dir_link(v, place->dir, place->name, *ino, EXT2_FT_REG_FILE);
    if (err != OK) (void)node_free(v, *ino);
    return err;
}

err_t dir_make(struct volume *v, const struct place *place)
{
    if (!place->dir || place->ino) return ERR_EXISTS;
    err_t err = volume_begin_change(v);
    if (err != OK) return err;
    if (ext2fs_free_blocks_count(v->fs->super) < 2) return ERR_NO_SPACE;
    errcode_t code = ext2fs_mkdir(v->fs, place->dir, 0, place->name);
    if (code == EXT2_ET_DIR_NO_SPACE) {
        struct ext2_inode inode;
        err = node_get(v, place->dir, &inode);
        if (err != OK) return err;
        if (inode.i_flags & EXT2_INDEX_FL) return ERR_NO_SPACE;
        code = ext2fs_expand_dir(v->fs, place->dir);
        if (code == 0) code = ext2fs_mkdir(v->fs, place->dir, 0, place->name);
    }
    return volume_err(v, code);
}

/* NOLINTNEXTLINE(readability-function-size): libext2fs's callback */
static int dir_see_entry(ext2_ino_t dir, int entry, struct ext2_dir_entry *dirent, int offset,
                         int block_size, char *buffer, void *priv)
{
    (void)dir;
    (void)offset;
    (void)block_size;
    (void)buffer;
    if (entry != DIRENT_OTHER_FILE || dirent->inode == 0) return 0;
    *(bool *)priv = true;
    return DIRENT_ABORT;
}

static err_t dir_is_empty(struct volume *v, ext2_ino_t ino)
{
    bool occupied = false;
    errcode_t code = ext2fs_dir_iterate2(v->fs, ino, 0, NULL, dir_see_entry, &occupied);
    err_t err = volume_err(v, code);
    if (err != OK) return err;
    return occupied ? ERR_NOT_EMPTY : OK;
}

/* A directory above gains or loses a "..". */
static err_t dir_count_child(struct volume *v, ext2_ino_t dir, int change)
{
    struct ext2_inode inode;
    err_t err = node_get(v, dir, &inode);
    if (err != OK) return err;
    if (inode.i_links_count > 1) { /* 1 means "more than can be counted" */
        inode.i_links_count = (uint16_t)(inode.i_links_count + change);
    }
    return node_put(v, dir, &inode);
}

/* The directory's own checks before it may go. */
static err_t dir_may_go(struct volume *v, const struct node_table *t, ext2_ino_t ino)
{
    struct ext2_inode inode;
    err_t err = node_get(v, ino, &inode);
    if (err != OK) return err;
    if (!LINUX_S_ISDIR(inode.i_mode)) return ERR_NOT_DIR;
    if (node_table_is_open(t, ino)) return ERR_BUSY;
    return dir_is_empty(v, ino);
}

err_t dir_remove(struct volume *v, struct node_table *t, const struct place *place)
{
    if (!place->dir) return ERR_BUSY; /* the root */
    if (!place->ino) return ERR_NO_ENTRY;
    err_t err = dir_may_go(v, t, place->ino);
    if (err == OK) err = volume_begin_change(v);
    if (err == OK) err = dir_unlink(v, place->dir, place->name, place->ino);
    if (err == OK) err = dir_count_child(v, place->dir, -1);
    if (err == OK) err = node_drop_link(t, v, place->ino);
    return err;
}

err_t dir_remove_file(struct volume *v, struct node_table *t, const struct place *place)
{
    struct ext2_inode inode;
    if (!place->dir) return ERR_IS_DIR;
    if (!place->ino) return ERR_NO_ENTRY;
    err_t err = node_get(v, place->ino, &inode);
    if (err != OK) return err;
    if (LINUX_S_ISDIR(inode.i_mode)) return ERR_IS_DIR;
    err = volume_begin_change(v);
    if (err == OK) err = dir_unlink(v, place->dir, place->name, place->ino);
    if (err == OK) err = node_drop_link(t, v, place->ino);
    return err;
}

/* One struct fs_dirent at out. Returns its bytes, 0: does not fit. */
static uint32_t dir_put_entry(struct volume *v, const struct ext2_dir_entry *e, uint8_t *out,
                              uint64_t room)
{
    struct ext2_inode inode;
    uint32_t name_bytes = (uint32_t)ext2fs_dirent_name_len(e);
    uint32_t bytes = (uint32_t)ALIGN_UP(sizeof(struct fs_dirent) + name_bytes, 8);
    if (bytes > room) return 0;
    struct fs_dirent head = { .ino = e->inode,
                              .record_bytes = (uint16_t)bytes,
                              .name_bytes = (uint16_t)name_bytes,
                              .type = FS_TYPE_OTHER };
    if (node_get(v, e->inode, &inode) == OK) {
        head.size_bytes = EXT2_I_SIZE(&inode);
        head.type = (uint16_t)node_type(&inode);
    }
    memset(out, 0, bytes);
    memcpy(out, &head, sizeof(head));
    memcpy(out + sizeof(head), e->name, name_bytes);
    return bytes;
}

/* Entries of one block from byte *at on. Returns OK with *at == block size at the block's end, less when out is full. */
static err_t dir_read_block(struct volume *v, const uint8_t *block, uint32_t *at, uint8_t *out,
                            uint64_t room, uint64_t *used)
{
    uint32_t block_bytes = v->fs->blocksize, pos = 0;
    while (pos < block_bytes) { /* from the start: a position inside an entry would show garbage */
        const struct ext2_dir_entry *e = (const struct ext2_dir_entry *)(block + pos);
        unsigned int record_bytes = 0;
        if (block_bytes - pos < EXT2_DIR_ENTRY_HEADER_LEN ||
            ext2fs_get_rec_len(v->fs, (struct ext2_dir_entry *)(uintptr_t)e, &record_bytes) ||
            record_bytes < EXT2_DIR_ENTRY_HEADER_LEN || record_bytes % 4 ||
            record_bytes > block_bytes - pos ||
            (uint32_t)ext2fs_dirent_name_len(e) > record_bytes - EXT2_DIR_ENTRY_HEADER_LEN) {
            return ERR_CORRUPT;
        }
        if (pos >= *at) {
            if (e->inode && ext2fs_dirent_name_len(e)) {
                uint32_t bytes = dir_put_entry(v, e, out + *used, room - *used);
                if (bytes == 0) return OK;
                *used += bytes;
            }
            *at = pos + record_bytes;
        }
        pos += record_bytes;
    }
    *at = block_bytes;
    return OK;
}

err_t dir_read(struct volume *v, ext2_ino_t dir, uint64_t *cookie, uint8_t *out,
               uint64_t *out_bytes)
{
    static uint8_t block[65536]
            __attribute__((aligned(8))); /* one thread; the largest block size */
    struct ext2_inode inode;
    uint64_t room = *out_bytes, used = 0;
    *out_bytes = 0;
    err_t err = node_get(v, dir, &inode);
    if (err != OK) return err;
    uint64_t block_bytes = v->fs->blocksize, end = EXT2_I_SIZE(&inode);
    uint64_t pos = *cookie ? *cookie - 1 : 0;
    while (pos < end) {
        uint64_t got = 0, start = pos - pos % block_bytes;
        uint32_t at = (uint32_t)(pos % block_bytes);
        err = node_read(v, dir, start, block, block_bytes, &got);
        if (err == OK && got != block_bytes) err = ERR_CORRUPT;
        if (err == OK) err = dir_read_block(v, block, &at, out, room, &used);
        if (err != OK) return err;
        pos = start + at;
        if (at != block_bytes) break; /* out is full */
    }
    if (pos < end && used == 0) return ERR_RANGE;
    *cookie = pos < end ? pos + 1 : 0;
    *out_bytes = used;
    return OK;
}
