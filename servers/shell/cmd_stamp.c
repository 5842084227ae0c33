/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* stamp: writes numbered blocks, for tests that must see every write on the disk, once and in order. */
#include "abi/stamp.h"
#include "servers/shell/shell.h"
#include "servers/shell/text.h"

#define BLOCK_BYTES KIB(4)
#define SECTORS     (BLOCK_BYTES / sizeof(struct stamp))
#define BLOCK_MAX   4096U
#define STRIDE      2U /* neighbours stay as they are: each block is a request of its own */

static uint64_t fill_of(const struct stamp *s)
{
    return s->seq * UINT64_C(0x9e3779b97f4a7c15) ^ s->block * UINT64_C(0xc2b2ae3d27d4eb4f) ^
           s->file << 32 ^ s->sector << 56;
}

static void make_block(struct stamp out[SECTORS], uint64_t file, uint64_t block, uint64_t seq)
{
    for (uint32_t i = 0; i < SECTORS; i++) {
        struct stamp *s = &out[i];
        *s = (struct stamp){ STAMP_MAGIC, file, block, seq, i, { 0 } };
        uint64_t fill = fill_of(s);
        for (uint32_t word = 0; word < STAMP_FILL_WORDS; word++) {
            s->fill[word] = fill;
        }
    }
}

/* One round: every STRIDE-th block, the first time all of them; then everything is on the disk. */
static err_t write_round(struct shell *sh, const char *path, const struct fsclient_file *f,
                         const uint64_t number[2], uint64_t seq)
{
    static struct stamp block[SECTORS];
    uint64_t done, file = number[0], blocks = number[1];
    for (uint64_t i = 0; i < blocks * STRIDE; i += seq == 1 ? 1 : STRIDE) {
        make_block(block, file, i, seq);
        err_t err = fsclient_write(&sh->fs, f, i * BLOCK_BYTES, block, BLOCK_BYTES, &done);
        if (err != OK) return err;
    }
    return fsclient_sync_one(&sh->fs, path);
}

int cmd_stamp(struct shell *sh, size_t count, const char *const *word)
{
    char path[FSCLIENT_PATH_MAX];
    uint64_t number[4]; /* file, blocks, first round, last round */
    struct fsclient_file f;
    (void)count;
    for (size_t i = 0; i < ARRAY_COUNT(number); i++) {
        if (parse_number(word[i + 2], &number[i]) != OK) {
            return complain(sh, word[0], word[i + 2], "not a number");
        }
    }
    if (number[1] == 0 || number[1] > BLOCK_MAX || number[2] == 0) {
        return complain(sh, word[0], NULL, "1 to 4096 blocks, rounds from 1 on");
    }
    if (!shell_path(sh, word[0], word[1], path)) return 1;
    err_t err =
            sh->has_fs ? fsclient_open(&sh->fs, path, FS_O_WRITE | FS_O_CREATE, &f) : ERR_NO_ENTRY;
    if (err != OK) return complain_file(sh, word[0], path, err);
    for (uint64_t seq = number[2]; seq <= number[3] && err == OK; seq++) {
        err = write_round(sh, path, &f, number, seq);
        if (err == OK && term_poll(&sh->term)) {
            err = ERR_CANCELLED;
        }
    }
    (void)fsclient_close(&sh->fs, &f);
    return err == OK ? 0 : complain_file(sh, word[0], path, err);
}
