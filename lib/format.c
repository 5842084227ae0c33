/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* printf without a C library. */
#include "lib/format.h"

struct sink {
    char *out; /* borrowed from the caller */
    size_t room_bytes, used_bytes;
};

/* One directive, decoded. */
struct directive {
    size_t width;
    size_t max_chars; /* of %s; SIZE_MAX: no limit */
    char pad;
    bool left;
    bool wide; /* l, ll, z: 64 bits */
    char verb;
};

static void put(struct sink *s, char c)
{
    if (s->used_bytes < s->room_bytes) s->out[s->used_bytes++] = c;
}

static void put_padded(struct sink *s, const struct directive *d, const char *text, size_t count)
{
    size_t pad_count = d->width > count ? d->width - count : 0;
    if (!d->left) {
        bool sign_first = d->pad == '0' && count > 0 && text[0] == '-';
        if (sign_first) {
            put(s, '-');
            text++;
            count--;
        }
        for (; pad_count > 0; pad_count--) put(s, d->pad);
    }
    for (size_t i = 0; i < count; i++) put(s, text[i]);
    for (; pad_count > 0; pad_count--) put(s, ' ');
}

static void put_number(struct sink *s, const struct directive *d, uint64_t value, bool negative)
{
    char text[24];
    size_t at = sizeof(text);
    uint64_t base = d->verb == 'x' || d->verb == 'X' || d->verb == 'p' ? 16 : 10;
    const char *digits = d->verb == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    do {
        text[--at] = digits[value % base];
        value /= base;
    } while (value != 0);
    if (d->verb == 'p') {
        text[--at] = 'x';
        text[--at] = '0';
    }
    if (negative) text[--at] = '-';
    put_padded(s, d, text + at, sizeof(text) - at);
}

static const char *parse_count(const char *p, size_t *out)
{
    size_t count = 0;
    for (; *p >= '0' && *p <= '9'; p++) count = MIN(count * 10 + (size_t)(*p - '0'), 10000);
    *out = count;
    return p;
}

/* Decodes what follows '%'. Returns the character after the verb. */
static const char *parse(const char *p, struct directive *d)
{
    *d = (struct directive){ .pad = ' ', .max_chars = SIZE_MAX };
    for (;; p++) {
        if (*p == '-') {
            d->left = true;
        } else if (*p == '0') {
            d->pad = '0';
        } else {
            break;
        }
    }
    p = parse_count(p, &d->width);
    if (*p == '.') p = parse_count(p + 1, &d->max_chars);
    while (*p == 'l' || *p == 'z') {
        d->wide = true;
        p++;
    }
    d->verb = *p;
    return *p == '\0' ? p : p + 1;
}

static void put_text(struct sink *s, const struct directive *d, const char *text)
{
    if (text == NULL) text = "(null)";
    size_t count = 0;
    while (count < d->max_chars && text[count] != '\0') count++;
    struct directive plain = *d;
    plain.pad = ' ';
    put_padded(s, &plain, text, count);
}

size_t format_v(char *out, size_t out_bytes, const char *fmt, va_list args)
{
    if (out_bytes == 0) return 0;
    struct sink s = { .out = out, .room_bytes = out_bytes - 1 };
    while (*fmt != '\0') {
        if (*fmt != '%') {
            put(&s, *fmt++);
            continue;
        }
        struct directive d;
        const char *next = parse(fmt + 1, &d);
        if (d.verb == 'd' || d.verb == 'i') {
            int64_t v = d.wide ? va_arg(args, long) : va_arg(args, int);
            put_number(&s, &d, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
        } else if (d.verb == 'u' || d.verb == 'x' || d.verb == 'X') {
            put_number(&s, &d, d.wide ? va_arg(args, unsigned long) : va_arg(args, unsigned),
                       false);
        } else if (d.verb == 'p') {
            put_number(&s, &d, (uintptr_t)va_arg(args, void *), false);
        } else if (d.verb == 's') {
            put_text(&s, &d, va_arg(args, const char *));
        } else if (d.verb == 'c') {
            char c = (char)va_arg(args, int);
            put_padded(&s, &d, &c, 1);
        } else if (d.verb == '%') {
            put(&s, '%');
        } else {
            /* Its argument has an unknown type, so no later one can be fetched: the rest goes out as it stands. */
            while (*fmt != '\0') put(&s, *fmt++);
            break;
        }
        fmt = next;
    }
    out[s.used_bytes] = '\0';
    return s.used_bytes;
}

size_t format(char *out, size_t out_bytes, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t n = format_v(out, out_bytes, fmt, args);
    va_end(args);
    return n;
}

void text_sanitize(char *text, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        if (text[i] < ' ' || text[i] > '~') text[i] = '?';
    }
}
