/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The seam kernel/arch.h on the host. */
#include "tests/fake/kernel.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/arch.h"
#include "kernel/irq.h"
#include "kernel/lastwords.h"
#include "kernel/page.h"

#define FAKE_TIMER_INTID 27

struct fake_kernel fake;
static char ram[FAKE_RAM_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static jmp_buf idle;
static bool is_waiting_allowed, is_started;

void *arch_ptr(pa_t pa)
{
    if (pa.raw < FAKE_RAM_PA || pa.raw - FAKE_RAM_PA >= sizeof(ram)) abort();
    return (char *)ram + (pa.raw - FAKE_RAM_PA);
}
pa_t arch_pa(const void *ptr)
{
    if ((const char *)ptr < (const char *)ram ||
        (const char *)ptr >= (const char *)ram + sizeof(ram))
        abort();
    return (pa_t){ FAKE_RAM_PA + (uint64_t)((const char *)ptr - (const char *)ram) };
}
void arch_page_zero(void *page)
{
    memset(page, 0, PAGE_SIZE);
}
void arch_page_sync_code(void *page)
{
    (void)page;
}
uint64_t arch_ticks(void)
{
    return fake.now_ticks;
}
uint64_t arch_freq_hz(void)
{
    return 1000000;
}
void arch_timer_set(uint64_t at_ticks)
{
    fake.timer_ticks = at_ticks;
    fake.timer_writes++;
}
void arch_wait_for_interrupt(void)
{
    if (!is_waiting_allowed) abort();
    longjmp(idle, 1);
}
void arch_tlb_flush_asid(uint16_t asid)
{
    (void)asid;
    fake.tlb_flushes++;
}
void arch_tlb_flush_page(uint16_t asid, uint64_t va)
{
    (void)asid;
    (void)va;
    fake.page_flushes++;
}
void arch_table_publish(void)
{
}
uint64_t arch_ttbr(pa_t root, uint16_t asid)
{
    return (uint64_t)asid << 48 | root.raw;
}
void arch_user_table_drop(uint64_t ttbr0)
{
    (void)ttbr0;
}
void arch_irq_enable(uint32_t intid, bool edge)
{
    (void)edge;
    if (fake.enabled_count < ARRAY_COUNT(fake.enabled)) fake.enabled[fake.enabled_count++] = intid;
}
void arch_irq_disable(uint32_t intid)
{
    (void)intid;
}
uint32_t arch_irq_claim(void)
{
    if (fake.pending_count == 0) return 1023;
    uint32_t intid = fake.pending[0];
    fake.pending_count--;
    memmove(fake.pending, fake.pending + 1, fake.pending_count * sizeof(fake.pending[0]));
    return intid;
}
void arch_irq_complete(uint32_t intid)
{
    (void)intid;
}
void arch_irq_deactivate(uint32_t intid)
{
    if (fake.deactivated_count < ARRAY_COUNT(fake.deactivated))
        fake.deactivated[fake.deactivated_count++] = intid;
}
struct cpu *this_cpu(void)
{
    return cpu_at(0);
}
void arch_lock(void)
{
    fake.lock_depth++;
}
void arch_unlock(void)
{
    fake.lock_depth--;
}
void arch_wait_zero(const _Atomic uint32_t *word)
{
    atomic_store((_Atomic uint32_t *)word, 0);
}
err_t arch_cpu_start(struct cpu *c)
{
    fake.started |= 1U << c->index;
    return fake.cpu_start_result;
}
_Noreturn void arch_cpu_stop(void)
{
    abort();
}
void arch_cpu_kick(uint32_t index)
{
    fake.kicks[index]++;
}
void arch_user_leave(void)
{
}
void arch_fp_leave(void)
{
    this_cpu()->fp_owner = NULL;
}
void arch_fp_drop(const struct thread *t)
{
    if (this_cpu()->fp_owner == t) this_cpu()->fp_owner = NULL;
}
void arch_hvc(struct hvc_regs *regs)
{
    if (regs->x[0] == 0xc6000001) {
        uint64_t count = MIN(regs->x[1], UINT64_C(40));
        if (fake.log_bytes + count < sizeof(fake.log)) {
            memcpy(fake.log + fake.log_bytes, &regs->x[2], count);
            fake.log_bytes += (uint32_t)count;
        }
        return;
    }
    memcpy(fake.hvc_x, regs->x, sizeof(fake.hvc_x));
    fake.hvc_count++;
    memcpy(regs->x, fake.hvc_result, sizeof(fake.hvc_result));
}
void lastwords_write(const char *text)
{
    (void)text;
}
_Noreturn void arch_halt(void)
{
    fprintf(stderr, "the kernel halted\n%s\n", fake.log);
    abort();
}

void fake_start(void)
{
    if (!is_started) page_pool_add((pa_t){ FAKE_RAM_PA }, (pa_t){ FAKE_RAM_PA + sizeof(ram) });
    if (is_started) fake_end_all();
    is_started = true;
    memset(&fake, 0, sizeof(fake));
    fake.now_ticks = 1000;
    fake.timer_ticks = ARCH_TIMER_NEVER;
    cpus_start(1);
    irq_timer_set(FAKE_TIMER_INTID);
}

struct thread *fake_settle(void)
{
    if (this_cpu()->work) work_run();
    is_waiting_allowed = true;
    if (!this_cpu()->current && setjmp(idle) == 0) (void)sched_pick();
    is_waiting_allowed = false;
    this_cpu()->live = this_cpu()->current;
    return this_cpu()->current;
}

struct thread *fake_process(const char *name)
{
    char padded[PROCESS_NAME_BYTES] = { 0 };
    snprintf(padded, sizeof(padded), "%s", name);
    struct process *p = process_create(padded);
    if (!p || process_start(p, 0x400000, 0x800000, 0) != OK) abort();
    object_put(&p->object);
    struct thread *t = CONTAINER_OF(p->threads.next, struct thread, sibling);
    list_remove(&t->queue);
    if (this_cpu()->current) sched_requeue(this_cpu()->current);
    this_cpu()->current = t;
    this_cpu()->live = t;
    return t;
}

void fake_run(struct thread *t)
{
    if (t->state != THREAD_READY) abort(); /* the test's mistake: a waiting thread does not run */
    if (this_cpu()->current != t) {
        if (this_cpu()->current) sched_requeue(this_cpu()->current);
        list_remove(&t->queue);
        this_cpu()->current = t;
    }
    this_cpu()->live = t;
}

err_t fake_call_raw(struct thread *t, uint64_t number)
{
    fake_run(t);
    object_get(&t->object); /* so that its registers can be looked at after its end */
    err_t e = syscall_table[number](t);
    if (e != SYSCALL_NO_RESULT) t->frame.x[0] = e;
    fake_settle();
    err_t result = (err_t)t->frame.x[0];
    object_put(&t->object);
    fake_settle();
    return result;
}

err_t fake_call(struct thread *t, uint64_t number, uint64_t x0, uint64_t x1, uint64_t x2,
                uint64_t x3, uint64_t x4, uint64_t x5)
{
    const uint64_t x[6] = { x0, x1, x2, x3, x4, x5 };
    memcpy(t->frame.x, x, sizeof(x));
    return fake_call_raw(t, number);
}

void fake_interrupt(uint32_t intid)
{
    fake.pending[fake.pending_count++] = intid;
    irq_dispatch();
    fake_settle();
}

void fake_time(uint64_t now_ticks)
{
    fake.now_ticks = now_ticks;
    if (fake.timer_ticks <= now_ticks) fake_interrupt(FAKE_TIMER_INTID);
}

void fake_end_all(void)
{
    struct list_node *head = process_list_head();
    for (struct list_node *n = head->next; n != head; n = n->next) {
        process_doom(CONTAINER_OF(n, struct process, all), PROCESS_KILLED, 0);
    }
    fake_settle();
}
