/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Processes: birth, death, faults, and nothing left behind. */
// LINK: tests/fake/kernel.c kernel/aspace.c kernel/cpu.c kernel/deadline.c kernel/endpoint.c kernel/fault.c kernel/handle.c kernel/hyper.c
// LINK: kernel/irq.c kernel/link.c kernel/log.c kernel/notify.c kernel/object.c kernel/page.c kernel/process.c
// LINK: kernel/process_calls.c kernel/sched.c kernel/slab.c kernel/syscall.c kernel/thread.c kernel/timer.c kernel/vmo.c
// LINK: kernel/work.c kernel/aarch64/pagetable.c lib/format.c lib/string.c
#include "tests/fake/kernel.h"

#include <string.h>

#include "kernel/endpoint.h"
#include "kernel/fault.h"
#include "kernel/notify.h"
#include "kernel/page.h"
#include "lib/test.h"

#define ESR_READ_FAULT  0x92000007UL /* data abort of EL0, nothing mapped, read */
#define ESR_WRITE_FAULT 0x92000047UL
#define ESR_WRITE_PERM  0x9200004fUL
#define ESR_EXEC_FAULT  0x82000007UL
#define ESR_UNDEFINED   0x02000000UL

static handle_t make(struct thread *t, uint64_t number, uint64_t x0)
{
    EXPECT_OK(fake_call(t, number, x0, 0, 0, 0, 0, 0));
    return (handle_t)t->frame.x[1];
}

static void fault(struct thread *t, uint64_t esr, uint64_t far)
{
    fake_run(t);
    fault_handle(t, esr, far);
    fake_settle();
}

/* A child with one page of memory, not started. */
static handle_t child_make(struct thread *t)
{
    handle_t child = make(t, SYS_PROCESS_CREATE, 0), vmo = make(t, SYS_VMO_CREATE, 3 * PAGE_SIZE);
    EXPECT_OK(fake_call(t, SYS_VMO_MAP, child, vmo, 0, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
                        0x10000));
    EXPECT_OK(fake_call(t, SYS_HANDLE_CLOSE, vmo, 0, 0, 0, 0, 0));
    return child;
}

static struct thread *child_start(struct thread *t, handle_t child)
{
    EXPECT_OK(fake_call(t, SYS_PROCESS_START, child, 0x10000, 0x12000, 9, 0, 0));
    struct process *p = process_of(handle_at(&t->process->handles, child)->object);
    return CONTAINER_OF(p->threads.next, struct thread, sibling);
}

TEST(process, page_comes_at_first_touch_and_only_where_allowed)
{
    fake_start();
    struct thread *t = fake_process("parent"), *c = child_start(t, child_make(t));
    EXPECT_EQ(9, c->frame.x[0]);
    EXPECT_EQ(0x12000, c->frame.sp);
    uint64_t before = page_free_count();
    fault(c, ESR_WRITE_FAULT, 0x10008);
    EXPECT_EQ(THREAD_READY, c->state);
    EXPECT_LE(before - 1, page_free_count());
    EXPECT_EQ(PROCESS_RUNS, c->process->state);
    object_get(&c->process->object);
    struct process *p = c->process;
    fault(c, ESR_EXEC_FAULT, 0x10008); /* no right to execute */
    EXPECT_EQ(PROCESS_ENDED, p->state);
    EXPECT_EQ(PROCESS_FAULT, p->cause);
    EXPECT_TRUE(strstr(fake.log, "instruction abort") != NULL);
    object_put(&p->object);
}

TEST(process, wild_accesses_end_it_with_a_report)
{
    static const struct {
        uint64_t esr, far;
    } wild[] = { { ESR_READ_FAULT, 0 },         { ESR_READ_FAULT, 0xf000 },
                 { ESR_READ_FAULT, 0x12000 },   { ESR_WRITE_FAULT, UINT64_MAX },
                 { ESR_READ_FAULT, 1UL << 39 }, { ESR_WRITE_PERM, 0x10000 },
                 { ESR_UNDEFINED, 0 } };
    for (size_t i = 0; i < ARRAY_COUNT(wild); i++) {
        test_row((int64_t)i);
        fake_start();
        struct thread *t = fake_process("parent");
        handle_t child = child_make(t);
        struct thread *c = child_start(t, child);
        fault(c, wild[i].esr, wild[i].far);
        EXPECT_OK(fake_call(t, SYS_PROCESS_INFO, child, 0, 0, 0, 0, 0));
        EXPECT_EQ(PROCESS_ENDED, t->frame.x[1]);
        EXPECT_EQ(PROCESS_FAULT, t->frame.x[6]);
        EXPECT_TRUE(strstr(fake.log, "fault: process") != NULL);
    }
}

TEST(process, fault_endpoint_decides)
{
    fake_start();
    struct thread *t = fake_process("parent");
    handle_t ep = make(t, SYS_ENDPOINT_CREATE, 0), child = child_make(t);
    EXPECT_OK(fake_call(t, SYS_PROCESS_FAULTS, child, ep, 0, 0, 0, 0));
    struct thread *c = child_start(t, child);
    t->frame.x[13] = 0;
    t->frame.x[14] = 0;
    (void)fake_call(t, SYS_REPLY_RECV, ep, 0, 0, 0, 0, 0);
    fault(c, ESR_READ_FAULT, 0x666000);
    EXPECT_EQ(TAG_FAULT, t->frame.x[1]);
    EXPECT_EQ(c->process->object.id, t->frame.x[2]);
    EXPECT_EQ(ESR_READ_FAULT, t->frame.x[3]);
    EXPECT_EQ(0x666000, t->frame.x[4]);
    EXPECT_EQ(0x10000, t->frame.x[5]);
    uint64_t x0 = c->frame.x[0];
    t->frame.x[13] = 0;
    (void)fake_call(t, SYS_REPLY_RECV, 0, 0, 1, 0, 0, 0); /* go on */
    EXPECT_EQ(THREAD_READY, c->state);
    EXPECT_EQ(x0, c->frame.x[0]); /* its registers are its own */
    fault(c, ESR_READ_FAULT, 0x667000);
    (void)fake_call(t, SYS_REPLY_RECV, ep, 0, 0, 0, 0, 0);
    EXPECT_EQ(0x667000, t->frame.x[4]);
    (void)fake_call(t, SYS_REPLY_RECV, 0, 0, 0, 0, 0, 0); /* end it */
    EXPECT_OK(fake_call(t, SYS_PROCESS_INFO, child, 0, 0, 0, 0, 0));
    EXPECT_EQ(PROCESS_ENDED, t->frame.x[1]);
}

TEST(process, death_of_the_fault_handler_ends_the_faulted)
{
    fake_start();
    struct thread *t = fake_process("parent"), *h = fake_process("handler");
    handle_t ep = make(h, SYS_ENDPOINT_CREATE, 0), child = child_make(t);
    struct process *p = process_of(handle_at(&t->process->handles, child)->object);
    p->fault_endpoint = handle_at(&h->process->handles, ep)->object;
    object_get(p->fault_endpoint);
    struct thread *c = child_start(t, child);
    h->frame.x[13] = 0;
    h->frame.x[14] = 0;
    (void)fake_call(h, SYS_REPLY_RECV, ep, 0, 0, 0, 0, 0);
    fault(c, ESR_READ_FAULT, 0x666000);
    EXPECT_EQ(PROCESS_RUNS, p->state);
    (void)fake_call(h, SYS_EXIT, 0, 0, 0, 0, 0, 0);
    EXPECT_EQ(PROCESS_ENDED, p->state);
    EXPECT_EQ(PROCESS_FAULT, p->cause);
}

TEST(process, dead_fault_endpoint_is_none)
{
    fake_start();
    struct thread *t = fake_process("parent");
    handle_t ep = make(t, SYS_ENDPOINT_CREATE, 0), child = child_make(t);
    EXPECT_OK(fake_call(t, SYS_PROCESS_FAULTS, child, ep, 0, 0, 0, 0));
    struct thread *c = child_start(t, child);
    EXPECT_OK(fake_call(t, SYS_HANDLE_CLOSE, ep, 0, 0, 0, 0, 0));
    fault(c, ESR_READ_FAULT, 0x666000);
    EXPECT_OK(fake_call(t, SYS_PROCESS_INFO, child, 0, 0, 0, 0, 0));
    EXPECT_EQ(PROCESS_ENDED, t->frame.x[1]);
}

TEST(process, kill_gives_every_page_back)
{
    fake_start();
    struct thread *t = fake_process("parent");
    uint64_t lowest = UINT64_MAX, first = 0;
    for (int round = 0; round < 20; round++) {
        handle_t child = child_make(t);
        struct thread *c = child_start(t, child);
        fault(c, ESR_WRITE_FAULT, 0x10000);
        fault(c, ESR_WRITE_FAULT, 0x11000);
        (void)make(c, SYS_ENDPOINT_CREATE, 0);
        (void)make(c, SYS_TIMER_CREATE, 0);
        EXPECT_OK(fake_call(t, SYS_PROCESS_KILL, child, 5, 0, 0, 0, 0));
        EXPECT_OK(fake_call(t, SYS_PROCESS_INFO, child, 0, 0, 0, 0, 0));
        EXPECT_EQ(PROCESS_ENDED, t->frame.x[1]);
        EXPECT_EQ(5, t->frame.x[2]);
        EXPECT_EQ(0, t->frame.x[4]); /* memory */
        EXPECT_OK(fake_call(t, SYS_HANDLE_CLOSE, child, 0, 0, 0, 0, 0));
        if (round == 0) first = page_free_count();
        lowest = MIN(lowest, page_free_count());
    }
    EXPECT_EQ(first, lowest);
}

TEST(process, never_started_and_dropped_leaves_nothing)
{
    fake_start();
    struct thread *t = fake_process("parent");
    (void)fake_call(t, SYS_HANDLE_CLOSE, child_make(t), 0, 0, 0, 0, 0);
    uint64_t before = page_free_count();
    for (int i = 0; i < 1100; i++) { /* more than there are address-space numbers */
        EXPECT_OK(fake_call(t, SYS_HANDLE_CLOSE, child_make(t), 0, 0, 0, 0, 0));
    }
    EXPECT_EQ(before, page_free_count());
}

TEST(process, watchers_hear_of_the_end)
{
    fake_start();
    struct thread *t = fake_process("parent");
    handle_t child = child_make(t), n = make(t, SYS_NOTIFICATION_CREATE, 0);
    struct thread *c = child_start(t, child);
    EXPECT_OK(fake_call(t, SYS_PROCESS_WATCH, child, n, 4, 0, 0, 0));
    (void)fake_call(t, SYS_NOTIFICATION_WAIT, n, 4, 0, 0, 0, 0);
    EXPECT_EQ(THREAD_WAIT_NOTIFY, t->state);
    (void)fake_call(c, SYS_EXIT, 77, 0, 0, 0, 0, 0);
    EXPECT_EQ(THREAD_READY, t->state);
    EXPECT_EQ(4, t->frame.x[1]);
    EXPECT_OK(fake_call(t, SYS_PROCESS_WATCH, child, n, 8, 0, 0, 0)); /* has ended: at once */
    EXPECT_OK(fake_call(t, SYS_NOTIFICATION_WAIT, n, 8, DEADLINE_NOW, 0, 0, 0));
    EXPECT_OK(fake_call(t, SYS_PROCESS_INFO, child, 0, 0, 0, 0, 0));
    EXPECT_EQ(77, t->frame.x[2]);
}

TEST(process, last_thread_out_ends_it)
{
    fake_start();
    struct thread *t = fake_process("parent");
    handle_t child = child_make(t);
    struct thread *c = child_start(t, child);
    (void)make(c, SYS_THREAD_CREATE, 0x10000);
    (void)fake_call(c, SYS_THREAD_EXIT, 0, 0, 0, 0, 0, 0);
    EXPECT_OK(fake_call(t, SYS_PROCESS_INFO, child, 0, 0, 0, 0, 0));
    EXPECT_EQ(PROCESS_RUNS, t->frame.x[1]);
    struct process *p = process_of(handle_at(&t->process->handles, child)->object);
    struct thread *second = CONTAINER_OF(p->threads.next, struct thread, sibling);
    (void)fake_call(second, SYS_THREAD_EXIT, 0, 0, 0, 0, 0, 0);
    EXPECT_EQ(PROCESS_ENDED, p->state);
}

TEST(process, what_a_child_gets_is_what_was_granted)
{
    fake_start();
    struct thread *t = fake_process("parent");
    handle_t child = child_make(t), n = make(t, SYS_NOTIFICATION_CREATE, 0);
    EXPECT_OK(fake_call(t, SYS_PROCESS_GRANT, child, n, RIGHT_READ, 0, 0, 0));
    handle_t theirs = (handle_t)t->frame.x[1];
    struct thread *c = child_start(t, child);
    EXPECT_EQ(1, handle_count(&c->process->handles));
    EXPECT_EQ(ERR_RIGHTS, fake_call(c, SYS_NOTIFICATION_SIGNAL, theirs, 1, 0, 0, 0, 0));
    EXPECT_OK(fake_call(t, SYS_HANDLE_DUP, n, RIGHT_ALL & ~RIGHT_GRANT, 0, 0, 0, 0));
    EXPECT_EQ(ERR_RIGHTS,
              fake_call(t, SYS_PROCESS_GRANT, child, t->frame.x[1], RIGHT_READ, 0, 0, 0));
    EXPECT_OK(fake_call(t, SYS_HANDLE_DUP, child, RIGHT_READ, 0, 0, 0, 0));
    handle_t look_only = (handle_t)t->frame.x[1];
    EXPECT_EQ(ERR_RIGHTS, fake_call(t, SYS_PROCESS_GRANT, look_only, n, RIGHT_READ, 0, 0, 0));
    EXPECT_EQ(ERR_RIGHTS, fake_call(t, SYS_PROCESS_KILL, look_only, 0, 0, 0, 0, 0));
    EXPECT_EQ(ERR_RIGHTS, fake_call(t, SYS_VMO_UNMAP, look_only, 0x10000, 0x2000, 0, 0, 0));
    EXPECT_EQ(ERR_STATE, fake_call(t, SYS_PROCESS_START, child, 0, 0, 0, 0, 0));
}

TEST(process, names_are_made_harmless)
{
    fake_start();
    struct thread *t = fake_process("parent");
    uint64_t evil = 0x1b5b324a41414141; /* "AAAAJ2[" and an escape */
    EXPECT_OK(fake_call(t, SYS_PROCESS_CREATE, evil, UINT64_MAX, UINT64_MAX, UINT64_MAX, 0, 0));
    struct process *p = process_of(handle_at(&t->process->handles, t->frame.x[1])->object);
    EXPECT_LE(PROCESS_NAME_BYTES - 1, strlen(p->name));
    EXPECT_TRUE(strchr(p->name, 0x1b) == NULL);
}
