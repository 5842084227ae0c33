/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Tab: completes command names and paths. */
#include <string.h>

#include "lib/format.h"
#include "servers/shell/line.h"
#include "servers/shell/shell.h"
#include "servers/shell/text.h"

#define CANDIDATE_MAX 60 /* that are listed */

struct candidates {
    size_t count;
    size_t common_bytes; /* of the first one, which all share */
    char first[FSCLIENT_NAME_MAX + 2];
    char list[CANDIDATE_MAX * 24];
    size_t list_bytes;
};

static void add(struct candidates *c, const char *name, bool is_directory, const char *typed)
{
    char guarded[80];
    if (strncmp(name, typed, strlen(typed)) != 0) return;
    text_guarded(guarded, sizeof(guarded), name);
    if (c->count == 0) {
        (void)format(c->first, sizeof(c->first), "%s%s", name, is_directory ? "/" : "");
        c->common_bytes = strlen(c->first);
    }
    size_t same = 0;
    while (same < c->common_bytes && name[same] == c->first[same] && name[same] != '\0') {
        same++;
    }
    if (c->count > 0) {
        c->common_bytes = same;
    }
    c->count++;
    c->list_bytes += format(c->list + c->list_bytes, sizeof(c->list) - c->list_bytes, "%s%s  ",
                            guarded, is_directory ? "/" : "");
}

static void add_files(struct shell *sh, struct candidates *c, const char *word, const char *typed)
{
    static struct fsclient_dir dir;
    static struct fsclient_entry entry;
    char directory[LINE_BYTES], path[FSCLIENT_PATH_MAX];
    size_t bytes = (size_t)(typed - word);
    memcpy(directory, word, bytes);
    directory[bytes] = '\0';
    if (fsclient_path(sh->cwd, bytes > 0 ? directory : ".", path) != OK || !sh->has_fs) return;
    if (fsclient_dir_open(&sh->fs, path, &dir) != OK) return;
    while (fsclient_dir_next(&sh->fs, &dir, &entry) == OK) {
        add(c, entry.name, entry.type == FS_TYPE_DIR, typed);
    }
    (void)fsclient_dir_close(&sh->fs, &dir);
    for (uint32_t i = 0; i < sh->fs.mount_count && strcmp(path, "/") == 0; i++) {
        if (sh->fs.mount[i].prefix[0] == '/') {
            add(c, sh->fs.mount[i].prefix + 1, true, typed);
        }
    }
}

/* Inserts a name's bytes; what the parser would take for itself is escaped. */
static void insert(struct line *l, const char *text, size_t text_bytes)
{
    for (size_t i = 0; i < text_bytes; i++) {
        uint8_t byte = (uint8_t)text[i];
        if (byte < 0x20 || byte == 0x7f) return; /* such a name must be typed in another way */
        if (strchr(" \\'\";&>#$", text[i]) != NULL) {
            line_insert(l, "\\", 1);
        }
        line_insert(l, text + i, 1);
    }
}

void complete_line(struct shell *sh, struct line *l)
{
    static struct candidates c;
    char word[LINE_BYTES];
    size_t start = l->cursor;
    while (start > 0 && strchr(" ;&>", l->text[start - 1]) == NULL) {
        start--;
    }
    memcpy(word, l->text + start, l->cursor - start);
    word[l->cursor - start] = '\0';
    bool is_command = true;
    for (size_t i = 0; i < start && is_command; i++) {
        is_command = l->text[i] == ' ';
    }
    memset(&c, 0, sizeof(c));
    char *slash = strrchr(word, '/');
    const char *typed = slash != NULL ? slash + 1 : word;
    if (is_command && slash == NULL) {
        size_t count = 0;
        const struct shell_command *table = command_table(&count);
        for (size_t i = 0; i < count; i++) {
            add(&c, table[i].name, false, word);
        }
    } else {
        add_files(sh, &c, word, typed);
    }
    size_t typed_bytes = strlen(typed);
    if (c.count == 0) return;
    if (c.common_bytes > typed_bytes) {
        insert(l, c.first + typed_bytes, c.common_bytes - typed_bytes);
    } else if (c.count > 1) {
        line_hide(l);
        term_write(&sh->term, c.list, c.list_bytes);
        term_write(&sh->term, "\n", 1);
        line_redraw(l);
    }
    if (c.count == 1 && c.first[c.common_bytes - 1] != '/') {
        line_insert(l, " ", 1);
    }
}
