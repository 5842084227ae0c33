/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Start of an EL0 program: thread-local storage, constructors, main, exit. */
#include "servers/rt/startup.h"

#include <picotls.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "servers/rt/ipc.h"
#include "servers/rt/log.h"

/* ipc.S holds these as numbers. */
STATIC_ASSERT(SYS_CALL == 6 && SYS_REPLY_RECV == 7 && SYS_PROCESS_LIST == 23, "ipc.S: numbers");
STATIC_ASSERT(offsetof(struct ipc_msg, tag) == 0, "ipc.S");
STATIC_ASSERT(offsetof(struct ipc_msg, word) == 8, "ipc.S");
STATIC_ASSERT(offsetof(struct ipc_msg, handle) == 56, "ipc.S");
STATIC_ASSERT(offsetof(struct ipc_msg, reply) == 72, "ipc.S");
STATIC_ASSERT(offsetof(struct ipc_msg, badge) == 80, "ipc.S");
STATIC_ASSERT(offsetof(struct sys_process_row, name) == 48, "ipc.S");

/* Written once before main, read-only afterwards. */
static struct {
    const struct startup *startup;
} rt;

/* NOLINTBEGIN(readability-identifier-naming): picolibc's names */
extern char __tls_space[]; /* user.ld */
void __libc_init_array(void);
/* NOLINTEND(readability-identifier-naming) */
_Noreturn void rt_start(const struct startup *s);

_Noreturn void rt_start(const struct startup *s)
{
    _init_tls(__tls_space);
    _set_tls(__tls_space);
    rt.startup = s;
    __libc_init_array();
    exit(main(s));
}

const struct startup *startup_get(void)
{
    return rt.startup;
}

handle_t startup_handle(const char *name)
{
    const struct startup *s = rt.startup;
    if (!s || s->magic != STARTUP_MAGIC) return HANDLE_NONE;
    for (uint32_t i = 0; i < s->handle_count && i < STARTUP_HANDLE_MAX; i++) {
        if (strncmp(s->handle[i].name, name, STARTUP_NAME_MAX) == 0) return s->handle[i].handle;
    }
    return HANDLE_NONE;
}

const struct startup_handle *startup_next(const char *prefix, uint32_t *index)
{
    const struct startup *s = rt.startup;
    size_t prefix_bytes = strlen(prefix);
    if (!s || s->magic != STARTUP_MAGIC) return NULL;
    for (uint32_t i = *index; i < s->handle_count && i < STARTUP_HANDLE_MAX; i++) {
        if (strncmp(s->handle[i].name, prefix, prefix_bytes) == 0) {
            *index = i + 1;
            return &s->handle[i];
        }
    }
    return NULL;
}

const char *startup_arg(uint32_t index)
{
    const struct startup *s = rt.startup;
    if (!s || s->magic != STARTUP_MAGIC || index >= s->arg_count) return NULL;
    size_t pos = 0;
    for (uint32_t i = 0; i < index; i++) {
        pos += strnlen(s->args + pos, STARTUP_ARGS_MAX - pos) + 1;
        if (pos >= STARTUP_ARGS_MAX) return NULL;
    }
    return s->args + pos;
}

_Noreturn void panic_at(const char *what, const char *file, int line)
{
    log_printf("check failed: %s (%s:%d)", what, file, line);
    sys_exit(134);
}
