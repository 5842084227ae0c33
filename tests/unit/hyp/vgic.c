/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The emulated GIC: a domain sees and steers its own interrupts only, and loses none of them. */
// LINK: hyp/vgic.c hyp/vgic_mmio.c
#include <string.h>

#include "hyp/aarch64/gicv3.h"
#include "hyp/aarch64/ich.h"
#include "hyp/domain.h"
#include "hyp/sched.h"
#include "lib/test.h"

static struct domain domain;
static struct vcpu *v = &domain.vcpu[0];
static uint64_t lr[VGIC_LR_COUNT];
static uint32_t wakes, enabled_calls, last_enabled, deactivated;
static bool underflow;

/* The physical side, recorded. */
uint64_t ich_lr_read(uint32_t n)
{
    return lr[n];
}
void ich_lr_write(uint32_t n, uint64_t value)
{
    lr[n] = value;
}
void ich_underflow_set(bool on)
{
    underflow = on;
}
void gic_enable(uint32_t intid, bool on)
{
    enabled_calls++;
    last_enabled = on ? intid : 0;
}
void gic_deactivate(uint32_t intid)
{
    deactivated = intid;
}
void gic_line_kill(uint32_t intid)
{
    (void)intid;
}
struct vcpu *sched_current(void)
{
    return v;
}
void vcpu_wake(struct vcpu *who)
{
    (void)who;
    wakes++;
}

#define OWN_LINE 36 /* linked to physical 136 */
#define OWN_SOFT 48
#define FOREIGN  37

static void start(void)
{
    memset(&domain, 0, sizeof domain);
    memset(lr, 0, sizeof lr);
    wakes = enabled_calls = last_enabled = deactivated = 0;
    vgic_allow(v, OWN_LINE, false, 136);
    vgic_allow(v, OWN_SOFT, true, 0);
    for (uint32_t i = 0; i < 16; i++) vgic_allow(v, i, true, 0);
    vgic_reset(v);
}

static uint64_t dist(uint64_t offset, bool is_write, uint64_t value)
{
    vgic_access(v, true, offset, is_write, 4, &value);
    vgic_flush(v); /* as every exit to EL1 does */
    return value;
}

static void go(void)
{
    start();
    dist(0x0, true, 2);
    dist(0x104, true, UINT32_MAX); /* ISENABLER1: everything, owned or not */
    dist(0x108, true, UINT32_MAX);
}

static uint32_t lrs_with(uint32_t intid)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < VGIC_LR_COUNT; i++)
        n += (lr[i] & LR_PENDING) && FIELD_OF(LR_VINTID, lr[i]) == intid;
    return n;
}

TEST(vgic, a_domain_can_neither_enable_nor_see_an_interrupt_it_does_not_own)
{
    go();
    EXPECT_EQ(1, enabled_calls); /* only OWN_LINE reached the physical distributor */
    EXPECT_EQ(136, last_enabled);
    EXPECT_EQ(BIT(OWN_LINE - 32) | BIT(OWN_SOFT - 32), dist(0x104, false, 0));
    dist(0x204, true, UINT32_MAX); /* ISPENDR1 */
    EXPECT_EQ(0, lrs_with(FOREIGN));
    EXPECT_EQ(0, dist(0x204, false, 0) & BIT(FOREIGN - 32));
}

TEST(vgic, a_foreign_interrupt_is_never_raised_even_by_our_own_bug)
{
    go();
    vgic_raise(v, FOREIGN);
    vgic_raise(v, VGIC_INTID_MAX);
    vgic_raise(v, UINT32_MAX);
    vgic_flush(v);
    for (uint32_t i = 0; i < VGIC_LR_COUNT; i++) EXPECT_EQ(0, lr[i]);
}

TEST(vgic, priorities_of_foreign_interrupts_cannot_be_written)
{
    go();
    dist(0x400 + 36, true, 0xf8f8f8f8); /* IPRIORITYR 36..39 */
    EXPECT_EQ(0xf8, dist(0x400 + 36, false, 0));
}

TEST(vgic, routing_cannot_be_changed)
{
    go();
    dist(0x6000 + OWN_LINE * 8, true, 0x1);
    EXPECT_EQ(0, dist(0x6000 + OWN_LINE * 8, false, 0));
}

TEST(vgic, a_raised_interrupt_goes_to_a_list_register_once)
{
    go();
    vgic_raise(v, OWN_SOFT);
    vgic_raise(v, OWN_SOFT);
    EXPECT_EQ(2, wakes);
    vgic_flush(v);
    EXPECT_EQ(1, lrs_with(OWN_SOFT));
    EXPECT_EQ(0, lr[0] & LR_HW);
    vgic_flush(v);
    EXPECT_EQ(1, lrs_with(OWN_SOFT));
}

TEST(vgic, a_line_interrupt_is_linked_to_its_physical_number)
{
    go();
    vgic_inject_hw(v, OWN_LINE);
    vgic_flush(v);
    EXPECT_EQ(LR_HW, lr[0] & LR_HW);
    EXPECT_EQ(136, FIELD_OF(LR_PINTID, lr[0]));
}

TEST(vgic, a_disabled_interrupt_waits_and_comes_when_enabled)
{
    start();
    dist(0x0, true, 2);
    vgic_raise(v, OWN_SOFT);
    EXPECT_EQ(0, wakes);
    vgic_flush(v);
    EXPECT_EQ(0, lrs_with(OWN_SOFT));
    dist(0x104, true, BIT(OWN_SOFT - 32));
    EXPECT_EQ(1, lrs_with(OWN_SOFT));
}

TEST(vgic, disabling_takes_a_pending_interrupt_back_and_keeps_it)
{
    go();
    vgic_raise(v, OWN_SOFT);
    vgic_flush(v);
    dist(0x184, true, BIT(OWN_SOFT - 32)); /* ICENABLER1 */
    EXPECT_EQ(0, lrs_with(OWN_SOFT));
    dist(0x104, true, BIT(OWN_SOFT - 32));
    EXPECT_EQ(1, lrs_with(OWN_SOFT));
}

TEST(vgic, clearing_a_pending_line_lets_the_physical_one_go)
{
    go();
    vgic_inject_hw(v, OWN_LINE);
    vgic_flush(v);
    dist(0x284, true, BIT(OWN_LINE - 32)); /* ICPENDR1 */
    EXPECT_EQ(0, lrs_with(OWN_LINE));
    EXPECT_EQ(136, deactivated);
}

TEST(vgic, more_pending_than_list_registers_arrive_by_priority_and_none_is_lost)
{
    go();
    for (uint32_t i = 0; i < 6; i++) {
        v->vgic.priority[i] = (uint8_t)(0xf0 - 8 * i); /* SGI 5 is the most urgent */
        vgic_raise(v, i);
    }
    vgic_flush(v);
    EXPECT_TRUE(underflow);
    for (uint32_t i = 2; i < 6; i++) EXPECT_EQ(1, lrs_with(i));
    memset(lr, 0, sizeof lr); /* the guest ended them */
    vgic_flush(v);
    EXPECT_EQ(1, lrs_with(0));
    EXPECT_EQ(1, lrs_with(1));
    EXPECT_FALSE(underflow);
}

TEST(vgic, an_active_interrupt_becomes_active_and_pending)
{
    go();
    lr[2] = LR_ACTIVE | OWN_SOFT;
    vgic_raise(v, OWN_SOFT);
    vgic_flush(v);
    EXPECT_EQ(LR_ACTIVE | LR_PENDING, lr[2] & (LR_ACTIVE | LR_PENDING));
}

TEST(vgic, unknown_offsets_read_zero_and_ignore_writes)
{
    go();
    struct vgic before = v->vgic;
    static const uint64_t offsets[] = { 0x8,    0x10,   0xe00,  0xf00, 0x3000,
                                        0x5ffc, 0x7fe0, 0xfffc, 0x880, 0xd00 };
    for (size_t i = 0; i < ARRAY_COUNT(offsets); i++) {
        test_row((int64_t)i);
        dist(offsets[i], true, UINT32_MAX);
        EXPECT_EQ(0, dist(offsets[i], false, 0));
    }
    EXPECT_EQ(0, memcmp(&before, &v->vgic, sizeof before));
}

TEST(vgic, reset_forgets_everything_but_ownership)
{
    go();
    vgic_raise(v, OWN_SOFT);
    vgic_flush(v);
    vgic_reset(v);
    EXPECT_EQ(0, lrs_with(OWN_SOFT));
    EXPECT_EQ(0, v->vgic.pending_words);
    EXPECT_EQ(0, dist(0x104, false, 0));
    dist(0x104, true, UINT32_MAX);
    EXPECT_EQ(BIT(OWN_LINE - 32) | BIT(OWN_SOFT - 32), dist(0x104, false, 0));
}
