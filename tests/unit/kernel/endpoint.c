/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Endpoints: the rendezvous and every way in which it can end. */
// LINK: tests/fake/kernel.c kernel/aspace.c kernel/cpu.c kernel/deadline.c kernel/endpoint.c kernel/fault.c kernel/handle.c kernel/hyper.c
// LINK: kernel/irq.c kernel/link.c kernel/log.c kernel/notify.c kernel/object.c kernel/page.c kernel/process.c
// LINK: kernel/process_calls.c kernel/sched.c kernel/slab.c kernel/syscall.c kernel/thread.c kernel/timer.c kernel/vmo.c
// LINK: kernel/work.c kernel/aarch64/pagetable.c lib/format.c lib/string.c
#include "tests/fake/kernel.h"

#include <string.h>

#include "kernel/endpoint.h"
#include "kernel/notify.h"
#include "lib/test.h"

/* A server with an endpoint and a client with a handle to it, badge 7. */
static struct {
    struct thread *server, *client;
    handle_t ep;   /* server's, all rights */
    handle_t call; /* client's */
} rig;

static handle_t give(struct thread *from, handle_t h, struct thread *to, uint32_t rights)
{
    EXPECT_OK(handle_reserve(&to->process->handles, 1));
    struct handle_entry e = *handle_at(&from->process->handles, h);
    e.rights &= rights;
    return handle_insert(&to->process->handles, &e);
}

static void rig_start(void)
{
    fake_start();
    rig.server = fake_process("server");
    rig.client = fake_process("client");
    EXPECT_OK(fake_call(rig.server, SYS_ENDPOINT_CREATE, 0, 0, 0, 0, 0, 0));
    rig.ep = (handle_t)rig.server->frame.x[1];
    EXPECT_OK(
            fake_call(rig.server, SYS_ENDPOINT_MINT, rig.ep, 7, RIGHT_WRITE | RIGHT_DUP, 0, 0, 0));
    handle_t minted = (handle_t)rig.server->frame.x[1];
    rig.call = give(rig.server, minted, rig.client, RIGHT_ALL);
}

static void receive(uint64_t reply, uint64_t deadline)
{
    rig.server->frame.x[0] = rig.ep;
    rig.server->frame.x[13] = deadline;
    rig.server->frame.x[14] = reply;
    (void)fake_call_raw(rig.server, SYS_REPLY_RECV);
}

static err_t call(struct thread *client, handle_t h, uint64_t tag, uint64_t word, uint64_t deadline)
{
    client->frame.x[13] = deadline;
    return fake_call(client, SYS_CALL, h, tag, word, word + 1, word + 2, word + 3);
}

TEST(endpoint, call_meets_a_waiting_server_and_comes_back)
{
    rig_start();
    receive(0, 0);
    EXPECT_EQ(THREAD_WAIT_RECV, rig.server->state);
    rig.client->frame.x[6] = 66;
    rig.client->frame.x[7] = 77;
    (void)call(rig.client, rig.call, 8, 100, 0);
    EXPECT_EQ(THREAD_WAIT_REPLY, rig.client->state);
    EXPECT_TRUE(this_cpu()->current == rig.server);
    const uint64_t *x = rig.server->frame.x;
    EXPECT_EQ(OK, x[0]);
    EXPECT_EQ(8, x[1]);
    EXPECT_EQ(100, x[2]);
    EXPECT_EQ(103, x[5]);
    EXPECT_EQ(66, x[6]);
    EXPECT_EQ(77, x[7]);
    EXPECT_EQ(7, x[15]);
    rig.server->frame.x[1] = 16;
    rig.server->frame.x[2] = 200;
    receive(x[14], 0);
    EXPECT_EQ(THREAD_READY, rig.client->state);
    EXPECT_EQ(OK, rig.client->frame.x[0]);
    EXPECT_EQ(16, rig.client->frame.x[1]);
    EXPECT_EQ(200, rig.client->frame.x[2]);
    EXPECT_EQ(1, rig.client->object.ref_count); /* the reply gave its use back */
}

TEST(endpoint, caller_queues_until_the_server_comes)
{
    rig_start();
    (void)call(rig.client, rig.call, 0, 5, 0);
    EXPECT_EQ(THREAD_WAIT_SEND, rig.client->state);
    receive(0, 0);
    EXPECT_EQ(THREAD_READY, rig.server->state);
    EXPECT_EQ(5, rig.server->frame.x[2]);
    EXPECT_EQ(7, rig.server->frame.x[15]);
    EXPECT_EQ(THREAD_WAIT_REPLY, rig.client->state);
}

TEST(endpoint, tags_of_the_kernel_cannot_be_forged)
{
    rig_start();
    receive(0, 0);
    static const uint64_t tag[] = {
        TAG_NOTIFICATION, TAG_FAULT, UINT64_MAX, UINT64_C(1) << 63, 5, 7
    };
    for (size_t i = 0; i < ARRAY_COUNT(tag); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(ERR_ARG, call(rig.client, rig.call, tag[i], 0, 0));
        EXPECT_EQ(THREAD_WAIT_RECV, rig.server->state);
    }
    (void)call(rig.client, rig.call, 0, 0, 0);
    uint64_t reply = rig.server->frame.x[14];
    rig.server->frame.x[1] = TAG_FAULT;
    receive(reply, 0);
    EXPECT_EQ(ERR_ARG, rig.server->frame.x[0]);
    EXPECT_EQ(THREAD_WAIT_REPLY,
              rig.client->state); /* nothing happened: the reply handle is still there */
    EXPECT_TRUE(handle_at(&rig.server->process->handles, reply) != NULL);
}

TEST(endpoint, badges_cannot_be_changed)
{
    rig_start();
    handle_t managed = give(rig.server, rig.ep, rig.client, RIGHT_ALL);
    EXPECT_EQ(ERR_RIGHTS,
              fake_call(rig.client, SYS_ENDPOINT_MINT, rig.call, 9, RIGHT_ALL, 0, 0, 0));
    EXPECT_EQ(ERR_ARG, fake_call(rig.client, SYS_ENDPOINT_MINT, managed, 0, RIGHT_ALL, 0, 0, 0));
    EXPECT_OK(fake_call(rig.client, SYS_ENDPOINT_MINT, managed, 9, RIGHT_ALL, 0, 0, 0));
    EXPECT_EQ(ERR_STATE, fake_call(rig.client, SYS_ENDPOINT_MINT, rig.client->frame.x[1], 10,
                                   RIGHT_ALL, 0, 0, 0));
    EXPECT_EQ(ERR_RIGHTS, fake_call(rig.client, SYS_REPLY_RECV, rig.call, 0, 0, 0, 0, 0));
}

TEST(endpoint, deadline_ends_the_wait_and_a_late_answer_is_dropped)
{
    rig_start();
    receive(0, 0);
    (void)call(rig.client, rig.call, 0, 1, 5000);
    EXPECT_LE(5000, fake.timer_ticks);
    uint64_t reply = rig.server->frame.x[14];
    fake_time(6000);
    EXPECT_EQ(THREAD_READY, rig.client->state);
    EXPECT_EQ(ERR_TIMEOUT, rig.client->frame.x[0]);
    /* The client calls again: the old reply handle must not answer the new call. */
    (void)call(rig.client, rig.call, 0, 2, 0);
    EXPECT_EQ(THREAD_WAIT_SEND, rig.client->state);
    rig.server->frame.x[2] = 999;
    rig.server->frame.x[1] = 0;
    receive(reply, 0);
    EXPECT_EQ(OK, rig.server->frame.x[0]);
    EXPECT_EQ(2, rig.server->frame.x[2]);
    EXPECT_EQ(THREAD_WAIT_REPLY, rig.client->state);
    EXPECT_NE(999, rig.client->frame.x[2]);
}

TEST(endpoint, stale_reply_does_not_answer_a_later_call)
{
    rig_start();
    receive(0, 0);
    (void)call(rig.client, rig.call, 0, 1, 5000);
    uint64_t old_reply = rig.server->frame.x[14];
    fake_time(6000);
    (void)call(rig.client, rig.call, 0, 2, 0);
    receive(0, 0);
    uint64_t new_reply = rig.server->frame.x[14];
    EXPECT_NE(old_reply, new_reply);
    rig.server->frame.x[1] = 0;
    rig.server->frame.x[2] = 111;
    receive(old_reply, 0);
    EXPECT_EQ(THREAD_WAIT_REPLY, rig.client->state);
    EXPECT_EQ(THREAD_WAIT_RECV, rig.server->state);
}

TEST(endpoint, no_wait_means_no_wait)
{
    rig_start();
    EXPECT_EQ(ERR_TIMEOUT, call(rig.client, rig.call, 0, 1, DEADLINE_NOW));
    rig.server->frame.x[14] = 0;
    receive(0, DEADLINE_NOW);
    EXPECT_EQ(ERR_TIMEOUT, rig.server->frame.x[0]);
    EXPECT_EQ(HANDLE_NONE, rig.server->frame.x[14]);
    EXPECT_EQ(THREAD_READY, rig.server->state);
}

TEST(endpoint, closed_reply_cancels)
{
    rig_start();
    receive(0, 0);
    (void)call(rig.client, rig.call, 0, 1, 0);
    EXPECT_OK(fake_call(rig.server, SYS_HANDLE_CLOSE, rig.server->frame.x[14], 0, 0, 0, 0, 0));
    EXPECT_EQ(THREAD_READY, rig.client->state);
    EXPECT_EQ(ERR_CANCELLED, rig.client->frame.x[0]);
}

TEST(endpoint, death_of_the_server_is_told_at_once)
{
    rig_start();
    struct thread *second = fake_process("second");
    handle_t h = give(rig.client, rig.call, second, RIGHT_ALL);
    receive(0, 0);
    (void)call(rig.client, rig.call, 0, 1, 0); /* taken */
    (void)call(second, h, 0, 1, 0);            /* queued */
    EXPECT_EQ(THREAD_WAIT_SEND, second->state);
    (void)fake_call(rig.server, SYS_EXIT, 3, 0, 0, 0, 0, 0);
    EXPECT_EQ(ERR_DEAD, rig.client->frame.x[0]);
    EXPECT_EQ(THREAD_READY, rig.client->state);
    EXPECT_EQ(ERR_DEAD, second->frame.x[0]);
    EXPECT_EQ(ERR_DEAD, call(rig.client, rig.call, 0, 1, 0));
}

TEST(endpoint, another_server_may_take_over)
{
    rig_start();
    struct thread *keeper =
            fake_process("keeper"); /* holds a receive right, as a supervisor does */
    handle_t kept = give(rig.server, rig.ep, keeper, RIGHT_ALL);
    receive(0, 0);
    (void)fake_call(keeper, SYS_PROCESS_CREATE, 0, 0, 0, 0, 0, 0);
    (void)fake_call(keeper, SYS_YIELD, 0, 0, 0, 0, 0, 0);
    process_doom(rig.server->process, PROCESS_KILLED, 0);
    fake_settle();
    EXPECT_EQ(ERR_DEAD, call(rig.client, rig.call, 0, 1, 0)); /* nobody serves now */
    keeper->frame.x[14] = 0;
    keeper->frame.x[13] = 0;
    (void)fake_call(keeper, SYS_REPLY_RECV, kept, 0, 0, 0, 0, 0);
    (void)call(rig.client, rig.call, 0, 42, 0);
    EXPECT_EQ(THREAD_WAIT_REPLY, rig.client->state);
    EXPECT_EQ(42, keeper->frame.x[2]);
}

TEST(endpoint, last_receive_right_closed_is_death)
{
    rig_start();
    (void)call(rig.client, rig.call, 0, 1, 0);
    EXPECT_OK(fake_call(rig.server, SYS_HANDLE_CLOSE, rig.ep, 0, 0, 0, 0, 0));
    EXPECT_EQ(ERR_DEAD, rig.client->frame.x[0]);
    EXPECT_EQ(ERR_DEAD, call(rig.client, rig.call, 0, 1, 0));
}

TEST(endpoint, client_that_dies_is_no_error)
{
    rig_start();
    receive(0, 0);
    (void)call(rig.client, rig.call, 0, 1, 0);
    uint64_t reply = rig.server->frame.x[14];
    process_doom(rig.client->process, PROCESS_KILLED, 0);
    fake_settle();
    rig.server->frame.x[1] = 0;
    receive(reply, 0);
    EXPECT_EQ(THREAD_WAIT_RECV, rig.server->state);
    EXPECT_TRUE(handle_at(&rig.server->process->handles, reply) == NULL);
}

TEST(endpoint, handles_move_and_need_the_right)
{
    rig_start();
    receive(0, 0);
    EXPECT_OK(fake_call(rig.client, SYS_NOTIFICATION_CREATE, 0, 0, 0, 0, 0, 0));
    uint64_t n = rig.client->frame.x[1];
    EXPECT_OK(fake_call(rig.client, SYS_HANDLE_DUP, n, RIGHT_WRITE | RIGHT_DUP, 0, 0, 0, 0));
    uint64_t kept = rig.client->frame.x[1];
    rig.client->frame.x[9] = kept;
    EXPECT_EQ(ERR_RIGHTS, call(rig.client, rig.call, TAG_HANDLES(1), 0, 0));
    rig.client->frame.x[9] = n;
    rig.client->frame.x[10] = n;
    EXPECT_EQ(ERR_ARG, call(rig.client, rig.call, TAG_HANDLES(2), 0, 0)); /* one handle twice */
    rig.client->frame.x[10] = 12345;
    EXPECT_EQ(ERR_HANDLE, call(rig.client, rig.call, TAG_HANDLES(2), 0, 0));
    EXPECT_TRUE(handle_at(&rig.client->process->handles, n) != NULL);
    (void)call(rig.client, rig.call, TAG_HANDLES(1), 0, 0);
    EXPECT_TRUE(handle_at(&rig.client->process->handles, n) == NULL);
    struct handle_entry *got = handle_at(&rig.server->process->handles, rig.server->frame.x[9]);
    REQUIRE_TRUE(got != NULL);
    EXPECT_EQ(OBJECT_NOTIFICATION, got->type);
    EXPECT_EQ(RIGHT_ALL, got->rights);
    EXPECT_EQ(2, got->object->ref_count);
}

TEST(endpoint, receiver_without_room_fails_the_call_only)
{
    rig_start();
    EXPECT_OK(fake_call(rig.server, SYS_NOTIFICATION_CREATE, 0, 0, 0, 0, 0, 0));
    uint64_t n = rig.server->frame.x[1];
    while (fake_call(rig.server, SYS_HANDLE_DUP, n, RIGHT_ALL, 0, 0, 0, 0) == OK) {
    }
    receive(0, 0);
    EXPECT_EQ(ERR_NO_MEMORY, call(rig.client, rig.call, 0, 0, 0));
    EXPECT_EQ(THREAD_WAIT_RECV, rig.server->state);
    EXPECT_EQ(THREAD_READY, rig.client->state);
}

TEST(endpoint, bound_notification_ends_the_wait)
{
    rig_start();
    EXPECT_OK(fake_call(rig.server, SYS_NOTIFICATION_CREATE, 0, 0, 0, 0, 0, 0));
    handle_t n = (handle_t)rig.server->frame.x[1];
    EXPECT_OK(fake_call(rig.server, SYS_NOTIFICATION_BIND, n, 0, 0, 0, 0, 0));
    handle_t n_client = give(rig.server, n, rig.client, RIGHT_ALL);
    EXPECT_EQ(ERR_BUSY, fake_call(rig.client, SYS_NOTIFICATION_BIND, n_client, 0, 0, 0, 0, 0));
    receive(0, 0);
    EXPECT_OK(fake_call(rig.client, SYS_NOTIFICATION_SIGNAL, n_client, 0x30, 0, 0, 0, 0));
    EXPECT_EQ(THREAD_READY, rig.server->state);
    EXPECT_EQ(OK, rig.server->frame.x[0]);
    EXPECT_EQ(TAG_NOTIFICATION, rig.server->frame.x[1]);
    EXPECT_EQ(0x30, rig.server->frame.x[2]);
    EXPECT_EQ(0, rig.server->frame.x[14]);
    EXPECT_OK(fake_call(rig.client, SYS_NOTIFICATION_SIGNAL, n_client, 4, 0, 0, 0, 0));
    receive(0, 0); /* bits wait for the receiver, too */
    EXPECT_EQ(4, rig.server->frame.x[2]);
    EXPECT_EQ(THREAD_READY, rig.server->state);
}

TEST(endpoint, reply_handle_is_given_once)
{
    rig_start();
    receive(0, 0);
    (void)call(rig.client, rig.call, 0, 1, 0);
    uint64_t reply = rig.server->frame.x[14];
    EXPECT_EQ(ERR_RIGHTS, fake_call(rig.server, SYS_HANDLE_DUP, reply, RIGHT_ALL, 0, 0, 0, 0));
    EXPECT_OK(fake_call(rig.server, SYS_PROCESS_CREATE, 0, 0, 0, 0, 0, 0));
    EXPECT_EQ(ERR_TYPE, fake_call(rig.server, SYS_PROCESS_GRANT, rig.server->frame.x[1], reply,
                                  RIGHT_ALL, 0, 0, 0));
    rig.server->frame.x[1] = 0;
    receive(reply, 0);
    EXPECT_EQ(THREAD_READY, rig.client->state);
}
