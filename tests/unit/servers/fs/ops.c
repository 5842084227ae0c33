/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The file service against clients that send anything: every word of every operation, stale badges, full tables. */
// LINK: servers/fs/cache.c servers/fs/iochannel.c servers/fs/volume.c servers/fs/node.c servers/fs/life.c
// LINK: servers/fs/path.c servers/fs/dir.c servers/fs/rename.c servers/fs/ops.c servers/fs/session.c
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
#include "servers/fs/session.h"

#define BUFFER_BYTES KIB(64)
#define HANDLE_VMO   7U

/* The kernel: VMOs are one buffer each, endpoints are numbers that carry their badge. */
static struct {
    uint8_t buffer[8][BUFFER_BYTES] __attribute__((aligned(4096)));
    uint32_t maps, unmaps, closed;
    uint64_t vmo_bytes, vmo_device, badge;
} kernel;

err_t sys_raw(uint64_t number, struct sys_regs *r)
{
    switch (number) {
    case SYS_VMO_INFO:
        r->x[1] = kernel.vmo_bytes;
        r->x[3] = kernel.vmo_device;
        break;
    case SYS_VMO_MAP:
        r->x[1] = (uint64_t)kernel.buffer[kernel.maps++ % 8];
        break;
    case SYS_VMO_UNMAP:
        kernel.unmaps++;
        break;
    case SYS_HANDLE_CLOSE:
        kernel.closed++;
        break;
    case SYS_HANDLE_DUP:
        r->x[1] = HANDLE_VMO;
        break;
    case SYS_ENDPOINT_MINT:
        kernel.badge = r->x[1];
        r->x[1] = 100;
        break;
    default:
        return ERR_NOT_SUPPORTED;
    }
    return OK;
}

err_t bench_run(struct service *s, uint64_t what, uint64_t rounds, struct ipc_msg *msg)
{
    (void)s;
    (void)what;
    (void)rounds;
    (void)msg;
    return ERR_NOT_SUPPORTED;
}

static struct service service;
static uint8_t *buffer; /* of the session under test */
static uint64_t badge;

static void attach(void)
{
    struct ipc_msg msg = ipc_op(FS_ATTACH);
    msg.tag = TAG_HANDLES(1);
    msg.handle[0] = HANDLE_VMO;
    buffer = kernel.buffer[kernel.maps % 8];
    session_handle(&service, &msg);
    EXPECT_EQ(OK, msg.word[0]);
    EXPECT_EQ(1, TAG_HANDLE_COUNT(msg.tag));
    badge = kernel.badge;
}

static void begin(void)
{
    memset(&kernel, 0, sizeof(kernel));
    memset(&service, 0, sizeof(service));
    kernel.vmo_bytes = BUFFER_BYTES;
    image_make("-b 4096");
    image_mount(CACHE_PAGES_MIN);
    service.volume = volume;
    service.blk = &image_blk;
    attach();
}

static void end(void)
{
    session_close_all(&service);
    EXPECT_EQ(OK, volume_unmount(&service.volume));
    volume.fs = NULL;
    EXPECT_EQ(0, image_e2fsck());
    image_end();
}

static struct ipc_msg answer;

static err_t call(uint64_t op, uint64_t w1, uint64_t w2, uint64_t w3, uint64_t w4)
{
    answer = ipc_op(op);
    answer.word[1] = w1;
    answer.word[2] = w2;
    answer.word[3] = w3;
    answer.word[4] = w4;
    answer.badge = badge;
    session_handle(&service, &answer);
    return (err_t)answer.word[0];
}

static err_t call_path(uint64_t op, const char *path, uint64_t w3)
{
    memcpy(buffer, path, strlen(path));
    return call(op, 0, strlen(path), w3, 0);
}

TEST(fs_ops, a_file_is_made_written_read_and_removed)
{
    begin();
    EXPECT_EQ(ERR_NO_ENTRY, call_path(FS_OPEN, "/a", 0));
    EXPECT_EQ(OK, call_path(FS_OPEN, "/a", FS_O_WRITE | FS_O_CREATE));
    uint64_t file = answer.word[1];
    memcpy(buffer + 100, "hello", 5);
    EXPECT_EQ(OK, call(FS_WRITE, file, 10, 100, 5));
    EXPECT_EQ(5, answer.word[1]);
    EXPECT_EQ(OK, call(FS_READ, file, 8, 0, 100));
    EXPECT_EQ(7, answer.word[1]);
    EXPECT_EQ(0, memcmp(buffer, "\0\0hello", 7));
    EXPECT_EQ(ERR_EXISTS, call_path(FS_OPEN, "/a", FS_O_CREATE | FS_O_EXCL));
    EXPECT_EQ(OK, call(FS_CLOSE, file, 0, 0, 0));
    EXPECT_EQ(ERR_ARG, call(FS_CLOSE, file, 0, 0, 0));
    EXPECT_EQ(OK, call_path(FS_OPEN, "/a", 0));
    EXPECT_EQ(15, answer.word[2]);
    EXPECT_EQ(ERR_RIGHTS, call(FS_WRITE, answer.word[1], 0, 0, 5));
    EXPECT_EQ(OK, call_path(FS_STAT, "/a", 0));
    EXPECT_EQ(15, answer.word[1]);
    EXPECT_EQ(FS_TYPE_FILE, answer.word[2]);
    EXPECT_EQ(OK, call_path(FS_UNLINK, "/a", 0));
    EXPECT_EQ(OK, call(FS_SYNC, 0, 0, 0, 0));
    end();
}

TEST(fs_ops, every_offset_and_length_outside_the_buffer_is_refused)
{
    static const uint64_t bad[][2] = {
        { BUFFER_BYTES, 1 }, { BUFFER_BYTES - 3, 4 }, { 0, BUFFER_BYTES + 1 },    { UINT64_MAX, 1 },
        { 1, UINT64_MAX },   { UINT64_MAX - 1, 8 },   { UINT64_MAX, UINT64_MAX },
    };
    begin();
    EXPECT_EQ(OK, call_path(FS_OPEN, "/f", FS_O_WRITE | FS_O_CREATE));
    uint64_t file = answer.word[1];
    EXPECT_EQ(OK, call_path(FS_OPEN, "/", FS_O_DIR));
    uint64_t dir = answer.word[1];
    for (uint32_t i = 0; i < ARRAY_COUNT(bad); i++) {
        uint64_t at = bad[i][0], bytes = bad[i][1];
        test_row(i);
        EXPECT_EQ(ERR_RANGE, call(FS_READ, file, 0, at, bytes));
        EXPECT_EQ(ERR_RANGE, call(FS_WRITE, file, 0, at, bytes));
        EXPECT_EQ(ERR_RANGE, call(FS_READDIR, dir, 0, at, bytes));
        EXPECT_EQ(ERR_RANGE, call(FS_STATUS, at, bytes, 0, 0));
        for (uint64_t op = FS_OPEN; op <= FS_SUBDIR; op++) {
            bool has_path = op == FS_OPEN || op == FS_STAT || op == FS_UNLINK || op == FS_RMDIR ||
                            op == FS_MKDIR || op == FS_RENAME || op == FS_SUBDIR;
            if (has_path) EXPECT_NE(OK, call(op, at, bytes, 0, 0));
        }
        memcpy(buffer, "/f", 2);
        EXPECT_NE(OK, call(FS_RENAME, 0, 2, at, bytes));
    }
    end();
}

TEST(fs_ops, wrong_file_numbers_operations_and_flags_are_refused)
{
    static const uint64_t numbers[] = { 0, 1, SESSION_FILES_MAX, SESSION_FILES_MAX + 1,
                                        UINT64_MAX };
    begin();
    for (uint32_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        test_row(i);
        EXPECT_EQ(ERR_ARG, call(FS_CLOSE, numbers[i], 0, 0, 0));
        EXPECT_EQ(ERR_ARG, call(FS_READ, numbers[i], 0, 0, 10));
        EXPECT_EQ(ERR_ARG, call(FS_WRITE, numbers[i], 0, 0, 10));
        EXPECT_EQ(ERR_ARG, call(FS_TRUNCATE, numbers[i], 0, 0, 0));
        EXPECT_EQ(ERR_ARG, call(FS_READDIR, numbers[i], 0, 0, 100));
    }
    EXPECT_EQ(ERR_NOT_SUPPORTED, call(0, 0, 0, 0, 0));
    EXPECT_EQ(ERR_NOT_SUPPORTED, call(UINT64_MAX, 0, 0, 0, 0));
    EXPECT_EQ(ERR_ARG, call_path(FS_OPEN, "/x", 64));
    EXPECT_EQ(ERR_IS_DIR, call_path(FS_OPEN, "/", FS_O_WRITE));
    EXPECT_EQ(OK, call_path(FS_OPEN, "/x", FS_O_WRITE | FS_O_CREATE));
    EXPECT_EQ(ERR_NOT_DIR, call(FS_READDIR, answer.word[1], 0, 0, 100));
    EXPECT_EQ(ERR_NOT_DIR, call_path(FS_OPEN, "/x", FS_O_DIR));
    EXPECT_EQ(ERR_RANGE, call(FS_WRITE, 1, UINT64_MAX - 4, 0, 10));
    EXPECT_EQ(OK, call(FS_READ, 1, UINT64_MAX - 4, 0, 10));
    EXPECT_EQ(0, answer.word[1]);
    end();
}

TEST(fs_ops, a_full_file_table_refuses_and_frees_again)
{
    begin();
    EXPECT_EQ(OK, call_path(FS_OPEN, "/x", FS_O_WRITE | FS_O_CREATE));
    for (uint32_t i = 1; i < SESSION_FILES_MAX; i++) EXPECT_EQ(OK, call_path(FS_OPEN, "/x", 0));
    EXPECT_EQ(ERR_NO_MEMORY, call_path(FS_OPEN, "/x", 0));
    EXPECT_EQ(OK, call(FS_CLOSE, 5, 0, 0, 0));
    EXPECT_EQ(OK, call_path(FS_OPEN, "/x", 0));
    ext2_ino_t ino = service.session[0].file[0].ino;
    EXPECT_EQ(true, node_table_is_open(&service.nodes, ino));
    EXPECT_EQ(OK, call(FS_DETACH, 0, 0, 0, 0));
    EXPECT_EQ(1, kernel.unmaps);
    EXPECT_EQ(false, node_table_is_open(&service.nodes, ino));
    end();
}

TEST(fs_ops, an_ended_or_invented_badge_reaches_nobodys_session)
{
    begin();
    uint64_t mine = badge;
    EXPECT_EQ(OK, call(FS_DETACH, 0, 0, 0, 0));
    EXPECT_EQ(ERR_STATE, call_path(FS_STAT, "/", 0));
    attach(); /* takes the same place */
    uint64_t second = badge;
    EXPECT_NE(mine, second);
    badge = mine;
    EXPECT_EQ(ERR_STATE, call_path(FS_STAT, "/", 0));
    static const uint64_t invented[] = { 0, 2, 0xff, 0x1ff, UINT64_MAX, (UINT64_C(9) << 8) | 1 };
    for (uint32_t i = 0; i < ARRAY_COUNT(invented); i++) {
        badge = invented[i];
        EXPECT_EQ(ERR_STATE, call_path(FS_STAT, "/", 0));
    }
    badge = second;
    EXPECT_EQ(OK, call_path(FS_STAT, "/", 0));
    end();
}

TEST(fs_ops, an_ended_session_cannot_be_traded_for_a_new_one)
{
    begin();
    EXPECT_EQ(OK, call(FS_DETACH, 0, 0, 0, 0));
    struct ipc_msg msg = ipc_op(FS_ATTACH);
    msg.tag = TAG_HANDLES(1);
    msg.handle[0] = HANDLE_VMO;
    msg.badge = badge;
    session_handle(&service, &msg);
    EXPECT_EQ(ERR_STATE, msg.word[0]);
    EXPECT_EQ(0, TAG_HANDLE_COUNT(msg.tag));
    end();
}

TEST(fs_ops, a_badge_of_an_earlier_run_of_the_service_fits_no_session)
{
    begin();
    uint64_t earlier = badge;
    EXPECT_EQ(OK, call(FS_DETACH, 0, 0, 0, 0));
    memset(service.session, 0,
           sizeof(service.session)); /* a new process behind the same endpoint */
    service.first_generation = 0x1234;
    attach();
    uint64_t mine = badge;
    badge = earlier;
    EXPECT_EQ(ERR_STATE, call_path(FS_STAT, "/", 0));
    badge = mine;
    EXPECT_EQ(OK, call_path(FS_STAT, "/", 0));
    end();
}

TEST(fs_ops, clients_that_never_leave_are_recycled_oldest_first)
{
    begin();
    uint64_t first = badge;
    for (uint32_t i = 1; i < SESSION_MAX; i++) attach();
    badge = first;
    EXPECT_EQ(OK, call(FS_DF, 0, 0, 0, 0)); /* the first was used just now: the second is oldest */
    attach();
    badge = first;
    EXPECT_EQ(OK, call(FS_DF, 0, 0, 0, 0));
    end();
}

TEST(fs_ops, a_session_on_a_directory_sees_only_what_lies_below)
{
    begin();
    EXPECT_EQ(OK, call_path(FS_MKDIR, "/in", 0));
    EXPECT_EQ(OK, call_path(FS_OPEN, "/secret", FS_O_WRITE | FS_O_CREATE));
    buffer = kernel.buffer[0];
    EXPECT_EQ(OK, call_path(FS_SUBDIR, "/in", 0));
    EXPECT_EQ(1, TAG_HANDLE_COUNT(answer.tag));
    EXPECT_EQ(ERR_NOT_DIR, call_path(FS_SUBDIR, "/secret", 0));
    badge = kernel.badge;
    buffer = kernel.buffer[1];
    EXPECT_EQ(ERR_NO_ENTRY, call_path(FS_STAT, "/secret", 0));
    EXPECT_EQ(ERR_NO_ENTRY, call_path(FS_STAT, "/../secret", 0));
    EXPECT_EQ(OK, call_path(FS_OPEN, "../../here", FS_O_WRITE | FS_O_CREATE));
    EXPECT_EQ(OK, call_path(FS_STAT, "/here", 0));
    end();
}

TEST(fs_ops, buffers_that_are_too_small_or_devices_are_refused)
{
    begin();
    struct ipc_msg msg = ipc_op(FS_ATTACH);
    msg.tag = TAG_HANDLES(1);
    msg.handle[0] = HANDLE_VMO;
    kernel.vmo_bytes = 4095;
    session_handle(&service, &msg);
    EXPECT_EQ(ERR_ARG, msg.word[0]);
    EXPECT_EQ(0, msg.tag);
    kernel.vmo_bytes = BUFFER_BYTES;
    kernel.vmo_device = 1;
    msg = ipc_op(FS_ATTACH);
    msg.tag = TAG_HANDLES(1);
    session_handle(&service, &msg);
    EXPECT_EQ(ERR_ARG, msg.word[0]);
    msg = ipc_op(FS_ATTACH);
    session_handle(&service, &msg);
    EXPECT_EQ(ERR_ARG, msg.word[0]);
    end();
}

TEST(fs_ops, after_unmount_everything_answers_that_nothing_is_mounted)
{
    begin();
    EXPECT_EQ(OK, call_path(FS_OPEN, "/x", FS_O_WRITE | FS_O_CREATE));
    EXPECT_EQ(OK, call(FS_UNMOUNT, 0, 0, 0, 0));
    EXPECT_EQ(ERR_STATE, call_path(FS_STAT, "/x", 0));
    EXPECT_EQ(ERR_STATE, call_path(FS_OPEN, "/y", FS_O_WRITE | FS_O_CREATE));
    EXPECT_EQ(ERR_STATE, call(FS_DF, 0, 0, 0, 0));
    EXPECT_EQ(ERR_STATE, call(FS_SYNC, 0, 0, 0, 0));
    EXPECT_EQ(ERR_STATE, call(FS_UNMOUNT, 0, 0, 0, 0));
    EXPECT_EQ(ERR_ARG, call(FS_READ, 1, 0, 0, 10));
    EXPECT_EQ(OK, call(FS_STATUS, 0, 100, 0, 0));
    EXPECT_EQ(0, answer.word[2]);
    volume.fs = NULL;
    EXPECT_EQ(0, image_e2fsck());
    image_end();
}

TEST(fs_ops, a_million_words_of_noise_leave_a_clean_file_system)
{
    uint64_t seed = 42;
    begin();
    for (uint32_t i = 0; i < 30000; i++) {
        uint64_t w[6];
        for (uint32_t k = 0; k < 6; k++) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            uint64_t v = seed >> 20;
            w[k] = v % 5 == 0 ? v : (v % 5 == 1 ? v % 70000 : v % 40); /* wild, near, small */
            buffer[seed >> 33 & 63] = (uint8_t) "/abc./\0x"[seed >> 40 & 7];
        }
        uint64_t op = w[0] % 22;
        if (op == FS_UNMOUNT || op == FS_DETACH || op == FS_ATTACH) continue;
        if (op == FS_SUBDIR) continue; /* would recycle our own session */
        if (op == FS_TRUNCATE) w[2] %= 100000;
        if (op == FS_WRITE) w[2] %= 100000;
        (void)call(op, w[1], w[2], w[3], w[4]);
    }
    end();
}
