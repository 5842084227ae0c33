/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Names: paths to inodes, making and removing directory entries. */
#pragma once
#include "servers/fs/node.h"

#define PATH_BYTES_MAX 4096U
#define NAME_BYTES_MAX 255U
#define SYMLINKS_MAX   8U

/* Where a path leads. A name is a private copy, checked, NUL-terminated. */
struct place {
    ext2_ino_t dir;                /* 0: the path is the root itself */
    char name[NAME_BYTES_MAX + 1]; /* last component */
    ext2_ino_t ino;                /* 0: no such entry in dir */
};

/**
 * Walks path (path_bytes bytes, private copy, not NUL-terminated) from root, which it never leaves. Symbolic links on the way are
 * followed, the last one only if follow_last.
 * Returns  OK (place->ino may be 0) | ERR_NO_ENTRY: a directory on the way is missing | ERR_NOT_DIR, ERR_NAME, ERR_NOT_SUPPORTED
 */
err_t dir_walk(struct volume *v, ext2_ino_t root, const char *path, size_t path_bytes,
               bool follow_last, struct place *place) MUST_CHECK;

/** Makes name in dir lead to ino; the directory grows when it must. type: EXT2_FT_*. */
err_t dir_link(struct volume *v, ext2_ino_t dir, const char *name, ext2_ino_t ino,
               int type) MUST_CHECK;
err_t dir_unlink(struct volume *v, ext2_ino_t dir, const char *name, ext2_ino_t ino) MUST_CHECK;

/** ERR_EXISTS when the place is taken. */
err_t dir_create_file(struct volume *v, const struct place *place, ext2_ino_t *ino) MUST_CHECK;
err_t dir_make(struct volume *v, const struct place *place) MUST_CHECK;
/** ERR_NOT_EMPTY, ERR_NOT_DIR, ERR_BUSY (open). */
err_t dir_remove(struct volume *v, struct node_table *t, const struct place *place) MUST_CHECK;
/** ERR_IS_DIR. */
err_t dir_remove_file(struct volume *v, struct node_table *t, const struct place *place) MUST_CHECK;
err_t dir_rename(struct volume *v, struct node_table *t, const struct place *from,
                 const struct place *to) MUST_CHECK;

/**
 * Fills out[0, *out_bytes) with struct fs_dirent from *cookie on (0: the start). *cookie 0: that was the end.
 * ERR_RANGE: not even one entry fits.
 */
err_t dir_read(struct volume *v, ext2_ino_t dir, uint64_t *cookie, uint8_t *out,
               uint64_t *out_bytes) MUST_CHECK;
