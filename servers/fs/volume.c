/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Mount, sync, unmount. */
#include "servers/fs/volume.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "servers/fs/iochannel.h"
#include "servers/rt/log.h"

errcode_t ext2fs_run_ext3_journal(ext2_filsys *fs); /* debugfs/journal.c has no header of its own */

#define PROBE_BYTES 4096U

/* Features whose meaning this service implements; libext2fs would let more through. */
#define INCOMPAT_KNOWN                                                                             \
    (EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_RECOVER |                              \
     EXT2_FEATURE_INCOMPAT_META_BG | EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT | \
     EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_CSUM_SEED |                             \
     EXT4_FEATURE_INCOMPAT_LARGEDIR)
#define RO_COMPAT_KNOWN                                                        \
    (EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE | \
     EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |      \
     EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |   \
     EXT4_FEATURE_RO_COMPAT_METADATA_CSUM)

static void volume_say(struct volume *v, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));

static void volume_say(struct volume *v, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(v->text, sizeof(v->text), fmt, args);
    va_end(args);
    log_printf("%s", v->text);
}

void volume_set_absent(struct volume *v, const char *why)
{
    *v = (struct volume){ 0 };
    volume_say(v, "no disk: %s", why);
}

err_t volume_err(const struct volume *v, errcode_t code)
{
    if (code == 0) return OK;
    err_t io = iochannel_take_error();
    /* ERR_RANGE: a block number of the image lies off the disk; the code says more. */
    if (io != OK && io != ERR_RANGE) return io;
    switch (code) {
    case EXT2_ET_FILE_NOT_FOUND:
        return ERR_NO_ENTRY;
    case EXT2_ET_NO_DIRECTORY:
        return ERR_NOT_DIR;
    case EXT2_ET_FILE_EXISTS:
    case EXT2_ET_DIR_EXISTS:
        return ERR_EXISTS;
    case EXT2_ET_BLOCK_ALLOC_FAIL:
    case EXT2_ET_INODE_ALLOC_FAIL:
    case EXT2_ET_DIR_NO_SPACE:
    case EXT2_ET_EXTENT_NO_SPACE:
        return ERR_NO_SPACE;
    case EXT2_ET_NO_MEMORY:
        return ERR_NO_MEMORY;
    case EXT2_ET_RO_FILSYS:
        return ERR_READ_ONLY;
    case EXT2_ET_FILE_TOO_BIG:
        return ERR_RANGE;
    case EXT2_ET_UNIMPLEMENTED:
    case EXT2_ET_UNSUPP_FEATURE:
    case EXT2_ET_RO_UNSUPP_FEATURE:
        return ERR_NOT_SUPPORTED;
    default:
        break;
    }
    log_printf("%s: %s", v->fs && v->fs->device_name ? v->fs->device_name : "disk",
               error_message(code));
    return ERR_CORRUPT;
}

/* Looks at the first bytes for a clearer word than a library's. True: there may be a file system. */
static bool volume_probe(struct volume *v, struct ext2_super_block *super)
{
    static uint8_t head[PROBE_BYTES];
    if (v->cache->size_bytes < PROBE_BYTES) {
        volume_say(v, "no file system: the disk has only %lu bytes",
                   (unsigned long)v->cache->size_bytes);
        return false;
    }
    err_t err = cache_read(v->cache, 0, PROBE_BYTES, head);
    if (err != OK) {
        v->is_lost = err == ERR_DEAD;
        volume_say(v, err == ERR_DEAD
                              ? "no disk: the storage service is gone"
                              : "not mounted: the disk's first block cannot be read (I/O error)");
        return false;
    }
    memcpy(super, head + SUPERBLOCK_OFFSET, sizeof(*super));
    if (super->s_magic == EXT2_SUPER_MAGIC) return true;
    bool zeros = true;
    for (uint32_t i = 0; i < PROBE_BYTES; i++) zeros = zeros && head[i] == 0;
    volume_say(v, zeros ? "no file system: the disk is empty (all zeros)"
                        : "no file system: the disk does not hold ext2, ext3 or ext4");
    return false;
}

/* Refuses what this service does not understand; decides about read-only. */
static bool volume_judge(struct volume *v, const struct ext2_super_block *super)
{
    uint32_t incompat = super->s_feature_incompat & ~(uint32_t)INCOMPAT_KNOWN;
    uint32_t ro_compat = super->s_feature_ro_compat & ~(uint32_t)RO_COMPAT_KNOWN;
    if (incompat) {
        volume_say(v,
                   "not mounted: the file system uses incompatible features that ZerOS does not "
                   "know (0x%x)",
                   incompat);
        return false;
    }
    if (super->s_log_block_size > 6) {
        volume_say(v, "not mounted: the superblock is corrupt (block size)");
        return false;
    }
    uint64_t block_bytes = UINT64_C(1024) << super->s_log_block_size;
    uint64_t blocks = super->s_blocks_count;
    if (super->s_feature_incompat & EXT4_FEATURE_INCOMPAT_64BIT) {
        blocks |= (uint64_t)super->s_blocks_count_hi << 32;
    }
    if (blocks > v->cache->size_bytes / block_bytes) {
        volume_say(v,
                   "not mounted: the file system has %lu KiB but the disk only %lu KiB: truncated "
                   "image",
                   (unsigned long)(blocks * (block_bytes / 1024)),
                   (unsigned long)(v->cache->size_bytes / 1024));
        return false;
    }
    v->is_read_only = v->cache->blk->is_read_only || ro_compat;
    return true;
}

static errcode_t volume_open(struct volume *v)
{
    int flags = EXT2_FLAG_64BITS | (v->is_read_only ? 0 : EXT2_FLAG_RW);
    errcode_t code = ext2fs_open("disk", flags, 0, 0, iochannel_manager(v->cache), &v->fs);
    if (code == EXT2_ET_RO_UNSUPP_FEATURE) {
        v->is_read_only = true;
        flags &= ~EXT2_FLAG_RW;
        code = ext2fs_open("disk", flags, 0, 0, iochannel_manager(v->cache), &v->fs);
    }
    if (code) return code;
    if (ext2fs_has_feature_journal_needs_recovery(v->fs->super) && !v->is_read_only) {
        code = ext2fs_run_ext3_journal(&v->fs);
        if (code == 0 && cache_flush(v->cache) != OK) code = EXT2_ET_SHORT_WRITE;
        if (code == 0) log_printf("disk: journal replayed");
    }
    if (code == 0) code = ext2fs_read_bitmaps(v->fs);
    if (code == 0) code = ext2fs_check_directory(v->fs, EXT2_ROOT_INO);
    return code;
}

void volume_mount(struct volume *v, struct cache *cache)
{
    struct ext2_super_block super;
    *v = (struct volume){ .cache = cache };
    if (!volume_probe(v, &super) || !volume_judge(v, &super)) return;
    errcode_t code = volume_open(v);
    if (code) {
        err_t err = volume_err(v, code);
        if (v->fs) ext2fs_free(v->fs);
        v->fs = NULL;
        cache_drop(cache);
        v->is_lost = err == ERR_DEAD;
        volume_say(v, "not mounted: %s",
                   err == ERR_IO     ? "the disk has an I/O error"
                   : err == ERR_DEAD ? "the storage service is gone"
                                     : error_message(code));
        return;
    }
    uint64_t mib = ext2fs_blocks_count(v->fs->super) * v->fs->blocksize >> 20;
    v->was_clean = v->fs->super->s_state & EXT2_VALID_FS;
    volume_say(v, "mounted: ext4, %lu MiB, %s%s%s", (unsigned long)mib,
               v->is_read_only ? "read-only" : "read-write",
               cache->blk->is_read_only ? " (the disk is write-protected)"
               : v->is_read_only        ? " (it uses features that ZerOS can only read)"
                                        : "",
               v->was_clean ? "" : "; it was not unmounted cleanly: have it checked with e2fsck");
}

/* Superblock, descriptors and bitmaps, with or without the mark "clean", through to the medium. */
static err_t volume_write_state(struct volume *v, bool clean)
{
    struct ext2_super_block *super = v->fs->super;
    if (clean) {
        super->s_state |= EXT2_VALID_FS;
    } else {
        super->s_state &= (uint16_t)~EXT2_VALID_FS;
    }
    ext2fs_mark_super_dirty(v->fs);
    err_t err = volume_err(v, ext2fs_flush2(v->fs, EXT2_FLAG_FLUSH_NO_SYNC));
    err_t flushed = cache_flush(v->cache);
    return err == OK ? flushed : err;
}

err_t volume_begin_change(struct volume *v)
{
    if (!v->fs) return ERR_STATE;
    if (v->is_read_only) return ERR_READ_ONLY;
    if (!v->is_marked) {
        err_t err = volume_write_state(v, false);
        if (err != OK) return err;
        v->is_marked = true;
    }
    v->is_changed = true;
    return OK;
}

err_t volume_sync(struct volume *v)
{
    if (!v->fs) return ERR_STATE;
    if (!v->is_marked) return OK;
    err_t err = volume_write_state(v, false);
    if (err != OK) return err;
    v->is_changed = false;
    if (v->was_clean) { /* whole again: a power cut from here on costs nothing */
        err = volume_write_state(v, true);
        if (err == OK) v->is_marked = false;
    }
    return err;
}

err_t volume_unmount(struct volume *v)
{
    err_t err = volume_sync(v);
    if (err != OK) return err;
    err = volume_err(v, ext2fs_close_free(&v->fs));
    err_t flushed = cache_flush(v->cache);
    v->fs = NULL;
    v->was_unmounted = true;
    volume_say(v, "unmounted");
    return err == OK ? flushed : err;
}
