/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The last events as text lines. */
#include "servers/supervisor/events.h"

#include "lib/format.h"
#include "lib/string.h"

void events_init(struct events *e)
{
    memset(e, 0, sizeof(*e));
    e->next = 1;
}

void events_add(struct events *e, uint64_t now_ns, const char *text)
{
    char line[EVENT_BYTES];
    uint64_t ms = now_ns / 1000000;
    (void)format(line, sizeof(line), "[%4llu.%03llu] %s", (unsigned long long)(ms / 1000),
                 (unsigned long long)(ms % 1000), text);
    text_sanitize(line, strlen(line));
    (void)str_copy(e->event[e->next % EVENT_COUNT], EVENT_BYTES, line);
    e->next++;
}

size_t events_read(const struct events *e, uint64_t *from, char *out, size_t room_bytes)
{
    size_t used = 0;
    uint64_t oldest = e->next > EVENT_COUNT ? e->next - EVENT_COUNT : 1;
    if (*from < oldest || *from > e->next) { /* too old, or of an earlier supervisor */
        *from = oldest;
    }
    while (*from < e->next) {
        const char *text = e->event[*from % EVENT_COUNT];
        size_t bytes = strlen(text);
        if (bytes + 1 > room_bytes - used) break;
        memcpy(out + used, text, bytes);
        out[used + bytes] = '\n';
        used += bytes + 1;
        (*from)++;
    }
    return used;
}

void text_duration(char *out, size_t out_bytes, uint64_t ns)
{
    static const char *const unit[] = { "ns", "us", "ms", "s" };
    uint64_t whole = ns, part = 0;
    size_t which = 0;
    while (whole >= 1000 && which + 1 < ARRAY_COUNT(unit)) {
        part = whole % 1000;
        whole /= 1000;
        which++;
    }
    if (which == 0 || whole >= 100) {
        (void)format(out, out_bytes, "%llu %s", (unsigned long long)whole, unit[which]);
    } else if (whole >= 10) {
        (void)format(out, out_bytes, "%llu.%llu %s", (unsigned long long)whole,
                     (unsigned long long)(part / 100), unit[which]);
    } else {
        (void)format(out, out_bytes, "%llu.%02llu %s", (unsigned long long)whole,
                     (unsigned long long)(part / 10), unit[which]);
    }
}
