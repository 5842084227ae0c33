/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A crash dump as text. Pure. */
#pragma once
#include "abi/domain.h"
#include "lib/base.h"
#include "servers/supervisor/symbols.h"

#define DUMP_TEXT_BYTES KIB(12) /* room for any dump */

/**
 * Writes what EL2 kept of a death, with a backtrace by the image's symbols (may be empty), as lines of text to out[room_bytes], NUL-terminated; what does not fit is left out.
 * dump is a copy of dump_bytes bytes; a dump that is cut or contradicts itself is told of.
 * Returns the bytes written, without the NUL. Context: any.
 */
size_t dump_text(const struct domain_dump *dump, size_t dump_bytes, const struct symbols *symbols,
                 char *out, size_t room_bytes);
