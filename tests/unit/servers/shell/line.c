/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The line editor against a small model of a terminal. */
// LINK: servers/shell/line.c servers/shell/history.c servers/shell/utf8.c lib/format.c lib/string.c
#include "servers/shell/line.h"

#include <string.h>

#include "lib/test.h"
#include "servers/shell/utf8.h"

/* One row of a terminal: cells hold code points. */
struct screen {
    uint32_t cell[200];
    size_t column, columns;
    size_t bytes; /* that came */
    char part[8];
    size_t part_bytes;
    char code[16];
    size_t code_bytes;
    bool in_code;
};

static struct {
    struct screen screen;
    struct history history;
    struct line line;
    bool keep; /* what stands there when a line ends */
} t;

static void screen_code(struct screen *s)
{
    size_t n = 0;
    char final = s->code[s->code_bytes - 1];
    for (size_t i = 1; i + 1 < s->code_bytes; i++) {
        n = n * 10 + (size_t)(s->code[i] - '0');
    }
    if (final == 'D') s->column -= n;
    if (final == 'C') s->column += n;
    if (final == 'K') {
        for (size_t i = s->column; i < ARRAY_COUNT(s->cell); i++) s->cell[i] = ' ';
    }
}

static void screen_byte(struct screen *s, char c)
{
    uint32_t point = 0;
    if (s->in_code) {
        s->code[s->code_bytes++] = c;
        if (c >= 0x40 && c != '[') {
            s->in_code = false;
            screen_code(s);
        }
        return;
    }
    if (c == '\x1b') {
        s->in_code = true;
        s->code_bytes = 0;
        return;
    }
    if (c == '\r') s->column = 0;
    if (c == '\b') s->column--;
    if (c == '\n' && !t.keep) memset(s->cell, 0, sizeof(s->cell));
    if ((uint8_t)c < 0x20) return;
    s->part[s->part_bytes++] = c;
    if (s->part_bytes < utf8_sequence_bytes((uint8_t)s->part[0])) return;
    (void)utf8_decode(s->part, s->part_bytes, &point);
    s->part_bytes = 0;
    s->cell[s->column] = point;
    s->column += utf8_columns(point);
    if (s->column > s->columns) s->columns = s->column;
}

static void screen_put(void *context, const char *text, size_t text_bytes)
{
    struct screen *s = context;
    s->bytes += text_bytes;
    for (size_t i = 0; i < text_bytes; i++) screen_byte(s, text[i]);
}

static void fresh(const char *prompt)
{
    memset(&t, 0, sizeof(t));
    line_init(&t.line, &t.history, (struct line_sink){ screen_put, &t.screen });
    line_start(&t.line, prompt);
}

static enum line_event type(const char *keys)
{
    enum line_event event = LINE_MORE;
    for (; *keys != '\0'; keys++) {
        event = line_feed(&t.line, (uint8_t)*keys);
    }
    if (event == LINE_MORE) line_render(&t.line);
    return event;
}

/* What the row shows, without trailing blanks; ASCII only. */
static const char *row(void)
{
    static char text[201];
    size_t used = 0;
    for (size_t i = 0; i < 200; i++) {
        text[i] = t.screen.cell[i] == 0 ? ' ' : (char)t.screen.cell[i];
        if (text[i] != ' ') used = i + 1;
    }
    text[used] = '\0';
    return text;
}

TEST(shell_line, enter_gives_the_typed_line)
{
    fresh("> ");
    EXPECT_EQ(LINE_DONE, type("echo hi\r"));
    EXPECT_STR("echo hi", t.line.text);
}

TEST(shell_line, return_and_newline_are_one_enter)
{
    fresh("> ");
    EXPECT_EQ(LINE_DONE, type("a\r"));
    line_start(&t.line, "> ");
    EXPECT_EQ(LINE_MORE, line_feed(&t.line, '\n'));
    EXPECT_EQ(LINE_DONE, line_feed(&t.line, '\n'));
}

TEST(shell_line, editing_keys_change_text_and_screen_alike)
{
    static const struct {
        const char *keys, *text;
        size_t column; /* where the screen's cursor stands, prompt included */
    } rows[] = {
        { "abc", "abc", 5 },
        { "abc\x7f", "ab", 4 },
        { "abc\b\b", "a", 3 },
        { "abc\x1b[DX", "abXc", 5 },
        { "abc\x01X", "Xabc", 3 },
        { "abc\x01\x05X", "abcX", 6 },
        { "abc\x1b[HX\x1b[FY", "XabcY", 7 },
        { "abc\x1b[1~\x1b[3~", "bc", 2 },
        { "abc\x1bOHX\x1bOFY", "XabcY", 7 },
        { "abc\x1b[D\x1b[D\x0b", "a", 3 },
        { "abc def\x1b[D\x15", "f", 2 },
        { "cp /a/b /c/d\x17", "cp /a/b ", 10 },
        { "cp /a/b\x1b\x7f", "cp /a/", 8 },
        { "one two\x1b[1;5DX", "one Xtwo", 7 },
        { "one two\x01\x1b[1;5CX", "oneX two", 6 },
        { "one two\x1b"
          "bX\x1b"
          "bY",
          "one YXtwo", 7 },
        { "one two\x01\x1b"
          "d",
          " two", 2 },
        { "one\x15two\x19", "twoone", 8 },
        { "abc\x02\x02\x06X", "abXc", 5 },
        { "ab\x1b[99;99;99zc", "abc", 5 },
        { "ab\x1b[200~c", "abc", 5 },
        { "abc\x01\x04", "bc", 2 },
        { "a\x1b[D\x1b[D\x1b[D\x7fX", "Xa", 3 },
        { "a\x1b[C\x1b[C\x1b[3~X", "aX", 4 },
    };
    char want[80];
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        fresh("> ");
        (void)type(rows[i].keys);
        EXPECT_STR(rows[i].text, t.line.text);
        EXPECT_EQ(rows[i].column, t.screen.column);
        strcpy(want, "> ");
        strcat(want, rows[i].text);
        for (size_t end = strlen(want); want[end - 1] == ' '; end--) want[end - 1] = '\0';
        EXPECT_STR(want, row());
    }
}

TEST(shell_line, appended_characters_are_echoed_and_no_more)
{
    fresh("> ");
    (void)type("hell");
    size_t before = t.screen.bytes;
    (void)type("o");
    EXPECT_EQ(before + 1, t.screen.bytes);
}

TEST(shell_line, cursor_steps_over_whole_characters)
{
    fresh("> ");
    (void)type("a\xc3\xa4\xe4\xbd\xa0z"); /* a, a-umlaut, a wide character, z */
    EXPECT_EQ(2 + 5, t.screen.column);
    (void)type("\x1b[D\x1b[D");
    EXPECT_EQ(2 + 2, t.screen.column);
    (void)type("\x7f");
    EXPECT_STR("a\xe4\xbd\xa0z", t.line.text);
    EXPECT_EQ(2 + 1, t.screen.column);
}

TEST(shell_line, bytes_that_are_no_text_do_not_enter)
{
    fresh("> ");
    (void)type("a\x80\xff\xc3"
               "b\xed\xa0\x80\xc2\x9b"
               "c\x07");
    EXPECT_STR("abc", t.line.text);
}

TEST(shell_line, a_long_line_never_passes_the_last_column)
{
    fresh("zeros:/> ");
    for (int i = 0; i < 300; i++) {
        char keys[2] = { (char)('a' + i % 26), '\0' };
        (void)type(keys);
    }
    EXPECT_EQ(300, t.line.text_bytes);
    EXPECT_LE(LINE_COLUMNS - 1, t.screen.columns);
    (void)type("\x01");
    EXPECT_EQ(9, t.screen.column);
    EXPECT_EQ('a', t.screen.cell[9]);
    (void)type("\x05");
    EXPECT_EQ('a' + 299 % 26, t.screen.cell[t.screen.column - 1]);
}

TEST(shell_line, enter_leaves_a_long_line_whole_on_the_screen)
{
    char last[201];
    fresh("> ");
    for (int i = 0; i < 150; i++) (void)line_feed(&t.line, (uint8_t)('a' + i % 26));
    line_render(&t.line);
    EXPECT_LE(LINE_COLUMNS, strlen(row()));
    t.keep = true;
    EXPECT_EQ(LINE_DONE, line_feed(&t.line, '\r'));
    strcpy(last, row());
    EXPECT_EQ(152, strlen(last));
    EXPECT_STR(t.line.text, last + 2);
}

TEST(shell_line, a_full_line_takes_no_more)
{
    fresh("> ");
    for (int i = 0; i < LINE_BYTES + 50; i++) {
        (void)line_feed(&t.line, 'x');
    }
    EXPECT_EQ(LINE_BYTES - 1, t.line.text_bytes);
    EXPECT_EQ('\0', t.line.text[LINE_BYTES - 1]);
}

TEST(shell_line, control_c_and_control_d_end_the_line)
{
    fresh("> ");
    EXPECT_EQ(LINE_CANCELLED, type("abc\x03"));
    line_start(&t.line, "> ");
    EXPECT_EQ(LINE_END, type("\x04"));
    EXPECT_EQ(LINE_MORE, type("a\x04"));
}

TEST(shell_line, history_is_walked_and_the_draft_kept)
{
    fresh("> ");
    history_add(&t.history, "first", 5);
    history_add(&t.history, "second", 6);
    (void)type("draft\x1b[A");
    EXPECT_STR("second", t.line.text);
    (void)type("\x1b[A\x1b[A");
    EXPECT_STR("first", t.line.text);
    EXPECT_STR("> first", row());
    (void)type("\x1b[B\x1b[B");
    EXPECT_STR("draft", t.line.text);
    (void)type("\x1b[B");
    EXPECT_STR("draft", t.line.text);
}

TEST(shell_history, keeps_the_last_hundred_without_repeats)
{
    static struct history h;
    char text[2] = { 0 };
    memset(&h, 0, sizeof(h));
    history_add(&h, "", 0);
    EXPECT_EQ(true, history_get(&h, 1) == NULL);
    for (int i = 0; i < 120; i++) {
        text[0] = (char)(1 + i);
        history_add(&h, text, 1);
        history_add(&h, text, 1);
    }
    EXPECT_EQ(100, h.count);
    EXPECT_EQ(120, history_get(&h, 1)[0]);
    EXPECT_EQ(21, history_get(&h, 100)[0]);
    EXPECT_EQ(true, history_get(&h, 101) == NULL);
    EXPECT_EQ(true, history_get(&h, 0) == NULL);
}

TEST(shell_line, a_tab_asks_for_completion_and_its_text_is_inserted)
{
    fresh("> ");
    EXPECT_EQ(LINE_MORE, type("cat /f"));
    EXPECT_EQ(LINE_TAB, type("\t"));
    line_insert(&t.line, "ile ", 4);
    line_render(&t.line);
    EXPECT_STR("cat /file ", t.line.text);
    EXPECT_STR("> cat /file", row());
}

TEST(shell_line, a_message_hides_the_line_and_it_comes_back)
{
    fresh("> ");
    (void)type("abc\x1b[D");
    line_hide(&t.line);
    EXPECT_STR("", row());
    line_redraw(&t.line);
    EXPECT_STR("> abc", row());
    EXPECT_EQ(4, t.screen.column);
}
