/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The line editor: bytes from a terminal in; an edited line and terminal output out. No system calls. */
#pragma once
#include "servers/shell/history.h"

/*
 * Usage:
 *   line_start(l, "zeros:/> ");
 *   for each byte that came: event = line_feed(l, byte); LINE_DONE: use l->text
 *   line_render(l) once the bytes that are there are used up: nothing is drawn in between
 */
enum line_event {
    LINE_MORE = 0,  /* go on */
    LINE_DONE,      /* Enter: l->text is the line */
    LINE_CANCELLED, /* Ctrl-C */
    LINE_END,       /* Ctrl-D on an empty line */
    LINE_TAB,       /* completion is wanted: line_insert what is known, then go on */
};

#define LINE_PROMPT_BYTES 320
#define LINE_COLUMNS      80 /* of the terminal, until told otherwise */

/* Where the terminal's bytes go. */
struct line_sink {
    void (*put)(void *context, const char *text, size_t text_bytes);
    void *context; /* borrowed */
};

struct line {
    struct line_sink sink;
    struct history *history; /* borrowed, outlives the editor */
    size_t columns;
    char text[LINE_BYTES]; /* NUL-terminated */
    size_t text_bytes, cursor;
    size_t scroll; /* offset of the first byte that is on the screen */
    /* What the screen shows now, and where its cursor stands. */
    char shown[LINE_BYTES];
    size_t shown_bytes, shown_cursor;
    char prompt[LINE_PROMPT_BYTES];
    char killed[LINE_BYTES];
    size_t killed_bytes;
    char draft[LINE_BYTES]; /* the line before history was walked */
    size_t history_at;      /* 0: the draft */
    uint32_t escape;        /* enum in line.c */
    uint32_t parameter[2], parameter_count;
    char part[4]; /* of a UTF-8 sequence */
    size_t part_bytes;
    bool last_was_return;
};

/** Prepares an editor. Context: any. */
void line_init(struct line *l, struct history *history, struct line_sink sink);

/** Begins an empty line behind a prompt and draws the prompt. A long prompt is cut. */
void line_start(struct line *l, const char *prompt);

/** Takes one byte. Draws nothing but the end of the line at LINE_DONE and LINE_CANCELLED. */
enum line_event line_feed(struct line *l, uint8_t byte);

/** Inserts text at the cursor as if typed; what does not fit is dropped whole. */
void line_insert(struct line *l, const char *text, size_t text_bytes);

/** Brings the screen up to date with as few bytes as it takes. */
void line_render(struct line *l);

/** Draws prompt and line again, on a screen line that is empty. */
void line_redraw(struct line *l);

/** Erases prompt and line from the screen, so that a message can be printed; line_redraw follows. */
void line_hide(struct line *l);
