/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The parser: words, quotes, redirection, background, numbers. */
// LINK: servers/shell/parse.c lib/format.c lib/string.c
#include "servers/shell/parse.h"

#include <string.h>

#include "lib/test.h"

/* "[word][word]>file&" of the first command, or the error. */
static const char *parsed(const char *line, size_t *at)
{
    static struct command c;
    static char out[4096];
    enum parse_verdict verdict = parse_command(line, at, &c);
    if (verdict == PARSE_END) return "end";
    if (verdict != PARSE_COMMAND) return parse_error(verdict);
    out[0] = '\0';
    for (size_t i = 0; i < c.word_count; i++) {
        strcat(strcat(strcat(out, "["), c.word[i]), "]");
    }
    EXPECT_EQ(true, c.word[c.word_count] == NULL);
    if (c.output != NULL) strcat(strcat(out, c.append ? ">>" : ">"), c.output);
    if (c.background) strcat(out, "&");
    return out;
}

TEST(shell_parse, words_quotes_and_redirection)
{
    static const struct {
        const char *line, *want;
    } rows[] = {
        { "", "end" },
        { "  \t ", "end" },
        { "# comment", "end" },
        { "ls", "[ls]" },
        { "  ls   /a\t/b  ", "[ls][/a][/b]" },
        { "echo a#b # c", "[echo][a#b]" },
        { "echo 'a b' \"c d\"", "[echo][a b][c d]" },
        { "echo 'a\\n'\"\\n\\\"\"", "[echo][a\\n\n\"]" },
        { "echo a\\ b", "[echo][a b]" },
        { "echo ''", "[echo][]" },
        { "echo a'b'c", "[echo][abc]" },
        { "echo hi > /f", "[echo][hi]>/f" },
        { "echo hi>/f", "[echo][hi]>/f" },
        { "echo hi >> 'a b'", "[echo][hi]>>a b" },
        { "> /f echo hi", "[echo][hi]>/f" },
        { "cp a b &", "[cp][a][b]&" },
        { "cp a b&", "[cp][a][b]&" },
        { "ls ; pwd", "[ls]" },
        { "; pwd", "" },
        { "echo 'a", "a quote is not closed" },
        { "echo \"a\\", "a quote is not closed" },
        { "echo a\\", "nothing follows the last \\" },
        { "echo >", "> needs the name of a file" },
        { "echo > ''", "> needs the name of a file" },
        { "echo > &", "> needs the name of a file" },
        { "echo > a > b", "only one > for each command" },
        { "&", "& follows no command" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        size_t at = 0;
        test_row((int64_t)i);
        EXPECT_STR(rows[i].want, parsed(rows[i].line, &at));
    }
}

TEST(shell_parse, several_commands_come_one_after_the_other)
{
    size_t at = 0;
    const char *line = "cp a b & echo x; ls";
    EXPECT_STR("[cp][a][b]&", parsed(line, &at));
    EXPECT_STR("[echo][x]", parsed(line, &at));
    EXPECT_STR("[ls]", parsed(line, &at));
    EXPECT_STR("end", parsed(line, &at));
}

TEST(shell_parse, a_jobs_source_is_its_own_text_without_the_ampersand)
{
    static struct command c;
    size_t at = 0;
    const char *line = "pwd; cp 'a b' c  & ls";
    EXPECT_EQ(PARSE_COMMAND, parse_command(line, &at, &c));
    EXPECT_EQ(PARSE_COMMAND, parse_command(line, &at, &c));
    EXPECT_EQ(true, c.background);
    EXPECT_EQ(strlen("cp 'a b' c"), c.source_bytes);
    EXPECT_EQ(0, strncmp(line + c.source, "cp 'a b' c", c.source_bytes));
}

TEST(shell_parse, too_many_words_are_refused)
{
    char line[LINE_BYTES];
    size_t at = 0;
    line[0] = '\0';
    for (int i = 0; i < WORD_MAX; i++) strcat(line, "x ");
    EXPECT_STR("[x]", (at = 0, parsed("x", &at)));
    at = 0;
    EXPECT_EQ(3 * WORD_MAX, strlen(parsed(line, &at)));
    strcat(line, "x");
    at = 0;
    EXPECT_STR("too many words", parsed(line, &at));
}

TEST(shell_parse, numbers_with_units_and_bounds)
{
    static const struct {
        const char *text;
        err_t want;
        uint64_t value;
    } rows[] = {
        { "0", OK, 0 },
        { "20", OK, 20 },
        { "0x1F", OK, 31 },
        { "4K", OK, 4096 },
        { "2M", OK, 2 << 20 },
        { "1G", OK, 1 << 30 },
        { "18446744073709551615", OK, UINT64_MAX },
        { "18446744073709551616", ERR_RANGE, 0 },
        { "99999999999999G", ERR_RANGE, 0 },
        { "", ERR_ARG, 0 },
        { "-1", ERR_ARG, 0 },
        { "12x", ERR_ARG, 0 },
        { "0x", ERR_ARG, 0 },
        { "K", ERR_ARG, 0 },
        { "1KB", ERR_ARG, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint64_t value = 0;
        test_row((int64_t)i);
        EXPECT_EQ(rows[i].want, parse_number(rows[i].text, &value));
        EXPECT_EQ(rows[i].value, value);
    }
}

TEST(shell_parse, repeat_replaces_dollar_n_and_bounds_the_word)
{
    char out[8];
    EXPECT_EQ(true, parse_expand("f$n.$x", 12, out, sizeof(out)));
    EXPECT_STR("f12.$x", out);
    EXPECT_EQ(false, parse_expand("abcdef$n", 12, out, sizeof(out)));
    EXPECT_EQ(true, parse_expand("abcdef$n", 1, out, sizeof(out)));
}
