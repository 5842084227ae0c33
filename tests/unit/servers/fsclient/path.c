/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Paths become absolute and clean, or are refused. */
#include <string.h>

#include "lib/test.h"
#include "servers/fsclient/fsclient.h"

TEST(fsclient_path, dots_slashes_and_the_working_directory_are_resolved)
{
    static const struct {
        const char *cwd, *path, *want;
    } rows[] = {
        { "/", "a", "/a" },           { "/", "", "/" },
        { "/x", ".", "/x" },          { "/x/y", "..", "/x" },
        { "/x/y", "../z", "/x/z" },   { "/", "..", "/" },
        { "/x", "../../../..", "/" }, { "/x", "/a//b/./c/", "/a/b/c" },
        { "/", "/a/../b", "/b" },     { "/a", "...", "/a/..." },
        { "/a", "b/..", "/a" },
    };
    char out[FSCLIENT_PATH_MAX];
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row(i);
        EXPECT_EQ(OK, fsclient_path(rows[i].cwd, rows[i].path, out));
        EXPECT_EQ(0, strcmp(rows[i].want, out));
    }
}

TEST(fsclient_path, what_does_not_fit_is_refused)
{
    static char longest[FSCLIENT_PATH_MAX * 2];
    char out[FSCLIENT_PATH_MAX];
    memset(longest, 'a', FSCLIENT_NAME_MAX);
    EXPECT_EQ(OK, fsclient_path("/", longest, out));
    longest[FSCLIENT_NAME_MAX] = 'a';
    EXPECT_EQ(ERR_NAME, fsclient_path("/", longest, out));
    for (size_t i = 0; i < sizeof(longest) - 1; i++) longest[i] = i % 2 ? 'b' : '/';
    EXPECT_EQ(ERR_NAME, fsclient_path("/", longest, out));
    longest[FSCLIENT_PATH_MAX - 1] = 0;
    EXPECT_EQ(OK, fsclient_path("/", longest, out));
}
