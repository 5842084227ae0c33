/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a process finds at entry: x0 = address of struct startup, mapped read-only by its parent. */
#pragma once
#include <stdint.h>

#include "abi/handle.h"

#define STARTUP_MAGIC      0x54524154535aUL /* "ZSTART" */
#define STARTUP_HANDLE_MAX 32
#define STARTUP_NAME_MAX   24
#define STARTUP_ARGS_MAX   2048

struct startup_handle {
    char name
            [STARTUP_NAME_MAX]; /* e.g. "log", "console", "fs", "fs:/disk2", "link:disk0", "uart0", "uart0-irq", "pack" */
    handle_t handle;
    uint32_t reserved;
};

struct startup {
    uint64_t magic;
    char name[32];
    uint32_t handle_count;
    uint32_t arg_count;
    struct startup_handle handle[STARTUP_HANDLE_MAX];
    char args[STARTUP_ARGS_MAX]; /* arg_count NUL-terminated strings, one after the other */
};

/*
 * Names that the kernel gives init: "system", "log", "domains" (OBJECT_DOMAIN), "events" (interrupt: some domain died),
 * "pack" (VMO, read-only), "manifest" (VMO), "bootinfo" (VMO), "fdt" (VMO), per device NAME of main "NAME" (VMO) and "NAME-irq", per link
 * "link:NAME" (OBJECT_LINK).
 */
