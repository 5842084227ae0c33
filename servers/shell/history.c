/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The last lines that were typed. */
#include "servers/shell/history.h"

#include "lib/string.h"

void history_add(struct history *h, const char *line, size_t line_bytes)
{
    if (line_bytes == 0 || line_bytes >= LINE_BYTES) return;
    const char *newest = history_get(h, 1);
    if (newest != NULL && strlen(newest) == line_bytes && memcmp(newest, line, line_bytes) == 0) {
        return;
    }
    size_t slot = (h->first + h->count) % HISTORY_LINES;
    if (h->count == HISTORY_LINES) {
        h->first = (h->first + 1) % HISTORY_LINES;
    } else {
        h->count++;
    }
    memcpy(h->line[slot], line, line_bytes);
    h->line[slot][line_bytes] = '\0';
}

const char *history_get(const struct history *h, size_t back)
{
    if (back == 0 || back > h->count) return NULL;
    return h->line[(h->first + h->count - back) % HISTORY_LINES];
}
