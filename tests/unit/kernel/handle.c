/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Handle tables: numbers, rights, room. */
// LINK: tests/fake/kernel.c kernel/aspace.c kernel/cpu.c kernel/deadline.c kernel/endpoint.c kernel/fault.c kernel/handle.c kernel/hyper.c
// LINK: kernel/irq.c kernel/link.c kernel/log.c kernel/notify.c kernel/object.c kernel/page.c kernel/process.c
// LINK: kernel/process_calls.c kernel/sched.c kernel/slab.c kernel/syscall.c kernel/thread.c kernel/timer.c kernel/vmo.c
// LINK: kernel/work.c kernel/aarch64/pagetable.c lib/format.c lib/string.c
#include "tests/fake/kernel.h"

#include <string.h>

#include "lib/test.h"

static handle_t make_notification(struct thread *t)
{
    EXPECT_OK(fake_call(t, SYS_NOTIFICATION_CREATE, 0, 0, 0, 0, 0, 0));
    return (handle_t)t->frame.x[1];
}

TEST(handle, numbers_that_are_none_are_refused)
{
    fake_start();
    struct thread *t = fake_process("a");
    handle_t h = make_notification(t);
    static const uint64_t hostile[] = {
        0, 127, 128, 2047, 2048, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX, UINT64_MAX - 127
    };
    for (size_t i = 0; i < ARRAY_COUNT(hostile); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(ERR_HANDLE, fake_call(t, SYS_HANDLE_CLOSE, hostile[i], 0, 0, 0, 0, 0));
        EXPECT_EQ(ERR_HANDLE, fake_call(t, SYS_HANDLE_DUP, hostile[i], 1, 0, 0, 0, 0));
        EXPECT_EQ(ERR_HANDLE, fake_call(t, SYS_NOTIFICATION_SIGNAL, hostile[i], 1, 0, 0, 0, 0));
        /* the low bits of a large number must not find the small one */
        EXPECT_EQ(ERR_HANDLE,
                  fake_call(t, SYS_NOTIFICATION_SIGNAL, h | UINT64_C(1) << 32, 1, 0, 0, 0, 0));
    }
    EXPECT_OK(fake_call(t, SYS_NOTIFICATION_SIGNAL, h, 1, 0, 0, 0, 0));
}

TEST(handle, of_another_type_is_refused)
{
    fake_start();
    struct thread *t = fake_process("a");
    handle_t h = make_notification(t);
    static const uint64_t number[] = { SYS_CALL,         SYS_VMO_INFO,  SYS_ENDPOINT_MINT,
                                       SYS_IRQ_ACK,      SYS_TIMER_SET, SYS_LINK_INFO,
                                       SYS_SYSTEM,       SYS_LOG_READ,  SYS_PROCESS_INFO,
                                       SYS_PROCESS_KILL, SYS_REPLY_RECV };
    for (size_t i = 0; i < ARRAY_COUNT(number); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(ERR_TYPE, fake_call(t, number[i], h, 1, 1, 0, 0, 0));
    }
}

TEST(handle, rights_only_shrink)
{
    fake_start();
    struct thread *t = fake_process("a");
    handle_t h = make_notification(t);
    EXPECT_OK(fake_call(t, SYS_HANDLE_DUP, h, RIGHT_READ | RIGHT_DUP, 0, 0, 0, 0));
    handle_t weak = (handle_t)t->frame.x[1];
    EXPECT_EQ(ERR_RIGHTS, fake_call(t, SYS_NOTIFICATION_SIGNAL, weak, 1, 0, 0, 0, 0));
    EXPECT_OK(fake_call(t, SYS_HANDLE_DUP, weak, UINT64_MAX, 0, 0, 0, 0));
    handle_t copy = (handle_t)t->frame.x[1];
    EXPECT_EQ(ERR_RIGHTS, fake_call(t, SYS_NOTIFICATION_SIGNAL, copy, 1, 0, 0, 0, 0));
    EXPECT_OK(fake_call(t, SYS_HANDLE_DUP, weak, RIGHT_READ, 0, 0, 0, 0));
    EXPECT_EQ(ERR_RIGHTS, fake_call(t, SYS_HANDLE_DUP, t->frame.x[1], RIGHT_READ, 0, 0, 0, 0));
}

TEST(handle, table_is_bounded_and_numbers_come_back)
{
    fake_start();
    struct thread *t = fake_process("a");
    handle_t h = make_notification(t);
    uint32_t made = 1;
    while (fake_call(t, SYS_HANDLE_DUP, h, RIGHT_ALL, 0, 0, 0, 0) == OK) made++;
    EXPECT_EQ(HANDLE_MAX - 1, made);
    EXPECT_EQ(ERR_NO_MEMORY, t->frame.x[0]);
    EXPECT_EQ(ERR_NO_MEMORY, fake_call(t, SYS_ENDPOINT_CREATE, 0, 0, 0, 0, 0, 0));
    EXPECT_OK(fake_call(t, SYS_HANDLE_CLOSE, 77, 0, 0, 0, 0, 0));
    EXPECT_OK(fake_call(t, SYS_ENDPOINT_CREATE, 0, 0, 0, 0, 0, 0));
    EXPECT_EQ(77, t->frame.x[1]);
}

TEST(handle, list_shows_all_and_ends)
{
    fake_start();
    struct thread *t = fake_process("a");
    handle_t a = make_notification(t), b = make_notification(t);
    EXPECT_OK(fake_call(t, SYS_HANDLE_LIST, HANDLE_SELF, 0, 0, 0, 0, 0));
    EXPECT_EQ(a, t->frame.x[1]);
    EXPECT_EQ(OBJECT_NOTIFICATION, t->frame.x[2]);
    EXPECT_EQ(RIGHT_ALL, t->frame.x[3]);
    EXPECT_OK(fake_call(t, SYS_HANDLE_LIST, HANDLE_SELF, t->frame.x[5], 0, 0, 0, 0));
    EXPECT_EQ(b, t->frame.x[1]);
    EXPECT_EQ(ERR_NO_ENTRY, fake_call(t, SYS_HANDLE_LIST, HANDLE_SELF, t->frame.x[5], 0, 0, 0, 0));
    EXPECT_EQ(ERR_NO_ENTRY, fake_call(t, SYS_HANDLE_LIST, HANDLE_SELF, UINT64_MAX, 0, 0, 0, 0));
}
