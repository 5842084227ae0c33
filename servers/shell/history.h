/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The last lines that were typed. */
#pragma once
#include "lib/base.h"

#define LINE_BYTES    1024 /* longest line, NUL included */
#define HISTORY_LINES 100

struct history {
    size_t first, count; /* line[first] is the oldest */
    char line[HISTORY_LINES][LINE_BYTES];
};

/** Remembers a line; an empty one, one that is too long and a repetition of the newest are not kept. */
void history_add(struct history *h, const char *line, size_t line_bytes);

/** The line that is `back` steps old: 1 is the newest. NULL past the oldest. */
const char *history_get(const struct history *h, size_t back);
