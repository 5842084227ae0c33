/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* UTF-8 as a terminal needs it: decode, step, count columns, keep strangers' bytes from steering the screen. */
#pragma once
#include "lib/base.h"

/**
 * Decodes one code point of text[0, text_bytes). Returns its bytes (1..4) and sets *point;
 * 0: not valid UTF-8 (overlong, surrogate, past U+10FFFF, or a stray byte) or cut off.
 * Context: any.
 */
size_t utf8_decode(const char *text, size_t text_bytes, uint32_t *point);

/** Bytes that a sequence starting with this byte has (1..4); 0: cannot start one. Context: any. */
size_t utf8_sequence_bytes(uint8_t first);

/** Columns that a terminal gives a code point: 0 combining, 2 wide, else 1. Context: any. */
size_t utf8_columns(uint32_t point);

/** Columns of a whole text; an invalid byte counts one. Context: any. */
size_t utf8_text_columns(const char *text, size_t text_bytes);

/** Offset of the character after / before `at`, combining marks kept with their base. Context: any. */
size_t utf8_next(const char *text, size_t text_bytes, size_t at);
size_t utf8_previous(const char *text, size_t text_bytes, size_t at);

/* What may pass the guard besides printable characters. */
#define GUARD_LINES 1 /* newline and tab: contents of files */
#define GUARD_NAMES 0 /* nothing: names, one-line messages */
#define GUARD_TERMINAL \
    2 /* newline, tab, return, backspace and colours (ESC [ digits ; m); all other control is dropped: a guest's console */
#define GUARD_ESCAPE_MAX 16

/* A filter for bytes that others chose; survives a sequence that is cut by a chunk's end. */
struct guard {
    uint32_t mode;
    uint32_t part_bytes;
    char part[4];
    uint32_t escape_bytes; /* of a sequence that may become a colour */
    char escape[GUARD_ESCAPE_MAX];
};

/** Room that guard_feed needs at most for in_bytes of input. */
#define GUARD_ROOM(in_bytes) ((in_bytes) + 8 + GUARD_ESCAPE_MAX)

/**
 * Copies in to out; control characters (also C1, and the marks that reverse the reading direction) and
 * invalid bytes become '?'. out must have GUARD_ROOM(in_bytes). Returns the bytes written.
 * Context: any.
 */
size_t guard_feed(struct guard *g, const char *in, size_t in_bytes, char *out);

/** Ends the input: a sequence that was begun becomes '?' marks. out: GUARD_ROOM(0) bytes. */
size_t guard_end(struct guard *g, char *out);
