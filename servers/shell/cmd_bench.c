/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bench: rows "bench NAME VALUE UNIT", medians; what each measures stands in the table. */
#include <stdlib.h>
#include <string.h>

#include "lib/cpio.h"
#include "lib/format.h"
#include "servers/rt/ipc.h"
#include "servers/rt/spawn.h"
#include "servers/rt/startup.h"
#include "servers/rt/time.h"
#include "servers/shell/counter.h"
#include "servers/shell/shell.h"
#include "servers/shell/text.h"

#define SAMPLE_MAX     4096
#define RESTART_ROUNDS 16
#define BENCH_DOMAIN   "storage"

struct samples {
    size_t count;
    uint64_t value[SAMPLE_MAX];
};

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static uint64_t median(struct samples *s)
{
    if (s->count == 0) return 0;
    qsort(s->value, s->count, sizeof(s->value[0]), by_value);
    return s->value[s->count / 2];
}

/* What was not measured is "-", never a number. */
static void row(struct shell *sh, const char *name, uint64_t value, const char *unit)
{
    if (strcmp(unit, "instructions") == 0 && !counter_counts()) {
        out_print(sh, "bench %s - (QEMU counts instructions only with -icount)\n", name);
        out_flush(sh);
        return;
    }
    out_print(sh, "bench %s %llu %s\n", name, (unsigned long long)value, unit);
    out_flush(sh);
}

/* Instructions of an empty measurement, to be taken off. */
static uint64_t overhead(struct samples *s, uint64_t rounds)
{
    s->count = rounds;
    for (uint64_t i = 0; i < rounds; i++) {
        uint32_t start = counter_read();
        s->value[i] = counter_read() - start;
    }
    return median(s);
}

static err_t bench_null_syscall(struct shell *sh, struct samples *s, uint64_t rounds)
{
    uint64_t empty = overhead(s, rounds);
    for (uint64_t i = 0; i < rounds; i++) {
        uint32_t start = counter_read();
        (void)sys_null();
        s->value[i] = counter_read() - start;
    }
    row(sh, "null_syscall", median(s) - empty, "instructions");
    return OK;
}

_Noreturn void bench_serve(void)
{
    handle_t service = startup_handle("service"), reply = HANDLE_NONE;
    struct ipc_msg msg = { 0 };
    while (ipc_reply_recv(service, reply, &msg, DEADLINE_NEVER) == OK) {
        reply = (handle_t)msg.reply;
        if (msg.word[0] == 0) break;
    }
    sys_exit(0);
}

/* A second process that only answers. */
static err_t start_server(struct shell *sh, handle_t endpoint, handle_t *process)
{
    struct spawn child;
    struct sys_vmo_info info;
    const void *elf = NULL;
    uint64_t address = 0, elf_bytes = 0;
    err_t err = sys_vmo_info(sh->pack, &info);
    if (err != OK) return err;
    err = sys_vmo_map(HANDLE_SELF, sh->pack, 0, info.size_bytes, PROT_READ, 0, &address);
    if (err != OK) return err;
    err = cpio_find((const void *)address, info.size_bytes, "shell", &elf, &elf_bytes);
    if (err == OK) {
        err = spawn_begin(&child, "bench", elf, elf_bytes);
    }
    if (err == OK) {
        err = spawn_handle(&child, "service", endpoint, RIGHT_READ);
        err = err == OK ? spawn_arg(&child, "bench-serve") : err;
        if (err == OK) {
            err = spawn_start(&child, 0);
            *process = child.process;
        } else {
            spawn_abort(&child);
        }
    }
    (void)sys_vmo_unmap(HANDLE_SELF, address, info.size_bytes);
    return err;
}

static err_t bench_ipc(struct shell *sh, struct samples *s, uint64_t rounds)
{
    handle_t endpoint = HANDLE_NONE, process = HANDLE_NONE;
    uint64_t empty = overhead(s, rounds);
    err_t err = sys_endpoint_create(&endpoint);
    if (err == OK) {
        err = start_server(sh, endpoint, &process);
    }
    struct ipc_msg msg = ipc_op(1);
    err = err == OK ? ipc_call(endpoint, &msg, DEADLINE_NEVER) : err; /* it is up now */
    for (uint64_t i = 0; i < rounds && err == OK; i++) {
        msg = ipc_op(1);
        uint32_t start = counter_read();
        err = ipc_call(endpoint, &msg, DEADLINE_NEVER);
        s->value[i] = counter_read() - start;
    }
    if (process != HANDLE_NONE) {
        (void)sys_process_kill(process, 0);
        (void)sys_handle_close(process);
    }
    (void)sys_handle_close(endpoint);
    if (err == OK) {
        row(sh, "ipc_round_trip", median(s) - empty, "instructions");
    }
    return err;
}

static err_t bench_fs(struct shell *sh, const char *name, enum fs_bench what, uint64_t rounds)
{
    struct fsclient_bench result;
    err_t err = sh->has_fs ? fsclient_bench(&sh->fs, "/", what, rounds, &result) : ERR_NO_ENTRY;
    if (err == OK) {
        row(sh, name, result.median, "instructions");
    }
    return err;
}

static err_t bench_read_4k(struct shell *sh, struct samples *s, uint64_t rounds)
{
    (void)s;
    return bench_fs(sh, "read_4k", FS_BENCH_READ_4K, rounds);
}

static err_t bench_write_4k(struct shell *sh, struct samples *s, uint64_t rounds)
{
    (void)s;
    return bench_fs(sh, "write_4k", FS_BENCH_WRITE_4K, rounds);
}

static err_t bench_read_64k(struct shell *sh, struct samples *s, uint64_t rounds)
{
    (void)s;
    return bench_fs(sh, "read_64k", FS_BENCH_READ_64K, rounds);
}

static err_t bench_read_1m(struct shell *sh, struct samples *s, uint64_t rounds)
{
    (void)s;
    return bench_fs(sh, "read_1m", FS_BENCH_READ_1M, MIN(rounds, 256));
}

/* From the operator's kill to the end of the first read after it, restart and card start-up included. */
static err_t bench_restart(struct shell *sh, struct samples *s, uint64_t rounds)
{
    struct fsclient_bench result;
    struct sup_domain domain;
    uint64_t answer[2];
    uint32_t index = 0;
    static uint64_t ticks[RESTART_ROUNDS];
    rounds = MIN(rounds, RESTART_ROUNDS);
    for (index = 0;; index++) {
        err_t err = sup_domain_at(sh, index, &domain);
        if (err != OK) return err;
        if (strcmp(domain.name, BENCH_DOMAIN) == 0) break;
    }
    s->count = rounds;
    for (uint64_t i = 0; i < rounds; i++) {
        uint64_t start_ticks = time_now_ticks();
        uint32_t start = counter_read();
        err_t err = sup_call(sh, SUP_KILL, index, 0, 0, answer);
        if (err == OK) {
            err = sh->has_fs ? fsclient_bench(&sh->fs, "/", FS_BENCH_RESTART_READ, 1, &result)
                             : ERR_NO_ENTRY;
        }
        if (err != OK) return err;
        s->value[i] = counter_read() - start;
        ticks[i] = time_now_ticks() - start_ticks;
    }
    row(sh, "restart_to_read", median(s), "instructions");
    memcpy(s->value, ticks, rounds * sizeof(ticks[0]));
    row(sh, "restart_to_read_ns", time_ns_from_ticks(median(s)), "ns");
    return OK;
}

/* From reset: the counter began at 0 then. Under icount a nanosecond is an instruction, waiting included. */
static err_t bench_reset(struct shell *sh, struct samples *s, uint64_t rounds)
{
    (void)s;
    (void)rounds;
    row(sh, "reset_to_prompt", time_ns_from_ticks(sh->first_prompt_ticks), "ns");
    return OK;
}

int cmd_bench(struct shell *sh, size_t count, const char *const *word)
{
    static const struct {
        const char *name;
        err_t (*run)(struct shell *sh, struct samples *s, uint64_t rounds);
    } bench[] = {
        { "null_syscall", bench_null_syscall }, { "ipc_round_trip", bench_ipc },
        { "read_4k", bench_read_4k },           { "write_4k", bench_write_4k },
        { "read_64k", bench_read_64k },         { "read_1m", bench_read_1m },
        { "restart_to_read", bench_restart },   { "restart_to_read_ns", bench_restart },
        { "reset_to_prompt", bench_reset },
    };
    static struct samples samples;
    uint64_t rounds = SAMPLE_MAX;
    bool found = false;
    int status = 0;
    if (count > 2 && (parse_number(word[2], &rounds) != OK || rounds == 0)) {
        return complain(sh, word[0], word[2], "not a number of rounds");
    }
    if (!counter_is_present()) return complain(sh, word[0], NULL, "the manifest gives no PMU");
    for (size_t i = 0; i < ARRAY_COUNT(bench); i++) {
        if (count > 1 && strcmp(bench[i].name, word[1]) != 0) continue;
        if (count == 1 && i > 0 && bench[i].run == bench[i - 1].run) continue; /* both rows came */
        bool of_fs = bench[i].run == bench_read_4k || bench[i].run == bench_write_4k;
        found = true;
        samples.count = MIN(rounds, SAMPLE_MAX);
        err_t err = bench[i].run(sh, &samples, of_fs ? rounds : samples.count);
        if (err != OK) {
            status = complain_file(sh, word[0], bench[i].name, err);
        }
        if (term_poll(&sh->term)) return 1;
    }
    return found ? status : complain(sh, word[0], word[1], "no such row");
}
