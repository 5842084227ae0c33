/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A typed line into commands. */
#include "servers/shell/parse.h"

#include "lib/format.h"
#include "lib/string.h"

/* Bounds: text has room for every byte of the longest line and a NUL for every word. */
STATIC_ASSERT(sizeof(((struct command *)0)->text) >= LINE_BYTES + WORD_MAX + 8, "words fit");

static void add(struct command *c, char byte)
{
    if (c->text_bytes < sizeof(c->text) - 1) {
        c->text[c->text_bytes++] = byte;
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool ends_word(char c)
{
    return c == '\0' || is_blank(c) || c == ';' || c == '&' || c == '>';
}

static char escaped(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'e':
        return '\x1b';
    default:
        return c;
    }
}

static enum parse_verdict read_quoted(const char *line, size_t *at, struct command *c)
{
    char quote = line[*at];
    (*at)++;
    while (line[*at] != quote) {
        if (line[*at] == '\0') return PARSE_QUOTE;
        if (quote == '"' && line[*at] == '\\') {
            (*at)++;
            if (line[*at] == '\0') return PARSE_QUOTE;
            add(c, escaped(line[*at]));
        } else {
            add(c, line[*at]);
        }
        (*at)++;
    }
    (*at)++;
    return PARSE_COMMAND;
}

/* Reads one word to the end of c->text and NUL-terminates it. */
static enum parse_verdict read_word(const char *line, size_t *at, struct command *c)
{
    while (!ends_word(line[*at])) {
        char byte = line[*at];
        if (byte == '\'' || byte == '"') {
            enum parse_verdict verdict = read_quoted(line, at, c);
            if (verdict != PARSE_COMMAND) return verdict;
            continue;
        }
        if (byte == '\\') {
            (*at)++;
            byte = line[*at];
            if (byte == '\0') return PARSE_ESCAPE;
        }
        add(c, byte);
        (*at)++;
    }
    add(c, '\0');
    return PARSE_COMMAND;
}

static void skip_blanks(const char *line, size_t *at)
{
    while (is_blank(line[*at])) {
        (*at)++;
    }
    if (line[*at] == '#') {
        *at += strlen(line + *at);
    }
}

static enum parse_verdict read_redirection(const char *line, size_t *at, struct command *c)
{
    if (c->output != NULL) return PARSE_TWO_FILES;
    (*at)++;
    if (line[*at] == '>') {
        c->append = true;
        (*at)++;
    }
    skip_blanks(line, at);
    if (ends_word(line[*at])) return PARSE_NO_FILE;
    const char *name = c->text + c->text_bytes;
    enum parse_verdict verdict = read_word(line, at, c);
    if (verdict == PARSE_COMMAND && name[0] == '\0') return PARSE_NO_FILE;
    c->output = name;
    return verdict;
}

static enum parse_verdict read_words(const char *line, size_t *at, struct command *c)
{
    for (;;) {
        enum parse_verdict verdict = PARSE_COMMAND;
        skip_blanks(line, at);
        char byte = line[*at];
        if (byte == '\0' || byte == ';' || byte == '&') return PARSE_COMMAND;
        if (byte == '>') {
            verdict = read_redirection(line, at, c);
        } else if (c->word_count == WORD_MAX) {
            verdict = PARSE_TOO_MANY;
        } else {
            c->word[c->word_count++] = c->text + c->text_bytes;
            verdict = read_word(line, at, c);
        }
        if (verdict != PARSE_COMMAND) return verdict;
    }
}

enum parse_verdict parse_command(const char *line, size_t *at, struct command *command)
{
    command->word_count = command->text_bytes = 0;
    command->output = NULL;
    command->append = command->background = false;
    skip_blanks(line, at);
    if (line[*at] == '\0') return PARSE_END;
    command->source = *at;
    enum parse_verdict verdict = read_words(line, at, command);
    if (verdict != PARSE_COMMAND) return verdict;
    command->word[command->word_count] = NULL;
    command->source_bytes = *at - command->source;
    while (command->source_bytes > 0 &&
           is_blank(line[command->source + command->source_bytes - 1])) {
        command->source_bytes--;
    }
    if (line[*at] == '&') {
        if (command->word_count == 0) return PARSE_EMPTY_JOB;
        command->background = true;
    }
    if (line[*at] == '&' || line[*at] == ';') {
        (*at)++;
    }
    return PARSE_COMMAND;
}

const char *parse_error(enum parse_verdict verdict)
{
    switch (verdict) {
    case PARSE_QUOTE:
        return "a quote is not closed";
    case PARSE_ESCAPE:
        return "nothing follows the last \\";
    case PARSE_NO_FILE:
        return "> needs the name of a file";
    case PARSE_TWO_FILES:
        return "only one > for each command";
    case PARSE_TOO_MANY:
        return "too many words";
    case PARSE_EMPTY_JOB:
        return "& follows no command";
    case PARSE_COMMAND:
    case PARSE_END:
        break;
    }
    return "no error";
}

static uint64_t unit_of(char c)
{
    switch (c) {
    case 'K':
        return KIB(1);
    case 'M':
        return MIB(1);
    case 'G':
        return GIB(1);
    default:
        return 0;
    }
}

static uint64_t digit_of(char c)
{
    if (c >= '0' && c <= '9') return (uint64_t)(c - '0');
    if (c >= 'a' && c <= 'f') return (uint64_t)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') return (uint64_t)(c - 'A') + 10;
    return UINT64_MAX;
}

err_t parse_number(const char *text, uint64_t *value)
{
    uint64_t base = 10, sum = 0;
    if (text[0] == '0' && text[1] == 'x') {
        base = 16;
        text += 2;
    }
    if (digit_of(text[0]) >= base) return ERR_ARG;
    while (digit_of(text[0]) < base) {
        if (sum > (UINT64_MAX - digit_of(text[0])) / base) return ERR_RANGE;
        sum = sum * base + digit_of(text[0]);
        text++;
    }
    uint64_t unit = base == 10 ? unit_of(text[0]) : 0;
    if (unit != 0) {
        if (sum > UINT64_MAX / unit) return ERR_RANGE;
        sum *= unit;
        text++;
    }
    if (text[0] != '\0') return ERR_ARG;
    *value = sum;
    return OK;
}

bool parse_expand(const char *word, uint64_t n, char *out, size_t out_bytes)
{
    size_t at = 0;
    while (*word != '\0') {
        char number[24] = { *word, '\0' };
        if (word[0] == '$' && word[1] == 'n') {
            (void)format(number, sizeof(number), "%llu", (unsigned long long)n);
            word++;
        }
        word++;
        size_t bytes = strlen(number);
        if (at + bytes >= out_bytes) return false;
        memcpy(out + at, number, bytes);
        at += bytes;
    }
    out[at] = '\0';
    return true;
}
