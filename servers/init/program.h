/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One program of the main domain: its file, its endpoint, its handles, its restarts. */
#pragma once
#include "abi/proto/startup.h"
#include "servers/rt/sys.h"

#define PROGRAM_HANDLE_MAX 24
#define PROGRAM_ARG_MAX    10
#define PROGRAM_ARG_BYTES  128

struct program_handle {
    char name[STARTUP_NAME_MAX];
    handle_t handle; /* borrowed: init keeps it for the next start */
    uint32_t rights;
};

struct program {
    char name[32];
    const void *elf; /* in the pack, hash checked; NULL: refused, never started */
    uint64_t elf_bytes;
    handle_t
            endpoint; /* owned; lives on when the program is started again. HANDLE_NONE: it serves nobody */
    handle_t process; /* owned; HANDLE_NONE: does not run */
    handle_t faults;  /* where its faults go; HANDLE_NONE: nowhere */
    uint32_t handle_count, arg_count;
    struct program_handle handle[PROGRAM_HANDLE_MAX];
    char arg[PROGRAM_ARG_MAX][PROGRAM_ARG_BYTES];
    uint64_t window_ns; /* start of the period in which ends are counted */
    uint32_t ends;      /* failures in that period */
};

/** Prepares a program with no file, no handles. */
void program_init(struct program *p, const char *name);

/** Adds a handle for every start, or takes it in the place of the one of that name. HANDLE_NONE: nothing. Too many: our own bug. */
void program_give(struct program *p, const char *name, handle_t handle, uint32_t rights);

/** Takes a handle of that name off the list. */
void program_take(struct program *p, const char *name);

/** Adds an argument for every start; cut when too long, left out when there are too many. */
void program_arg(struct program *p, const char *arg);

/** Makes its endpoint and gives it to the program as "service". */
err_t program_make_endpoint(struct program *p);

/** Starts it; notification gets bits when it ends. On error nothing runs. */
err_t program_start(struct program *p, handle_t notification, uint64_t bits);

/**
 * Is to be called when it has ended: says why in the log and frees the process.
 * Returns how long to wait before the next start, ns; UINT64_MAX: it fails again and again and stays down.
 */
uint64_t program_ended(struct program *p, uint64_t now_ns);
