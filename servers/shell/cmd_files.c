/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Commands on files: cat cp mv rm write touch truncate sha256. */
#include <string.h>

#include "lib/format.h"
#include "lib/sha256.h"
#include "servers/shell/shell.h"
#include "servers/shell/text.h"
#include "servers/shell/utf8.h"

bool shell_path(struct shell *sh, const char *command, const char *arg, char out[FSCLIENT_PATH_MAX])
{
    err_t err = fsclient_path(sh->cwd, arg, out);
    if (err == OK) return true;
    (void)complain(sh, command, arg, text_error(err));
    return false;
}

/* Opens the file of an argument; false: told of. */
static bool open_arg(struct shell *sh, const char *command, const char *arg, uint32_t flags,
                     struct fsclient_file *file)
{
    char path[FSCLIENT_PATH_MAX];
    if (!shell_path(sh, command, arg, path)) return false;
    err_t err = sh->has_fs ? fsclient_open(&sh->fs, path, flags, file) : ERR_NO_ENTRY;
    if (err == OK && file->type == FS_TYPE_DIR) {
        (void)fsclient_close(&sh->fs, file);
        err = ERR_IS_DIR;
    }
    if (err == OK) return true;
    (void)complain_file(sh, command, path, err);
    return false;
}

static int close_arg(struct shell *sh, const char *command, const char *arg,
                     struct fsclient_file *file, int status)
{
    err_t err = fsclient_close(&sh->fs, file);
    return err == OK || status != 0 ? status : complain_file(sh, command, arg, err);
}

/* One file to the output, guarded when that is the terminal. */
static int cat_one(struct shell *sh, const char *arg)
{
    static char piece[KIB(4)], guarded[GUARD_ROOM(KIB(4))];
    struct guard g = { .mode = GUARD_LINES };
    struct fsclient_file file;
    uint64_t offset = 0, got = 0;
    int status = 0;
    if (!open_arg(sh, "cat", arg, 0, &file)) return 1;
    do {
        err_t err = fsclient_read(&sh->fs, &file, offset, piece, sizeof(piece), &got);
        if (err != OK) {
            status = complain_file(sh, "cat", arg, err);
            break;
        }
        offset += got;
        if (sh->out.to_file) {
            out_write(sh, piece, got);
        } else {
            out_write(sh, guarded, guard_feed(&g, piece, got, guarded));
        }
    } while (got == sizeof(piece) && !term_poll(&sh->term));
    if (!sh->out.to_file) {
        out_write(sh, guarded, guard_end(&g, guarded));
    }
    return close_arg(sh, "cat", arg, &file, status);
}

int cmd_cat(struct shell *sh, size_t count, const char *const *word)
{
    int status = 0;
    for (size_t i = 1; i < count && !sh->term.interrupted; i++) {
        status |= cat_one(sh, word[i]);
    }
    return status;
}

/* The bytes of one open file into another: views of a transfer buffer, not copied again on the same disk. */
static err_t copy_bytes(struct shell *sh, const struct fsclient_file *from,
                        const struct fsclient_file *to, bool *of_target)
{
    uint64_t offset = 0;
    for (;;) {
        const uint8_t *data = NULL;
        uint64_t got = 0, done = 0;
        *of_target = false;
        err_t err = fsclient_view(&sh->fs, from, offset, &data, &got);
        if (err != OK) return err;
        if (got == 0) return OK;
        *of_target = true;
        err = fsclient_write(&sh->fs, to, offset, data, got, &done);
        if (err != OK) return err;
        offset += got;
        if (term_poll(&sh->term)) return ERR_CANCELLED;
    }
}

/* Where TO names a directory, the file goes into it under its own name. */
static bool target_path(struct shell *sh, const char *const *word, const char *from,
                        char out[FSCLIENT_PATH_MAX])
{
    struct fsclient_stat stat;
    char directory[FSCLIENT_PATH_MAX];
    if (!shell_path(sh, word[0], word[2], out)) return false;
    if (!sh->has_fs || fsclient_stat(&sh->fs, out, &stat) != OK) return true;
    if (stat.type != FS_TYPE_DIR) return true;
    (void)format(directory, sizeof(directory), "%s", out);
    err_t err = fsclient_path(directory, text_base(from), out);
    if (err == OK) return true;
    (void)complain(sh, word[0], word[2], text_error(err));
    return false;
}

/* Also by two names of one file: opening the target would empty the source. */
static bool is_same_file(struct shell *sh, const struct fsclient_file *from, const char *from_path,
                         const char *to_path)
{
    struct fsclient_file to;
    struct fsclient_stat one, other;
    if (strcmp(from_path, to_path) == 0) return true;
    if (fsclient_open(&sh->fs, to_path, 0, &to) != OK) return false;
    (void)fsclient_close(&sh->fs, &to);
    if (to.mount_idx != from->mount_idx) return false;
    if (fsclient_stat(&sh->fs, from_path, &one) != OK) return false;
    return fsclient_stat(&sh->fs, to_path, &other) == OK && one.inode == other.inode;
}

int cmd_cp(struct shell *sh, size_t count, const char *const *word)
{
    char from_path[FSCLIENT_PATH_MAX], to_path[FSCLIENT_PATH_MAX];
    struct fsclient_file from, to;
    bool of_target = false;
    (void)count;
    if (!shell_path(sh, word[0], word[1], from_path)) return 1;
    if (!open_arg(sh, word[0], from_path, 0, &from)) return 1;
    if (!target_path(sh, word, from_path, to_path)) {
        return close_arg(sh, word[0], from_path, &from, 1);
    }
    if (is_same_file(sh, &from, from_path, to_path)) {
        (void)complain(sh, word[0], to_path, "is the same file");
        return close_arg(sh, word[0], from_path, &from, 1);
    }
    if (!open_arg(sh, word[0], to_path, FS_O_WRITE | FS_O_CREATE | FS_O_TRUNC, &to)) {
        return close_arg(sh, word[0], from_path, &from, 1);
    }
    err_t err = copy_bytes(sh, &from, &to, &of_target);
    int status = err == OK ? 0 : complain_file(sh, word[0], of_target ? to_path : from_path, err);
    status = close_arg(sh, word[0], to_path, &to, status);
    return close_arg(sh, word[0], from_path, &from, status);
}

int cmd_mv(struct shell *sh, size_t count, const char *const *word)
{
    char from_path[FSCLIENT_PATH_MAX], to_path[FSCLIENT_PATH_MAX];
    (void)count;
    if (!shell_path(sh, word[0], word[1], from_path)) return 1;
    if (!target_path(sh, word, from_path, to_path)) return 1;
    err_t err = sh->has_fs ? fsclient_rename(&sh->fs, from_path, to_path) : ERR_NO_ENTRY;
    if (err == OK) return 0;
    if (err == ERR_NOT_SUPPORTED) {
        return complain(sh, word[0], to_path, "on another disk; use cp and rm");
    }
    /* Of the two names, the one that is at fault. */
    bool from_is_there = sh->has_fs;
    struct fsclient_stat stat;
    from_is_there = from_is_there && fsclient_stat(&sh->fs, from_path, &stat) == OK;
    return complain_file(sh, word[0], from_is_there ? to_path : from_path, err);
}

int cmd_rm(struct shell *sh, size_t count, const char *const *word)
{
    char path[FSCLIENT_PATH_MAX];
    int status = 0;
    for (size_t i = 1; i < count; i++) {
        if (!shell_path(sh, word[0], word[i], path)) {
            status = 1;
            continue;
        }
        err_t err = sh->has_fs ? fsclient_unlink(&sh->fs, path) : ERR_NO_ENTRY;
        if (err == ERR_IS_DIR) {
            status = complain(sh, word[0], path, "is a directory; use rmdir");
        } else if (err != OK) {
            status = complain_file(sh, word[0], path, err);
        }
    }
    return status;
}

int cmd_write(struct shell *sh, size_t count, const char *const *word)
{
    char text[2 * LINE_BYTES];
    struct fsclient_file file;
    size_t used = 0;
    uint64_t done = 0;
    for (size_t i = 2; i < count; i++) {
        used += format(text + used, sizeof(text) - used, "%s%s", i > 2 ? " " : "", word[i]);
    }
    text[used < sizeof(text) ? used++ : sizeof(text) - 1] = '\n';
    if (!open_arg(sh, word[0], word[1], FS_O_WRITE | FS_O_CREATE | FS_O_TRUNC, &file)) return 1;
    err_t err = fsclient_write(&sh->fs, &file, 0, text, used, &done);
    int status = err == OK ? 0 : complain_file(sh, word[0], word[1], err);
    return close_arg(sh, word[0], word[1], &file, status);
}

int cmd_touch(struct shell *sh, size_t count, const char *const *word)
{
    int status = 0;
    for (size_t i = 1; i < count; i++) {
        struct fsclient_file file;
        if (open_arg(sh, word[0], word[i], FS_O_WRITE | FS_O_CREATE, &file)) {
            status |= close_arg(sh, word[0], word[i], &file, 0);
        } else {
            status = 1;
        }
    }
    return status;
}

int cmd_truncate(struct shell *sh, size_t count, const char *const *word)
{
    struct fsclient_file file;
    uint64_t size_bytes = 0;
    (void)count;
    if (parse_number(word[2], &size_bytes) != OK) {
        return complain(sh, word[0], word[2], "not a number of bytes");
    }
    if (!open_arg(sh, word[0], word[1], FS_O_WRITE, &file)) return 1;
    err_t err = fsclient_truncate(&sh->fs, &file, size_bytes);
    int status = err == OK ? 0 : complain_file(sh, word[0], word[1], err);
    return close_arg(sh, word[0], word[1], &file, status);
}

static int sha256_one(struct shell *sh, const char *arg)
{
    struct fsclient_file file;
    struct sha256 hash;
    uint8_t digest[SHA256_BYTES];
    const uint8_t *data = NULL;
    uint64_t offset = 0, got = 0;
    if (!open_arg(sh, "sha256", arg, 0, &file)) return 1;
    sha256_start(&hash);
    for (;;) {
        err_t err = fsclient_view(&sh->fs, &file, offset, &data, &got);
        if (err == OK && term_poll(&sh->term)) {
            err = ERR_CANCELLED;
        }
        if (err != OK) {
            return close_arg(sh, "sha256", arg, &file, complain_file(sh, "sha256", arg, err));
        }
        if (got == 0) break;
        sha256_update(&hash, data, got);
        offset += got;
    }
    sha256_finish(&hash, digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        out_print(sh, "%02x", digest[i]);
    }
    out_print(sh, "  ");
    out_name(sh, arg);
    out_print(sh, "\n");
    return close_arg(sh, "sha256", arg, &file, 0);
}

int cmd_sha256(struct shell *sh, size_t count, const char *const *word)
{
    int status = 0;
    for (size_t i = 1; i < count && !sh->term.interrupted; i++) {
        status |= sha256_one(sh, word[i]);
    }
    return status;
}
