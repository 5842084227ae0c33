/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* UTF-8: what is valid, how wide it is, what the guard lets through. */
// LINK: servers/shell/utf8.c
#include "servers/shell/utf8.h"

#include <string.h>

#include "lib/test.h"

TEST(shell_utf8, decodes_only_what_is_valid)
{
    static const struct {
        const char *text;
        size_t bytes;
        uint32_t point;
    } rows[] = {
        { "A", 1, 'A' },
        { "\xc3\xa4", 2, 0xe4 },
        { "\xe2\x82\xac", 3, 0x20ac },
        { "\xf0\x9f\x98\x80", 4, 0x1f600 },
        { "\xc0\x80", 0, 0 },         /* overlong */
        { "\xe0\x80\x80", 0, 0 },     /* overlong */
        { "\xf0\x80\x80\x80", 0, 0 }, /* overlong */
        { "\xed\xa0\x80", 0, 0 },     /* surrogate */
        { "\xf4\x90\x80\x80", 0, 0 }, /* past the end */
        { "\xf5\x80\x80\x80", 0, 0 },
        { "\x80", 0, 0 },
        { "\xc3", 0, 0 }, /* cut */
        { "\xc3"
          "A",
          0, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint32_t point = 0;
        test_row((int64_t)i);
        EXPECT_EQ(rows[i].bytes, utf8_decode(rows[i].text, strlen(rows[i].text), &point));
        EXPECT_EQ(rows[i].point, point);
    }
    uint32_t point = 0;
    EXPECT_EQ(0, utf8_decode("", 0, &point));
}

TEST(shell_utf8, combining_marks_stay_with_their_base)
{
    const char text[] = "e\xcc\x81x";
    EXPECT_EQ(3, utf8_next(text, 4, 0));
    EXPECT_EQ(0, utf8_previous(text, 4, 3));
    EXPECT_EQ(2, utf8_text_columns(text, 4));
}

static const char *guarded(uint32_t mode, const char *in, size_t in_bytes, size_t chunk_bytes)
{
    static char out[256];
    struct guard g = { .mode = mode };
    size_t used = 0;
    for (size_t at = 0; at < in_bytes; at += chunk_bytes) {
        used += guard_feed(&g, in + at, MIN(chunk_bytes, in_bytes - at), out + used);
    }
    used += guard_end(&g, out + used);
    out[used] = '\0';
    return out;
}

TEST(shell_guard, control_bytes_become_question_marks)
{
    static const struct {
        uint32_t mode;
        const char *in, *out;
    } rows[] = {
        { GUARD_NAMES, "plain", "plain" },
        { GUARD_NAMES, "a\x1b[2Jb", "a?[2Jb" },
        { GUARD_NAMES, "a\nb\tc\rd", "a?b?c?d" },
        { GUARD_LINES, "a\nb\tc\rd", "a\nb\tc?d" },
        { GUARD_LINES, "\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac" },
        { GUARD_LINES,
          "\xc2\x9b"
          "2J",
          "?2J" }, /* C1: CSI in one character */
        { GUARD_LINES,
          "a\xe2\x80\xae"
          "b",
          "a?b" }, /* right-to-left override */
        { GUARD_LINES, "\x80\xff", "??" },
        { GUARD_LINES,
          "\xc3"
          "A",
          "?A" },
        { GUARD_LINES, "\xe2\x82", "?" },
        { GUARD_LINES, "\xe2\x82\x1b[", "??[" },
        { GUARD_LINES, "\xe2\xc3\xa4", "?\xc3\xa4" },
        { GUARD_LINES, "\x7f", "?" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        EXPECT_STR(rows[i].out, guarded(rows[i].mode, rows[i].in, strlen(rows[i].in), 256));
        EXPECT_STR(rows[i].out, guarded(rows[i].mode, rows[i].in, strlen(rows[i].in), 1));
    }
    EXPECT_STR("a?b", guarded(GUARD_LINES, "a\0b", 3, 2));
}

TEST(shell_guard, a_guests_console_may_colour_and_move_in_its_line_and_no_more)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "a\r\nb\tc\b", "a\r\nb\tc\b" },
        { "\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m" },
        { "\x1b[38;2;1;2;3mx", "\x1b[38;2;1;2;3mx" },
        { "\x1b[mx", "\x1b[mx" },
        { "a\x1b[2Jb", "ab" },       /* clears the screen */
        { "a\x1b[6nb", "ab" },       /* makes the terminal type */
        { "a\x1b[1;1Hb", "ab" },     /* moves */
        { "a\x1b]0;t\ab", "a0;tb" }, /* title: only text is left */
        { "a\x1b[?25lb", "a25lb" },  /* private modes */
        { "a\x1b"
          "cb",
          "ab" },                                     /* reset */
        { "\x1b[1\x1b[32mx", "\x1b[32mx" },           /* one inside the other */
        { "\x1b[00000000000000000000mx", "00000mx" }, /* no room */
        { "a\a\001b\x7f", "ab" },
        { "a\xc2\x9b"
          "2Jb",
          "a?2Jb" }, /* C1: CSI in one character */
        { "\xff", "?" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        EXPECT_STR(rows[i].out, guarded(GUARD_TERMINAL, rows[i].in, strlen(rows[i].in), 256));
        EXPECT_STR(rows[i].out, guarded(GUARD_TERMINAL, rows[i].in, strlen(rows[i].in), 1));
    }
}
