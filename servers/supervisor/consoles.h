/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What stock guests wrote on their consoles, kept in bounded buffers. No system calls. */
#pragma once
#include "servers/supervisor/watch.h"

#define CONSOLES_BYTES KIB(16) /* of each guest's newest output */
#define CONSOLES_PAUSE_NS \
    UINT64_C(5000000) /* between two looks: a guest that floods waits, we do not work more */

struct console {
    bool is_guest;
    uint64_t end; /* position behind the newest byte; the first one has position 0 */
    char byte[CONSOLES_BYTES];
};

struct consoles {
    struct watch_env env;
    uint32_t count;
    uint64_t look_at_ns; /* not before */
    struct console of[DOMAIN_MAX];
};

/** Learns which of the count domains are guests. */
void consoles_init(struct consoles *c, struct watch_env env, uint32_t count);

/**
 * Takes over what the guests have written, at most one look in CONSOLES_PAUSE_NS. *next_ns: when it wants to be called again
 * (ns of env.now_ns), 0: only after the next event. Returns a bit for each domain that has written. Context: bounded by 64 hypercalls a guest.
 */
uint32_t consoles_run(struct consoles *c, uint64_t *next_ns);

/** Copies output from *position on to out[room_bytes] and moves *position behind it; what is too old is left out. ERR_NO_ENTRY: no guest. */
err_t consoles_read(const struct consoles *c, uint64_t index, uint64_t *position, char *out,
                    uint64_t room_bytes, uint64_t *got_bytes);

/** Types text[text_bytes) on the guest's console; *taken: how much it had room for. ERR_NO_ENTRY: no guest. */
err_t consoles_type(struct consoles *c, uint64_t index, const char *text, uint64_t text_bytes,
                    uint64_t *taken);
