/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Runner of the host unit tests: every case the linker found, one line each, JUnit XML on request. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/test.h"

extern const struct test *const __start_tests[];
extern const struct test *const __stop_tests[];

#define NOTE_MAX 4096

static struct {
    unsigned failures; /* of the running case */
    int64_t row;
    char notes[NOTE_MAX];
    jmp_buf escape; /* where a failed CHECK goes */
    bool in_panics; /* a case asked for a failed CHECK */
    jmp_buf panics;
} run;

static void note(const char *text)
{
    size_t used = strlen(run.notes);
    snprintf(run.notes + used, sizeof(run.notes) - used, "%s\n", text);
    printf("    %s\n", text);
}

static const char *row_text(void)
{
    static char text[32];
    text[0] = '\0';
    if (run.row >= 0) snprintf(text, sizeof(text), " (row %" PRId64 ")", run.row);
    return text;
}

void test_fail(const char *file, int line, const char *what, uint64_t want, uint64_t got)
{
    char text[512];
    run.failures++;
    snprintf(text, sizeof(text),
             "%s:%d: %s: want %" PRIu64 " (0x%" PRIx64 "), got %" PRIu64 " (0x%" PRIx64 ")%s", file,
             line, what, want, want, got, got, row_text());
    note(text);
}

void test_fail_str(const char *file, int line, const char *what, const char *want, const char *got)
{
    char text[1024];
    run.failures++;
    snprintf(text, sizeof(text), "%s:%d: %s: want \"%s\", got \"%s\"%s", file, line, what,
             want ? want : "(null)", got ? got : "(null)", row_text());
    note(text);
}

void test_fail_note(const char *file, int line, const char *what)
{
    char text[512];
    run.failures++;
    snprintf(text, sizeof(text), "%s:%d: %s%s", file, line, what, row_text());
    note(text);
}

void test_row(int64_t row)
{
    run.row = row;
}

bool test_same_bytes(const void *a, const void *b, size_t size_bytes)
{
    return memcmp(a, b, size_bytes) == 0;
}

bool test_same_str(const char *a, const char *b)
{
    if (!a || !b) return a == b;
    return strcmp(a, b) == 0;
}

/* Weak: a test of a program's own panic path brings its own. */
__attribute__((weak)) _Noreturn void panic_at(const char *what, const char *file, int line)
{
    if (run.in_panics) longjmp(run.panics, 1);
    char text[512];
    run.failures++;
    snprintf(text, sizeof(text), "%s:%d: CHECK failed: %s%s", file, line, what, row_text());
    note(text);
    longjmp(run.escape, 1);
}

bool test_panics(void (*fn)(void *arg), void *arg)
{
    volatile bool stopped = true;
    if (setjmp(run.panics) == 0) {
        run.in_panics = true;
        fn(arg);
        stopped = false;
    }
    run.in_panics = false;
    return stopped;
}

static void xml_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc((unsigned char)*text < 0x20 && *text != '\n' ? '?' : *text, out);
        }
    }
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool run_case(const struct test *t, FILE *xml)
{
    memset(&run, 0, sizeof(run));
    run.row = -1;
    double started = seconds();
    if (setjmp(run.escape) == 0) t->fn();
    printf("%s %s.%s\n", run.failures ? "FAIL" : "ok  ", t->suite, t->name);
    fflush(stdout);
    if (!xml) return run.failures == 0;
    fprintf(xml, "  <testcase classname=\"unit.%s\" name=\"%s\" time=\"%.3f\">", t->suite, t->name,
            seconds() - started);
    if (run.failures) {
        fputs("<failure>", xml);
        xml_text(xml, run.notes);
        fputs("</failure>", xml);
    }
    fputs("</testcase>\n", xml);
    fflush(xml);
    return run.failures == 0;
}

/* unit [--xml FILE] [PART-OF-NAME]: runs the cases whose suite.name contains the part. */
int main(int argc, char **argv)
{
    const char *xml_path = NULL, *part = "";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--xml") == 0 && i + 1 < argc) {
            xml_path = argv[++i];
        } else {
            part = argv[i];
        }
    }
    FILE *xml = xml_path ? fopen(xml_path, "w") : NULL;
    if (xml_path && !xml) {
        fprintf(stderr, "unit: cannot write %s\n", xml_path);
        return 2;
    }
    if (xml) fputs("<testsuite name=\"unit\">\n", xml);
    unsigned passed = 0, failed = 0;
    for (const struct test *const *t = __start_tests; t < __stop_tests; t++) {
        char name[256];
        snprintf(name, sizeof(name), "%s.%s", (*t)->suite, (*t)->name);
        if (!strstr(name, part)) continue;
        if (run_case(*t, xml)) {
            passed++;
        } else {
            failed++;
        }
    }
    if (xml) {
        fputs("</testsuite>\n", xml);
        fclose(xml);
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed ? 1 : 0;
}
