/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The short ways of our own ends: HVC_LINK_KICK and HVC_LINK_WAIT do what the register pages do, and nothing for strangers. */
// LINK: hyp/link.c hyp/link_mmio.c hyp/link_server.c hyp/watchdog.c hyp/trace.c tests/fake/hyp.c tests/fake/link_rig.c
// LINK: lib/string.c
#include "lib/test.h"
#include "tests/fake/link_rig.h"

#define WAIT_PC 0x10001234UL /* after the server's hvc */

static uint64_t *regs(const struct domain *d)
{
    return ((struct domain *)(uintptr_t)d)->vcpu[0].regs.x;
}

static err_t kick(struct domain *d, uint64_t link, uint64_t queue)
{
    regs(d)[1] = link;
    regs(d)[2] = queue;
    return link_kick(&d->vcpu[0]);
}

static err_t wait(uint64_t raise, uint64_t stay)
{
    regs(rig.server)[1] = raise;
    regs(rig.server)[2] = stay;
    rig.server->vcpu[0].regs.pc = WAIT_PC;
    if (rig.server->vcpu[0].state == VCPU_WAITING) rig.server->vcpu[0].state = VCPU_READY;
    return link_wait(&rig.server->vcpu[0]);
}

static enum vcpu_state server_state(void)
{
    return rig.server->vcpu[0].state;
}

TEST(link_call, a_kick_comes_out_of_the_wait_as_its_event)
{
    rig_up(true, 1);
    EXPECT_OK(wait(0, 0));
    EXPECT_EQ(VCPU_WAITING, server_state());
    EXPECT_EQ(0, regs(rig.server)[1]);
    EXPECT_OK(kick(rig.client, 0, 0));
    EXPECT_EQ(VCPU_READY, server_state());
    EXPECT_EQ(LINK_EV_DOORBELL, regs(rig.server)[1]);
    EXPECT_EQ(0, fake.raised[1]);
    EXPECT_EQ(1, rig.link->doorbells);
    EXPECT_EQ(0, rig_server_get(LINK_SRV_EVENTS)); /* taken */
}

TEST(link_call, what_comes_while_the_server_runs_is_there_at_its_next_wait)
{
    rig_up(true, 1);
    EXPECT_OK(wait(0, 1));
    EXPECT_EQ(VCPU_READY, server_state());
    EXPECT_OK(kick(rig.client, 0, 0));
    EXPECT_EQ(LINK_EV_DOORBELL, rig_server_get(LINK_SRV_EVENTS));
    rig_write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_EQ(0, regs(rig.server)[1]); /* a running vCPU's registers are its own */
    EXPECT_OK(wait(0, 0));
    EXPECT_EQ(VCPU_READY, server_state());
    EXPECT_EQ(LINK_EV_DOORBELL | LINK_EV_RESET, regs(rig.server)[1]);
    EXPECT_OK(wait(0, 0));
    EXPECT_EQ(VCPU_WAITING, server_state());
}

TEST(link_call, a_sleep_elsewhere_is_not_taken_for_the_wait)
{
    rig_up(true, 1);
    EXPECT_OK(wait(0, 1));
    rig.server->vcpu[0].regs.pc = WAIT_PC + 64; /* a WFI in its timer's sleep */
    rig.server->vcpu[0].state = VCPU_WAITING;
    regs(rig.server)[1] = 77;
    EXPECT_OK(kick(rig.client, 0, 0));
    EXPECT_EQ(77, regs(rig.server)[1]);
    EXPECT_EQ(VCPU_WAITING, server_state());
    EXPECT_OK(wait(0, 0));
    EXPECT_EQ(LINK_EV_DOORBELL, regs(rig.server)[1]);
}

TEST(link_call, an_interrupt_that_is_pending_ends_the_wait_at_once)
{
    rig_up(true, 1);
    fake.is_deliverable = true;
    EXPECT_OK(wait(0, 0));
    EXPECT_EQ(VCPU_READY, server_state());
    EXPECT_EQ(0, regs(rig.server)[1]);
}

TEST(link_call, wait_interrupts_the_client_and_counts_what_was_served)
{
    rig_up(true, 1);
    rig_avail(0, 3);
    EXPECT_OK(kick(rig.client, 0, 0));
    EXPECT_NE(UINT64_MAX, watchdog_next());
    rig_used(0, 3);
    EXPECT_OK(wait(1, 0));
    EXPECT_EQ(1, fake.raised[0]);
    EXPECT_EQ(RIG_CLIENT_INTID, fake.last_intid[0]);
    EXPECT_EQ(3, rig.link->served);
    EXPECT_EQ(UINT64_MAX, watchdog_next());
    EXPECT_EQ(VIRTIO_MMIO_INT_VRING, rig_read(VIRTIO_MMIO_INTERRUPT_STATUS));
}

TEST(link_call, kick_reports_the_status_and_acknowledges_used_buffers_only)
{
    rig_up(true, 1);
    EXPECT_OK(wait(1, 1));
    EXPECT_OK(kick(rig.client, 0, 0));
    EXPECT_EQ(VIRTIO_MMIO_INT_VRING, regs(rig.client)[1]);
    EXPECT_OK(kick(rig.client, 0, 0));
    EXPECT_EQ(0, regs(rig.client)[1]);
    rig_die();
    EXPECT_OK(kick(rig.client, 0, 0));
    EXPECT_OK(kick(rig.client, 0, 0));
    EXPECT_EQ(VIRTIO_MMIO_INT_CONFIG, regs(rig.client)[1]); /* stays until it is acknowledged */
}

TEST(link_call, strangers_and_wrong_ends_get_nothing)
{
    rig_up(true, 1);
    static const uint64_t link[] = { 1, 2, LINK_MAX, 63, 64, UINT64_MAX, UINT64_C(1) << 32 };
    for (size_t i = 0; i < ARRAY_COUNT(link); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(ERR_NO_ENTRY, kick(rig.client, link[i], 0));
    }
    EXPECT_EQ(ERR_NO_ENTRY, kick(rig.server, 0, 0)); /* the server is not its own client */
    EXPECT_EQ(0, rig.link->doorbells);
    static const uint64_t raise[] = { 2, 3, BIT(LINK_MAX), BIT(63), UINT64_MAX };
    for (size_t i = 0; i < ARRAY_COUNT(raise); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(ERR_NO_ENTRY, wait(raise[i], 0));
        EXPECT_EQ(VCPU_READY, server_state());
    }
    uint32_t before = fake.raised[1];
    regs(rig.client)[1] = 1;
    EXPECT_EQ(ERR_NO_ENTRY, link_wait(&rig.client->vcpu[0])); /* the client rings for no one */
    EXPECT_EQ(before, fake.raised[1]);
}

TEST(link_call, a_queue_that_is_not_there_is_no_doorbell)
{
    rig_up(true, 1);
    static const uint64_t queue[] = { 1, LINK_QUEUE_MAX, UINT64_C(1) << 32, UINT64_MAX };
    for (size_t i = 0; i < ARRAY_COUNT(queue); i++) EXPECT_OK(kick(rig.client, 0, queue[i]));
    rig_write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_OK(kick(rig.client, 0, 0));
    EXPECT_EQ(0, rig.link->doorbells);
}

TEST(link_call, wait_before_publish_raises_nothing)
{
    rig_start(true, 1);
    EXPECT_EQ(ERR_NO_ENTRY, wait(1, 0));
    EXPECT_EQ(0, fake.raised[0]);
}

TEST(link_call, a_lie_seen_at_the_wait_ends_the_server_and_the_client_hears_of_no_buffer)
{
    rig_up(true, 1);
    rig_used(0, 9); /* past avail.idx */
    (void)wait(1, 0);
    EXPECT_EQ(1, fake.kills);
    EXPECT_EQ(CAUSE_PROTOCOL, rig.server->death.cause);
    EXPECT_EQ(VCPU_OFF, server_state()); /* and does not sleep, to be woken */
    EXPECT_EQ(VIRTIO_MMIO_INT_CONFIG, rig_read(VIRTIO_MMIO_INTERRUPT_STATUS));
}

TEST(link_call, the_next_incarnation_starts_with_interrupts_and_no_old_events)
{
    rig_up(true, 1);
    EXPECT_OK(wait(0, 1));
    EXPECT_OK(kick(rig.client, 0, 0));
    rig_die();
    rig_quiesce();
    rig_reborn();
    EXPECT_OK(rig_publish(RIG_F_SERVER, 7));
    EXPECT_EQ(0, rig_server_get(LINK_SRV_EVENTS));
    uint32_t before = fake.raised[1];
    rig_write(VIRTIO_MMIO_STATUS, 0);
    (void)rig_negotiate(RIG_F_ALWAYS);
    EXPECT_EQ(1, rig_queue_own(0, 16));
    rig_write(VIRTIO_MMIO_STATUS, RIG_OK);
    EXPECT_EQ(before + 1, fake.raised[1]);
}
