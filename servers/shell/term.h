/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The terminal: a session with the console service, and what was typed ahead. */
#pragma once
#include "servers/rt/sys.h"

#define TERM_IN_BYTES 1024

struct term {
    handle_t service;      /* borrowed from the startup block */
    handle_t session;      /* owned */
    handle_t notification; /* borrowed; HANDLE_NONE: nobody waits for input */
    uint64_t bits;         /* that input signals there */
    uint8_t *buffer;       /* shared with the console */
    bool is_lost;          /* the console does not come back */
    bool is_background;    /* takes no input: it is the foreground's */
    bool interrupted;      /* Ctrl-C was seen since term_interrupt_clear */
    bool in_line;          /* the last byte written with term_write was no newline */
    size_t in_at, in_end;
    uint8_t in[TERM_IN_BYTES]; /* typed, not yet taken */
};

/** Opens the session; notification (borrowed) gets bits when something is typed. Context: EL0. */
err_t term_open(struct term *t, handle_t service, handle_t notification, uint64_t bits);

/** Ends the session. */
void term_close(struct term *t);

/** Writes bytes as they are. A console that was restarted is attached again. */
void term_put(struct term *t, const char *text, size_t text_bytes);

/** As term_put, every newline as return and newline. */
void term_write(struct term *t, const char *text, size_t text_bytes);

/** The next typed byte; waits for it. Returns -1 when the terminal is lost. */
int term_get(struct term *t);

/** Takes over what has been typed, without waiting. */
void term_fetch(struct term *t);

/** True when term_get would not wait. Asks nobody. */
bool term_has_input(const struct term *t);

/** Looks for Ctrl-C without waiting; what else was typed is kept. Returns true once there was one. */
bool term_poll(struct term *t);

/** Forgets a Ctrl-C. */
void term_interrupt_clear(struct term *t);

/** Waits until a deadline (ticks) or Ctrl-C. Returns true when there was one. */
bool term_sleep(struct term *t, uint64_t deadline);

/** Waits until everything has left the line. */
void term_drain(struct term *t);
