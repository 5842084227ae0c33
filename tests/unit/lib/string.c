/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Our own string functions, under the names zeros_* that the host build gives them. */
// LINK: lib/string.c
#include "lib/string.h"

#include "lib/test.h"

int zeros_memcmp(const void *a, const void *b, size_t size_bytes);
void *zeros_memchr(const void *s, int c, size_t size_bytes);
size_t zeros_strlen(const char *s);
size_t zeros_strnlen(const char *s, size_t max_bytes);
int zeros_strcmp(const char *a, const char *b);
int zeros_strncmp(const char *a, const char *b, size_t max_bytes);
char *zeros_strchr(const char *s, int c);
char *zeros_strrchr(const char *s, int c);

TEST(string, compares_as_unsigned_bytes)
{
    EXPECT_TRUE(zeros_memcmp("\x80", "\x7f", 1) > 0);
    EXPECT_TRUE(zeros_strcmp("\x7f", "\x80") < 0);
    EXPECT_TRUE(zeros_strncmp("a\xff", "a\x01", 2) > 0);
    EXPECT_EQ(0, zeros_memcmp("abc", "abd", 2));
    EXPECT_EQ(0, zeros_memcmp("a", "b", 0));
}

TEST(string, compares_up_to_the_end_and_no_further)
{
    EXPECT_EQ(0, zeros_strcmp("", ""));
    EXPECT_TRUE(zeros_strcmp("ab", "abc") < 0);
    EXPECT_TRUE(zeros_strcmp("abc", "ab") > 0);
    EXPECT_EQ(0, zeros_strncmp("abc", "abd", 2));
    EXPECT_EQ(0, zeros_strncmp("ab\0x", "ab\0y", 4));
    EXPECT_EQ(0, zeros_strncmp("x", "y", 0));
}

TEST(string, lengths)
{
    char open_ended[3] = { 'a', 'b', 'c' };
    EXPECT_EQ(0, zeros_strlen(""));
    EXPECT_EQ(5, zeros_strlen("hello"));
    EXPECT_EQ(3, zeros_strnlen(open_ended, 3));
    EXPECT_EQ(1, zeros_strnlen("a", 3));
    EXPECT_EQ(0, zeros_strnlen(open_ended, 0));
}

TEST(string, finds_first_and_last)
{
    const char *s = "a/b/c";
    EXPECT_TRUE(zeros_strchr(s, '/') == s + 1);
    EXPECT_TRUE(zeros_strrchr(s, '/') == s + 3);
    EXPECT_TRUE(zeros_strchr(s, 'x') == NULL);
    EXPECT_TRUE(zeros_strrchr(s, 'x') == NULL);
    EXPECT_TRUE(zeros_strchr(s, '\0') == s + 5);
    EXPECT_TRUE(zeros_strrchr(s, '\0') == s + 5);
    EXPECT_TRUE(zeros_memchr(s, 'c', 4) == NULL);
    EXPECT_TRUE(zeros_memchr(s, 'c', 5) == s + 4);
}

TEST(string, str_copy_always_ends_the_text_and_says_when_it_was_cut)
{
    char out[5] = "xxxx";
    EXPECT_TRUE(str_copy(out, sizeof(out), "abcd"));
    EXPECT_STR("abcd", out);
    EXPECT_FALSE(str_copy(out, sizeof(out), "vwxyz"));
    EXPECT_STR("vwxy", out);
    EXPECT_TRUE(str_copy(out, sizeof(out), "a"));
    EXPECT_BYTES("a\0\0\0", out, 5);
    EXPECT_FALSE(str_copy(out, 1, "b"));
    EXPECT_BYTES("\0\0\0\0", out, 5);
    EXPECT_FALSE(str_copy(out, 0, "b"));
}
