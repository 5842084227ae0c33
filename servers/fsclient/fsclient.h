/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Files for programs: absolute paths routed to the file service whose prefix is longest. */
#pragma once
#include "abi/proto/fs.h"
#include "servers/rt/sys.h"

#define FSCLIENT_MOUNT_MAX    4
#define FSCLIENT_PATH_MAX     1024 /* bytes of a path, NUL included */
#define FSCLIENT_NAME_MAX     255
#define FSCLIENT_BUFFER_BYTES KIB(256) /* good default; 4 KiB..1 MiB */

struct fsclient_mount {
    char prefix[24];  /* "" for "/", else e.g. "/disk2" */
    handle_t service; /* borrowed from the startup block */
    handle_t session; /* owned; HANDLE_NONE until the first use */
    uint8_t *buffer;  /* shared with the service (it writes what we ask for) */
    uint64_t buffer_bytes;
};

/* One for each thread: it has one transfer buffer a mount and one call in flight. */
struct fsclient {
    uint64_t buffer_bytes;
    uint32_t mount_count;
    struct fsclient_mount mount[FSCLIENT_MOUNT_MAX];
};

struct fsclient_file {
    uint32_t mount_idx;
    uint32_t type; /* FS_TYPE_* */
    uint64_t id;
    uint64_t size_bytes; /* at open */
};

struct fsclient_stat {
    uint64_t size_bytes, type, mtime_s, inode, links;
};

struct fsclient_df {
    uint64_t block_bytes, blocks, free_blocks, inodes, free_inodes;
};

struct fsclient_entry {
    char name[FSCLIENT_NAME_MAX + 1];
    uint64_t inode, size_bytes;
    uint32_t type;
};

struct fsclient_dir {
    struct fsclient_file file;
    uint64_t cookie;  /* where the next batch starts; 0 after the last */
    uint32_t at, end; /* unread part of batch */
    bool started;
    uint8_t batch[KIB(4)]; /* private copy */
};

struct fsclient_status {
    char text[256];
    bool is_mounted, is_read_only;
};

struct fsclient_bench {
    uint64_t median, smallest, largest; /* instructions */
    uint64_t median_ticks;
};

struct fsclient_stats {
    uint64_t requests, replays, link_resets, violations, io_errors;
};

/**
 * Finds the services among the startup handles ("fs:/", "fs:/disk2", ...). Sessions are opened at first use.
 * buffer_bytes  size of each transfer buffer, 0: FSCLIENT_BUFFER_BYTES
 * Returns       OK | ERR_NO_ENTRY: no file service was given to this process
 */
err_t fsclient_init(struct fsclient *c, uint64_t buffer_bytes);
/** Ends all sessions and frees the buffers. Open files of c are gone. */
void fsclient_end(struct fsclient *c);

/**
 * Makes an absolute, clean path of path as seen from cwd: no ".", "..", "//" or trailing "/". Pure.
 * Returns  OK | ERR_NAME: does not fit in out or a component is too long
 */
err_t fsclient_path(const char *cwd, const char *path, char out[FSCLIENT_PATH_MAX]);

/** Paths below are absolute and clean. Errors of the service come through: ERR_NO_ENTRY, ERR_IS_DIR, ERR_NO_SPACE, ... */
err_t fsclient_open(struct fsclient *c, const char *path, uint32_t flags, struct fsclient_file *f);
err_t fsclient_close(struct fsclient *c, struct fsclient_file *f);
/** *got < size_bytes only at the end of the file. */
err_t fsclient_read(struct fsclient *c, const struct fsclient_file *f, uint64_t offset, void *out,
                    uint64_t size_bytes, uint64_t *got);
/**
 * Reads up to one buffer without copying: *data stays until the next call on c that uses this mount. The service could
 * change it meanwhile: copy before parsing.
 */
err_t fsclient_view(struct fsclient *c, const struct fsclient_file *f, uint64_t offset,
                    const uint8_t **data, uint64_t *got);
/** Writes all or reports an error (then *done bytes are written). data may be a view of the same mount: not copied again. */
err_t fsclient_write(struct fsclient *c, const struct fsclient_file *f, uint64_t offset,
                     const void *data, uint64_t size_bytes, uint64_t *done);
err_t fsclient_truncate(struct fsclient *c, const struct fsclient_file *f, uint64_t size_bytes);
err_t fsclient_stat(struct fsclient *c, const char *path, struct fsclient_stat *out);
err_t fsclient_unlink(struct fsclient *c, const char *path);
err_t fsclient_rmdir(struct fsclient *c, const char *path);
err_t fsclient_mkdir(struct fsclient *c, const char *path);
/** ERR_NOT_SUPPORTED across two mounts. */
err_t fsclient_rename(struct fsclient *c, const char *from, const char *to);

err_t fsclient_dir_open(struct fsclient *c, const char *path, struct fsclient_dir *d);
/** ERR_NO_ENTRY at the end. "." and ".." are left out. */
err_t fsclient_dir_next(struct fsclient *c, struct fsclient_dir *d, struct fsclient_entry *e);
err_t fsclient_dir_close(struct fsclient *c, struct fsclient_dir *d);

/** Every mount; the first error is returned, all are tried. */
err_t fsclient_sync(struct fsclient *c);
/** Only the mount that path lies on. */
err_t fsclient_sync_one(struct fsclient *c, const char *path);
err_t fsclient_unmount(struct fsclient *c);

err_t fsclient_df(struct fsclient *c, const char *path, struct fsclient_df *out);
err_t fsclient_status(struct fsclient *c, const char *path, struct fsclient_status *out);
err_t fsclient_bench(struct fsclient *c, const char *path, enum fs_bench what, uint64_t rounds,
                     struct fsclient_bench *out);
err_t fsclient_stats(struct fsclient *c, const char *path, struct fsclient_stats *out);
