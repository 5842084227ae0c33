/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A storm of random system calls from several processes: no check of the kernel fails, nothing is left behind. */
// LINK: tests/fake/kernel.c kernel/aspace.c kernel/cpu.c kernel/deadline.c kernel/endpoint.c kernel/fault.c kernel/handle.c kernel/hyper.c
// LINK: kernel/irq.c kernel/link.c kernel/log.c kernel/notify.c kernel/object.c kernel/page.c kernel/process.c
// LINK: kernel/process_calls.c kernel/sched.c kernel/slab.c kernel/syscall.c kernel/thread.c kernel/timer.c kernel/vmo.c
// LINK: kernel/work.c kernel/aarch64/pagetable.c lib/format.c lib/string.c
#include "kernel/fault.h"
#include "kernel/irq.h"
#include "kernel/page.h"
#include "lib/test.h"
#include "tests/fake/kernel.h"

#define CALLS        60000
#define PROCESSES    6
#define HANDLES_SEEN 24

static uint32_t seed;

static uint32_t dice(uint32_t sides)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % sides;
}

/* An argument that has a chance to mean something: small numbers, handles, page counts, edges. */
static uint64_t argument(void)
{
    static const uint64_t edge[] = { 0,      1,      UINT64_MAX, 1UL << 32, 1UL << 33, 1UL << 39,
                                     0x1000, 0x2000, 0x10000,    0x400000,  0x3f };
    switch (dice(8)) {
    case 0:
        return edge[dice(ARRAY_COUNT(edge))];
    case 1:
        return (uint64_t)dice(16) * PAGE_SIZE;
    case 2:
        return fake.now_ticks + dice(200);
    case 3:
        return 0;
    case 4:
        return dice(8);
    default:
        return dice(HANDLES_SEEN);
    }
}

static uint64_t number(void)
{
    static const uint64_t often[] = { SYS_CALL,          SYS_REPLY_RECV,
                                      SYS_REPLY_RECV,    SYS_ENDPOINT_CREATE,
                                      SYS_PROCESS_GRANT, SYS_VMO_MAP };
    if (dice(3) == 0) return often[dice(ARRAY_COUNT(often))];
    uint64_t n = dice(SYS_COUNT);
    bool ends = n == SYS_SYSTEM || ((n == SYS_EXIT || n == SYS_THREAD_EXIT) && dice(20) != 0);
    return ends ? SYS_YIELD : n;
}

static uint32_t running_count(void)
{
    uint32_t count = 0;
    struct list_node *head = process_list_head();
    for (struct list_node *n = head->next; n != head; n = n->next) {
        if (CONTAINER_OF(n, struct process, all)->state == PROCESS_RUNS) count++;
    }
    return count;
}

/* A handle of the running process goes to another one, as a parent would have given it. */
static void seed_handle(struct thread *from, struct thread *to)
{
    struct handle_entry *h = handle_at(&from->process->handles, dice(HANDLES_SEEN));
    if (!h || h->type == OBJECT_REPLY || handle_reserve(&to->process->handles, 1) != OK) return;
    struct handle_entry copy = *h;
    (void)handle_insert(&to->process->handles, &copy);
}

static void step(void)
{
    struct thread *t = this_cpu()->current;
    if (!t || dice(200) == 0) {
        fake_time(fake.now_ticks + dice(300));
        t = this_cpu()->current;
    }
    if (!t || (running_count() < PROCESSES && dice(20) == 0)) {
        struct thread *made = fake_process("storm");
        if (t) seed_handle(t, made);
        return;
    }
    if (dice(50) == 0) {
        fake_run(t);
        fault_handle(t, dice(2) ? 0x92000007UL : 0x92000047UL, argument());
        fake_settle();
        return;
    }
    for (size_t i = 0; i < 16; i++) t->frame.x[i] = argument();
    (void)fake_call_raw(t, number());
}

static void storm(uint32_t first_seed)
{
    fake_start();
    seed = first_seed;
    for (uint32_t i = 0; i < CALLS; i++) {
        step();
        if (fake.log_bytes > sizeof(fake.log) / 2) fake.log_bytes = 0;
        if (page_free_count() < 64) fake_end_all();
    }
    fake_end_all();
}

TEST(storm, random_calls_break_nothing_and_leave_nothing)
{
    storm(1); /* pools of structs grow to their size */
    uint64_t before = page_free_count();
    storm(1);
    EXPECT_EQ(before, page_free_count());
    for (uint32_t s = 2; s < 5; s++) {
        test_row(s);
        storm(s);
        before = page_free_count();
        storm(s);
        EXPECT_EQ(before, page_free_count());
    }
}
