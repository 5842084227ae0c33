/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Starts a process from an ELF file in memory, with named handles and arguments. */
#pragma once
#include "abi/proto/startup.h"
#include "servers/rt/sys.h"

#define SPAWN_STACK_BYTES KIB(256) /* default */

struct spawn {
    handle_t process;      /* owned; the caller keeps it after spawn_start */
    handle_t startup_vmo;  /* owned until start or abort */
    struct startup *block; /* owned: mapping of startup_vmo in this process */
    uint64_t entry;
    uint32_t args_used; /* bytes */
};

/**
 * Makes a process of the ELF file elf[0, elf_bytes): segments loaded, nothing runs yet. The file is not believed.
 * Returns  OK | ERR_CORRUPT (not an acceptable ELF), ERR_NO_MEMORY, ...: nothing is left behind
 * Context  EL0
 */
err_t spawn_begin(struct spawn *s, const char *name, const void *elf, uint64_t elf_bytes);

/** Gives the child a copy of h, rights masked, under name. ERR_NO_SPACE: STARTUP_HANDLE_MAX reached; ERR_NAME: too long. */
err_t spawn_handle(struct spawn *s, const char *name, handle_t h, uint32_t rights);

/** Adds an argument. ERR_NO_SPACE: STARTUP_ARGS_MAX reached. */
err_t spawn_arg(struct spawn *s, const char *arg);

/**
 * Makes a stack of stack_bytes (0: SPAWN_STACK_BYTES) and starts the child. Afterwards s->process is all that s holds.
 * On error the child is killed and everything freed.
 */
err_t spawn_start(struct spawn *s, uint64_t stack_bytes);

/** Gives up a spawn between begin and start. */
void spawn_abort(struct spawn *s);
