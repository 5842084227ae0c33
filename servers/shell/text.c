/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Words for errors, sizes and durations. */
#include "servers/shell/text.h"

#include "lib/format.h"
#include "lib/string.h"
#include "servers/shell/utf8.h"

const char *text_error(err_t err)
{
    static const char *const text[ERR_COUNT] = {
        [OK] = "no error",
        [ERR_ARG] = "an argument is not valid",
        [ERR_ALIGN] = "not aligned",
        [ERR_RANGE] = "out of range",
        [ERR_EXISTS] = "exists already",
        [ERR_NO_ENTRY] = "no such file",
        [ERR_NO_MEMORY] = "out of memory",
        [ERR_HANDLE] = "no such handle",
        [ERR_TYPE] = "wrong kind of object",
        [ERR_RIGHTS] = "not permitted",
        [ERR_STATE] = "not possible in this state",
        [ERR_AGAIN] = "not now",
        [ERR_TIMEOUT] = "no answer in time",
        [ERR_PEER] = "the service answered nonsense",
        [ERR_DEAD] = "the service or its domain is dead",
        [ERR_IO] = "i/o error of the device",
        [ERR_NO_SPACE] = "the disk is full",
        [ERR_BUSY] = "in use",
        [ERR_NOT_SUPPORTED] = "not supported",
        [ERR_READ_ONLY] = "read-only file system",
        [ERR_NOT_DIR] = "not a directory",
        [ERR_IS_DIR] = "is a directory",
        [ERR_NOT_EMPTY] = "the directory is not empty",
        [ERR_NAME] = "the name is empty, too long or has a forbidden character",
        [ERR_CORRUPT] = "the file system is damaged here",
        [ERR_HASH] = "the hash does not match",
        [ERR_CANCELLED] = "interrupted",
        [ERR_QUARANTINE] = "its device could not be stopped: down until the next reset",
    };
    if ((uint32_t)err >= ERR_COUNT || text[err] == NULL) return "unknown error";
    return text[err];
}

/* whole.part with three digits in all; part_of counts from 0 to 999. */
static void three_digits(char *out, size_t out_bytes, uint64_t whole, uint64_t thousandths,
                         const char *unit)
{
    unsigned long long w = whole, t = thousandths;
    if (whole >= 100) {
        (void)format(out, out_bytes, "%llu %s", w, unit);
    } else if (whole >= 10) {
        (void)format(out, out_bytes, "%llu.%llu %s", w, t / 100, unit);
    } else {
        (void)format(out, out_bytes, "%llu.%02llu %s", w, t / 10, unit);
    }
}

void text_size(char *out, size_t out_bytes, uint64_t size_bytes)
{
    static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    uint64_t whole = size_bytes, rest = 0;
    size_t which = 0;
    while (whole >= 1024 && which + 1 < ARRAY_COUNT(unit)) {
        rest = whole % 1024;
        whole /= 1024;
        which++;
    }
    if (which == 0) {
        (void)format(out, out_bytes, "%llu B", (unsigned long long)whole);
    } else {
        three_digits(out, out_bytes, whole, rest * 1000 / 1024, unit[which]);
    }
}

void text_duration(char *out, size_t out_bytes, uint64_t ns)
{
    static const char *const unit[] = { "ns", "us", "ms", "s" };
    uint64_t whole = ns, rest = 0;
    size_t which = 0;
    while (whole >= 1000 && which + 1 < ARRAY_COUNT(unit)) {
        rest = whole % 1000;
        whole /= 1000;
        which++;
    }
    if (which == 0) {
        (void)format(out, out_bytes, "%llu ns", (unsigned long long)whole);
    } else {
        three_digits(out, out_bytes, whole, rest, unit[which]);
    }
}

void text_guarded(char *out, size_t out_bytes, const char *text)
{
    struct guard g = { .mode = GUARD_NAMES };
    char piece[GUARD_ROOM(1)];
    size_t used = 0;
    for (; *text != '\0'; text++) {
        size_t bytes = guard_feed(&g, text, 1, piece);
        if (used + bytes >= out_bytes) break;
        memcpy(out + used, piece, bytes);
        used += bytes;
    }
    if (*text == '\0' && used + 1 < out_bytes) {
        used += guard_end(&g, out + used);
    }
    out[used] = '\0';
}

const char *text_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}
