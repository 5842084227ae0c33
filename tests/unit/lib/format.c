/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What format() writes for each directive, and that it never writes past its buffer. */
#include "lib/format.h"

#include <limits.h>
#include <string.h>

#include "lib/test.h"

static char out[64];

/* Wrong directives are wanted here: the compilers do not check them through a pointer. */
static size_t (*const print)(char *out, size_t out_bytes, const char *fmt, ...) = format;

#define EXPECT_FORMAT(want, ...)                                       \
    do {                                                               \
        memset(out, '#', sizeof(out));                                 \
        EXPECT_EQ(strlen(want), print(out, sizeof(out), __VA_ARGS__)); \
        EXPECT_STR(want, out);                                         \
    } while (0)

TEST(format, numbers_of_each_size)
{
    EXPECT_FORMAT("0 -1 42", "%d %i %u", 0, -1, 42U);
    EXPECT_FORMAT("-2147483648", "%d", INT_MIN);
    EXPECT_FORMAT("-9223372036854775808", "%ld", LONG_MIN);
    EXPECT_FORMAT("18446744073709551615", "%lu", ULONG_MAX);
    EXPECT_FORMAT("ffffffffffffffff", "%llx", ULLONG_MAX);
    EXPECT_FORMAT("4294967296", "%zu", (size_t)1 << 32);
    EXPECT_FORMAT("beef BEEF", "%x %X", 0xbeef, 0xbeef);
    EXPECT_FORMAT("0x1000", "%p", (void *)0x1000);
}

TEST(format, width_zero_and_left)
{
    EXPECT_FORMAT("[   42][00042][42   ]", "[%5d][%05d][%-5d]", 42, 42, 42);
    EXPECT_FORMAT("[  -42][-0042]", "[%5d][%05d]", -42, -42);
    EXPECT_FORMAT("[  ab][ab  ][ab]", "[%4s][%-4s][%.2s]", "ab", "ab", "abcdef");
    EXPECT_FORMAT("[  c]", "[%3c]", 'c');
    EXPECT_FORMAT("deadbeef00", "%08x%02x", 0xdeadbeefU, 0);
}

TEST(format, text_and_percent)
{
    const char *volatile none = NULL;
    EXPECT_FORMAT("100% (null)", "100%% %s", none);
    EXPECT_FORMAT("", "%s", "");
    EXPECT_FORMAT("a", "%c", 'a');
}

TEST(format, unknown_directive_is_printed_and_later_arguments_are_not_touched)
{
    EXPECT_FORMAT("7 %f %s", "%d %f %s", 7);
    EXPECT_FORMAT("x%", "x%");
    EXPECT_FORMAT("x%5l", "x%5l");
}

TEST(format, cuts_what_does_not_fit_and_ends_the_text)
{
    memset(out, '#', sizeof(out));
    EXPECT_EQ(3, print(out, 4, "%s", "abcdef"));
    EXPECT_BYTES("abc\0#", out, 5);
    EXPECT_EQ(3, print(out, 4, "%99999d", 1));
    EXPECT_BYTES("   \0#", out, 5);
    EXPECT_EQ(0, print(out, 1, "%d", 123456));
    EXPECT_BYTES("\0  \0#", out, 5);
    EXPECT_EQ(0, print(out, 0, "%d", 123456));
    EXPECT_BYTES("\0  \0#", out, 5);
}

TEST(format, sanitizing_leaves_only_printable_ascii)
{
    char text[] = "ok~ \x1b[2J\x7f\x80\xff\n\0z";
    text_sanitize(text, sizeof(text) - 1);
    EXPECT_BYTES("ok~ ?[2J?????z", text, sizeof(text));
    char end[2] = { '\x01', '\x01' };
    text_sanitize(end, 1);
    EXPECT_EQ('\x01', end[1]);
}
