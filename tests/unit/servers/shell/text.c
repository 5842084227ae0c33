/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Words for errors and sizes. */
// LINK: servers/shell/text.c servers/shell/utf8.c lib/format.c lib/string.c
#include "servers/shell/text.h"

#include <string.h>

#include "lib/test.h"

TEST(shell_text, every_error_has_words_of_its_own)
{
    for (int i = 0; i < ERR_COUNT; i++) {
        test_row(i);
        EXPECT_NE(0, strlen(text_error((err_t)i)));
        for (int j = 0; j < i; j++) {
            EXPECT_FALSE(strcmp(text_error((err_t)i), text_error((err_t)j)) == 0);
        }
    }
    EXPECT_STR("no such file", text_error(ERR_NO_ENTRY));
    EXPECT_STR("unknown error", text_error((err_t)ERR_COUNT));
    EXPECT_STR("unknown error", text_error((err_t)-1));
}

TEST(shell_text, sizes_have_three_digits)
{
    static const struct {
        uint64_t bytes;
        const char *want;
    } rows[] = {
        { 0, "0 B" },
        { 1023, "1023 B" },
        { 1024, "1.00 KiB" },
        { 1536, "1.50 KiB" },
        { MIB(2), "2.00 MiB" },
        { MIB(100) + KIB(512), "100 MiB" },
        { UINT64_MAX, "16777215 TiB" },
    };
    char out[24];
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        text_size(out, sizeof(out), rows[i].bytes);
        EXPECT_STR(rows[i].want, out);
    }
}

TEST(shell_text, guarded_text_is_harmless_and_cut_at_a_character)
{
    char out[8];
    text_guarded(out, sizeof(out), "a\x1b[2J\n");
    EXPECT_STR("a?[2J?", out);
    text_guarded(out, sizeof(out), "123456\xe2\x82\xac");
    EXPECT_STR("123456", out);
    text_guarded(out, sizeof(out), "abc\xe2");
    EXPECT_STR("abc?", out);
}

TEST(shell_text, base_is_the_last_part)
{
    EXPECT_STR("c", text_base("/a/b/c"));
    EXPECT_STR("/", text_base("/"));
}
