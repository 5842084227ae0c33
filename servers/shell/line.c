/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The line editor. */
#include "servers/shell/line.h"

#include "lib/format.h"
#include "lib/string.h"
#include "servers/shell/utf8.h"

enum { ESCAPE_NONE = 0, ESCAPE_SEEN, ESCAPE_BRACKET, ESCAPE_O };

#define CTRL(c) ((c)&0x1f)

void line_init(struct line *l, struct history *history, struct line_sink sink)
{
    memset(l, 0, sizeof(*l));
    l->history = history;
    l->sink = sink;
    l->columns = LINE_COLUMNS;
}

static void put(struct line *l, const char *text)
{
    l->sink.put(l->sink.context, text, strlen(text));
}

void line_start(struct line *l, const char *prompt)
{
    (void)str_copy(l->prompt, sizeof(l->prompt), prompt);
    l->text[0] = '\0';
    l->text_bytes = l->cursor = 0;
    l->history_at = 0;
    l->escape = ESCAPE_NONE;
    l->part_bytes = 0;
    line_redraw(l);
}

void line_redraw(struct line *l)
{
    put(l, l->prompt);
    l->shown_bytes = l->shown_cursor = 0;
    line_render(l);
}

void line_hide(struct line *l)
{
    put(l, "\r\x1b[K");
    l->shown_bytes = l->shown_cursor = 0;
}

/* Columns that the line may take, its last one kept free so that the terminal never wraps. */
static size_t room(const struct line *l)
{
    size_t prompt = utf8_text_columns(l->prompt, strlen(l->prompt));
    return prompt + 11 <= l->columns ? l->columns - prompt - 1 : 10;
}

/* Moves the part that is shown so that the cursor is in it. */
static void follow_cursor(struct line *l)
{
    size_t width = room(l);
    if (utf8_text_columns(l->text, l->text_bytes) <= width) {
        l->scroll = 0;
        return;
    }
    if (l->scroll <= l->cursor &&
        utf8_text_columns(l->text + l->scroll, l->cursor - l->scroll) <= width) {
        return;
    }
    l->scroll = l->cursor;
    while (l->scroll > 0) { /* half a line before the cursor */
        size_t before = utf8_previous(l->text, l->text_bytes, l->scroll);
        if (utf8_text_columns(l->text + before, l->cursor - before) > width / 2) break;
        l->scroll = before;
    }
}

static size_t visible_end(const struct line *l)
{
    size_t width = room(l);
    size_t end = l->scroll;
    while (end < l->text_bytes) {
        size_t next = utf8_next(l->text, l->text_bytes, end);
        if (utf8_text_columns(l->text + l->scroll, next - l->scroll) > width) break;
        end = next;
    }
    return end;
}

/* Moves the terminal's cursor between two columns. */
static void move(struct line *l, size_t from, size_t to)
{
    char code[16];
    if (from == to) return;
    if (from == to + 1) {
        put(l, "\b");
        return;
    }
    size_t distance = from > to ? from - to : to - from;
    (void)format(code, sizeof(code), "\x1b[%zu%c", distance, from > to ? 'D' : 'C');
    put(l, code);
}

void line_render(struct line *l)
{
    follow_cursor(l);
    const char *want = l->text + l->scroll;
    size_t want_bytes = visible_end(l) - l->scroll;
    size_t same = 0;
    while (same < want_bytes && same < l->shown_bytes && want[same] == l->shown[same]) {
        same++;
    }
    while (same > 0 && same < want_bytes && ((uint8_t)want[same] & 0xc0) == 0x80) {
        same--;
    }
    size_t at = utf8_text_columns(l->shown, l->shown_cursor);
    if (same != want_bytes || same != l->shown_bytes) {
        size_t old_columns = utf8_text_columns(l->shown, l->shown_bytes);
        size_t new_columns = utf8_text_columns(want, want_bytes);
        move(l, at, utf8_text_columns(want, same));
        l->sink.put(l->sink.context, want + same, want_bytes - same);
        if (new_columns < old_columns) {
            put(l, "\x1b[K");
        }
        at = new_columns;
        memcpy(l->shown, want, want_bytes);
        l->shown_bytes = want_bytes;
    }
    l->shown_cursor = l->cursor - l->scroll;
    move(l, at, utf8_text_columns(l->shown, l->shown_cursor));
}

void line_insert(struct line *l, const char *text, size_t text_bytes)
{
    if (text_bytes >= LINE_BYTES - l->text_bytes) return;
    memmove(l->text + l->cursor + text_bytes, l->text + l->cursor, l->text_bytes - l->cursor);
    memcpy(l->text + l->cursor, text, text_bytes);
    l->text_bytes += text_bytes;
    l->cursor += text_bytes;
    l->text[l->text_bytes] = '\0';
}

static void delete (struct line *l, size_t from, size_t to)
{
    memmove(l->text + from, l->text + to, l->text_bytes - to);
    l->text_bytes -= to - from;
    l->text[l->text_bytes] = '\0';
    l->cursor = from;
}

static void kill(struct line *l, size_t from, size_t to)
{
    if (from == to) return;
    memcpy(l->killed, l->text + from, to - from);
    l->killed_bytes = to - from;
    delete (l, from, to);
}

static bool is_word(char c)
{
    return c != ' ' && c != '\t' && c != '/';
}

static size_t word_before(const struct line *l)
{
    size_t at = l->cursor;
    while (at > 0 && !is_word(l->text[at - 1])) {
        at--;
    }
    while (at > 0 && is_word(l->text[at - 1])) {
        at--;
    }
    return at;
}

static size_t word_after(const struct line *l)
{
    size_t at = l->cursor;
    while (at < l->text_bytes && !is_word(l->text[at])) {
        at++;
    }
    while (at < l->text_bytes && is_word(l->text[at])) {
        at++;
    }
    return at;
}

/* Ctrl-W goes back to a blank, so that a whole path goes at once. */
static size_t blank_before(const struct line *l)
{
    size_t at = l->cursor;
    while (at > 0 && l->text[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && l->text[at - 1] != ' ') {
        at--;
    }
    return at;
}

static void show_history(struct line *l, size_t back)
{
    const char *line = back == 0 ? l->draft : history_get(l->history, back);
    if (line == NULL) return;
    if (l->history_at == 0) {
        (void)str_copy(l->draft, sizeof(l->draft), l->text);
    }
    l->history_at = back;
    (void)str_copy(l->text, sizeof(l->text), line);
    l->text_bytes = l->cursor = strlen(l->text);
}

static void history_older(struct line *l)
{
    show_history(l, l->history_at + 1);
}

static void history_newer(struct line *l)
{
    if (l->history_at == 0) return;
    show_history(l, l->history_at - 1);
}

static void cursor_left(struct line *l)
{
    l->cursor = utf8_previous(l->text, l->text_bytes, l->cursor);
}

static void cursor_right(struct line *l)
{
    l->cursor = utf8_next(l->text, l->text_bytes, l->cursor);
}

static void delete_right(struct line *l)
{
    delete (l, l->cursor, utf8_next(l->text, l->text_bytes, l->cursor));
}

static void csi_end(struct line *l, uint8_t final)
{
    bool by_word = l->parameter_count == 2 && (l->parameter[1] == 5 || l->parameter[1] == 3);
    switch (final) {
    case 'A':
        history_older(l);
        break;
    case 'B':
        history_newer(l);
        break;
    case 'C':
        if (by_word) {
            l->cursor = word_after(l);
        } else {
            cursor_right(l);
        }
        break;
    case 'D':
        if (by_word) {
            l->cursor = word_before(l);
        } else {
            cursor_left(l);
        }
        break;
    case 'H':
        l->cursor = 0;
        break;
    case 'F':
        l->cursor = l->text_bytes;
        break;
    case '~':
        if (l->parameter[0] == 1 || l->parameter[0] == 7) {
            l->cursor = 0;
        } else if (l->parameter[0] == 4 || l->parameter[0] == 8) {
            l->cursor = l->text_bytes;
        } else if (l->parameter[0] == 3) {
            delete_right(l);
        }
        break;
    default:
        break; /* a key that has no meaning here */
    }
}

static void alt_key(struct line *l, uint8_t byte)
{
    switch (byte) {
    case 'b':
        l->cursor = word_before(l);
        break;
    case 'f':
        l->cursor = word_after(l);
        break;
    case 'd':
        kill(l, l->cursor, word_after(l));
        break;
    case 0x7f:
    case 0x08:
        kill(l, word_before(l), l->cursor);
        break;
    default:
        break;
    }
}

/* A byte inside an escape sequence. */
static void feed_escape(struct line *l, uint8_t byte)
{
    if (byte == 0x1b) { /* starts anew */
        l->escape = ESCAPE_SEEN;
        return;
    }
    switch (l->escape) {
    case ESCAPE_SEEN:
        l->escape = byte == '[' ? ESCAPE_BRACKET : byte == 'O' ? ESCAPE_O : ESCAPE_NONE;
        l->parameter[0] = l->parameter[1] = 0;
        l->parameter_count = 1;
        if (l->escape == ESCAPE_NONE) {
            alt_key(l, byte);
        }
        return;
    case ESCAPE_BRACKET:
        if (byte >= '0' && byte <= '9') {
            uint32_t *value = &l->parameter[l->parameter_count - 1];
            *value = (*value * 10 + (byte - '0')) % 1000;
            return;
        }
        if (byte == ';') {
            l->parameter_count = 2;
            return;
        }
        if (byte < 0x40) return; /* an intermediate byte */
        break;
    default:
        break;
    }
    l->escape = ESCAPE_NONE;
    csi_end(l, byte);
}

/* A printable byte: only whole, valid characters enter the line. */
static void feed_text(struct line *l, uint8_t byte)
{
    uint32_t point = 0;
    if ((byte & 0xc0) != 0x80) {
        l->part_bytes = 0;
    } else if (l->part_bytes == 0) {
        return;
    }
    l->part[l->part_bytes++] = (char)byte;
    size_t need = utf8_sequence_bytes((uint8_t)l->part[0]);
    if (l->part_bytes < need) return;
    size_t bytes = utf8_decode(l->part, l->part_bytes, &point);
    l->part_bytes = 0;
    if (bytes == 0 || (point >= 0x7f && point < 0xa0)) return;
    line_insert(l, l->part, bytes);
}

static enum line_event finish(struct line *l, const char *text, enum line_event event)
{
    l->cursor = l->text_bytes;
    line_render(l);
    if (l->scroll != 0) { /* only its end stood there: what was entered stays on the screen whole */
        line_hide(l);
        put(l, l->prompt);
        put(l, l->text);
    }
    put(l, text);
    l->shown_bytes = l->shown_cursor = 0;
    return event;
}

static enum line_event feed_control(struct line *l, uint8_t byte)
{
    switch (byte) {
    case '\r':
    case '\n':
        return finish(l, "\r\n", LINE_DONE);
    case '\t':
        return LINE_TAB;
    case 0x1b:
        l->escape = ESCAPE_SEEN;
        break;
    case CTRL('a'):
        l->cursor = 0;
        break;
    case CTRL('b'):
        cursor_left(l);
        break;
    case CTRL('c'):
        return finish(l, "^C\r\n", LINE_CANCELLED);
    case CTRL('d'):
        if (l->text_bytes == 0) return LINE_END;
        delete_right(l);
        break;
    case CTRL('e'):
        l->cursor = l->text_bytes;
        break;
    case CTRL('f'):
        cursor_right(l);
        break;
    case CTRL('h'):
    case 0x7f:
        delete (l, utf8_previous(l->text, l->text_bytes, l->cursor), l->cursor);
        break;
    case CTRL('k'):
        kill(l, l->cursor, l->text_bytes);
        break;
    case CTRL('l'):
        put(l, "\x1b[H\x1b[2J");
        line_redraw(l);
        break;
    case CTRL('n'):
        history_newer(l);
        break;
    case CTRL('p'):
        history_older(l);
        break;
    case CTRL('u'):
        kill(l, 0, l->cursor);
        break;
    case CTRL('w'):
        kill(l, blank_before(l), l->cursor);
        break;
    case CTRL('y'):
        line_insert(l, l->killed, l->killed_bytes);
        break;
    default:
        break;
    }
    return LINE_MORE;
}

enum line_event line_feed(struct line *l, uint8_t byte)
{
    bool after_return = l->last_was_return;
    l->last_was_return = byte == '\r';
    if (byte == '\n' && after_return) return LINE_MORE; /* one Enter, sent as two bytes */
    if (l->escape != ESCAPE_NONE && (byte >= 0x20 || byte == 0x1b || byte == 0x08)) {
        feed_escape(l, byte);
        return LINE_MORE;
    }
    l->escape = ESCAPE_NONE;
    if (byte < 0x20 || byte == 0x7f) return feed_control(l, byte);
    feed_text(l, byte);
    return LINE_MORE;
}
