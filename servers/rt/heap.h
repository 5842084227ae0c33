/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Size of a process's heap: one VMO, pages taken at first touch. */
#pragma once
#include <stdint.h>

#define HEAP_DEFAULT_BYTES (UINT64_C(8) << 20)

/** Sets the largest heap of this process; only before the first malloc. ERR_STATE afterwards. Context: start of main. */
int heap_set_max(uint64_t size_bytes);
