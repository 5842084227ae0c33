/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Inodes: content through the extent map. */
#include "servers/fs/node.h"

#include <string.h>

#include "abi/proto/fs.h"
#include "servers/rt/time.h"

#define AHEAD_BYTES   KIB(256) /* a read brings in the rest of its stretch up to here */
#define SPARE_BLOCKS  8U       /* kept back for extent blocks when data is allocated */
#define EXTENT_FANOUT 64U      /* data blocks per metadata block at worst, fragmented */

/* Where a stretch of a file lies. */
struct node_run {
    blk64_t block;     /* 0: hole or not written yet */
    uint64_t count;    /* blocks it goes on */
    bool is_unwritten; /* allocated, reads as zeros */
    blk64_t unwritten_block;
};

err_t node_get(struct volume *v, ext2_ino_t ino, struct ext2_inode *inode)
{
    if (!v->fs) return ERR_STATE;
    return volume_err(v, ext2fs_read_inode(v->fs, ino, inode));
}

err_t node_put(struct volume *v, ext2_ino_t ino, struct ext2_inode *inode)
{
    return volume_err(v, ext2fs_write_inode(v->fs, ino, inode));
}

uint32_t node_type(const struct ext2_inode *inode)
{
    if (LINUX_S_ISREG(inode->i_mode)) return FS_TYPE_FILE;
    if (LINUX_S_ISDIR(inode->i_mode)) return FS_TYPE_DIR;
    if (LINUX_S_ISLNK(inode->i_mode)) return FS_TYPE_SYMLINK;
    return FS_TYPE_OTHER;
}

/* Block by block, for files without extents. */
static err_t node_map_old(struct volume *v, ext2_ino_t ino, struct ext2_inode *inode,
                          uint64_t first, uint64_t most, struct node_run *run)
{
    for (uint64_t i = 0; i < most; i++) {
        blk64_t block = 0;
        errcode_t code = ext2fs_bmap2(v->fs, ino, inode, NULL, 0, first + i, NULL, &block);
        if (code) return volume_err(v, code);
        if (i == 0) {
            run->block = block;
        } else if (block != (run->block ? run->block + i : 0)) {
            break;
        }
        run->count = i + 1;
    }
    return OK;
}

static err_t node_map_extents(struct volume *v, ext2_ino_t ino, struct ext2_inode *inode,
                              uint64_t first, uint64_t most, struct node_run *run)
{
    ext2_extent_handle_t handle = NULL;
    struct ext2fs_extent extent;
    errcode_t code = ext2fs_extent_open2(v->fs, ino, inode, &handle);
    if (code) return volume_err(v, code);
    code = ext2fs_extent_goto(handle, first);
    if (code == 0) {
        code = ext2fs_extent_get(handle, EXT2_EXTENT_CURRENT, &extent);
        if (code == 0 && (first < extent.e_lblk || first >= extent.e_lblk + extent.e_len)) {
            code = EXT2_ET_EXTENT_CSUM_INVALID; /* goto promised a match: the tree lies */
        }
        if (code == 0) {
            uint64_t skip = first - extent.e_lblk;
            run->count = MIN(extent.e_len - skip, most);
            run->is_unwritten = extent.e_flags & EXT2_EXTENT_FLAGS_UNINIT;
            run->block = run->is_unwritten ? 0 : extent.e_pblk + skip;
            run->unwritten_block = extent.e_pblk + skip;
        }
    } else if (code == EXT2_ET_EXTENT_NOT_FOUND || code == EXT2_ET_NO_CURRENT_NODE) {
        /* A hole: up to the next extent, when there is one. */
        run->count = most;
        code = ext2fs_extent_get(handle, EXT2_EXTENT_CURRENT, &extent);
        while (code == 0 && extent.e_lblk <= first) {
            code = ext2fs_extent_get(handle, EXT2_EXTENT_NEXT_LEAF, &extent);
        }
        if (code == 0) run->count = MIN(most, extent.e_lblk - first);
        code = 0;
    }
    ext2fs_extent_free(handle);
    return volume_err(v, code);
}

/* What lies at block first of the file; run->count is 1..most. */
static err_t node_map(struct volume *v, ext2_ino_t ino, struct ext2_inode *inode, uint64_t first,
                      uint64_t most, struct node_run *run)
{
    *run = (struct node_run){ .count = 1 };
    if (inode->i_flags & EXT4_EXTENTS_FL) {
        return node_map_extents(v, ino, inode, first, most, run);
    }
    return node_map_old(v, ino, inode, first, most, run);
}

err_t node_read(struct volume *v, ext2_ino_t ino, uint64_t offset, uint8_t *out,
                uint64_t size_bytes, uint64_t *got)
{
    struct ext2_inode inode;
    *got = 0;
    err_t err = node_get(v, ino, &inode);
    if (err != OK) return err;
    uint64_t file_bytes = EXT2_I_SIZE(&inode), block_bytes = v->fs->blocksize;
    if (offset >= file_bytes) return OK;
    size_bytes = MIN(size_bytes, file_bytes - offset);
    while (*got < size_bytes) {
        struct node_run run;
        uint64_t at = offset + *got, in_block = at % block_bytes;
        uint64_t most =
                (MAX(size_bytes - *got, AHEAD_BYTES) + in_block + block_bytes - 1) / block_bytes;
        err = node_map(v, ino, &inode, at / block_bytes, most, &run);
        if (err != OK) return err;
        uint64_t run_bytes = run.count * block_bytes - in_block;
        uint64_t bytes = MIN(size_bytes - *got, run_bytes);
        if (run.block) {
            uint64_t device = run.block * block_bytes + in_block;
            cache_prefetch(v->cache, device,
                           MIN(run_bytes, MAX(bytes, MIN(AHEAD_BYTES, file_bytes - at))));
            err = cache_read(v->cache, device, bytes, out + *got);
            if (err == ERR_RANGE) err = ERR_CORRUPT;
            if (err != OK) return err;
        } else {
            memset(out + *got, 0, bytes);
        }
        *got += bytes;
    }
    return OK;
}

/* Blocks of [first, end) that have none yet. */
static err_t node_count_holes(struct volume *v, ext2_ino_t ino, struct ext2_inode *inode,
                              uint64_t first, uint64_t end, uint64_t *holes)
{
    *holes = 0;
    while (first < end) {
        struct node_run run;
        err_t err = node_map(v, ino, inode, first, end - first, &run);
        if (err != OK) return err;
        if (!run.block && !run.is_unwritten) *holes += run.count;
        first += run.count;
    }
    return OK;
}

static err_t node_zero_block(struct volume *v, blk64_t block)
{
    err_t err = cache_zero(v->cache, block * v->fs->blocksize, v->fs->blocksize);
    return err == ERR_RANGE ? ERR_CORRUPT : err;
}

/*
 * Gives every block of [first, end) a place. A new block whose content the write does not replace as a whole (the first and
 * the last one) is zeroed.
 */
static err_t node_allocate(struct volume *v, ext2_ino_t ino, struct ext2_inode *inode,
                           uint64_t first, uint64_t end)
{
    uint64_t last = end - 1;
    for (uint64_t at = first; at < end;) {
        struct node_run run;
        err_t err = node_map(v, ino, inode, at, end - at, &run);
        if (err != OK) return err;
        bool is_new = !run.block;
        if (is_new && run.is_unwritten) {
            for (uint64_t i = 0; i < run.count; i++) {
                blk64_t block = run.unwritten_block + i;
                errcode_t code =
                        ext2fs_bmap2(v->fs, ino, inode, NULL, BMAP_SET, at + i, NULL, &block);
                if (code) return volume_err(v, code);
            }
        } else if (is_new) {
            blk64_t goal = ext2fs_find_inode_goal(v->fs, ino, inode, at);
            errcode_t code = ext2fs_fallocate(v->fs, EXT2_FALLOCATE_FORCE_INIT, ino, inode, goal,
                                              at, run.count);
            if (code) {
                (void)ext2fs_punch(v->fs, ino, inode, NULL, at, at + run.count - 1);
                return volume_err(v, code);
            }
        }
        for (uint64_t edge = first; is_new; edge = last) {
            if (edge >= at && edge < at + run.count) {
                struct node_run placed;
                err = node_map(v, ino, inode, edge, 1, &placed);
                if (err == OK) err = placed.block ? node_zero_block(v, placed.block) : ERR_CORRUPT;
                if (err != OK) return err;
            }
            if (edge == last) break;
        }
        at += run.count;
    }
    return OK;
}

/* What is to be written where. */
struct node_span {
    uint64_t offset, size_bytes;
    const uint8_t *data; /* the client's buffer (untrusted, copied once) */
};

/* The blocks are there: puts the bytes into them. */
static err_t node_fill(struct volume *v, ext2_ino_t ino, struct ext2_inode *inode,
                       const struct node_span *w, uint64_t *done)
{
    uint64_t block_bytes = v->fs->blocksize;
    while (*done < w->size_bytes) {
        struct node_run run;
        uint64_t at = w->offset + *done, in_block = at % block_bytes;
        uint64_t most = (w->size_bytes - *done + in_block + block_bytes - 1) / block_bytes;
        err_t err = node_map(v, ino, inode, at / block_bytes, most, &run);
        if (err != OK) return err;
        if (!run.block) return ERR_CORRUPT;
        uint64_t bytes = MIN(w->size_bytes - *done, run.count * block_bytes - in_block);
        err = cache_write(v->cache, run.block * block_bytes + in_block, bytes, w->data + *done);
        if (err != OK) return err == ERR_RANGE ? ERR_CORRUPT : err;
        *done += bytes;
    }
    return OK;
}

static uint32_t node_now(void)
{
    return (uint32_t)time_wall_s();
}

err_t node_write(struct volume *v, ext2_ino_t ino, uint64_t offset, const uint8_t *data,
                 uint64_t size_bytes, uint64_t *done)
{
    struct ext2_inode inode;
    uint64_t holes = 0;
    *done = 0;
    if (size_bytes == 0) return OK;
    err_t err = node_get(v, ino, &inode);
    if (err != OK) return err;
    uint64_t block_bytes = v->fs->blocksize;
    uint64_t limit = block_bytes * UINT32_MAX; /* logical blocks have 32 bits */
    if (!range_is_inside(offset, size_bytes, 0, limit)) return ERR_RANGE;
    uint64_t first = offset / block_bytes, end = (offset + size_bytes - 1) / block_bytes + 1;
    err = node_count_holes(v, ino, &inode, first, end, &holes);
    if (err != OK) return err;
    if (holes + holes / EXTENT_FANOUT + SPARE_BLOCKS > ext2fs_free_blocks_count(v->fs->super) &&
        holes) {
        return ERR_NO_SPACE;
    }
    err = volume_begin_change(v);
    if (err != OK) return err;
    const struct node_span span = { offset, size_bytes, data };
    err = node_allocate(v, ino, &inode, first, end);
    if (err == OK) err = node_fill(v, ino, &inode, &span, done);
    inode.i_mtime = inode.i_ctime = node_now();
    if (*done && offset + *done > EXT2_I_SIZE(&inode)) {
        ext2_off64_t new_end = (ext2_off64_t)offset + (ext2_off64_t)*done;
        errcode_t code = ext2fs_inode_size_set(v->fs, &inode, new_end);
        if (err == OK) err = volume_err(v, code);
    }
    if (err != OK) { /* blocks past the end would be an error on the disk */
        uint64_t keep = (EXT2_I_SIZE(&inode) + block_bytes - 1) / block_bytes;
        (void)ext2fs_punch(v->fs, ino, &inode, NULL, keep, ~UINT64_C(0));
    }
    err_t put = node_put(v, ino, &inode);
    return err == OK ? put : err;
}

/* The part of the last block that is no longer file must read as zeros when the file grows again. */
static err_t node_zero_tail(struct volume *v, ext2_ino_t ino, struct ext2_inode *inode,
                            uint64_t size_bytes)
{
    struct node_run run;
    uint64_t block_bytes = v->fs->blocksize, in_block = size_bytes % block_bytes;
    if (in_block == 0) return OK;
    err_t err = node_map(v, ino, inode, size_bytes / block_bytes, 1, &run);
    if (err != OK || !run.block) return err;
    err = cache_zero(v->cache, run.block * block_bytes + in_block, block_bytes - in_block);
    return err == ERR_RANGE ? ERR_CORRUPT : err;
}

err_t node_truncate(struct volume *v, ext2_ino_t ino, uint64_t size_bytes)
{
    struct ext2_inode inode;
    err_t err = node_get(v, ino, &inode);
    if (err != OK) return err;
    uint64_t block_bytes = v->fs->blocksize, old_bytes = EXT2_I_SIZE(&inode);
    if (size_bytes > block_bytes * UINT32_MAX) return ERR_RANGE;
    err = volume_begin_change(v);
    if (err == OK && size_bytes < old_bytes) err = node_zero_tail(v, ino, &inode, size_bytes);
    if (err != OK) return err;
    errcode_t code = ext2fs_inode_size_set(v->fs, &inode, (ext2_off64_t)size_bytes);
    inode.i_mtime = inode.i_ctime = node_now();
    if (code == 0 && size_bytes < old_bytes) {
        uint64_t keep = (size_bytes + block_bytes - 1) / block_bytes;
        code = ext2fs_punch(v->fs, ino, &inode, NULL, keep, ~UINT64_C(0));
    }
    err = volume_err(v, code);
    err_t put = node_put(v, ino, &inode);
    return err == OK ? put : err;
}
