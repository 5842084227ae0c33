/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the parent gave this process: handles by name, arguments. */
#pragma once
#include "abi/proto/startup.h"
#include "servers/rt/sys.h"

/** Every program defines it. s is read-only and stays. The process ends with the value returned. */
int main(const struct startup *s);

/** The startup block of this process. Context: any thread. */
const struct startup *startup_get(void);

/** Handle the parent named so, or HANDLE_NONE. Context: any thread. */
handle_t startup_handle(const char *name);

/** Argument number index (0: the first), or NULL. Context: any thread. */
const char *startup_arg(uint32_t index);

/** The first handle at or after *index whose name starts with prefix; moves *index past it. NULL at the end. */
const struct startup_handle *startup_next(const char *prefix, uint32_t *index);
