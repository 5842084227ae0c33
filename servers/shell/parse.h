/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A typed line into commands: words, quotes, redirection, background. No system calls. */
#pragma once
#include "servers/shell/history.h"

/*
 * Words are separated by blanks. 'x' keeps all, "x" keeps all but \" \\ \n \t \e \$, \c outside quotes is the
 * character c. `;` ends a command, `&` too and puts it into the background, `> FILE` and
 * `>> FILE` send its output to a file, # begins a comment.
 */
#define WORD_MAX 64

struct command {
    size_t word_count;              /* 0: an empty command */
    const char *word[WORD_MAX + 1]; /* into text; NULL after the last */
    const char *output;             /* NULL: the terminal */
    bool append;
    bool background;
    size_t source, source_bytes; /* where it stands in the line, without `&` */
    size_t text_bytes;
    char text[2 * LINE_BYTES];
};

/* What is wrong with a line; NULL-free text by parse_error. */
enum parse_verdict {
    PARSE_COMMAND = 0, /* a command was read */
    PARSE_END,         /* nothing is left */
    PARSE_QUOTE,
    PARSE_ESCAPE,
    PARSE_NO_FILE,
    PARSE_TWO_FILES,
    PARSE_TOO_MANY,
    PARSE_EMPTY_JOB,
};

/**
 * Reads the command that begins at *at of line and moves *at behind it.
 * Context: any; the command does not point into line.
 */
enum parse_verdict parse_command(const char *line, size_t *at, struct command *command);

/** A sentence about a verdict. */
const char *parse_error(enum parse_verdict verdict);

/**
 * Reads a whole number: decimal, or hexadecimal after 0x, or followed by K, M or G.
 * Returns OK | ERR_ARG not a number | ERR_RANGE does not fit.
 */
err_t MUST_CHECK parse_number(const char *text, uint64_t *value);

/**
 * Copies word to out, each $n replaced by the number n. Returns false when it does not fit.
 */
bool parse_expand(const char *word, uint64_t n, char *out, size_t out_bytes);
