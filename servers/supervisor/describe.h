/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A death in one line: what, where in the program, which device, which request. Pure. */
#pragma once
#include "abi/domain.h"
#include "abi/manifest.h"
#include "servers/supervisor/symbols.h"

#define DESCRIBE_BYTES 128

struct death {
    enum death_cause cause;
    uint64_t detail, info;
    const struct domain_dump *dump;  /* borrowed; NULL: not there, or of another death */
    const struct symbols *symbols;   /* borrowed; may be empty */
    const struct manifest *manifest; /* borrowed; NULL: names are not known */
    uint32_t domain;
};

/** "fault: write to 0x40200040 in seam_fetch+0x2c; disk0: requests 99 to 100 unanswered", printable, NUL-terminated. */
void describe_death(const struct death *d, char out[DESCRIBE_BYTES]);

/** Name of a link by index, "?" when the manifest is not known. */
const char *describe_link(const struct manifest *m, uint64_t link);

/** Mask of the links that had requests in hand when the domain died; all ones when there is no dump of that death. */
uint32_t describe_busy_links(const struct death *d);
