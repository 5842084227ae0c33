/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The serial line, for the two moments in which no process can speak: init cannot be started, the kernel panics. */
#pragma once
#include "abi/bootinfo.h"
#include "lib/base.h"

/** Finds main's UART among its devices. None, or one of an unknown kind: last words go to the log only. Context: boot. */
void lastwords_start(const struct bootinfo *boot);
/** Writes text by polling, for a bounded time; lines end with \n. Context: any, once nobody else uses the UART any more. */
void lastwords_write(const char *text);
