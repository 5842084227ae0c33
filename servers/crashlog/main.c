/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crashlog: writes the dumps of domains that died to the disk, once they are back. Nobody waits for it. */
#include <string.h>

#include "abi/proto/supervisor.h"
#include "servers/fsclient/crash.h"
#include "servers/fsclient/fsclient.h"
#include "servers/rt/ipc.h"
#include "servers/rt/log.h"
#include "servers/rt/startup.h"
#include "servers/rt/time.h"

#define BUFFER_BYTES KIB(16) /* shared with the supervisor: one row or one dump */
#define DUMP_BYTES   KIB(12)
#define CALL_NS      UINT64_C(30000000000)
#define QUIET_NS \
    UINT64_C(    \
            1000000000) /* after a death, so that a domain that keeps dying costs one file a second */
#define BIT_EVENT 1

/* One thread: no locks. */
static struct {
    handle_t supervisor, session, notification;
    uint8_t *buffer; /* shared with the supervisor */
    struct fsclient fs;
    uint32_t written[DOMAIN_MAX]; /* the death that was written last, by domain */
    char text[DUMP_BYTES + DUMP_BYTES / 8];
} crashlog;

static err_t call(uint64_t operation, uint64_t w1, uint64_t w2, uint64_t w3, uint64_t result[2])
{
    struct ipc_msg msg = ipc_op(operation);
    msg.word[1] = w1;
    msg.word[2] = w2;
    msg.word[3] = w3;
    msg.word[4] = BUFFER_BYTES;
    err_t err = ipc_call_op(crashlog.session, &msg, time_deadline_ns(CALL_NS));
    result[0] = msg.word[1];
    result[1] = msg.word[2];
    return err;
}

/* A session with the supervisor, and its promise to tell of events. */
static err_t attach(void)
{
    struct ipc_msg msg = ipc_op(SUP_ATTACH);
    uint64_t address = 0;
    handle_t vmo = HANDLE_NONE;
    err_t err = sys_vmo_create(BUFFER_BYTES, &vmo);
    if (err == OK && crashlog.buffer != NULL) {
        (void)sys_vmo_unmap(HANDLE_SELF, (uint64_t)crashlog.buffer, BUFFER_BYTES);
        crashlog.buffer = NULL;
    }
    if (err == OK) {
        err = sys_vmo_map(HANDLE_SELF, vmo, 0, BUFFER_BYTES, PROT_READ | PROT_WRITE, 0, &address);
    }
    if (err != OK) return err;
    crashlog.buffer = (uint8_t *)address;
    msg.tag = TAG_HANDLES(1);
    msg.handle[0] = vmo;
    err = ipc_call_op(crashlog.supervisor, &msg, time_deadline_ns(CALL_NS));
    if (err != OK || TAG_HANDLE_COUNT(msg.tag) != 1) return err != OK ? err : ERR_PEER;
    crashlog.session = msg.handle[0];
    msg = ipc_op(SUP_NOTIFY);
    err = sys_handle_dup(crashlog.notification, RIGHT_WRITE | RIGHT_GRANT, &msg.handle[0]);
    if (err != OK) return err;
    msg.tag = TAG_HANDLES(1);
    msg.word[1] = BIT_EVENT;
    return ipc_call_op(crashlog.session, &msg, time_deadline_ns(CALL_NS));
}

/* Looks through the folder: how many records, the oldest of them, and the number after the newest. */
static err_t survey(uint32_t *count, char oldest[CRASH_NAME_BYTES], uint32_t *next)
{
    static struct fsclient_dir dir;
    static struct fsclient_entry entry;
    uint32_t number, lowest = UINT32_MAX;
    *count = 0;
    *next = 0;
    err_t err = fsclient_dir_open(&crashlog.fs, CRASH_DIR, &dir);
    if (err != OK) return err;
    while ((err = fsclient_dir_next(&crashlog.fs, &dir, &entry)) == OK) {
        if (!crash_number(entry.name, &number) || strlen(entry.name) > 44) continue;
        (*count)++;
        *next = MAX(*next, number + 1);
        if (number >= lowest) continue;
        lowest = number;
        (void)strcpy(oldest, CRASH_DIR "/");
        (void)strcat(oldest, entry.name);
    }
    (void)fsclient_dir_close(&crashlog.fs, &dir);
    return err == ERR_NO_ENTRY ? OK : err;
}

/* Makes room for one record and says which number it gets. */
static err_t make_room(uint32_t *number)
{
    char oldest[CRASH_NAME_BYTES];
    uint32_t count = 0;
    err_t err = survey(&count, oldest, number);
    if (err == ERR_NO_ENTRY) {
        (void)fsclient_mkdir(&crashlog.fs, "/var");
        err = fsclient_mkdir(&crashlog.fs, CRASH_DIR);
        return err;
    }
    for (uint32_t i = 0; err == OK && count >= CRASH_FILES_MAX && i < CRASH_FILES_MAX; i++) {
        err = fsclient_unlink(&crashlog.fs, oldest);
        err = err == OK ? survey(&count, oldest, number) : err;
    }
    return err;
}

static err_t write_record(const char *domain, size_t bytes)
{
    char path[CRASH_NAME_BYTES];
    struct fsclient_file file;
    uint32_t number = 0;
    uint64_t done;
    err_t err = make_room(&number);
    if (err != OK) return err;
    crash_path(path, number, domain);
    err = fsclient_open(&crashlog.fs, path, FS_O_WRITE | FS_O_CREATE | FS_O_TRUNC, &file);
    if (err != OK) return err;
    err = fsclient_write(&crashlog.fs, &file, 0, crashlog.text, bytes, &done);
    err_t close_err = fsclient_close(&crashlog.fs, &file);
    return err != OK ? err : close_err;
}

/* The dump of one domain, its one-line cause first, into crashlog.text. Returns its bytes. */
static size_t fetch(uint32_t index, const struct sup_domain *row)
{
    uint64_t result[2] = { 0 };
    size_t used = strnlen(row->why, sizeof(row->why) - 1);
    memcpy(crashlog.text, row->why, used);
    crashlog.text[used++] = '\n';
    if (call(SUP_DUMP, index, 0, 0, result) != OK) return used;
    size_t bytes = MIN(result[0], (uint64_t)DUMP_BYTES);
    memcpy(crashlog.text + used, crashlog.buffer, bytes);
    return used + bytes;
}

/* A crash is written once: when the domain runs again, or stays down for good. */
static bool is_news(uint32_t index, const struct sup_domain *row)
{
    if (row->deaths == crashlog.written[index] || row->cause == CAUSE_KILLED) return false;
    return row->state == DOMAIN_RUNNING || row->state == DOMAIN_QUARANTINED || row->given_up != 0;
}

static err_t look(void)
{
    struct sup_domain row;
    for (uint32_t i = 1; i < DOMAIN_MAX; i++) {
        uint64_t result[2];
        err_t err = call(SUP_LIST, i, 0, 0, result);
        if (err == ERR_NO_ENTRY) return OK;
        if (err != OK) return err;
        memcpy(&row, crashlog.buffer, sizeof(row));
        row.name[DOMAIN_NAME_MAX - 1] = '\0';
        if (!is_news(i, &row)) continue;
        crashlog.written[i] = row.deaths; /* once, whether or not there is a disk for it */
        err = write_record(row.name, fetch(i, &row));
        if (err != OK) {
            log_printf("%s: its crash record cannot be written, error %d", row.name, (int)err);
        }
    }
    return OK;
}

int main(const struct startup *s)
{
    (void)s;
    crashlog.supervisor = startup_handle("supervisor");
    err_t err = fsclient_init(&crashlog.fs, KIB(64));
    if (err == ERR_NO_ENTRY) return 0; /* no disk, no records */
    if (err == OK) {
        err = sys_notification_create(&crashlog.notification);
    }
    if (err == OK) {
        err = attach();
    }
    while (err == OK) {
        uint64_t bits;
        err = look();
        if (err == OK) {
            err = sys_notification_wait(crashlog.notification, BIT_EVENT, DEADLINE_NEVER, &bits);
        }
        time_sleep_ns(QUIET_NS);
    }
    log_printf("ends: error %d", (int)err); /* init starts it again */
    return 1;
}
