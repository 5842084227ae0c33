/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crashlog: the records of dead domains on the disk. They are files like any other: nothing in them is believed. */
#include <string.h>

#include "lib/format.h"
#include "servers/fsclient/crash.h"
#include "servers/shell/shell.h"
#include "servers/shell/text.h"

/* Lists the records, or finds the path of the one that is wanted. Returns how many there were. */
static err_t walk(struct shell *sh, const uint64_t *wanted, char path[CRASH_NAME_BYTES],
                  uint32_t *found)
{
    static struct fsclient_dir dir;
    static struct fsclient_entry entry;
    uint32_t number;
    err_t err = fsclient_dir_open(&sh->fs, CRASH_DIR, &dir);
    if (err != OK) return err;
    while ((err = fsclient_dir_next(&sh->fs, &dir, &entry)) == OK) {
        if (!crash_number(entry.name, &number) || strlen(entry.name) > 44) continue;
        if (wanted == NULL) {
            out_print(sh, "%6u  %8llu  ", number, (unsigned long long)entry.size_bytes);
            out_name(sh, entry.name);
            out_print(sh, "\n");
        } else if (number == *wanted) {
            (void)format(path, CRASH_NAME_BYTES, "%s/%s", CRASH_DIR, entry.name);
            (*found)++;
        }
    }
    (void)fsclient_dir_close(&sh->fs, &dir);
    return err == ERR_NO_ENTRY ? OK : err;
}

int cmd_crashlog(struct shell *sh, size_t count, const char *const *word)
{
    char path[CRASH_NAME_BYTES];
    uint64_t wanted = 0;
    uint32_t found = 0;
    if (count == 2 && parse_number(word[1], &wanted) != OK) {
        return complain(sh, word[0], word[1], "not a number");
    }
    err_t err = sh->has_fs ? walk(sh, count == 2 ? &wanted : NULL, path, &found) : ERR_NO_ENTRY;
    if (err == ERR_NO_ENTRY && count == 1) return 0; /* nothing has crashed yet */
    if (err != OK) return complain_file(sh, word[0], CRASH_DIR, err);
    if (count == 1) return 0;
    if (found == 0) return complain(sh, word[0], word[1], "no such record");
    const char *const print[] = { "cat", path };
    return run_words(sh, 2, print);
}
