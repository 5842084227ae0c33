/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The file service: one process for each disk. Bulk data goes through the client's VMO. */
#pragma once

/* On the service's endpoint. */
#define FS_ATTACH \
    1 /* handle: VMO of the caller, its transfer buffer (4 KiB..1 MiB) -> w0 err, handle: session endpoint, rooted at "/" */

/* On a session: w0 = operation; answer w0 = err_t. Paths are relative to the session's root, bytes in the buffer, no NUL. */
#define FS_OPEN \
    2 /* w1 path offset, w2 path bytes, w3 FS_O_* -> w1 file, w2 size_bytes, w3 FS_TYPE_* */
#define FS_CLOSE 3 /* w1 file */
#define FS_READ \
    4 /* w1 file, w2 file offset, w3 buffer offset, w4 bytes -> w1 bytes read (0: end) */
#define FS_WRITE 5 /* as FS_READ -> w1 bytes written */
#define FS_STAT \
    6 /* w1 path offset, w2 path bytes -> w1 size_bytes, w2 FS_TYPE_*, w3 mtime (s), w4 inode, w5 links */
#define FS_READDIR \
    7 /* w1 file (a directory), w2 cookie (0 first), w3 buffer offset, w4 bytes -> w1 bytes of struct fs_dirent, w2 next cookie (0: end) */
#define FS_UNLINK 8  /* w1 path offset, w2 path bytes */
#define FS_RMDIR  9  /* " */
#define FS_MKDIR  10 /* " */
#define FS_RENAME \
    11 /* w1, w2 old path; w3, w4 new path; replaces a file, refuses a directory that is not empty */
#define FS_TRUNCATE 12 /* w1 file, w2 size_bytes */
#define FS_SYNC     13 /* everything acknowledged so far is on the medium when this answers */
#define FS_DF       14 /* -> w1 block bytes, w2 blocks, w3 free blocks, w4 inodes, w5 free inodes */
#define FS_STATUS \
    15 /* w1 buffer offset, w2 bytes -> w1 bytes of text (mount state or why there is none), w2 1 = mounted, w3 1 = read-only */
#define FS_UNMOUNT 16 /* flush, mark clean, answer; later calls get ERR_STATE */
#define FS_DETACH  17 /* end of this session */
#define FS_SUBDIR \
    18 /* w1 path offset, w2 path bytes -> handle: session endpoint rooted there (same buffer) */
#define FS_BENCH \
    19 /* w1 enum fs_bench, w2 rounds -> w1 median instructions, w2 smallest, w3 largest, w4 median ticks */
#define FS_STATS \
    20 /* -> w1 requests, w2 replays, w3 link resets, w4 protocol violations, w5 I/O errors */

#define FS_O_WRITE  1
#define FS_O_CREATE 2
#define FS_O_EXCL   4
#define FS_O_TRUNC  8
#define FS_O_DIR    16 /* must be a directory */

#define FS_TYPE_FILE    1
#define FS_TYPE_DIR     2
#define FS_TYPE_SYMLINK 3
#define FS_TYPE_OTHER   4

enum fs_bench {
    FS_BENCH_READ_4K,
    FS_BENCH_WRITE_4K,
    FS_BENCH_READ_1M,
    FS_BENCH_RESTART_READ,
    FS_BENCH_READ_64K,
    FS_BENCH_COUNT
};

#include <stdint.h>
struct fs_dirent {
    uint64_t ino;
    uint64_t size_bytes;
    uint16_t record_bytes; /* multiple of 8, to the next one */
    uint16_t name_bytes;
    uint16_t type; /* FS_TYPE_* */
    uint16_t reserved;
    char name[]; /* no NUL */
};
