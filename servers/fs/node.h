/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Inodes: reading, writing, size, life and death. */
#pragma once
#include "servers/fs/volume.h"

/** Reads the inode; ERR_CORRUPT for one that is not in use. */
err_t node_get(struct volume *v, ext2_ino_t ino, struct ext2_inode *inode) MUST_CHECK;
/** Writes it back. */
err_t node_put(struct volume *v, ext2_ino_t ino, struct ext2_inode *inode) MUST_CHECK;

/** FS_TYPE_* of an inode's mode. */
uint32_t node_type(const struct ext2_inode *inode);

/** Reads up to size_bytes at offset; *got < size_bytes only at the end of the file. */
err_t node_read(struct volume *v, ext2_ino_t ino, uint64_t offset, uint8_t *out,
                uint64_t size_bytes, uint64_t *got) MUST_CHECK;

/**
 * Writes size_bytes at offset, growing the file; holes before it stay holes.
 * Returns  OK, *done == size_bytes | ERR_NO_SPACE, ERR_RANGE: nothing changed | ERR_IO, ...: *done bytes are written
 */
err_t node_write(struct volume *v, ext2_ino_t ino, uint64_t offset, const uint8_t *data,
                 uint64_t size_bytes, uint64_t *done) MUST_CHECK;

err_t node_truncate(struct volume *v, ext2_ino_t ino, uint64_t size_bytes) MUST_CHECK;

/** A new inode without any name yet: not on the disk before node_create_commit. mode: LINUX_S_IF* and permissions. */
err_t node_create(struct volume *v, ext2_ino_t dir, uint16_t mode, ext2_ino_t *ino) MUST_CHECK;
err_t node_create_commit(struct volume *v, ext2_ino_t ino, uint16_t mode) MUST_CHECK;

/** Frees the blocks and the inode. No name leads to it any more. */
err_t node_free(struct volume *v, ext2_ino_t ino);

/* Files that are open anywhere: their inode outlives the last name. */
#define NODE_OPEN_MAX 256
struct node_table {
    struct {
        ext2_ino_t ino; /* 0: free */
        uint32_t opens;
        bool is_doomed; /* freed with the last close */
    } entry[NODE_OPEN_MAX];
};
err_t node_table_open(struct node_table *t, ext2_ino_t ino) MUST_CHECK;
/** May free the inode. */
err_t node_table_close(struct node_table *t, struct volume *v, ext2_ino_t ino) MUST_CHECK;
/** One name fewer: frees the inode, or dooms it while it is open. */
err_t node_drop_link(struct node_table *t, struct volume *v, ext2_ino_t ino) MUST_CHECK;
bool node_table_is_open(const struct node_table *t, ext2_ino_t ino);
