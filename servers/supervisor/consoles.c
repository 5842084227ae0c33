/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Consoles of stock guests. Their bytes are kept as they are: whoever shows them filters them. */
#include "servers/supervisor/consoles.h"

#include <string.h>

#include "abi/hypercall.h"

#define READ_MAX  32 /* of HVC_CONSOLE_READ */
#define WRITE_MAX 24 /* of HVC_CONSOLE_WRITE */
#define LOOK_MAX  64 /* hypercalls of one look: more than EL2's ring has bytes for */

/* Reads once. Returns the bytes. */
static uint64_t read_once(struct consoles *c, uint32_t index, char out[READ_MAX], err_t *err)
{
    const uint64_t arg[5] = { index };
    uint64_t r[6] = { 0 };
    *err = c->env.call(c->env.context, HVC_CONSOLE_READ, arg, r);
    if (*err != OK) return 0;
    memcpy(out, &r[2], READ_MAX);
    return MIN(r[1], (uint64_t)READ_MAX);
}

static bool drain(struct consoles *c, uint32_t index)
{
    struct console *of = &c->of[index];
    uint64_t before = of->end;
    for (uint32_t i = 0; i < LOOK_MAX; i++) {
        char piece[READ_MAX];
        err_t err = OK;
        uint64_t bytes = read_once(c, index, piece, &err);
        for (uint64_t n = 0; n < bytes; n++) {
            of->byte[of->end++ % CONSOLES_BYTES] = piece[n];
        }
        if (bytes < READ_MAX) break;
    }
    return of->end != before;
}

void consoles_init(struct consoles *c, struct watch_env env, uint32_t count)
{
    memset(c, 0, sizeof(*c));
    c->env = env;
    c->count = MIN(count, (uint32_t)DOMAIN_MAX);
    for (uint32_t i = 0; i < c->count; i++) {
        const uint64_t arg[5] = { i }; /* writes nothing */
        uint64_t r[6];
        c->of[i].is_guest = env.call(env.context, HVC_CONSOLE_WRITE, arg, r) == OK;
    }
}

uint32_t consoles_run(struct consoles *c, uint64_t *next_ns)
{
    uint32_t wrote = 0;
    uint64_t now_ns = c->env.now_ns(c->env.context);
    *next_ns = c->look_at_ns;
    if (now_ns < c->look_at_ns) return 0;
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->of[i].is_guest && drain(c, i)) wrote |= 1U << i;
    }
    c->look_at_ns = wrote != 0 ? now_ns + CONSOLES_PAUSE_NS : 0;
    *next_ns = c->look_at_ns;
    return wrote;
}

err_t consoles_read(const struct consoles *c, uint64_t index, uint64_t *position, char *out,
                    uint64_t room_bytes, uint64_t *got_bytes)
{
    *got_bytes = 0;
    if (index >= c->count || !c->of[index].is_guest) return ERR_NO_ENTRY;
    const struct console *of = &c->of[index];
    uint64_t oldest = of->end > CONSOLES_BYTES ? of->end - CONSOLES_BYTES : 0;
    uint64_t at = *position > of->end ? oldest : MAX(*position, oldest); /* guards: T-612 */
    while (at < of->end && *got_bytes < room_bytes) {
        out[(*got_bytes)++] = of->byte[at++ % CONSOLES_BYTES];
    }
    *position = at;
    return OK;
}

err_t consoles_type(struct consoles *c, uint64_t index, const char *text, uint64_t text_bytes,
                    uint64_t *taken)
{
    *taken = 0;
    if (index >= c->count || !c->of[index].is_guest) return ERR_NO_ENTRY;
    while (*taken < text_bytes) {
        uint64_t piece = MIN(text_bytes - *taken, (uint64_t)WRITE_MAX), r[6] = { 0 };
        uint64_t arg[5] = { index, piece };
        memcpy(&arg[2], text + *taken, piece);
        err_t err = c->env.call(c->env.context, HVC_CONSOLE_WRITE, arg, r);
        if (err != OK) return err;
        *taken += MIN(r[0], piece);
        if (r[0] < piece) break;
    }
    return OK;
}
