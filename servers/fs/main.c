/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* File service: one ext4 disk behind one link. Wiring and the loop. */
#include <stdlib.h>
#include <string.h>

#include "servers/blk/open.h"
#include "servers/fs/session.h"
#include "servers/rt/heap.h"
#include "servers/rt/log.h"
#include "servers/rt/startup.h"
#include "servers/rt/time.h"

/*
 * Handles: "service" (endpoint: receive and mint), "link:NAME" (the disk), "supervisor" (client badge; optional), "log", "rtc0"
 * (optional). Arguments, optional: "cache=MIB" (page cache), "link=N" (index of the link in the manifest, for reports).
 */
#define CACHE_MIB_DEFAULT 16U
#define CACHE_MIB_MAX     64U
#define HEAP_EXTRA_BYTES  MIB(24)
#define IDLE_SYNC_NS      (UINT64_C(5) * 1000000000) /* changes lie this long in memory at most */

/* One thread: main's. Static for their size. */
static struct service service;
static struct blk blk;
static struct blk_link blk_link;
static struct cache cache;

/* Number N of an argument "name=N"; otherwise when there is none. */
static uint32_t main_argument(const char *name, uint32_t otherwise)
{
    const char *arg = NULL;
    size_t name_bytes = strlen(name);
    for (uint32_t i = 0; (arg = startup_arg(i)) != NULL; i++) {
        if (strncmp(arg, name, name_bytes) == 0 && arg[name_bytes] == '=') {
            return (uint32_t)strtoul(arg + name_bytes + 1, NULL, 10);
        }
    }
    return otherwise;
}

static uint32_t main_cache_mib(void)
{
    return MIN(main_argument("cache", CACHE_MIB_DEFAULT), CACHE_MIB_MAX);
}

static const char *main_why_absent(err_t err)
{
    switch ((int)err) {
    case ERR_DEAD:
        return "the storage domain is down or was refused";
    case ERR_NO_ENTRY:
        return "this system has no storage link";
    case ERR_NOT_SUPPORTED:
        return "the link is no block device that ZerOS can drive";
    case ERR_NO_MEMORY:
        return "not enough memory for the page cache";
    default:
        return "the link cannot be opened";
    }
}

static void main_take_disk(err_t err)
{
    uint32_t pages = main_cache_mib() * (uint32_t)(MIB(1) / CACHE_PAGE_BYTES);
    if (err == OK && blk.sector_count == 0) {
        volume_set_absent(&service.volume, "the drive has no medium");
        return;
    }
    if (err == OK) err = cache_start(&cache, &blk, pages);
    if (err != OK) {
        volume_set_absent(&service.volume, main_why_absent(err));
        return;
    }
    volume_mount(&service.volume, &cache);
}

/* A disk that was away at the start may be there now. */
static void main_retry_disk(void)
{
    struct blk_env env = blk.env;
    if (service.volume.is_lost && blk_server_is_published(&blk)) {
        volume_mount(&service.volume, &cache);
        return;
    }
    if (service.volume.cache || !env.regs || blk.is_known) return;
    if (!blk_server_is_published(&blk)) return;
    main_take_disk(blk_start(&blk, &env));
}

/* Writes changes back when nobody has asked for anything for a while. */
static void main_idle(void)
{
    err_t err = volume_sync(&service.volume);
    if (err != OK) {
        log_printf("writing back failed: error %d; it is tried again at the next request",
                   (int)err);
    }
    service.volume.is_changed = false;
}

int main(const struct startup *s)
{
    uint32_t index = 0;
    (void)s;
    (void)heap_set_max(MIB(main_cache_mib()) + HEAP_EXTRA_BYTES);
    initialize_ext2_error_table();
    service.endpoint = startup_handle("service");
    service.blk = &blk;
    service.first_generation = (uint32_t)time_now_ticks();
    if (service.endpoint == HANDLE_NONE) {
        log_printf("no service endpoint was given");
        return 1;
    }
    const struct startup_handle *link = startup_next("link:", &index);
    main_take_disk(link ? blk_open(&blk_link, link->handle, main_argument("link", 0),
                                   startup_handle("supervisor"), &blk)
                        : ERR_NO_ENTRY);
    struct ipc_msg msg = { .tag = 0 };
    for (;;) {
        uint64_t deadline =
                service.volume.is_changed ? time_deadline_ns(IDLE_SYNC_NS) : DEADLINE_NEVER;
        err_t err = ipc_reply_recv(service.endpoint, (handle_t)msg.reply, &msg, deadline);
        if (err == ERR_TIMEOUT) {
            main_idle();
            msg = (struct ipc_msg){ .tag = 0 };
            continue;
        }
        if (err != OK) {
            /* The answer could not be given; the caller sees its reply handle closed. Whoever has no endpoint has no work. */
            log_printf("answering or receiving failed: error %d", (int)err);
            if (msg.reply == HANDLE_NONE) return 1;
            (void)sys_handle_close((handle_t)msg.reply);
            msg = (struct ipc_msg){ .tag = 0 };
            continue;
        }
        main_retry_disk();
        session_handle(&service, &msg);
    }
}
