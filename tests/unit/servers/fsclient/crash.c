/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Names of crash records. */
// LINK: servers/fsclient/crash.c lib/format.c lib/string.c
#include "servers/fsclient/crash.h"

#include "lib/test.h"

TEST(fsclient_crash, a_record_is_named_by_number_and_domain)
{
    char path[CRASH_NAME_BYTES];
    uint32_t number = 0;
    crash_path(path, 12, "storage");
    EXPECT_STR("/var/crash/000012-storage.txt", path);
    EXPECT_EQ(true, crash_number(path + sizeof(CRASH_DIR), &number));
    EXPECT_EQ(12, number);
    crash_path(path, 1000001, "../a b/\x1b[2J");
    EXPECT_STR("/var/crash/000001-ab2J.txt", path);
    crash_path(path, 999999, "a-very-long-name-that-goes-on-and-on-and-on-for-ever-and-ever");
    EXPECT_EQ(true, crash_number(path + sizeof(CRASH_DIR), &number));
    EXPECT_EQ(999999, number);
}

TEST(fsclient_crash, other_files_are_left_alone)
{
    static const char *const name[] = { "",
                                        ".",
                                        "lost+found",
                                        "12-storage.txt",
                                        "000012storage.txt",
                                        "000012-storage.tx",
                                        "00001x-storage.txt",
                                        "000012-a/b.txt",
                                        "000012-.txt.gz",
                                        "000012-a\n.txt",
                                        "0000012-storage.txt" };
    uint32_t number = 7;
    for (size_t i = 0; i < ARRAY_COUNT(name); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(false, crash_number(name[i], &number));
    }
    EXPECT_EQ(7, number);
}
