/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Interrupts, timers, notifications, the scheduler's timer; what passes to EL2. */
// LINK: tests/fake/kernel.c kernel/aspace.c kernel/cpu.c kernel/deadline.c kernel/endpoint.c kernel/fault.c kernel/handle.c kernel/hyper.c
// LINK: kernel/irq.c kernel/link.c kernel/log.c kernel/notify.c kernel/object.c kernel/page.c kernel/process.c
// LINK: kernel/process_calls.c kernel/sched.c kernel/slab.c kernel/syscall.c kernel/thread.c kernel/timer.c kernel/vmo.c
// LINK: kernel/work.c kernel/aarch64/pagetable.c lib/format.c lib/string.c
#include "tests/fake/kernel.h"

#include <string.h>

#include "abi/hypercall.h"
#include "kernel/arch.h"
#include "kernel/irq.h"
#include "lib/test.h"

static handle_t make(struct thread *t, uint64_t number)
{
    EXPECT_OK(fake_call(t, number, 0, 0, 0, 0, 0, 0));
    return (handle_t)t->frame.x[1];
}

static handle_t give_object(struct thread *t, struct object *o)
{
    EXPECT_OK(handle_reserve(&t->process->handles, 1));
    return process_handle_add(t->process, o);
}

static uint64_t bits_now(struct thread *t, handle_t n)
{
    err_t e = fake_call(t, SYS_NOTIFICATION_WAIT, n, UINT64_MAX, DEADLINE_NOW, 0, 0, 0);
    return e == OK ? t->frame.x[1] : 0;
}

TEST(events, interrupt_signals_once_until_acknowledged)
{
    for (int edge = 0; edge < 2; edge++) {
        test_row(edge);
        fake_start();
        struct thread *t = fake_process("driver");
        handle_t n = make(t, SYS_NOTIFICATION_CREATE);
        uint32_t intid = 40 + (uint32_t)edge;
        handle_t irq = give_object(t, &irq_create(intid, edge)->object);
        EXPECT_OK(fake_call(t, SYS_IRQ_BIND, irq, n, 2, 0, 0, 0));
        EXPECT_EQ(intid, fake.enabled[0]);
        fake_interrupt(intid);
        EXPECT_EQ(edge,
                  fake.deactivated_count); /* a level one stays active: it cannot come again */
        EXPECT_EQ(2, bits_now(t, n));
        if (edge) {
            fake_interrupt(intid);
            EXPECT_EQ(0, bits_now(t, n)); /* held back */
        }
        EXPECT_OK(fake_call(t, SYS_IRQ_ACK, irq, 0, 0, 0, 0, 0));
        EXPECT_EQ(edge ? 2 : 0, bits_now(t, n)); /* and not lost */
        EXPECT_OK(fake_call(t, SYS_IRQ_ACK, irq, 0, 0, 0, 0, 0));
        EXPECT_OK(fake_call(t, SYS_IRQ_ACK, irq, 0, 0, 0, 0, 0)); /* too many do no harm */
        EXPECT_EQ(edge ? 2 : 1, fake.deactivated_count);
    }
}

TEST(events, interrupt_nobody_asked_for_is_turned_off)
{
    fake_start();
    (void)fake_process("a");
    fake_interrupt(99);
    EXPECT_EQ(1, fake.deactivated_count);
}

TEST(events, timer_signals_at_its_tick_only)
{
    fake_start();
    struct thread *t = fake_process("a");
    handle_t n = make(t, SYS_NOTIFICATION_CREATE), timer = make(t, SYS_TIMER_CREATE);
    EXPECT_OK(fake_call(t, SYS_TIMER_SET, timer, 5000, n, 1, 0, 0));
    EXPECT_EQ(5000, fake.timer_ticks);
    fake_time(4999);
    EXPECT_EQ(0, bits_now(t, n));
    fake_time(5000);
    EXPECT_EQ(1, bits_now(t, n));
    EXPECT_EQ(ARCH_TIMER_NEVER, fake.timer_ticks);
    EXPECT_OK(fake_call(t, SYS_TIMER_SET, timer, 7000, n, 1, 0, 0));
    EXPECT_OK(fake_call(t, SYS_TIMER_SET, timer, 0, 0, 0, 0, 0));
    fake_time(8000);
    EXPECT_EQ(0, bits_now(t, n));
    EXPECT_EQ(ERR_HANDLE, fake_call(t, SYS_TIMER_SET, timer, 9000, 0, 1, 0, 0));
    EXPECT_OK(fake_call(t, SYS_TIMER_SET, timer, 9000, n, 1, 0, 0));
    EXPECT_OK(fake_call(t, SYS_HANDLE_CLOSE, timer, 0, 0, 0, 0, 0));
    fake_time(10000);
    EXPECT_EQ(0, bits_now(t, n));
}

TEST(events, nothing_is_armed_when_nobody_waits)
{
    fake_start();
    struct thread *t = fake_process("a");
    handle_t n = make(t, SYS_NOTIFICATION_CREATE);
    (void)fake_call(t, SYS_NOTIFICATION_WAIT, n, 1, 0, 0, 0, 0);
    EXPECT_TRUE(this_cpu()->current == NULL);
    EXPECT_EQ(ARCH_TIMER_NEVER, fake.timer_ticks);
    uint32_t writes = fake.timer_writes;
    (void)fake_settle();
    EXPECT_EQ(writes, fake.timer_writes);
}

TEST(events, slices_turn_round_while_several_run)
{
    fake_start();
    struct thread *a = fake_process("a"), *b = fake_process("b");
    EXPECT_OK(fake_call(a, SYS_YIELD, 0, 0, 0, 0, 0, 0));
    EXPECT_TRUE(this_cpu()->current == b);
    EXPECT_NE(ARCH_TIMER_NEVER, fake.timer_ticks);
    fake_time(fake.timer_ticks);
    EXPECT_TRUE(this_cpu()->current == a);
    fake_time(fake.timer_ticks);
    EXPECT_TRUE(this_cpu()->current == b);
}

TEST(events, whom_an_interrupt_wakes_runs_before_spinners)
{
    fake_start();
    struct thread *waiter = fake_process("waiter"), *a = fake_process("a");
    struct thread *b = fake_process("b");
    (void)fake_call(waiter, SYS_SLEEP, 2000, 0, 0, 0, 0, 0);
    EXPECT_TRUE(this_cpu()->current == a || this_cpu()->current == b);
    fake_time(2000);
    EXPECT_TRUE(this_cpu()->current == waiter);
}

TEST(events, waits_end_by_mask_and_time)
{
    fake_start();
    struct thread *a = fake_process("a");
    handle_t n = make(a, SYS_NOTIFICATION_CREATE);
    EXPECT_EQ(ERR_ARG, fake_call(a, SYS_NOTIFICATION_WAIT, n, 0, 0, 0, 0, 0));
    EXPECT_OK(fake_call(a, SYS_NOTIFICATION_SIGNAL, n, 6, 0, 0, 0, 0));
    EXPECT_OK(fake_call(a, SYS_NOTIFICATION_WAIT, n, 2, 0, 0, 0, 0));
    EXPECT_EQ(2, a->frame.x[1]);
    EXPECT_EQ(4, bits_now(a, n));
    (void)fake_call(a, SYS_NOTIFICATION_WAIT, n, 8, 3000, 0, 0, 0);
    EXPECT_EQ(THREAD_WAIT_NOTIFY, a->state);
    fake_time(3000);
    EXPECT_EQ(THREAD_READY, a->state);
    EXPECT_EQ(ERR_TIMEOUT, a->frame.x[0]);
}

TEST(events, only_listed_hypercalls_pass)
{
    fake_start();
    struct thread *t = fake_process("a");
    struct object *domains =
            &irq_create(0, true)->object; /* any object that stays; its type is what matters */
    domains->type = OBJECT_DOMAIN;
    handle_t all = give_object(t, domains);
    EXPECT_OK(fake_call(t, SYS_HANDLE_DUP, all, RIGHT_READ, 0, 0, 0, 0));
    handle_t look = (handle_t)t->frame.x[1];
    static const uint64_t refused[] = {
        HVC_VERSION,    HVC_LOG_WRITE, HVC_PANIC,  HVC_DMA_ENABLE, HVC_LOG_READ,
        HVC_TRACE_READ, HVC_BASE + 16, 0x84000008, 0xc4000003,     0,
        UINT64_MAX
    };
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(ERR_ARG, fake_call(t, SYS_DOMAIN_CALL, all, refused[i], 0, 0, 0, 0));
    }
    EXPECT_EQ(ERR_RIGHTS, fake_call(t, SYS_DOMAIN_CALL, look, HVC_DOMAIN_KILL, 1, 0, 0, 0));
    EXPECT_EQ(ERR_RIGHTS, fake_call(t, SYS_DOMAIN_CALL, look, HVC_DOMAIN_STEP, 1, 0, 0, 0));
    EXPECT_EQ(ERR_RIGHTS, fake_call(t, SYS_DOMAIN_CALL, look, HVC_DOMAIN_LINKS, 1, 0, 0, 0));
    EXPECT_EQ(0, fake.hvc_count);
    fake.hvc_result[0] = ERR_STATE;
    fake.hvc_result[1] = 11;
    fake.hvc_result[6] = 66;
    EXPECT_EQ(ERR_STATE, fake_call(t, SYS_DOMAIN_CALL, look, HVC_DOMAIN_INFO, 5, 4, 3, 2));
    EXPECT_EQ(HVC_DOMAIN_INFO, fake.hvc_x[0]);
    EXPECT_EQ(5, fake.hvc_x[1]);
    EXPECT_EQ(2, fake.hvc_x[4]);
    EXPECT_EQ(11, t->frame.x[1]);
    EXPECT_EQ(66, t->frame.x[6]);
    fake.hvc_result[0] = 0xdead; /* not an err_t */
    EXPECT_EQ(ERR_NOT_SUPPORTED, fake_call(t, SYS_DOMAIN_CALL, look, HVC_STATS, 0, 0, 0, 0));
}

TEST(events, log_pieces_are_bounded)
{
    fake_start();
    struct thread *t = fake_process("a");
    struct object *log = &irq_create(0, true)->object;
    log->type = OBJECT_LOG;
    handle_t h = give_object(t, log);
    EXPECT_EQ(ERR_RANGE, fake_call(t, SYS_LOG_WRITE, h, 41, 0, 0, 0, 0));
    EXPECT_EQ(ERR_RANGE, fake_call(t, SYS_LOG_WRITE, h, UINT64_MAX, 0, 0, 0, 0));
    EXPECT_OK(fake_call(t, SYS_LOG_WRITE, h, 2, 0x4142, 0, 0, 0));
    EXPECT_EQ(2, fake.log_bytes);
}
