/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The ext4 service on real images: files, directories, renames, full and damaged disks; the host's e2fsck judges. */
// LINK: servers/fs/cache.c servers/fs/iochannel.c servers/fs/volume.c servers/fs/node.c servers/fs/life.c
// LINK: servers/fs/path.c servers/fs/dir.c servers/fs/rename.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/alloc.c build/deps/src/e2fsprogs/lib/ext2fs/alloc_sb.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/alloc_stats.c build/deps/src/e2fsprogs/lib/ext2fs/alloc_tables.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/badblocks.c build/deps/src/e2fsprogs/lib/ext2fs/bb_inode.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/bitmaps.c build/deps/src/e2fsprogs/lib/ext2fs/bitops.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/blkmap64_ba.c build/deps/src/e2fsprogs/lib/ext2fs/blkmap64_rb.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/blknum.c build/deps/src/e2fsprogs/lib/ext2fs/block.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/bmap.c build/deps/src/e2fsprogs/lib/ext2fs/check_desc.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/closefs.c build/deps/src/e2fsprogs/lib/ext2fs/csum.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/dblist.c build/deps/src/e2fsprogs/lib/ext2fs/dblist_dir.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/digest_encode.c build/deps/src/e2fsprogs/lib/ext2fs/dir_iterate.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/dirblock.c build/deps/src/e2fsprogs/lib/ext2fs/dirhash.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/expanddir.c build/deps/src/e2fsprogs/lib/ext2fs/ext_attr.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/extent.c build/deps/src/e2fsprogs/lib/ext2fs/fallocate.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/fileio.c build/deps/src/e2fsprogs/lib/ext2fs/freefs.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/gen_bitmap.c build/deps/src/e2fsprogs/lib/ext2fs/gen_bitmap64.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/get_num_dirs.c build/deps/src/e2fsprogs/lib/ext2fs/get_pathname.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/getenv.c build/deps/src/e2fsprogs/lib/ext2fs/hashmap.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/i_block.c build/deps/src/e2fsprogs/lib/ext2fs/icount.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/ind_block.c build/deps/src/e2fsprogs/lib/ext2fs/initialize.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/inline.c build/deps/src/e2fsprogs/lib/ext2fs/inline_data.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/inode.c build/deps/src/e2fsprogs/lib/ext2fs/io_manager.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/link.c build/deps/src/e2fsprogs/lib/ext2fs/llseek.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/lookup.c build/deps/src/e2fsprogs/lib/ext2fs/mkdir.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/mkjournal.c build/deps/src/e2fsprogs/lib/ext2fs/mmp.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/namei.c build/deps/src/e2fsprogs/lib/ext2fs/native.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/newdir.c build/deps/src/e2fsprogs/lib/ext2fs/nls_utf8.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/openfs.c build/deps/src/e2fsprogs/lib/ext2fs/orphan.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/punch.c build/deps/src/e2fsprogs/lib/ext2fs/rbtree.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/read_bb.c build/deps/src/e2fsprogs/lib/ext2fs/res_gdt.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/rw_bitmaps.c build/deps/src/e2fsprogs/lib/ext2fs/sha256.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/sha512.c build/deps/src/e2fsprogs/lib/ext2fs/swapfs.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/symlink.c build/deps/src/e2fsprogs/lib/ext2fs/unlink.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/valid_blk.c build/deps/src/e2fsprogs/lib/ext2fs/version.c
// LINK: build/deps/src/e2fsprogs/lib/ext2fs/progress.c build/deps/src/e2fsprogs/lib/ext2fs/ismounted.c
// LINK: build/deps/src/e2fsprogs/debugfs/journal.c build/deps/src/e2fsprogs/e2fsck/recovery.c
// LINK: build/deps/src/e2fsprogs/e2fsck/revoke.c build/deps/src/e2fsprogs/lib/et/error_message.c
// LINK: build/deps/src/e2fsprogs/lib/et/et_name.c build/deps/src/e2fsprogs/lib/et/init_et.c
// LINK: third_party/e2fsprogs/glue.c
// CFLAGS: -DHAVE_CONFIG_H -DDEBUGFS -D_GNU_SOURCE -Ithird_party/e2fsprogs/include -isystem build/deps/ext2fs/include
// CFLAGS: -isystem build/deps/ext2fs/include/ext2fs -isystem build/deps/src/e2fsprogs/lib -isystem build/deps/src/e2fsprogs/lib/ext2fs -isystem build/deps/src/e2fsprogs/include -isystem build/deps/src/e2fsprogs/lib/et -isystem build/deps/src/e2fsprogs/e2fsck -isystem build/deps/src/e2fsprogs/debugfs
// CFLAGS: -include sys/time.h -fno-sanitize=alignment
#include "tests/unit/servers/fs/image.h"

#include "abi/proto/fs.h"

#define BIG_BYTES  MIB(6)
#define FILE_COUNT 300U

static const char *const formats[] = {
    "",
    "-b 4096",
    "-O ^has_journal,^extent,^64bit,^metadata_csum",
    "-b 2048 -O ^resize_inode",
};

static err_t walk(const char *path, struct place *place)
{
    return dir_walk(&volume, EXT2_ROOT_INO, path, strlen(path), true, place);
}

static err_t make_file(const char *path, ext2_ino_t *ino)
{
    struct place place;
    err_t err = walk(path, &place);
    return err == OK ? dir_create_file(&volume, &place, ino) : err;
}

static err_t make_dir(const char *path)
{
    struct place place;
    err_t err = walk(path, &place);
    return err == OK ? dir_make(&volume, &place) : err;
}

static err_t remove_file(const char *path)
{
    struct place place;
    err_t err = walk(path, &place);
    return err == OK ? dir_remove_file(&volume, &nodes, &place) : err;
}

static err_t remove_dir(const char *path)
{
    struct place place;
    err_t err = walk(path, &place);
    return err == OK ? dir_remove(&volume, &nodes, &place) : err;
}

static err_t move(const char *from, const char *to)
{
    struct place a, b;
    err_t err = walk(from, &a);
    if (err == OK) err = walk(to, &b);
    return err == OK ? dir_rename(&volume, &nodes, &a, &b) : err;
}

static void fill(uint8_t *data, size_t bytes, uint32_t seed)
{
    for (size_t i = 0; i < bytes; i++) data[i] = (uint8_t)(i * 31 + seed * 7 + (i >> 9));
}

static uint8_t want[BIG_BYTES], got[BIG_BYTES];

static void write_file(const char *path, size_t bytes, uint32_t seed, size_t step)
{
    ext2_ino_t ino = 0;
    uint64_t done = 0;
    EXPECT_EQ(OK, make_file(path, &ino));
    fill(want, bytes, seed);
    for (size_t at = 0; at < bytes; at += step) {
        EXPECT_EQ(OK, node_write(&volume, ino, at, want + at, MIN(step, bytes - at), &done));
    }
}

static void expect_file(const char *path, size_t bytes, uint32_t seed)
{
    struct place place;
    uint64_t have = 0;
    EXPECT_EQ(OK, walk(path, &place));
    EXPECT_NE(0, place.ino);
    fill(want, bytes, seed);
    EXPECT_EQ(OK, node_read(&volume, place.ino, 0, got, BIG_BYTES, &have));
    EXPECT_EQ(bytes, have);
    EXPECT_EQ(0, memcmp(want, got, bytes));
}

/* Mounts, runs work, unmounts, has it checked, looks again after a second mount. */
static void on_every_format(void (*work)(void), void (*look_again)(void))
{
    for (uint32_t i = 0; i < ARRAY_COUNT(formats); i++) {
        test_row(i);
        image_make(formats[i]);
        image_mount(CACHE_PAGES_MIN);
        EXPECT_NE(0, (uintptr_t)volume.fs);
        if (volume.fs) work();
        EXPECT_EQ(OK, volume_unmount(&volume));
        EXPECT_EQ(0, image_e2fsck());
        image_close();
        image_mount(CACHE_PAGES_MIN);
        if (look_again) look_again();
        image_end();
    }
}

static void work_files(void)
{
    char path[64];
    write_file("/big", BIG_BYTES, 3, 100000);
    EXPECT_EQ(OK, make_dir("/d"));
    for (uint32_t i = 0; i < FILE_COUNT; i++) {
        snprintf(path, sizeof(path), "/d/a-file-with-a-name-%04u", i);
        write_file(path, i * 37 % 9000, i, 4096);
    }
    for (uint32_t i = 0; i < FILE_COUNT; i += 3) {
        snprintf(path, sizeof(path), "/d/a-file-with-a-name-%04u", i);
        EXPECT_EQ(OK, remove_file(path));
    }
}

static void look_files(void)
{
    char path[64];
    struct place place;
    expect_file("/big", BIG_BYTES, 3);
    for (uint32_t i = 0; i < FILE_COUNT; i++) {
        snprintf(path, sizeof(path), "/d/a-file-with-a-name-%04u", i);
        if (i % 3) {
            expect_file(path, i * 37 % 9000, i);
        } else {
            EXPECT_EQ(OK, walk(path, &place));
            EXPECT_EQ(0, place.ino);
        }
    }
}

TEST(ext4, files_written_and_removed_read_back_and_e2fsck_is_clean)
{
    on_every_format(work_files, look_files);
}

static void work_renames(void)
{
    write_file("/a", 5000, 1, 5000);
    write_file("/b", 9000, 2, 9000);
    EXPECT_EQ(OK, make_dir("/d"));
    EXPECT_EQ(OK, make_dir("/d/e"));
    EXPECT_EQ(OK, make_dir("/full"));
    write_file("/full/x", 10, 4, 10);
    EXPECT_EQ(OK, move("/a", "/b")); /* replaces */
    EXPECT_EQ(OK, move("/b", "/d/e/c"));
    EXPECT_EQ(OK, move("/d/e", "/moved"));
    EXPECT_EQ(ERR_ARG, move("/moved", "/moved/inside"));
    EXPECT_EQ(ERR_IS_DIR, move("/full/x", "/moved"));
    EXPECT_EQ(ERR_NOT_DIR, move("/moved", "/full/x"));
    EXPECT_EQ(ERR_NOT_EMPTY, move("/moved", "/full"));
    EXPECT_EQ(OK, move("/moved", "/d")); /* an empty directory may be replaced */
    EXPECT_EQ(ERR_NO_ENTRY, move("/nothing", "/y"));
    EXPECT_EQ(ERR_BUSY, move("/", "/y"));
    EXPECT_EQ(ERR_NOT_EMPTY, remove_dir("/full"));
    EXPECT_EQ(ERR_IS_DIR, remove_file("/full"));
    EXPECT_EQ(ERR_NOT_DIR, remove_dir("/full/x"));
    EXPECT_EQ(ERR_EXISTS, make_dir("/full"));
    EXPECT_EQ(ERR_BUSY, remove_dir("/"));
}

static void look_renames(void)
{
    expect_file("/d/c", 5000, 1);
    expect_file("/full/x", 10, 4);
}

TEST(ext4, renames_replace_files_and_refuse_what_would_lose_data)
{
    on_every_format(work_renames, look_renames);
}

static void work_sizes(void)
{
    struct place place;
    uint64_t done = 0;
    write_file("/s", 100000, 5, 7777);
    EXPECT_EQ(OK, walk("/s", &place));
    EXPECT_EQ(OK, node_truncate(&volume, place.ino, 10));
    EXPECT_EQ(OK, node_truncate(&volume, place.ino, 100000));
    EXPECT_EQ(OK, node_read(&volume, place.ino, 0, got, 200000, &done));
    EXPECT_EQ(100000, done);
    for (uint32_t i = 10; i < 100000; i++) {
        if (got[i]) EXPECT_EQ(0, got[i]); /* nothing of the old content shows */
    }
    EXPECT_EQ(OK, node_write(&volume, place.ino, 300001, (const uint8_t *)"hello", 5, &done));
    EXPECT_EQ(OK, node_write(&volume, place.ino, 150000, (const uint8_t *)"mid", 3, &done));
    EXPECT_EQ(ERR_RANGE, node_write(&volume, place.ino, UINT64_MAX - 2, want, 3, &done));
    EXPECT_EQ(ERR_RANGE, node_write(&volume, place.ino, UINT64_C(1) << 60, want, 3, &done));
    EXPECT_EQ(ERR_RANGE, node_truncate(&volume, place.ino, UINT64_MAX));
}

static void look_sizes(void)
{
    struct place place;
    uint64_t done = 0;
    EXPECT_EQ(OK, walk("/s", &place));
    EXPECT_EQ(OK, node_read(&volume, place.ino, 149999, got, 400000, &done));
    EXPECT_EQ(300006 - 149999, done);
    EXPECT_EQ(0, memcmp(got, "\0mid\0", 5));
    EXPECT_EQ(0, memcmp(got + 300000 - 149999, "\0hello", 6));
}

TEST(ext4, sparse_files_and_truncation_read_zeros_where_nothing_was_written)
{
    on_every_format(work_sizes, look_sizes);
}

static void work_full(void)
{
    ext2_ino_t ino = 0;
    uint64_t at = 0, done = 0;
    char path[64];
    err_t err = OK;
    EXPECT_EQ(OK, make_file("/fill", &ino));
    while ((err = node_write(&volume, ino, at, want, 200000, &done)) == OK) at += done;
    EXPECT_EQ(ERR_NO_SPACE, err);
    while ((err = node_write(&volume, ino, at, want, 1000, &done)) == OK) at += done;
    EXPECT_EQ(ERR_NO_SPACE, err);
    for (uint32_t i = 0; err != OK && i < 20000; i++) {
        snprintf(path, sizeof(path), "/x-%05u-with-a-long-name-so-that-the-directory-grows", i);
        if (make_file(path, &ino) != OK) err = OK;
    }
    EXPECT_EQ(ERR_NO_SPACE, make_dir("/newdir"));
    EXPECT_EQ(OK, remove_file("/fill"));
    write_file("/after", 100000, 9, 5000);
}

static void look_full(void)
{
    expect_file("/after", 100000, 9);
}

TEST(ext4, a_full_disk_refuses_and_stays_clean_for_e2fsck)
{
    on_every_format(work_full, look_full);
}

static void work_unlinked(void)
{
    struct place place;
    uint64_t done = 0;
    write_file("/u", 20000, 8, 20000);
    uint64_t free_blocks = ext2fs_free_blocks_count(volume.fs->super);
    EXPECT_EQ(OK, walk("/u", &place));
    EXPECT_EQ(OK, node_table_open(&nodes, place.ino));
    EXPECT_EQ(OK, remove_file("/u"));
    EXPECT_EQ(OK, node_read(&volume, place.ino, 0, got, 20000, &done));
    EXPECT_EQ(20000, done);
    EXPECT_EQ(0, memcmp(want, got, 20000));
    EXPECT_EQ(free_blocks, ext2fs_free_blocks_count(volume.fs->super));
    EXPECT_EQ(OK, node_table_close(&nodes, &volume, place.ino));
    EXPECT_EQ(true, ext2fs_free_blocks_count(volume.fs->super) > free_blocks);
}

TEST(ext4, a_removed_file_lives_until_its_last_close)
{
    on_every_format(work_unlinked, NULL);
}

static void work_listing(void)
{
    struct place place;
    uint64_t cookie = 0;
    uint32_t entries = 0;
    char path[64];
    EXPECT_EQ(OK, make_dir("/l"));
    for (uint32_t i = 0; i < FILE_COUNT; i++) {
        snprintf(path, sizeof(path), "/l/%u", i);
        write_file(path, i, i, i + 1);
    }
    EXPECT_EQ(OK, walk("/l", &place));
    do {
        uint8_t batch[300];
        uint64_t bytes = sizeof(batch);
        EXPECT_EQ(OK, dir_read(&volume, place.ino, &cookie, batch, &bytes));
        for (uint64_t at = 0; at < bytes;) {
            struct fs_dirent head;
            memcpy(&head, batch + at, sizeof(head));
            char name[8] = { 0 };
            memcpy(name, batch + at + sizeof(head), MIN(head.name_bytes, 7));
            if (head.type == FS_TYPE_FILE) EXPECT_EQ(atoi(name), head.size_bytes);
            entries++;
            at += head.record_bytes;
        }
    } while (cookie);
    EXPECT_EQ(FILE_COUNT + 2, entries);
    uint64_t tiny = 8;
    EXPECT_EQ(ERR_RANGE, dir_read(&volume, place.ino, &cookie, got, &tiny));
}

TEST(ext4, a_listing_in_small_pieces_has_every_entry_once)
{
    on_every_format(work_listing, NULL);
}

TEST(ext4, paths_never_leave_the_root_of_a_session)
{
    struct place place, inside;
    static char longest[PATH_BYTES_MAX + 1];
    image_make("");
    image_mount(CACHE_PAGES_MIN);
    EXPECT_EQ(OK, make_dir("/jail"));
    EXPECT_EQ(OK, make_dir("/jail/in"));
    write_file("/secret", 5, 1, 5);
    EXPECT_EQ(OK, walk("/jail", &place));
    ext2_ino_t root = place.ino;
    static const char *const tries[] = { "../secret", "/../secret", "in/../../secret",
                                         "./../secret" };
    for (uint32_t i = 0; i < ARRAY_COUNT(tries); i++) {
        test_row(i);
        EXPECT_EQ(OK, dir_walk(&volume, root, tries[i], strlen(tries[i]), true, &inside));
        EXPECT_EQ(0, inside.ino);
    }
    EXPECT_EQ(ERR_NAME, dir_walk(&volume, root, "a\0b", 3, true, &inside));
    memset(longest, 'x', sizeof(longest));
    EXPECT_EQ(ERR_NAME, dir_walk(&volume, root, longest, sizeof(longest), true, &inside));
    EXPECT_EQ(ERR_NAME, dir_walk(&volume, root, longest, 256, true, &inside));
    EXPECT_EQ(OK, dir_walk(&volume, root, longest, 255, true, &inside));
    EXPECT_EQ(ERR_NO_ENTRY, dir_walk(&volume, root, "no/such", 7, true, &inside));
    EXPECT_EQ(ERR_NOT_DIR, walk("/secret/x", &inside));
    image_end();
}

static const struct {
    const char *damage, *says;
    bool mounts, read_only;
} damages[] = {
    { "truncate -s 0 %s; truncate -s 32M %s", "all zeros", false, false },
    { "dd if=/dev/zero bs=1k count=64 status=none | tr '\\0' 'x' | dd of=%s conv=notrunc "
      "status=none",
      "does not hold ext2", false, false },
    { "truncate -s 16M %s", "truncated image", false, false },
    { "debugfs -w -R 'set_super_value feature_incompat 0x802c2' %s 2>/dev/null",
      "incompatible features", false, false },
    { "tune2fs -O quota %s >/dev/null", "read-only", true, true },
    { "debugfs -w -R 'set_super_value s_state 0' %s 2>/dev/null", "not unmounted cleanly", true,
      false },
    { "dd if=/dev/urandom of=%s bs=1k seek=2 count=60 conv=notrunc status=none", "not mounted",
      false, false },
    { "truncate -s 1k %s", "only 1024 bytes", false, false },
};

TEST(ext4, damaged_and_foreign_disks_are_refused_with_a_sentence)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(damages); i++) {
        struct place place;
        test_row(i);
        image_make("");
        char command[512] = "PATH=$PATH:/sbin:/usr/sbin; ";
        snprintf(command + strlen(command), 400, damages[i].damage, image.path, image.path);
        (void)system(command);
        image_mount(CACHE_PAGES_MIN);
        EXPECT_EQ(damages[i].mounts, volume.fs != NULL);
        EXPECT_EQ(damages[i].read_only, volume.fs && volume.is_read_only);
        EXPECT_EQ(true, strstr(volume.text, damages[i].says) != NULL);
        EXPECT_EQ(volume.fs ? OK : ERR_STATE, walk("/", &place));
        if (volume.fs && volume.is_read_only) EXPECT_EQ(ERR_READ_ONLY, make_dir("/x"));
        image_end();
    }
}

TEST(ext4, a_write_protected_disk_is_mounted_read_only)
{
    image_make("");
    image_blk.is_read_only = true;
    image_mount(CACHE_PAGES_MIN);
    EXPECT_EQ(true, volume.fs != NULL && volume.is_read_only);
    EXPECT_EQ(ERR_READ_ONLY, make_dir("/x"));
    EXPECT_EQ(OK, volume_unmount(&volume));
    image_end();
}

TEST(ext4, a_synced_image_is_clean_without_unmounting)
{
    image_make("");
    image_mount(CACHE_PAGES_MIN);
    write_file("/s", 50000, 1, 50000);
    EXPECT_EQ(OK, volume_sync(&volume));
    EXPECT_EQ(0, image_e2fsck());
    write_file("/t", 50000, 2, 50000);
    EXPECT_EQ(OK, volume_sync(&volume));
    EXPECT_EQ(0, image_e2fsck());
    image_end();
}

TEST(ext4, writes_that_the_disk_refuses_are_told_by_sync)
{
    image_make("");
    image_mount(CACHE_PAGES_MIN);
    write_file("/s", 50000, 1, 50000);
    image.fails_writes = true;
    EXPECT_EQ(ERR_IO, volume_sync(&volume));
    image_end();
}
