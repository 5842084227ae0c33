/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Commands on directories and disks: ls mkdir rmdir cd pwd stat df sync status fill. */
#include <stdlib.h>
#include <string.h>

#include "lib/format.h"
#include "servers/shell/shell.h"
#include "servers/shell/text.h"

#define NAMES_BYTES KIB(256) /* names of one directory that are sorted together */
#define NAMES_MAX   4096

struct entry {
    const char *name;
    uint64_t size_bytes;
    uint32_t type;
};

/* What `ls` has collected of a directory. */
struct listing {
    size_t count, used_bytes;
    struct entry entry[NAMES_MAX];
    char names[NAMES_BYTES];
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static void print_entry(struct shell *sh, const struct entry *e)
{
    char size[24];
    if (e->type == FS_TYPE_FILE) {
        (void)format(size, sizeof(size), "%llu", (unsigned long long)e->size_bytes);
    } else {
        (void)format(size, sizeof(size), "%s", e->type == FS_TYPE_DIR ? "dir" : "link");
    }
    out_print(sh, "%12s  ", size);
    out_name(sh, e->name);
    out_print(sh, e->type == FS_TYPE_DIR ? "/\n" : "\n");
}

static void print_sorted(struct shell *sh, struct listing *l)
{
    qsort(l->entry, l->count, sizeof(l->entry[0]), by_name);
    for (size_t i = 0; i < l->count; i++) {
        print_entry(sh, &l->entry[i]);
    }
    l->count = l->used_bytes = 0;
}

static void add_entry(struct shell *sh, struct listing *l, const char *name, uint64_t size_bytes,
                      uint32_t type)
{
    size_t bytes = strlen(name) + 1;
    if (l->count == NAMES_MAX || bytes > sizeof(l->names) - l->used_bytes) {
        print_sorted(sh, l); /* a very large directory comes in sorted pieces */
    }
    memcpy(l->names + l->used_bytes, name, bytes);
    l->entry[l->count++] = (struct entry){ l->names + l->used_bytes, size_bytes, type };
    l->used_bytes += bytes;
}

/* Other disks appear as directories where they are mounted. */
static void add_mounts(struct shell *sh, struct listing *l, const char *path)
{
    for (uint32_t i = 0; i < sh->fs.mount_count; i++) {
        const char *prefix = sh->fs.mount[i].prefix;
        if (prefix[0] == '/' && strcmp(path, "/") == 0) {
            add_entry(sh, l, prefix + 1, 0, FS_TYPE_DIR);
        }
    }
}

static int list_directory(struct shell *sh, const char *path)
{
    static struct listing listing;
    static struct fsclient_dir dir;
    static struct fsclient_entry entry;
    listing.count = listing.used_bytes = 0;
    err_t err = fsclient_dir_open(&sh->fs, path, &dir);
    if (err != OK) return complain_file(sh, "ls", path, err);
    add_mounts(sh, &listing, path);
    while ((err = fsclient_dir_next(&sh->fs, &dir, &entry)) == OK) {
        add_entry(sh, &listing, entry.name, entry.size_bytes, entry.type);
    }
    print_sorted(sh, &listing);
    (void)fsclient_dir_close(&sh->fs, &dir);
    return err == ERR_NO_ENTRY ? 0 : complain_file(sh, "ls", path, err);
}

static int list_one(struct shell *sh, const char *arg)
{
    char path[FSCLIENT_PATH_MAX];
    struct fsclient_stat stat;
    if (!shell_path(sh, "ls", arg, path)) return 1;
    err_t err = sh->has_fs ? fsclient_stat(&sh->fs, path, &stat) : ERR_NO_ENTRY;
    if (err != OK) return complain_file(sh, "ls", path, err);
    if (stat.type == FS_TYPE_DIR) return list_directory(sh, path);
    const struct entry e = { text_base(path), stat.size_bytes, (uint32_t)stat.type };
    print_entry(sh, &e);
    return 0;
}

int cmd_ls(struct shell *sh, size_t count, const char *const *word)
{
    int status = 0;
    if (count == 1) return list_one(sh, ".");
    for (size_t i = 1; i < count; i++) {
        if (count > 2) {
            out_name(sh, word[i]);
            out_print(sh, ":\n");
        }
        status |= list_one(sh, word[i]);
    }
    return status;
}

/* One call for each path argument. */
static int each_path(struct shell *sh, size_t count, const char *const *word,
                     err_t (*call)(struct fsclient *, const char *))
{
    char path[FSCLIENT_PATH_MAX];
    int status = 0;
    for (size_t i = 1; i < count; i++) {
        err_t err = ERR_NO_ENTRY;
        if (!shell_path(sh, word[0], word[i], path)) {
            status = 1;
            continue;
        }
        if (sh->has_fs) {
            err = call(&sh->fs, path);
        }
        if (err != OK) {
            status = complain_file(sh, word[0], path, err);
        }
    }
    return status;
}

int cmd_mkdir(struct shell *sh, size_t count, const char *const *word)
{
    return each_path(sh, count, word, fsclient_mkdir);
}

int cmd_rmdir(struct shell *sh, size_t count, const char *const *word)
{
    return each_path(sh, count, word, fsclient_rmdir);
}

int cmd_cd(struct shell *sh, size_t count, const char *const *word)
{
    char path[FSCLIENT_PATH_MAX];
    struct fsclient_stat stat;
    if (!shell_path(sh, word[0], count > 1 ? word[1] : "/", path)) return 1;
    if (strcmp(path, "/") != 0) { /* the root is there even without a disk */
        err_t err = sh->has_fs ? fsclient_stat(&sh->fs, path, &stat) : ERR_NO_ENTRY;
        if (err == OK && stat.type != FS_TYPE_DIR) {
            err = ERR_NOT_DIR;
        }
        if (err != OK) return complain_file(sh, word[0], path, err);
    }
    (void)format(sh->cwd, sizeof(sh->cwd), "%s", path);
    return 0;
}

int cmd_pwd(struct shell *sh, size_t count, const char *const *word)
{
    (void)count;
    (void)word;
    out_name(sh, sh->cwd);
    out_print(sh, "\n");
    return 0;
}

/* Days since 1970-01-01 to a date of the Gregorian calendar. */
static void date_of(uint64_t days, uint64_t *year, uint64_t *month, uint64_t *day)
{
    uint64_t shifted = days + 719468; /* since 0000-03-01: leap days come last in a year */
    uint64_t era = shifted / 146097, of_era = shifted % 146097;
    uint64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    uint64_t m = (5 * of_year + 2) / 153;
    *day = of_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = y + era * 400 + (*month <= 2 ? 1 : 0);
}

static int stat_one(struct shell *sh, const char *arg)
{
    static const char *const type[] = { [FS_TYPE_FILE] = "file",
                                        [FS_TYPE_DIR] = "directory",
                                        [FS_TYPE_SYMLINK] = "symbolic link",
                                        [FS_TYPE_OTHER] = "special file" };
    char path[FSCLIENT_PATH_MAX];
    struct fsclient_stat stat;
    uint64_t year, month, day;
    if (!shell_path(sh, "stat", arg, path)) return 1;
    err_t err = sh->has_fs ? fsclient_stat(&sh->fs, path, &stat) : ERR_NO_ENTRY;
    if (err != OK) return complain_file(sh, "stat", path, err);
    uint64_t seconds = stat.mtime_s % 86400;
    date_of(stat.mtime_s / 86400, &year, &month, &day);
    out_name(sh, path);
    out_print(sh,
              ": %s, %llu bytes, inode %llu, %llu links, changed %04llu-%02llu-%02llu "
              "%02llu:%02llu:%02llu UTC\n",
              stat.type >= 1 && stat.type < ARRAY_COUNT(type) ? type[stat.type] : "?",
              (unsigned long long)stat.size_bytes, (unsigned long long)stat.inode,
              (unsigned long long)stat.links, (unsigned long long)year, (unsigned long long)month,
              (unsigned long long)day, (unsigned long long)(seconds / 3600),
              (unsigned long long)(seconds / 60 % 60), (unsigned long long)(seconds % 60));
    return 0;
}

int cmd_stat(struct shell *sh, size_t count, const char *const *word)
{
    int status = 0;
    for (size_t i = 1; i < count; i++) {
        status |= stat_one(sh, word[i]);
    }
    return status;
}

static const char *mount_name(const struct fsclient_mount *m)
{
    return m->prefix[0] != '\0' ? m->prefix : "/";
}

int cmd_df(struct shell *sh, size_t count, const char *const *word)
{
    int status = 0;
    (void)count;
    if (!sh->has_fs) return complain_file(sh, word[0], "/", ERR_NO_ENTRY);
    out_print(sh, "%-10s  %10s  %10s  %10s  %8s\n", "MOUNT", "SIZE", "USED", "FREE", "INODES");
    for (uint32_t i = 0; i < sh->fs.mount_count; i++) {
        struct fsclient_df df;
        char size[16], used[16], left[16];
        const char *name = mount_name(&sh->fs.mount[i]);
        err_t err = fsclient_df(&sh->fs, name, &df);
        if (err != OK) {
            status = complain_file(sh, word[0], name, err);
            continue;
        }
        text_size(size, sizeof(size), df.blocks * df.block_bytes);
        text_size(used, sizeof(used), (df.blocks - df.free_blocks) * df.block_bytes);
        text_size(left, sizeof(left), df.free_blocks * df.block_bytes);
        out_print(sh, "%-10s  %10s  %10s  %10s  %8llu\n", name, size, used, left,
                  (unsigned long long)(df.inodes - df.free_inodes));
    }
    return status;
}

int cmd_sync(struct shell *sh, size_t count, const char *const *word)
{
    (void)count;
    err_t err = sh->has_fs ? fsclient_sync(&sh->fs) : ERR_NO_ENTRY;
    return err == OK ? 0 : complain_file(sh, word[0], "/", err);
}

int cmd_status(struct shell *sh, size_t count, const char *const *word)
{
    (void)count;
    if (!sh->has_fs) return complain_file(sh, word[0], "/", ERR_NO_ENTRY);
    for (uint32_t i = 0; i < sh->fs.mount_count; i++) {
        struct fsclient_status s;
        struct fsclient_stats n;
        const char *name = mount_name(&sh->fs.mount[i]);
        err_t err = fsclient_status(&sh->fs, name, &s);
        if (err != OK) {
            out_print(sh, "%s: %s\n", name, text_error(err));
            continue;
        }
        out_print(sh, "%s: ", name);
        s.text[sizeof(s.text) - 1] = '\0';
        out_name(sh, s.text);
        out_print(sh, "%s\n", s.is_mounted && s.is_read_only ? " (read-only)" : "");
        if (fsclient_stats(&sh->fs, name, &n) == OK) {
            out_print(sh,
                      "  %llu requests, %llu sent again, %llu link resets, %llu protocol "
                      "violations, %llu i/o errors\n",
                      (unsigned long long)n.requests, (unsigned long long)n.replays,
                      (unsigned long long)n.link_resets, (unsigned long long)n.violations,
                      (unsigned long long)n.io_errors);
        }
    }
    return 0;
}

/* One file of `fill`: a line with its number, repeated up to the size. */
static err_t fill_one(struct shell *sh, const char *path, uint64_t number, uint64_t size_bytes)
{
    static char text[KIB(64)];
    char line[32];
    struct fsclient_file file;
    uint64_t done = 0;
    size_t line_bytes = format(line, sizeof(line), "file %llu\n", (unsigned long long)number);
    uint64_t wanted = size_bytes != 0 ? size_bytes : line_bytes;
    for (uint64_t i = 0; i < wanted; i++) {
        text[i] = line[i % line_bytes];
    }
    err_t err = fsclient_open(&sh->fs, path, FS_O_WRITE | FS_O_CREATE | FS_O_TRUNC, &file);
    if (err != OK) return err;
    err = fsclient_write(&sh->fs, &file, 0, text, wanted, &done);
    err_t close_err = fsclient_close(&sh->fs, &file);
    return err != OK ? err : close_err;
}

int cmd_fill(struct shell *sh, size_t count, const char *const *word)
{
    char directory[FSCLIENT_PATH_MAX], path[FSCLIENT_PATH_MAX], name[24];
    uint64_t files = 0, size_bytes = 0;
    if (parse_number(word[2], &files) != OK) return complain(sh, word[0], word[2], "not a number");
    if (count > 3 && (parse_number(word[3], &size_bytes) != OK || size_bytes > KIB(64))) {
        return complain(sh, word[0], word[3], "not a size up to 64K");
    }
    if (!shell_path(sh, word[0], word[1], directory)) return 1;
    for (uint64_t i = 1; i <= files; i++) {
        (void)format(name, sizeof(name), "f%04llu", (unsigned long long)i);
        err_t err = fsclient_path(directory, name, path);
        if (err == OK) {
            err = sh->has_fs ? fill_one(sh, path, i, size_bytes) : ERR_NO_ENTRY;
        }
        if (err == OK && term_poll(&sh->term)) {
            err = ERR_CANCELLED;
        }
        if (err != OK) return complain_file(sh, word[0], path, err);
    }
    return 0;
}
