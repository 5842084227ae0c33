/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The last events as text lines with sequence numbers. Pure. */
#pragma once
#include "lib/base.h"

#define EVENT_COUNT 128
#define EVENT_BYTES 256 /* one line, NUL included */

struct events {
    uint64_t next; /* sequence of the next event; the first is 1 */
    char event[EVENT_COUNT][EVENT_BYTES];
};

/** Empties it. */
void events_init(struct events *e);

/** Notes a line at a time since start; it is cut to fit, and everything that is not printable ASCII becomes '?'. */
void events_add(struct events *e, uint64_t now_ns, const char *text);

/**
 * Copies whole lines "[  12.345] text\n" from sequence *from on to out[room_bytes] and moves *from behind them. What is too
 * old is left out. Returns the bytes written, 0: nothing new or no room for one line.
 */
size_t events_read(const struct events *e, uint64_t *from, char *out, size_t room_bytes);

/** "1.3 ms" and the like: three digits and a unit. Context: any. */
void text_duration(char *out, size_t out_bytes, uint64_t ns);
