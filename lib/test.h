/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Tests found by the linker: the same macros on the host and on the target. */
#pragma once
#include "lib/base.h"

struct test {
    const char *suite, *name;
    void (*fn)(void);
};

/*
 * TEST(suite, name) { ... } defines one case. The name says what it proves. A pointer goes into the linker section "tests":
 * pointers pack the same in every ABI, structs in a section need not. The runner walks __start_tests..__stop_tests.
 */
#define TEST(suite_, name_)                                                                   \
    static void suite_##_##name_(void);                                                       \
    static const struct test suite_##_##name_##_test = { #suite_, #name_, suite_##_##name_ }; \
    static const struct test *const suite_##_##name_##_ptr                                    \
            __attribute__((used, section("tests"))) = &suite_##_##name_##_test;               \
    static void suite_##_##name_(void)

/** Notes one failed expectation of the running case; the case goes on. Each runner defines it. Context: any. */
void test_fail(const char *file, int line, const char *what, uint64_t want, uint64_t got);
/** As test_fail, for strings. */
void test_fail_str(const char *file, int line, const char *what, const char *want, const char *got);
/** Notes a free sentence as a failure. */
void test_fail_note(const char *file, int line, const char *what);
/** Which row of a table is being looked at: printed with a failure. -1: none. Reset before each case. */
void test_row(int64_t row);
/** Byte-wise equality, so that this header needs no C library. Context: any. */
bool test_same_bytes(const void *a, const void *b, size_t size_bytes);
/** NUL-terminated equality; NULL equals only NULL. */
bool test_same_str(const char *a, const char *b);
/**
 * Runs fn(arg) and tells whether a CHECK failed in it. Host only: our own bugs must stop, so a test may ask for it.
 * Context: host runner; fn is left by a long jump, so it must not hold anything.
 */
bool test_panics(void (*fn)(void *arg), void *arg);

#define EXPECT_EQ(want, got)                                       \
    do {                                                           \
        uint64_t want_ = (uint64_t)(want), got_ = (uint64_t)(got); \
        if (want_ != got_) {                                       \
            test_fail(__FILE__, __LINE__, #got, want_, got_);      \
        }                                                          \
    } while (0)

#define EXPECT_NE(unwanted, got)                                                   \
    do {                                                                           \
        uint64_t unwanted_ = (uint64_t)(unwanted), got_ = (uint64_t)(got);         \
        if (unwanted_ == got_) {                                                   \
            test_fail(__FILE__, __LINE__, #got " != " #unwanted, unwanted_, got_); \
        }                                                                          \
    } while (0)

/* bound op got, e.g. EXPECT_LE(4096, sizeof(x)): got <= bound */
#define EXPECT_LE(bound, got)                                                \
    do {                                                                     \
        uint64_t bound_ = (uint64_t)(bound), got_ = (uint64_t)(got);         \
        if (got_ > bound_) {                                                 \
            test_fail(__FILE__, __LINE__, #got " <= " #bound, bound_, got_); \
        }                                                                    \
    } while (0)

#define EXPECT_GE(bound, got)                                                \
    do {                                                                     \
        uint64_t bound_ = (uint64_t)(bound), got_ = (uint64_t)(got);         \
        if (got_ < bound_) {                                                 \
            test_fail(__FILE__, __LINE__, #got " >= " #bound, bound_, got_); \
        }                                                                    \
    } while (0)

#define EXPECT_TRUE(cond)                               \
    do {                                                \
        if (!(cond)) {                                  \
            test_fail(__FILE__, __LINE__, #cond, 1, 0); \
        }                                               \
    } while (0)

#define EXPECT_FALSE(cond)                              \
    do {                                                \
        if (cond) {                                     \
            test_fail(__FILE__, __LINE__, #cond, 0, 1); \
        }                                               \
    } while (0)

#define EXPECT_OK(call) EXPECT_EQ(OK, call)

#define EXPECT_STR(want, got)                                     \
    do {                                                          \
        const char *want_ = (want), *got_ = (got);                \
        if (!test_same_str(want_, got_)) {                        \
            test_fail_str(__FILE__, __LINE__, #got, want_, got_); \
        }                                                         \
    } while (0)

#define EXPECT_BYTES(want, got, size_bytes)                                  \
    do {                                                                     \
        if (!test_same_bytes((want), (got), (size_bytes))) {                 \
            test_fail_note(__FILE__, __LINE__, #got " differs from " #want); \
        }                                                                    \
    } while (0)

/* Ends the case when it cannot go on. Only directly in a TEST body. */
#define REQUIRE_TRUE(cond)                              \
    do {                                                \
        if (!(cond)) {                                  \
            test_fail(__FILE__, __LINE__, #cond, 1, 0); \
            return;                                     \
        }                                               \
    } while (0)

#define REQUIRE_EQ(want, got)                                      \
    do {                                                           \
        uint64_t want_ = (uint64_t)(want), got_ = (uint64_t)(got); \
        if (want_ != got_) {                                       \
            test_fail(__FILE__, __LINE__, #got, want_, got_);      \
            return;                                                \
        }                                                          \
    } while (0)
