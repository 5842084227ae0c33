/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Several cores: when one more is asked for, who is woken, how a thread is thrown out of another core. */
// LINK: tests/fake/kernel.c kernel/aspace.c kernel/cpu.c kernel/deadline.c kernel/endpoint.c kernel/fault.c kernel/handle.c kernel/hyper.c
// LINK: kernel/irq.c kernel/link.c kernel/log.c kernel/notify.c kernel/object.c kernel/page.c kernel/process.c
// LINK: kernel/process_calls.c kernel/sched.c kernel/slab.c kernel/syscall.c kernel/thread.c kernel/timer.c kernel/vmo.c
// LINK: kernel/work.c kernel/aarch64/pagetable.c lib/format.c lib/string.c
#include "kernel/irq.h"
#include "lib/test.h"
#include "tests/fake/kernel.h"

#define SLICE 10000 /* ticks of 1 us */

static void start(uint32_t cores)
{
    fake_start();
    cpus_start(cores);
    cpu_at(0)->is_shared = 0;
    cpu_at(0)->is_inside = 0;
    for (uint32_t i = 1; i < cores; i++) cpu_at(i)->is_online = cpu_at(i)->is_idle = false;
}

static void busy_for_a_slice(void)
{
    (void)fake_process("a");
    (void)fake_process("b"); /* a is in the queue now */
    (void)fake_settle();
    fake_time(fake.now_ticks + 2 * SLICE);
}

TEST(smp, a_core_alone_takes_no_lock_and_starts_none)
{
    start(1);
    busy_for_a_slice();
    EXPECT_EQ(0, fake.started);
    EXPECT_EQ(0, fake.lock_depth);
    fake_end_all();
}

TEST(smp, work_that_waited_a_slice_starts_one_more_core_and_the_lock_begins)
{
    start(4);
    busy_for_a_slice();
    EXPECT_EQ(2, fake.started); /* core 1 */
    EXPECT_EQ(1, cpu_at(0)->is_shared);
    EXPECT_EQ(1, fake.lock_depth);
    EXPECT_TRUE(cpu_at(1)->is_online);
    EXPECT_FALSE(cpu_at(2)->is_online);
    fake_end_all();
}

TEST(smp, a_core_left_alone_with_the_lock_does_not_take_it_twice)
{
    start(2);
    busy_for_a_slice();
    EXPECT_EQ(1, fake.lock_depth);
    cpu_at(1)->is_online = false; /* it went off while core 0 was in the kernel */
    cpu_at(0)->is_shared = 0;
    cpu_more();
    EXPECT_EQ(1, fake.lock_depth);
    EXPECT_EQ(1, cpu_at(0)->is_shared);
    fake_end_all();
}

TEST(smp, a_core_that_refuses_is_not_counted_on)
{
    start(2);
    fake.cpu_start_result = ERR_IO;
    busy_for_a_slice();
    EXPECT_FALSE(cpu_at(1)->is_online);
    EXPECT_TRUE(fake.log_bytes != 0); /* it says so */
    fake_end_all();
}

TEST(smp, a_sleeping_core_is_woken_once_for_new_work)
{
    start(2);
    busy_for_a_slice();
    cpu_at(1)->is_idle = true;
    uint32_t before = fake.kicks[1];
    (void)fake_process("c");
    EXPECT_EQ(before + 1, fake.kicks[1]);
    (void)fake_process("d"); /* it is on its way */
    EXPECT_EQ(before + 1, fake.kicks[1]);
    fake_end_all();
}

TEST(smp, a_thread_that_ends_is_thrown_out_of_the_core_it_runs_on)
{
    start(2);
    struct thread *victim = fake_process("victim");
    busy_for_a_slice();
    list_remove(&victim->queue); /* core 1 runs it */
    cpu_at(1)->current = cpu_at(1)->live = victim;
    uint32_t before = fake.kicks[1];
    thread_end(victim);
    EXPECT_EQ(before + 1, fake.kicks[1]);
    EXPECT_TRUE(cpu_at(1)->current == NULL);
    EXPECT_TRUE(cpu_at(1)->live == NULL);
    EXPECT_EQ(0, cpu_at(1)->expel);
    fake_end_all();
}
