/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What every call must refuse: wrong handles, missing rights, full tables, no memory, the dead. */
// LINK: tests/fake/kernel.c kernel/aspace.c kernel/cpu.c kernel/deadline.c kernel/endpoint.c kernel/fault.c kernel/handle.c kernel/hyper.c
// LINK: kernel/irq.c kernel/link.c kernel/log.c kernel/notify.c kernel/object.c kernel/page.c kernel/process.c
// LINK: kernel/process_calls.c kernel/sched.c kernel/slab.c kernel/syscall.c kernel/thread.c kernel/timer.c kernel/vmo.c
// LINK: kernel/work.c kernel/aarch64/pagetable.c lib/format.c lib/string.c
#include "abi/hypercall.h"
#include "kernel/endpoint.h"
#include "kernel/irq.h"
#include "kernel/link.h"
#include "kernel/page.h"
#include "kernel/slab.h"
#include "kernel/vmo.h"
#include "lib/test.h"
#include "tests/fake/kernel.h"

/* One process with a handle of every type, by type. */
static struct {
    struct thread *t;
    handle_t of[OBJECT_TYPE_COUNT];
} rig;

static struct object tokens[OBJECT_TYPE_COUNT]; /* system, log, domain: never destroyed */

static handle_t made(uint64_t number, uint64_t x0)
{
    EXPECT_OK(fake_call(rig.t, number, x0, 0, 0, 0, 0, 0));
    return (handle_t)rig.t->frame.x[1];
}

static handle_t given(struct object *o)
{
    EXPECT_OK(handle_reserve(&rig.t->process->handles, 1));
    return process_handle_add(rig.t->process, o);
}

static void rig_start(void)
{
    fake_start();
    rig.t = fake_process("a");
    static const enum object_type token[] = { OBJECT_SYSTEM, OBJECT_LOG, OBJECT_DOMAIN };
    for (size_t i = 0; i < ARRAY_COUNT(token); i++) {
        if (tokens[token[i]].ref_count == 0) object_init(&tokens[token[i]], token[i]);
        rig.of[token[i]] = given(&tokens[token[i]]);
    }
    static struct link *link;
    const struct boot_link info = {
        .regs_ipa = 0x3000000, .window_ipa = 0x7f800000, .window_bytes = MIB(4), .intid = 77
    };
    if (!link) link = link_create(&info);
    rig.of[OBJECT_LINK] = given(&link->object);
    rig.of[OBJECT_INTERRUPT] = given(&link->interrupt->object);
    rig.of[OBJECT_NOTIFICATION] = made(SYS_NOTIFICATION_CREATE, 0);
    rig.of[OBJECT_ENDPOINT] = made(SYS_ENDPOINT_CREATE, 0);
    rig.of[OBJECT_TIMER] = made(SYS_TIMER_CREATE, 0);
    rig.of[OBJECT_VMO] = made(SYS_VMO_CREATE, PAGE_SIZE);
    rig.of[OBJECT_PROCESS] = made(SYS_PROCESS_CREATE, 0);
}

/* Every call that takes a handle: in which register, of what type, with which right; the other registers as a good call has them. */
#define NOTE UINT64_MAX       /* a good notification */
#define ENDP (UINT64_MAX - 1) /* a good endpoint */
#define VMOH (UINT64_MAX - 4) /* a good VMO */
static const struct {
    uint64_t number;
    uint32_t at;
    enum object_type type;
    uint32_t right;
    uint64_t x[6];
} taker[] = {
    { SYS_CALL, 0, OBJECT_ENDPOINT, RIGHT_WRITE, { 0 } },
    { SYS_REPLY_RECV, 0, OBJECT_ENDPOINT, RIGHT_READ, { 0 } },
    { SYS_ENDPOINT_MINT, 0, OBJECT_ENDPOINT, RIGHT_MANAGE, { 0, 5, 1 } },
    { SYS_NOTIFICATION_SIGNAL, 0, OBJECT_NOTIFICATION, RIGHT_WRITE, { 0, 1 } },
    { SYS_NOTIFICATION_WAIT, 0, OBJECT_NOTIFICATION, RIGHT_READ, { 0, 1, 1 } },
    { SYS_NOTIFICATION_BIND, 0, OBJECT_NOTIFICATION, RIGHT_READ, { 0 } },
    { SYS_VMO_INFO, 0, OBJECT_VMO, RIGHT_READ, { 0 } },
    { SYS_VMO_MAP, 1, OBJECT_VMO, RIGHT_READ, { 0, 0, 0, PAGE_SIZE, PROT_READ } },
    { SYS_VMO_MAP, 1, OBJECT_VMO, RIGHT_WRITE, { 0, 0, 0, PAGE_SIZE, PROT_READ | PROT_WRITE } },
    { SYS_VMO_MAP, 1, OBJECT_VMO, RIGHT_EXEC, { 0, 0, 0, PAGE_SIZE, PROT_READ | PROT_EXEC } },
    { SYS_VMO_MAP, 0, OBJECT_PROCESS, RIGHT_MANAGE, { 0, VMOH, 0, PAGE_SIZE, PROT_READ } },
    { SYS_PROCESS_START, 0, OBJECT_PROCESS, RIGHT_MANAGE, { 0 } },
    { SYS_PROCESS_INFO, 0, OBJECT_PROCESS, RIGHT_READ, { 0 } },
    { SYS_PROCESS_KILL, 0, OBJECT_PROCESS, RIGHT_MANAGE, { 0 } },
    { SYS_PROCESS_GRANT, 0, OBJECT_PROCESS, RIGHT_MANAGE, { 0, NOTE, 1 } },
    { SYS_PROCESS_WATCH, 0, OBJECT_PROCESS, RIGHT_READ, { 0, NOTE, 1 } },
    { SYS_PROCESS_WATCH, 1, OBJECT_NOTIFICATION, RIGHT_WRITE, { 0 } },
    { SYS_PROCESS_FAULTS, 0, OBJECT_PROCESS, RIGHT_MANAGE, { 0, ENDP } },
    { SYS_PROCESS_FAULTS, 1, OBJECT_ENDPOINT, RIGHT_WRITE, { 0 } },
    { SYS_PROCESS_LIST, 0, OBJECT_SYSTEM, RIGHT_READ, { 0 } },
    { SYS_HANDLE_LIST, 0, OBJECT_PROCESS, RIGHT_READ, { 0 } },
    { SYS_VMO_UNMAP, 0, OBJECT_PROCESS, RIGHT_MANAGE, { 0, 0x1000, 0x1000 } },
    { SYS_IRQ_BIND, 0, OBJECT_INTERRUPT, RIGHT_READ, { 0, NOTE, 1 } },
    { SYS_IRQ_BIND, 1, OBJECT_NOTIFICATION, RIGHT_WRITE, { UINT64_MAX - 2 } },
    { SYS_IRQ_ACK, 0, OBJECT_INTERRUPT, RIGHT_READ, { 0 } },
    { SYS_TIMER_SET, 0, OBJECT_TIMER, RIGHT_WRITE, { 0, 5000, NOTE, 1 } },
    { SYS_TIMER_SET, 2, OBJECT_NOTIFICATION, RIGHT_WRITE, { UINT64_MAX - 3, 5000 } },
    { SYS_LINK_INFO, 0, OBJECT_LINK, RIGHT_READ, { 0 } },
    { SYS_LINK_OPEN, 0, OBJECT_LINK, RIGHT_READ, { 0 } },
    { SYS_LINK_KICK, 0, OBJECT_LINK, RIGHT_READ, { 0 } },
    { SYS_DOMAIN_CALL, 0, OBJECT_DOMAIN, RIGHT_READ, { 0, HVC_DOMAIN_INFO } },
    { SYS_DOMAIN_CALL, 0, OBJECT_DOMAIN, RIGHT_MANAGE, { 0, HVC_DOMAIN_KILL } },
    { SYS_LOG_READ, 0, OBJECT_LOG, RIGHT_READ, { 0 } },
    { SYS_LOG_WRITE, 0, OBJECT_LOG, RIGHT_WRITE, { 0, 1 } },
    { SYS_TRACE_READ, 0, OBJECT_LOG, RIGHT_READ, { 0 } },
    { SYS_SYSTEM, 0, OBJECT_SYSTEM, RIGHT_MANAGE, { 0, SYSTEM_POWEROFF } },
};

static err_t take(size_t i, uint64_t h)
{
    uint64_t x[6];
    for (size_t n = 0; n < 6; n++) {
        x[n] = taker[i].x[n];
        if (x[n] == NOTE) x[n] = rig.of[OBJECT_NOTIFICATION];
        if (x[n] == ENDP) x[n] = rig.of[OBJECT_ENDPOINT];
        if (x[n] == VMOH) x[n] = rig.of[OBJECT_VMO];
        if (x[n] == UINT64_MAX - 2) x[n] = rig.of[OBJECT_INTERRUPT];
        if (x[n] == UINT64_MAX - 3) x[n] = rig.of[OBJECT_TIMER];
    }
    x[taker[i].at] = h;
    rig.t->frame.x[13] = DEADLINE_NOW;
    rig.t->frame.x[14] = 0;
    return fake_call(rig.t, taker[i].number, x[0], x[1], x[2], x[3], x[4], x[5]);
}

TEST(refuse, handles_that_are_none_or_of_another_type)
{
    rig_start();
    for (size_t i = 0; i < ARRAY_COUNT(taker); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(ERR_HANDLE, take(i, 1999));
        handle_t other = rig.of[taker[i].type == OBJECT_TIMER ? OBJECT_LOG : OBJECT_TIMER];
        EXPECT_EQ(ERR_TYPE, take(i, other));
    }
    EXPECT_EQ(0, fake.hvc_count);
}

TEST(refuse, handles_without_the_right)
{
    rig_start();
    for (size_t i = 0; i < ARRAY_COUNT(taker); i++) {
        test_row((int64_t)i);
        EXPECT_OK(fake_call(rig.t, SYS_HANDLE_DUP, rig.of[taker[i].type],
                            RIGHT_ALL & ~taker[i].right, 0, 0, 0, 0));
        handle_t weak = (handle_t)rig.t->frame.x[1];
        EXPECT_EQ(ERR_RIGHTS, take(i, weak));
    }
    EXPECT_EQ(0, fake.hvc_count);
    EXPECT_EQ(0, rig.t->process->aspace.mapping_count);
}

/* Every call that makes a handle. */
static const uint64_t maker[][6] = {
    { SYS_NOTIFICATION_CREATE },   { SYS_ENDPOINT_CREATE }, { SYS_TIMER_CREATE },
    { SYS_VMO_CREATE, PAGE_SIZE }, { SYS_PROCESS_CREATE },  { SYS_THREAD_CREATE },
};

TEST(refuse, makers_when_the_table_is_full)
{
    rig_start();
    while (fake_call(rig.t, SYS_HANDLE_DUP, rig.of[OBJECT_VMO], RIGHT_ALL, 0, 0, 0, 0) == OK) {
    }
    for (size_t i = 0; i < ARRAY_COUNT(maker); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(ERR_NO_MEMORY, fake_call(rig.t, maker[i][0], maker[i][1], 0, 0, 0, 0, 0));
    }
    EXPECT_EQ(ERR_NO_MEMORY,
              fake_call(rig.t, SYS_ENDPOINT_MINT, rig.of[OBJECT_ENDPOINT], 3, 1, 0, 0, 0));
    EXPECT_EQ(ERR_NO_MEMORY,
              fake_call(rig.t, SYS_PROCESS_GRANT, HANDLE_SELF, rig.of[OBJECT_VMO], 1, 0, 0, 0));
    EXPECT_OK(fake_call(rig.t, SYS_HANDLE_CLOSE, 500, 0, 0, 0, 0, 0));
    EXPECT_OK(fake_call(rig.t, SYS_HANDLE_CLOSE, 501, 0, 0, 0, 0, 0));
    EXPECT_EQ(ERR_NO_MEMORY, fake_call(rig.t, SYS_LINK_OPEN, rig.of[OBJECT_LINK], 0, 0, 0, 0,
                                       0)); /* wants three */
    EXPECT_EQ(1, rig.t->process->thread_count);
}

TEST(refuse, makers_when_memory_is_out)
{
    for (size_t i = 0; i < ARRAY_COUNT(maker); i++) {
        test_row((int64_t)i);
        rig_start();
        EXPECT_OK(handle_reserve(&rig.t->process->handles,
                                 1500)); /* so that it is the struct that fails */
        void *held = NULL;
        for (void *page = page_alloc(NULL); page; page = page_alloc(NULL)) {
            *(void **)page = held;
            held = page;
        }
        uint32_t count = 0;
        err_t e;
        while ((e = fake_call(rig.t, maker[i][0], maker[i][1], 0, 0, 0, 0, 0)) == OK) {
            if (++count > 1400) break;
        }
        EXPECT_EQ(ERR_NO_MEMORY, e);
        while (held) {
            void *next = *(void **)held;
            page_free(held, NULL);
            held = next;
        }
    }
}

TEST(refuse, mapping_when_memory_or_mappings_are_out)
{
    rig_start();
    handle_t big = made(SYS_VMO_CREATE, 2000 * PAGE_SIZE);
    for (uint64_t i = 0; i < MAPPING_MAX; i++) {
        EXPECT_OK(fake_call(rig.t, SYS_VMO_MAP, 0, big, i * PAGE_SIZE, PAGE_SIZE, PROT_READ, 0));
    }
    EXPECT_EQ(ERR_NO_MEMORY, fake_call(rig.t, SYS_VMO_MAP, 0, big, 0, PAGE_SIZE, PROT_READ, 0));
}

TEST(refuse, what_is_asked_of_the_dead)
{
    rig_start();
    handle_t dead = rig.of[OBJECT_PROCESS];
    EXPECT_OK(fake_call(rig.t, SYS_PROCESS_KILL, dead, 0, 0, 0, 0, 0));
    EXPECT_EQ(ERR_DEAD, fake_call(rig.t, SYS_PROCESS_GRANT, dead, rig.of[OBJECT_VMO], 1, 0, 0, 0));
    EXPECT_EQ(ERR_DEAD,
              fake_call(rig.t, SYS_VMO_MAP, dead, rig.of[OBJECT_VMO], 0, PAGE_SIZE, PROT_READ, 0));
    EXPECT_EQ(ERR_DEAD, fake_call(rig.t, SYS_VMO_UNMAP, dead, 0x1000, 0x1000, 0, 0, 0));
    EXPECT_EQ(ERR_DEAD,
              fake_call(rig.t, SYS_PROCESS_FAULTS, dead, rig.of[OBJECT_ENDPOINT], 0, 0, 0, 0));
    EXPECT_EQ(ERR_STATE, fake_call(rig.t, SYS_PROCESS_START, dead, 0, 0, 0, 0, 0));
    EXPECT_OK(fake_call(rig.t, SYS_PROCESS_KILL, dead, 9, 0, 0, 0, 0));
    EXPECT_OK(fake_call(rig.t, SYS_PROCESS_INFO, dead, 0, 0, 0, 0, 0));
    EXPECT_EQ(0, rig.t->frame.x[2]); /* the first cause stands */
}

TEST(refuse, too_many_of_a_kind)
{
    rig_start();
    handle_t p = rig.of[OBJECT_PROCESS], n = rig.of[OBJECT_NOTIFICATION];
    for (int i = 0; i < PROCESS_WATCH_MAX; i++)
        EXPECT_OK(fake_call(rig.t, SYS_PROCESS_WATCH, p, n, 1UL << i, 0, 0, 0));
    EXPECT_EQ(ERR_NO_MEMORY, fake_call(rig.t, SYS_PROCESS_WATCH, p, n, 16, 0, 0, 0));
    EXPECT_OK(fake_call(rig.t, SYS_PROCESS_KILL, p, 0, 0, 0, 0, 0));
    EXPECT_OK(fake_call(rig.t, SYS_NOTIFICATION_WAIT, n, UINT64_MAX, 1, 0, 0, 0));
    EXPECT_EQ(15, rig.t->frame.x[1]); /* all four heard of it */
    for (int i = 1; i < PROCESS_THREAD_MAX; i++)
        EXPECT_OK(fake_call(rig.t, SYS_THREAD_CREATE, 0, 0, 0, 0, 0, 0));
    EXPECT_EQ(ERR_NO_MEMORY, fake_call(rig.t, SYS_THREAD_CREATE, 0, 0, 0, 0, 0, 0));
}

TEST(refuse, values_without_meaning)
{
    rig_start();
    handle_t v = rig.of[OBJECT_VMO];
    EXPECT_EQ(ERR_ARG, fake_call(rig.t, SYS_VMO_MAP, 0, v, 0, PAGE_SIZE, PROT_READ | 16, 0));
    EXPECT_EQ(ERR_ARG, fake_call(rig.t, SYS_VMO_MAP, 0, v, 0, PAGE_SIZE, PROT_READ | 1UL << 40, 0));
    EXPECT_EQ(ERR_ARG, fake_call(rig.t, SYS_SYSTEM, rig.of[OBJECT_SYSTEM], 2, 0, 0, 0, 0));
    EXPECT_EQ(ERR_NO_ENTRY,
              fake_call(rig.t, SYS_PROCESS_LIST, rig.of[OBJECT_SYSTEM], 1000, 0, 0, 0, 0));
    EXPECT_EQ(ERR_NO_ENTRY,
              fake_call(rig.t, SYS_PROCESS_LIST, rig.of[OBJECT_SYSTEM], UINT64_MAX, 0, 0, 0, 0));
    EXPECT_OK(fake_call(rig.t, SYS_PROCESS_LIST, rig.of[OBJECT_SYSTEM], 0, 0, 0, 0, 0));
    EXPECT_EQ(ERR_HANDLE,
              fake_call(rig.t, SYS_PROCESS_GRANT, rig.of[OBJECT_PROCESS], 1999, 1, 0, 0, 0));
    EXPECT_EQ(ERR_NO_ENTRY, fake_call(rig.t, SYS_VMO_UNMAP, 0, 0x7000000000, 0x1000, 0, 0, 0));
    EXPECT_OK(fake_call(rig.t, SYS_SLEEP, 500, 0, 0, 0, 0, 0)); /* has passed: no wait, no timer */
    EXPECT_EQ(0, fake.timer_writes);
}

TEST(refuse, bits_go_only_to_who_asked_for_them)
{
    rig_start();
    handle_t n = rig.of[OBJECT_NOTIFICATION];
    struct thread *other = fake_process("b");
    EXPECT_OK(handle_reserve(&other->process->handles, 1));
    handle_t n2 = handle_insert(&other->process->handles, handle_at(&rig.t->process->handles, n));
    (void)fake_call(other, SYS_NOTIFICATION_WAIT, n2, 2, 0, 0, 0, 0);
    EXPECT_OK(fake_call(rig.t, SYS_NOTIFICATION_SIGNAL, n, 1, 0, 0, 0, 0));
    EXPECT_EQ(THREAD_WAIT_NOTIFY, other->state);
    EXPECT_OK(fake_call(rig.t, SYS_NOTIFICATION_SIGNAL, n, 2, 0, 0, 0, 0));
    EXPECT_EQ(THREAD_READY, other->state);
    EXPECT_EQ(2, other->frame.x[1]);
    EXPECT_OK(fake_call(rig.t, SYS_NOTIFICATION_BIND, n, 0, 0, 0, 0, 0));
    uint32_t uses = handle_at(&rig.t->process->handles, n)->object->ref_count;
    EXPECT_OK(fake_call(rig.t, SYS_NOTIFICATION_BIND, n, 0, 0, 0, 0, 0)); /* again: nothing new */
    EXPECT_EQ(uses, handle_at(&rig.t->process->handles, n)->object->ref_count);
    EXPECT_OK(fake_call(rig.t, SYS_NOTIFICATION_BIND, 0, 0, 0, 0, 0, 0));
    EXPECT_EQ(uses - 1, handle_at(&rig.t->process->handles, n)->object->ref_count);
}

TEST(refuse, processes_when_address_space_numbers_are_out)
{
    rig_start();
    uint32_t count = 0;
    while (fake_call(rig.t, SYS_PROCESS_CREATE, 0, 0, 0, 0, 0, 0) == OK) count++;
    EXPECT_EQ(1021, count); /* 1,023 numbers, two in use before */
    EXPECT_NE(0, page_free_count());
    EXPECT_OK(fake_call(rig.t, SYS_HANDLE_CLOSE, rig.of[OBJECT_PROCESS], 0, 0, 0, 0, 0));
    EXPECT_OK(fake_call(rig.t, SYS_PROCESS_CREATE, 0, 0, 0, 0, 0, 0));
}
