/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* UTF-8 as a terminal needs it. */
#include "servers/shell/utf8.h"

#include "lib/string.h"

size_t utf8_sequence_bytes(uint8_t first)
{
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) return 2;
    if (first >= 0xe0 && first <= 0xef) return 3;
    if (first >= 0xf0 && first <= 0xf4) return 4;
    return 0;
}

size_t utf8_decode(const char *text, size_t text_bytes, uint32_t *point)
{
    static const uint8_t first_mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (text_bytes == 0) return 0;
    uint8_t first = (uint8_t)text[0];
    size_t need = utf8_sequence_bytes(first);
    if (need == 0 || need > text_bytes) return 0;
    uint32_t value = first & first_mask[need];
    for (size_t i = 1; i < need; i++) {
        uint8_t byte = (uint8_t)text[i];
        if ((byte & 0xc0) != 0x80) return 0;
        value = (value << 6) | (byte & 0x3f);
    }
    if (value < smallest[need] || value > 0x10ffff) return 0;
    if (value >= 0xd800 && value <= 0xdfff) return 0;
    *point = value;
    return need;
}

struct point_range {
    uint32_t first, last;
};

static bool is_in(const struct point_range *ranges, size_t count, uint32_t point)
{
    for (size_t i = 0; i < count; i++) {
        if (point >= ranges[i].first && point <= ranges[i].last) return true;
    }
    return false;
}

size_t utf8_columns(uint32_t point)
{
    static const struct point_range none[] = {
        { 0x300, 0x36f },   { 0x483, 0x489 },   { 0x591, 0x5bd },   { 0x610, 0x61a },
        { 0x64b, 0x65f },   { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x200b, 0x200f },
        { 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f }, { 0xe0100, 0xe01ef },
    };
    static const struct point_range wide[] = {
        { 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0x33ff },   { 0x3400, 0x4dbf },
        { 0x4e00, 0x9fff },   { 0xa000, 0xa4cf },   { 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },
        { 0xfe30, 0xfe4f },   { 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },   { 0x1f300, 0x1f64f },
        { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
    };
    if (point < 0x300) return 1;
    if (is_in(none, ARRAY_COUNT(none), point)) return 0;
    return is_in(wide, ARRAY_COUNT(wide), point) ? 2 : 1;
}

size_t utf8_text_columns(const char *text, size_t text_bytes)
{
    size_t columns = 0;
    for (size_t at = 0; at < text_bytes;) {
        uint32_t point = 0;
        size_t bytes = utf8_decode(text + at, text_bytes - at, &point);
        columns += bytes != 0 ? utf8_columns(point) : 1;
        at += bytes != 0 ? bytes : 1;
    }
    return columns;
}

static size_t point_bytes(const char *text, size_t text_bytes, size_t at, uint32_t *point)
{
    *point = 'x';
    size_t bytes = utf8_decode(text + at, text_bytes - at, point);
    return bytes != 0 ? bytes : 1;
}

size_t utf8_next(const char *text, size_t text_bytes, size_t at)
{
    uint32_t point = 0;
    if (at >= text_bytes) return text_bytes;
    at += point_bytes(text, text_bytes, at, &point);
    while (at < text_bytes) {
        size_t bytes = point_bytes(text, text_bytes, at, &point);
        if (utf8_columns(point) != 0) break;
        at += bytes;
    }
    return at;
}

size_t utf8_previous(const char *text, size_t text_bytes, size_t at)
{
    while (at > 0) {
        uint32_t point = 0;
        at--;
        while (at > 0 && ((uint8_t)text[at] & 0xc0) == 0x80) {
            at--;
        }
        (void)point_bytes(text, text_bytes, at, &point);
        if (utf8_columns(point) != 0) break;
    }
    return at;
}

static bool may_pass(uint32_t point, uint32_t mode)
{
    if (point == '\n' || point == '\t') return mode != GUARD_NAMES;
    if (point == '\r' || point == '\b') return mode == GUARD_TERMINAL;
    if (point < 0x20 || (point >= 0x7f && point <= 0x9f)) return false;
    if (point >= 0x202a && point <= 0x202e) return false; /* embeddings and overrides */
    if (point >= 0x2066 && point <= 0x2069) return false; /* isolates */
    return point != 0x200e && point != 0x200f && point != 0xfeff;
}

/* One byte of an escape sequence. Returns the bytes of a colour that is complete now; anything else leaves no trace. */
static size_t escape_feed(struct guard *g, char byte, char *out)
{
    uint32_t at = g->escape_bytes;
    bool is_parameter = (byte >= '0' && byte <= '9') || byte == ';';
    g->escape_bytes = 0;
    if (byte == '\x1b') {
        at = 0;
    }
    if (at == 1 ? byte != '[' : at > 1 && !is_parameter && byte != 'm')
        return 0;                         /* guards: T-610 */
    if (at == GUARD_ESCAPE_MAX) return 0; /* guards: T-611 */
    g->escape[at] = byte;
    if (at > 1 && byte == 'm') {
        memcpy(out, g->escape, at + 1);
        return at + 1;
    }
    g->escape_bytes = at + 1;
    return 0;
}

size_t guard_feed(struct guard *g, const char *in, size_t in_bytes, char *out)
{
    size_t written = 0;
    for (size_t i = 0; i < in_bytes; i++) {
        uint32_t point = 0;
        bool goes_on = ((uint8_t)in[i] & 0xc0) == 0x80;
        if (g->mode == GUARD_TERMINAL && (g->escape_bytes != 0 || in[i] == '\x1b')) {
            written += escape_feed(g, in[i], out + written);
            continue;
        }
        if (g->part_bytes != 0 && !goes_on) {
            out[written++] = '?'; /* the sequence was broken off */
            g->part_bytes = 0;
        }
        g->part[g->part_bytes++] = in[i];
        size_t need = utf8_sequence_bytes((uint8_t)g->part[0]);
        if (g->part_bytes < need) continue;
        size_t bytes = utf8_decode(g->part, g->part_bytes, &point);
        if (bytes != 0 && may_pass(point, g->mode)) {
            memcpy(out + written, g->part, bytes);
            written += bytes;
        } else if (g->mode != GUARD_TERMINAL || bytes == 0 || point >= 0x80) {
            out[written++] = '?';
        }
        g->part_bytes = 0;
    }
    return written;
}

size_t guard_end(struct guard *g, char *out)
{
    if (g->part_bytes == 0) return 0;
    g->part_bytes = 0;
    out[0] = '?';
    return 1;
}
