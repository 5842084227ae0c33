/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The mounted ext4 file system: mount, sync, unmount, and why there is none. */
#pragma once
#include <sys/types.h>

#include <ext2fs/ext2fs.h>

#include "servers/fs/cache.h"

#define VOLUME_TEXT_BYTES 256

/* One disk, one thread. */
struct volume {
    struct cache *cache; /* borrowed; NULL: no disk */
    ext2_filsys fs;      /* owned; NULL: not mounted */
    bool is_lost;        /* not mounted because the storage domain was gone: worth another try */
    bool is_read_only;
    bool was_unmounted;
    bool is_changed;              /* since the last sync */
    bool is_marked;               /* "in use" is on the disk */
    bool was_clean;               /* before this mount */
    char text[VOLUME_TEXT_BYTES]; /* state in a sentence */
};

/** Mounts what lies on the cache's disk. Without success v->fs is NULL and v->text says why. */
void volume_mount(struct volume *v, struct cache *cache);

/** Notes that there is no disk at all and why. */
void volume_set_absent(struct volume *v, const char *why);

/** Before the first change since a mount or sync: ERR_READ_ONLY, ERR_STATE | marks the file system as in use. */
err_t volume_begin_change(struct volume *v) MUST_CHECK;

/** Everything acknowledged is on the medium when this returns OK. */
err_t volume_sync(struct volume *v) MUST_CHECK;

/** Sync, mark clean, forget. Later calls find v->fs NULL and was_unmounted. */
err_t volume_unmount(struct volume *v) MUST_CHECK;

/** err_t of a libext2fs code. */
err_t volume_err(const struct volume *v, errcode_t code);
