/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Delivery by the emulated GIC: every interrupt reaches one vCPU of its owner, once, by priority, and its end reaches the line. */
// LINK: hyp/vgic.c hyp/vgic_mmio.c tests/fake/gic.c
#include <string.h>

#include "lib/test.h"
#include "tests/fake/gic.h"

static struct domain domain;

#define OWN_LINE  36 /* level, linked to physical 136 */
#define OWN_EDGE  38 /* edge, linked to physical 138 */
#define OWN_SOFT  48 /* edge, nothing behind it; up to 63 */
#define OWN_LEVEL 64 /* level, an emulated device behind it */
#define FOREIGN   37
#define VTIMER    27

#define CTLR       0x0000
#define IGROUPR    0x0080
#define ISENABLER  0x0100
#define ICENABLER  0x0180
#define ISPENDR    0x0200
#define ICPENDR    0x0280
#define ISACTIVER  0x0300
#define ICACTIVER  0x0380
#define IPRIORITYR 0x0400
#define ICFGR      0x0c00
#define IROUTER    0x6000

static void link_line(uint32_t intid, uint32_t pintid, bool edge)
{
    vgic_allow(&domain.vcpu[0], intid, edge, pintid);
    fg.line[pintid].to = &domain.vcpu[0];
    fg.line[pintid].vintid = intid;
    fg.line[pintid].edge = edge;
}

static void start(uint32_t vcpu_count)
{
    fg_start(&domain, vcpu_count);
    link_line(OWN_LINE, 136, false);
    link_line(OWN_EDGE, 138, true);
    for (uint32_t i = OWN_SOFT; i < OWN_LEVEL; i++) vgic_allow(&domain.vcpu[0], i, true, 0);
    vgic_allow(&domain.vcpu[0], OWN_LEVEL, false, 0);
    for (uint32_t k = 0; k < vcpu_count; k++) {
        for (uint32_t i = 0; i < 16; i++) vgic_allow(&domain.vcpu[k], i, true, 0);
        vgic_allow(&domain.vcpu[k], VTIMER, false, VTIMER);
        vgic_reset(&domain.vcpu[k]);
    }
    fg.line[VTIMER].to = &domain.vcpu[0];
    fg.line[VTIMER].vintid = VTIMER;
    fg.line[VTIMER].enabled = true;
    for (uint32_t k = 0; k < vcpu_count; k++) {
        fg_switch(k, &domain.vcpu[k]);
        fg_visit(k);
    }
}

/* One access by the vCPU on that core, and all that follows of it. */
static uint64_t access(uint32_t core, bool is_dist, uint64_t offset, bool is_write, uint64_t value)
{
    fg.here = core;
    vgic_access(fg.core[core].current, is_dist, offset, is_write, 4, &value);
    fg_visit(core);
    fg_settle();
    return value;
}

static void dist(uint64_t offset, uint64_t value)
{
    (void)access(0, true, offset, true, value);
}

static uint64_t dist_read(uint64_t offset)
{
    return access(0, true, offset, false, 0);
}

static void sgi_frame(uint32_t core, uint64_t offset, uint64_t value)
{
    (void)access(core, false, core * VGIC_GICR_BYTES + 0x10000 + offset, true, value);
}

/* The bit of an INTID in a bitmap register. */
static void bit_write(uint64_t file, uint32_t intid)
{
    if (intid < 32) {
        sgi_frame(fg.here, file, BIT(intid));
    } else {
        dist(file + intid / 32 * 4, BIT(intid % 32));
    }
}

static bool bit_read(uint64_t file, uint32_t intid)
{
    uint64_t word = intid < 32 ? access(fg.here, false, fg.here * VGIC_GICR_BYTES + 0x10000 + file,
                                        false, 0)
                               : dist_read(file + intid / 32 * 4);
    return word >> (intid % 32) & 1;
}

static void priority(uint32_t intid, uint8_t value)
{
    uint64_t in = value;
    vgic_access(fg.core[fg.here].current, true, IPRIORITYR + intid, true, 1, &in);
    fg_visit(fg.here);
}

static void go(uint32_t vcpu_count)
{
    start(vcpu_count);
    dist(CTLR, 2);
    for (uint32_t w = 1; w < VGIC_WORDS; w++) dist(ISENABLER + 4 * w, UINT32_MAX);
    for (uint32_t k = 0; k < vcpu_count; k++) sgi_frame(k, ISENABLER, UINT32_MAX);
    fg.here = 0;
}

static void raise(uint32_t intid)
{
    vgic_raise(&domain.vcpu[0], intid);
    fg_visit(fg.here);
    fg_settle();
}

static void send(uint32_t core, uint32_t op2, uint64_t value)
{
    fg.here = core;
    EXPECT_TRUE(vgic_sysreg_write(fg.core[core].current, op2, value));
    fg_visit(core);
    fg_settle();
}
#define SGI1R   5
#define ASGI1R  6
#define SGI0R   7
#define SGI(n)  ((uint64_t)(n) << 24)
#define SGI_ALL BIT(40)

/* ---- ownership ---- */

TEST(vgic, a_domain_can_neither_enable_nor_pend_an_interrupt_it_does_not_own)
{
    go(1);
    EXPECT_FALSE(bit_read(ISENABLER, FOREIGN));
    bit_write(ISPENDR, FOREIGN);
    bit_write(ISACTIVER, FOREIGN);
    EXPECT_FALSE(bit_read(ISPENDR, FOREIGN));
    EXPECT_FALSE(bit_read(ISACTIVER, FOREIGN));
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
    for (uint32_t i = 0; i < FG_LINES; i++) {
        if (i == 136 || i == 138 || i == VTIMER) continue;
        test_row((int64_t)i);
        EXPECT_EQ(0, fg.line[i].touched);
    }
}

TEST(vgic, a_foreign_interrupt_is_never_raised_even_by_our_own_bug)
{
    go(1);
    raise(FOREIGN);
    raise(VGIC_INTID_MAX);
    raise(UINT32_MAX);
    vgic_level(&domain.vcpu[0], FOREIGN, true);
    vgic_level(&domain.vcpu[0], UINT32_MAX, true);
    fg_visit(0);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
    EXPECT_EQ(0, domain.dist.spi[0].line);
}

TEST(vgic, dir_of_a_foreign_or_absurd_interrupt_touches_no_line)
{
    go(2);
    fg.core[0].vmcr |= FG_EOIMODE;
    domain.dist.spi[0].active = domain.dist.spi[0].held[0] = BIT(FOREIGN - 32); /* a lie */
    domain.dist.spi[0].phys = BIT(FOREIGN - 32);
    fg_dir(0, FOREIGN);
    EXPECT_EQ(BIT(FOREIGN - 32), domain.dist.spi[0].active);
    domain.dist.spi[0].active = domain.dist.spi[0].held[0] = domain.dist.spi[0].phys = 0;
    static const uint32_t hostile[] = { 288, 1019, 1023, 8192, 0xffffff, 287, 31 };
    for (size_t i = 0; i < ARRAY_COUNT(hostile); i++) fg_dir(0, hostile[i]);
    EXPECT_EQ(0, fg.line[0].touched);
}

/* ---- the ways of an interrupt ---- */

TEST(vgic, a_raised_interrupt_is_acknowledged_once)
{
    go(1);
    raise(OWN_SOFT);
    raise(OWN_SOFT);
    EXPECT_EQ(OWN_SOFT, fg_ack(0));
    fg_eoi(0, OWN_SOFT);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
}

TEST(vgic, the_same_interrupt_comes_a_hundred_times_without_a_rebuild)
{
    go(1);
    for (int i = 0; i < 100; i++) {
        raise(OWN_SOFT + i % 3);
        EXPECT_EQ(OWN_SOFT + i % 3, fg_ack(0));
        fg_eoi(0, OWN_SOFT + i % 3);
        fg_wire(136, true);
        EXPECT_EQ(OWN_LINE, fg_ack(0));
        fg_wire(136, false);
        fg_eoi(0, OWN_LINE);
    }
    EXPECT_EQ(0, fg.core[0].maintenance);
    EXPECT_FALSE(fg.line[136].active);
}

TEST(vgic, an_edge_that_comes_while_the_first_is_handled_comes_again)
{
    go(1);
    raise(OWN_SOFT);
    EXPECT_EQ(OWN_SOFT, fg_ack(0));
    raise(OWN_SOFT);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0)); /* active and pending: not before its end */
    fg_eoi(0, OWN_SOFT);
    EXPECT_EQ(OWN_SOFT, fg_ack(0));
    fg_eoi(0, OWN_SOFT);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
}

TEST(vgic, a_level_line_comes_again_until_the_wire_falls)
{
    go(1);
    fg_wire(136, true);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(OWN_LINE, fg_ack(0));
        EXPECT_TRUE(fg.line[136].active);
        fg_eoi(0, OWN_LINE);
    }
    EXPECT_EQ(OWN_LINE, fg_ack(0));
    fg_wire(136, false);
    fg_eoi(0, OWN_LINE);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
    EXPECT_FALSE(fg.line[136].active);
}

TEST(vgic, an_emulated_level_comes_again_until_the_wire_falls)
{
    go(1);
    struct vcpu *v = &domain.vcpu[0];
    vgic_level(v, OWN_LEVEL, true);
    fg_visit(0);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(OWN_LEVEL, fg_ack(0));
        fg_eoi(0, OWN_LEVEL);
    }
    vgic_level(v, OWN_LEVEL, false); /* before it is taken: it is gone */
    fg_visit(0);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
    vgic_level(v, OWN_LEVEL, true);
    fg_visit(0);
    EXPECT_EQ(OWN_LEVEL, fg_ack(0));
    vgic_level(v, OWN_LEVEL, false);
    fg_visit(0);
    fg_eoi(0, OWN_LEVEL);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
}

TEST(vgic, an_emulated_level_that_rises_again_while_active_is_not_lost)
{
    go(1);
    struct vcpu *v = &domain.vcpu[0];
    vgic_level(v, OWN_LEVEL, true);
    fg_visit(0);
    EXPECT_EQ(OWN_LEVEL, fg_ack(0));
    vgic_level(v, OWN_LEVEL, false); /* the guest took the byte */
    fg_visit(0);
    vgic_level(v, OWN_LEVEL, true); /* the next one, before its handler ends */
    fg_visit(0);
    fg_eoi(0, OWN_LEVEL);
    EXPECT_EQ(OWN_LEVEL, fg_ack(0));
}

TEST(vgic, an_emulated_level_configured_as_edge_comes_once_for_each_rise)
{
    go(1);
    struct vcpu *v = &domain.vcpu[0];
    dist(ICFGR + OWN_LEVEL / 16 * 4, 2);
    EXPECT_EQ(2, dist_read(ICFGR + OWN_LEVEL / 16 * 4));
    for (int i = 0; i < 2; i++) {
        vgic_level(v, OWN_LEVEL, true);
        fg_visit(0);
        EXPECT_EQ(OWN_LEVEL, fg_ack(0));
        fg_eoi(0, OWN_LEVEL);
        EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
        vgic_level(v, OWN_LEVEL, false);
    }
}

TEST(vgic, a_raise_is_not_lost_when_the_guest_calls_its_interrupt_a_level)
{
    go(1);
    dist(ICFGR + OWN_SOFT / 16 * 4, 0);
    raise(OWN_SOFT);
    EXPECT_EQ(OWN_SOFT, fg_ack(0));
    raise(OWN_SOFT);
    fg_eoi(0, OWN_SOFT);
    EXPECT_EQ(OWN_SOFT, fg_ack(0));
}

/* ---- enable, group, priority ---- */

TEST(vgic, a_disabled_interrupt_waits_and_comes_when_enabled)
{
    start(1);
    dist(CTLR, 2);
    fg.wakes = 0;
    raise(OWN_SOFT);
    EXPECT_EQ(0, fg.wakes);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
    EXPECT_TRUE(bit_read(ISPENDR, OWN_SOFT));
    bit_write(ISENABLER, OWN_SOFT);
    EXPECT_EQ(OWN_SOFT, fg_ack(0));
}

TEST(vgic, disabling_takes_a_pending_interrupt_back_and_keeps_it)
{
    go(1);
    raise(OWN_SOFT);
    bit_write(ICENABLER, OWN_SOFT);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
    EXPECT_TRUE(bit_read(ISPENDR, OWN_SOFT));
    bit_write(ISENABLER, OWN_SOFT);
    EXPECT_EQ(OWN_SOFT, fg_ack(0));
}

TEST(vgic, disabling_gives_a_pending_level_back_to_its_line)
{
    go(1);
    fg_wire(136, true);
    bit_write(ICENABLER, OWN_LINE);
    EXPECT_FALSE(fg.line[136].active);
    EXPECT_TRUE(bit_read(ISPENDR, OWN_LINE)); /* as the physical GIC says */
    fg_wire(136, false);
    EXPECT_FALSE(bit_read(ISPENDR, OWN_LINE));
    bit_write(ISENABLER, OWN_LINE);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
}

TEST(vgic, disabling_keeps_a_pending_edge)
{
    go(1);
    fg_wire(138, true);
    fg_wire(138, false);
    bit_write(ICENABLER, OWN_EDGE);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
    bit_write(ISENABLER, OWN_EDGE);
    EXPECT_EQ(OWN_EDGE, fg_ack(0));
    fg_eoi(0, OWN_EDGE);
    EXPECT_FALSE(fg.line[138].active);
}

TEST(vgic, an_interrupt_disabled_while_active_ends_as_usual)
{
    go(1);
    fg_wire(136, true);
    EXPECT_EQ(OWN_LINE, fg_ack(0));
    bit_write(ICENABLER, OWN_LINE);
    EXPECT_TRUE(bit_read(ISACTIVER, OWN_LINE));
    fg_eoi(0, OWN_LINE);
    EXPECT_FALSE(bit_read(ISACTIVER, OWN_LINE));
    EXPECT_FALSE(fg.line[136].active);
    bit_write(ISENABLER, OWN_LINE);
    EXPECT_EQ(OWN_LINE, fg_ack(0));
}

TEST(vgic, the_distributor_switched_off_delivers_nothing_and_keeps_all)
{
    go(1);
    raise(OWN_SOFT);
    dist(CTLR, 0);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
    raise(OWN_SOFT + 1);
    send(0, SGI1R, SGI(3) | 1);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
    dist(CTLR, 2);
    EXPECT_NE(FG_SPURIOUS, fg_ack(0));
    EXPECT_EQ(1, fg_in_lrs(0, 3, LR_PENDING | LR_ACTIVE));
    EXPECT_EQ(1, fg_in_lrs(0, OWN_SOFT, LR_PENDING | LR_ACTIVE));
    EXPECT_EQ(1, fg_in_lrs(0, OWN_SOFT + 1, LR_PENDING | LR_ACTIVE));
}

TEST(vgic, groups_are_enabled_apart)
{
    go(1);
    dist(IGROUPR + 4, ~(uint32_t)BIT(OWN_SOFT - 32));
    raise(OWN_SOFT);
    EXPECT_EQ(0, fg_in_lrs(0, OWN_SOFT, LR_PENDING)); /* group 0 is off */
    dist(CTLR, 1);
    EXPECT_EQ(1, fg_in_lrs(0, OWN_SOFT, LR_PENDING));
    EXPECT_EQ(0, fg.core[0].lr[0] & LR_GROUP1);
    raise(OWN_SOFT + 1);
    EXPECT_EQ(0, fg_in_lrs(0, OWN_SOFT + 1, LR_PENDING));
    dist(CTLR, 3);
    EXPECT_EQ(1, fg_in_lrs(0, OWN_SOFT + 1, LR_PENDING));
}

TEST(vgic, the_more_urgent_preempts_and_the_running_one_goes_on_after_it)
{
    go(1);
    priority(OWN_SOFT, 0xa0);
    priority(OWN_SOFT + 1, 0x80);
    priority(OWN_SOFT + 2, 0xa0);
    raise(OWN_SOFT);
    EXPECT_EQ(OWN_SOFT, fg_ack(0));
    raise(OWN_SOFT + 2);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0)); /* an equal does not */
    raise(OWN_SOFT + 1);
    EXPECT_EQ(OWN_SOFT + 1, fg_ack(0));
    fg_eoi(0, OWN_SOFT + 1);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
    fg_eoi(0, OWN_SOFT);
    EXPECT_EQ(OWN_SOFT + 2, fg_ack(0));
}

TEST(vgic, a_new_priority_holds_for_what_is_pending_already)
{
    go(1);
    priority(OWN_SOFT, 0x80);
    priority(OWN_SOFT + 1, 0xa0);
    raise(OWN_SOFT);
    raise(OWN_SOFT + 1);
    priority(OWN_SOFT + 1, 0x40);
    EXPECT_EQ(OWN_SOFT + 1, fg_ack(0));
}

/* ---- more than four ---- */

TEST(vgic, more_pending_than_list_registers_arrive_by_priority_and_none_is_lost)
{
    go(1);
    for (uint32_t i = 0; i < 12; i++) priority(OWN_SOFT + i, (uint8_t)(0xf0 - 8 * i));
    for (uint32_t i = 0; i < 12; i++) raise(OWN_SOFT + i);
    for (uint32_t i = 12; i-- > 0;) {
        EXPECT_EQ(OWN_SOFT + i, fg_ack(0));
        fg_eoi(0, OWN_SOFT + i);
    }
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
    EXPECT_LE(12, fg.core[0].maintenance);
}

TEST(vgic, the_most_urgent_come_first_whatever_their_numbers)
{
    static const uint8_t order[8] = { 3, 0, 6, 1, 7, 4, 2, 5 }; /* most urgent first */
    go(1);
    for (uint32_t i = 0; i < 8; i++) priority(OWN_SOFT + order[i], (uint8_t)(0x40 + 8 * i));
    for (uint32_t i = 0; i < 8; i++) raise(OWN_SOFT + i);
    for (uint32_t i = 0; i < 8; i++) {
        test_row(i);
        EXPECT_EQ(OWN_SOFT + order[i], fg_ack(0));
        fg_eoi(0, OWN_SOFT + order[i]);
    }
}

TEST(vgic, ending_what_was_never_taken_ends_nothing_else)
{
    go(1);
    raise(OWN_SOFT);
    EXPECT_EQ(OWN_SOFT, fg_ack(0));
    fg_eoi(0, OWN_SOFT + 1); /* counted as an end of something in no list register */
    EXPECT_TRUE(bit_read(ISACTIVER, OWN_SOFT));
    bit_write(ICACTIVER, OWN_SOFT);
    raise(OWN_SOFT);
    EXPECT_EQ(OWN_SOFT, fg_ack(0));
}

TEST(vgic, a_more_urgent_one_drives_the_least_urgent_out_of_the_list_registers)
{
    go(1);
    for (uint32_t i = 0; i < 5; i++) priority(OWN_SOFT + i, (uint8_t)(0xa0 - 8 * i));
    for (uint32_t i = 0; i < 4; i++) raise(OWN_SOFT + i);
    raise(OWN_SOFT + 4);
    EXPECT_EQ(1, fg_in_lrs(0, OWN_SOFT + 4, LR_PENDING));
    EXPECT_EQ(0, fg_in_lrs(0, OWN_SOFT, LR_PENDING));
    EXPECT_TRUE(bit_read(ISPENDR, OWN_SOFT));
}

/* Eight nested handlers, each preempting the one before; ended in reverse order. */
static void nest(uint32_t depth, bool eoimode)
{
    go(1);
    if (eoimode) fg.core[0].vmcr |= FG_EOIMODE;
    priority(OWN_LINE, 0xf0);
    fg_wire(136, true);
    EXPECT_EQ(OWN_LINE, fg_ack(0));
    for (uint32_t i = 0; i < depth; i++) {
        test_row(i);
        priority(OWN_SOFT + i, (uint8_t)(0xe0 - 8 * i));
        raise(OWN_SOFT + i);
        EXPECT_EQ(OWN_SOFT + i, fg_ack(0));
    }
    EXPECT_TRUE(bit_read(ISACTIVER, OWN_LINE));
    EXPECT_TRUE(fg.line[136].active);
    raise(OWN_SOFT + 15);
    for (uint32_t i = depth; i-- > 0;) {
        test_row(i);
        EXPECT_TRUE(bit_read(ISACTIVER, OWN_SOFT + i));
        fg_eoi(0, OWN_SOFT + i);
        if (eoimode) fg_dir(0, OWN_SOFT + i);
        EXPECT_FALSE(bit_read(ISACTIVER, OWN_SOFT + i));
    }
    fg_wire(136, false);
    EXPECT_TRUE(bit_read(ISACTIVER, OWN_LINE));
    fg_eoi(0, OWN_LINE);
    if (eoimode) fg_dir(0, OWN_LINE);
    EXPECT_FALSE(bit_read(ISACTIVER, OWN_LINE));
    EXPECT_FALSE(fg.line[136].active);
}

TEST(vgic, nine_active_at_once_end_in_order_in_eoimode_0)
{
    nest(8, false);
    EXPECT_EQ(OWN_SOFT + 15, fg_ack(0));
}

TEST(vgic, nine_active_at_once_end_in_order_in_eoimode_1)
{
    nest(8, true);
    EXPECT_EQ(OWN_SOFT + 15, fg_ack(0));
}

TEST(vgic, nested_handlers_end_without_isactiver_being_read_in_between)
{
    go(1);
    for (uint32_t i = 0; i < 8; i++) {
        priority(OWN_SOFT + i, (uint8_t)(0xe0 - 8 * i));
        raise(OWN_SOFT + i);
        EXPECT_EQ(OWN_SOFT + i, fg_ack(0));
    }
    for (uint32_t i = 8; i-- > 0;) fg_eoi(0, OWN_SOFT + i);
    EXPECT_EQ(0, dist_read(ISACTIVER + 4));
    for (uint32_t i = 0; i < 8; i++) {
        raise(OWN_SOFT + i);
        EXPECT_EQ(OWN_SOFT + i, fg_ack(0));
        fg_eoi(0, OWN_SOFT + i);
    }
}

TEST(vgic, eight_dropped_and_not_deactivated_hold_up_no_other)
{
    go(1);
    fg.core[0].vmcr |= FG_EOIMODE;
    for (uint32_t i = 0; i < 9; i++) {
        test_row(i);
        raise(OWN_SOFT + i);
        EXPECT_EQ(OWN_SOFT + i, fg_ack(0));
        fg_eoi(0, OWN_SOFT + i); /* a thread will deactivate it */
    }
    for (uint32_t i = 0; i < 9; i++) {
        test_row(i);
        EXPECT_TRUE(bit_read(ISACTIVER, OWN_SOFT + i));
        fg_dir(0, OWN_SOFT + i); /* in any order */
        EXPECT_FALSE(bit_read(ISACTIVER, OWN_SOFT + i));
    }
    EXPECT_EQ(0, dist_read(ISACTIVER + 4));
}

TEST(vgic, lines_that_wait_for_dir_stay_active_at_the_physical_gic)
{
    go(1);
    fg.core[0].vmcr |= FG_EOIMODE;
    fg_wire(136, true);
    EXPECT_EQ(OWN_LINE, fg_ack(0));
    fg_eoi(0, OWN_LINE);
    for (uint32_t i = 0; i < 6; i++) {
        raise(OWN_SOFT + i);
        EXPECT_EQ(OWN_SOFT + i, fg_ack(0));
        fg_eoi(0, OWN_SOFT + i);
    }
    EXPECT_TRUE(fg.line[136].active);
    fg_wire(136, false);
    fg_dir(0, OWN_LINE);
    EXPECT_FALSE(fg.line[136].active);
    fg_wire(136, true);
    EXPECT_EQ(OWN_LINE, fg_ack(0));
}

TEST(vgic, dir_in_eoimode_0_has_no_effect)
{
    go(2); /* two vCPUs: DIR traps */
    raise(OWN_SOFT);
    EXPECT_EQ(OWN_SOFT, fg_ack(0));
    fg_dir(0, OWN_SOFT);
    EXPECT_TRUE(bit_read(ISACTIVER, OWN_SOFT));
}

/* ---- ISPENDR, ICPENDR, ISACTIVER, ICACTIVER ---- */

TEST(vgic, ispendr_makes_any_owned_interrupt_pending)
{
    static const uint32_t rows[] = { OWN_SOFT, OWN_LINE, OWN_EDGE, OWN_LEVEL, 5, VTIMER };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        go(1);
        bit_write(ISPENDR, rows[i]);
        EXPECT_TRUE(bit_read(ISPENDR, rows[i]));
        EXPECT_EQ(rows[i], fg_ack(0));
        EXPECT_FALSE(bit_read(ISPENDR, rows[i]));
        EXPECT_TRUE(bit_read(ISACTIVER, rows[i]));
        fg_eoi(0, rows[i]);
        EXPECT_FALSE(bit_read(ISACTIVER, rows[i]));
        EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
    }
}

TEST(vgic, icpendr_takes_any_owned_interrupt_back)
{
    static const uint32_t rows[] = { OWN_SOFT, OWN_LINE, OWN_EDGE, OWN_LEVEL, 5, VTIMER };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        go(1);
        bit_write(ISPENDR, rows[i]);
        bit_write(ICPENDR, rows[i]);
        EXPECT_FALSE(bit_read(ISPENDR, rows[i]));
        EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
    }
}

TEST(vgic, clearing_a_pending_edge_lets_the_physical_one_go)
{
    go(1);
    fg_wire(138, true);
    fg_wire(138, false);
    bit_write(ICPENDR, OWN_EDGE);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
    EXPECT_FALSE(fg.line[138].active);
    fg_wire(138, true);
    EXPECT_EQ(OWN_EDGE, fg_ack(0));
}

TEST(vgic, clearing_a_pending_level_whose_wire_is_high_makes_it_come_again)
{
    go(1);
    fg_wire(136, true);
    bit_write(ICPENDR, OWN_LINE);
    EXPECT_EQ(OWN_LINE, fg_ack(0));
    fg_wire(136, false);
    fg_eoi(0, OWN_LINE);
    EXPECT_FALSE(fg.line[136].active);
}

TEST(vgic, an_edge_latched_while_disabled_can_be_cleared)
{
    go(1);
    bit_write(ICENABLER, OWN_EDGE);
    fg_wire(138, true);
    EXPECT_TRUE(bit_read(ISPENDR, OWN_EDGE));
    bit_write(ICPENDR, OWN_EDGE);
    EXPECT_FALSE(bit_read(ISPENDR, OWN_EDGE));
    bit_write(ISENABLER, OWN_EDGE);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
}

TEST(vgic, ispendr_of_an_active_line_comes_after_its_end)
{
    for (int mode = 0; mode < 2; mode++) {
        test_row(mode);
        go(1);
        if (mode) fg.core[0].vmcr |= FG_EOIMODE;
        fg_wire(138, true);
        EXPECT_EQ(OWN_EDGE, fg_ack(0));
        bit_write(ISPENDR, OWN_EDGE);
        EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
        fg_eoi(0, OWN_EDGE);
        if (mode) fg_dir(0, OWN_EDGE);
        EXPECT_FALSE(fg.line[138].active);
        EXPECT_EQ(OWN_EDGE, fg_ack(0));
        fg_eoi(0, OWN_EDGE);
        if (mode) fg_dir(0, OWN_EDGE);
        EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
    }
}

TEST(vgic, isactiver_holds_an_interrupt_back_until_icactiver)
{
    static const uint32_t rows[] = { OWN_SOFT, OWN_LEVEL, 5 };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        go(1);
        bit_write(ISACTIVER, rows[i]);
        EXPECT_TRUE(bit_read(ISACTIVER, rows[i]));
        raise(rows[i]);
        EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
        bit_write(ICACTIVER, rows[i]);
        EXPECT_FALSE(bit_read(ISACTIVER, rows[i]));
        EXPECT_EQ(rows[i], fg_ack(0));
    }
}

TEST(vgic, isactiver_holds_a_line_back_that_fires_meanwhile)
{
    go(1);
    bit_write(ISACTIVER, OWN_LINE);
    fg_wire(136, true);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
    bit_write(ICACTIVER, OWN_LINE);
    EXPECT_EQ(OWN_LINE, fg_ack(0));
    fg_wire(136, false);
    fg_eoi(0, OWN_LINE);
    EXPECT_FALSE(fg.line[136].active);
}

TEST(vgic, icactiver_of_a_line_lets_the_physical_one_go)
{
    go(1);
    fg_wire(136, true);
    EXPECT_EQ(OWN_LINE, fg_ack(0));
    fg_wire(136, false);
    bit_write(ICACTIVER, OWN_LINE);
    EXPECT_FALSE(fg.line[136].active);
    EXPECT_FALSE(bit_read(ISACTIVER, OWN_LINE));
}

/* ---- several vCPUs ---- */

TEST(vgic, an_sgi_reaches_the_listed_vcpus_and_no_other)
{
    for (uint32_t list = 0; list < 16; list++) {
        test_row(list);
        go(4);
        send(1, SGI1R, SGI(7) | list);
        for (uint32_t k = 0; k < 4; k++) {
            EXPECT_EQ(list >> k & 1 ? 7 : FG_SPURIOUS, fg_ack(k));
            if (list >> k & 1) fg_eoi(k, 7);
            EXPECT_EQ(FG_SPURIOUS, fg_ack(k));
        }
    }
}

TEST(vgic, an_sgi_with_irm_reaches_all_but_the_sender)
{
    go(4);
    send(2, SGI1R, SGI(15) | SGI_ALL | 0xff00ff0004); /* list and affinities mean nothing then */
    for (uint32_t k = 0; k < 4; k++) EXPECT_EQ(k == 2 ? FG_SPURIOUS : 15, fg_ack(k));
}

TEST(vgic, an_sgi_to_an_affinity_that_is_nobodys_reaches_nobody)
{
    static const uint64_t rows[] = { BIT(16), BIT(32), BIT(48), BIT(44), 0xfff0 };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        go(2);
        send(0, SGI1R, SGI(7) | rows[i] | (rows[i] == 0xfff0 ? 0 : 3));
        EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
        EXPECT_EQ(FG_SPURIOUS, fg_ack(1));
    }
}

TEST(vgic, an_sgi_to_a_vcpu_that_the_domain_has_not_is_dropped)
{
    go(1);
    struct vgic before = domain.vcpu[1].vgic;
    send(0, SGI1R, SGI(7) | 0xfffe);
    send(0, SGI1R, SGI(7) | SGI_ALL);
    EXPECT_EQ(0, memcmp(&before, &domain.vcpu[1].vgic, sizeof before));
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
}

TEST(vgic, sgi0r_and_asgi1r_make_group_0_only_and_sgi1r_either)
{
    static const struct {
        uint32_t op2;
        bool group1, comes;
    } rows[] = { { SGI1R, true, true },  { SGI1R, false, true },  { SGI0R, true, false },
                 { SGI0R, false, true }, { ASGI1R, true, false }, { ASGI1R, false, true } };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        go(1);
        dist(CTLR, 3);
        sgi_frame(0, IGROUPR, rows[i].group1 ? UINT32_MAX : ~(uint32_t)BIT(7));
        send(0, rows[i].op2, SGI(7) | 1);
        EXPECT_EQ(rows[i].comes, fg_in_lrs(0, 7, LR_PENDING));
    }
}

TEST(vgic, other_registers_of_the_cpu_interface_are_not_answered)
{
    go(1);
    for (uint32_t op2 = 0; op2 < 8; op2++) {
        if (op2 != 1 && op2 < SGI1R) EXPECT_FALSE(vgic_sysreg_write(&domain.vcpu[0], op2, 0));
    }
}

TEST(vgic, an_sgi_wakes_a_vcpu_that_waits_off_its_core)
{
    go(2);
    fg_switch(1, NULL);
    domain.vcpu[1].state = VCPU_WAITING;
    send(0, SGI1R, SGI(1) | 2);
    EXPECT_EQ(VCPU_READY, domain.vcpu[1].state);
    fg_switch(1, &domain.vcpu[1]);
    fg_visit(1);
    EXPECT_EQ(1, fg_ack(1));
}

TEST(vgic, private_interrupts_are_each_vcpus_own)
{
    go(2);
    sgi_frame(0, ICENABLER, BIT(5));
    sgi_frame(1, IPRIORITYR + 4, 0x4000);
    send(0, SGI1R, SGI(5) | 3);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
    EXPECT_EQ(5, fg_ack(1));
    EXPECT_EQ(0, domain.vcpu[0].vgic.own.priority[5]);
    EXPECT_EQ(0x40, domain.vcpu[1].vgic.own.priority[5]);
}

TEST(vgic, a_vcpu_can_reach_the_redistributor_of_another)
{
    go(2);
    (void)access(0, false, VGIC_GICR_BYTES + 0x10000 + ISPENDR, true, BIT(9));
    EXPECT_EQ(9, fg_ack(1));
    fg_eoi(1, 9);
    (void)access(0, false, VGIC_GICR_BYTES + 0x10000 + ICENABLER, true, BIT(VTIMER));
    EXPECT_EQ(0, fg.core[1].ppis);
    (void)access(0, false, VGIC_GICR_BYTES + 0x10000 + ISENABLER, true, BIT(VTIMER));
    EXPECT_EQ(BIT(VTIMER), fg.core[1].ppis);
}

TEST(vgic, an_spi_goes_to_the_vcpu_of_irouter)
{
    go(4);
    for (uint32_t k = 0; k < 4; k++) {
        test_row(k);
        dist(IROUTER + OWN_SOFT * 8, k);
        EXPECT_EQ(k, dist_read(IROUTER + OWN_SOFT * 8));
        raise(OWN_SOFT);
        for (uint32_t other = 0; other < 4; other++) {
            EXPECT_EQ(other == k ? OWN_SOFT : FG_SPURIOUS, fg_ack(other));
        }
        fg_eoi(k, OWN_SOFT);
    }
}

TEST(vgic, a_line_is_routed_to_the_core_of_its_vcpu)
{
    go(4);
    dist(IROUTER + OWN_LINE * 8, 3);
    EXPECT_EQ(3, fg.line[136].core);
    fg_wire(136, true);
    EXPECT_EQ(OWN_LINE, fg_ack(3));
    fg_wire(136, false);
    fg_eoi(3, OWN_LINE);
    EXPECT_FALSE(fg.line[136].active);
}

TEST(vgic, an_spi_with_irm_goes_to_one_vcpu_that_is_on)
{
    go(2);
    dist(IROUTER + OWN_SOFT * 8, BIT(31));
    EXPECT_EQ(BIT(31), dist_read(IROUTER + OWN_SOFT * 8));
    domain.vcpu[0].state = VCPU_OFF;
    raise(OWN_SOFT);
    fg_visit(1);
    EXPECT_EQ(OWN_SOFT, fg_ack(1));
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
}

TEST(vgic, an_spi_routed_to_nobody_waits_until_it_is_routed)
{
    go(2);
    static const uint64_t rows[] = { 2, 4, 0x100, 0x10000, 0xff };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test_row((int64_t)i);
        dist(IROUTER + OWN_SOFT * 8, rows[i]);
        raise(OWN_SOFT);
        EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
        EXPECT_EQ(FG_SPURIOUS, fg_ack(1));
        dist(IROUTER + OWN_SOFT * 8, 1);
        EXPECT_EQ(OWN_SOFT, fg_ack(1));
        fg_eoi(1, OWN_SOFT);
    }
}

TEST(vgic, rerouting_takes_a_pending_interrupt_out_of_the_other_cores_list_registers)
{
    go(2);
    dist(IROUTER + OWN_SOFT * 8, 1);
    raise(OWN_SOFT);
    EXPECT_EQ(1, fg_in_lrs(1, OWN_SOFT, LR_PENDING));
    dist(IROUTER + OWN_SOFT * 8, 0);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(1));
    EXPECT_EQ(OWN_SOFT, fg_ack(0));
}

TEST(vgic, what_another_core_handles_stays_there_and_comes_to_the_new_one_next_time)
{
    go(2);
    dist(IROUTER + OWN_SOFT * 8, 1);
    raise(OWN_SOFT);
    EXPECT_EQ(OWN_SOFT, fg_ack(1));
    dist(IROUTER + OWN_SOFT * 8, 0);
    raise(OWN_SOFT);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0)); /* active: not twice at once */
    fg_eoi(1, OWN_SOFT);
    fg_visit(1);
    EXPECT_EQ(OWN_SOFT, fg_ack(1)); /* as the pending part was there already */
    fg_eoi(1, OWN_SOFT);
    fg_visit(1);
    raise(OWN_SOFT);
    fg_visit(1);
    fg_settle();
    fg_visit(0);
    EXPECT_EQ(OWN_SOFT, fg_ack(0));
}

TEST(vgic, disabling_and_clearing_reach_the_list_registers_of_another_core)
{
    go(2);
    dist(IROUTER + OWN_SOFT * 8, 1);
    raise(OWN_SOFT);
    bit_write(ICENABLER, OWN_SOFT);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(1));
    bit_write(ISENABLER, OWN_SOFT);
    EXPECT_EQ(1, fg_in_lrs(1, OWN_SOFT, LR_PENDING));
    bit_write(ICPENDR, OWN_SOFT);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(1));
    EXPECT_FALSE(bit_read(ISPENDR, OWN_SOFT));
    raise(OWN_SOFT);
    EXPECT_EQ(OWN_SOFT, fg_ack(1)); /* the clearing held once */
}

TEST(vgic, an_spi_can_be_deactivated_by_another_vcpu)
{
    go(2);
    fg.core[0].vmcr |= FG_EOIMODE;
    fg.core[1].vmcr |= FG_EOIMODE;
    dist(IROUTER + OWN_LINE * 8, 1);
    fg_wire(136, true);
    EXPECT_EQ(OWN_LINE, fg_ack(1));
    fg_eoi(1, OWN_LINE);
    fg_wire(136, false);
    fg_dir(0, OWN_LINE);
    fg_settle();
    EXPECT_FALSE(fg.line[136].active);
    EXPECT_EQ(0, fg_in_lrs(1, OWN_LINE, LR_ACTIVE));
    fg_wire(136, true);
    EXPECT_EQ(OWN_LINE, fg_ack(1));
}

TEST(vgic, icactiver_reaches_another_core)
{
    go(2);
    dist(IROUTER + OWN_SOFT * 8, 1);
    raise(OWN_SOFT);
    EXPECT_EQ(OWN_SOFT, fg_ack(1));
    bit_write(ICACTIVER, OWN_SOFT);
    EXPECT_EQ(0, fg_in_lrs(1, OWN_SOFT, LR_ACTIVE));
    raise(OWN_SOFT);
    EXPECT_EQ(1, fg_in_lrs(1, OWN_SOFT, LR_PENDING));
}

TEST(vgic, icactiver_reaches_a_vcpu_off_its_core)
{
    go(2);
    dist(IROUTER + OWN_LINE * 8, 1);
    fg_wire(136, true);
    EXPECT_EQ(OWN_LINE, fg_ack(1));
    fg_switch(1, NULL);
    fg_wire(136, false);
    bit_write(ICACTIVER, OWN_LINE);
    EXPECT_FALSE(bit_read(ISACTIVER, OWN_LINE));
    EXPECT_FALSE(fg.line[136].active);
    fg_switch(1, &domain.vcpu[1]);
    fg.core[1].running = 0;
    fg_visit(1);
    fg_wire(136, true);
    EXPECT_EQ(OWN_LINE, fg_ack(1));
}

TEST(vgic, dir_of_what_is_pending_and_not_active_has_no_effect)
{
    go(2);
    fg.core[0].vmcr |= FG_EOIMODE;
    fg_wire(136, true);
    uint32_t touched = fg.line[136].touched;
    fg_dir(0, OWN_LINE);
    EXPECT_EQ(touched, fg.line[136].touched);
    EXPECT_TRUE(fg.line[136].active);
    EXPECT_EQ(OWN_LINE, fg_ack(0));
}

/* ---- timers, reset, death ---- */

TEST(vgic, the_enable_bits_of_ppis_reach_the_hardware)
{
    start(1);
    EXPECT_EQ(0, fg.core[0].ppis);
    dist(CTLR, 2);
    sgi_frame(0, ISENABLER, BIT(VTIMER) | BIT(30) | BIT(29));
    EXPECT_EQ(BIT(VTIMER), fg.core[0].ppis);
    sgi_frame(0, ICENABLER, BIT(VTIMER));
    EXPECT_EQ(0, fg.core[0].ppis);
}

TEST(vgic, ending_the_timer_of_a_vcpu_off_its_core_does_not_touch_the_hardware)
{
    go(1);
    struct vcpu *v = &domain.vcpu[0];
    fg_wire(VTIMER, true);
    EXPECT_EQ(VTIMER, fg_ack(0));
    fg_switch(0, NULL);
    v->vgic.ppi_active = BIT(VTIMER); /* as the world switch does */
    fg.line[VTIMER].active = false;
    uint32_t touched = fg.line[VTIMER].touched;
    vgic_deactivate(v, VTIMER);
    EXPECT_EQ(0, v->vgic.ppi_active);
    EXPECT_EQ(touched, fg.line[VTIMER].touched);
}

TEST(vgic, a_vcpu_switched_out_and_in_goes_on_where_it_was)
{
    go(1);
    for (uint32_t i = 0; i < 7; i++) {
        priority(OWN_SOFT + i, (uint8_t)(0xa0 - 8 * i));
        raise(OWN_SOFT + i);
        EXPECT_EQ(OWN_SOFT + i, fg_ack(0));
    }
    fg_switch(0, NULL);
    vgic_raise(&domain.vcpu[0], OWN_SOFT + 9);
    EXPECT_NE(0, domain.vcpu[0].vgic.work);
    fg_switch(0, &domain.vcpu[0]);
    fg_visit(0);
    for (uint32_t i = 7; i-- > 0;) fg_eoi(0, OWN_SOFT + i);
    EXPECT_EQ(0, dist_read(ISACTIVER + 4));
    EXPECT_EQ(OWN_SOFT + 9, fg_ack(0));
}

TEST(vgic, something_deliverable_ends_a_wait)
{
    go(1);
    const struct vcpu *v = &domain.vcpu[0];
    EXPECT_FALSE(vgic_is_deliverable(v));
    vgic_raise(&domain.vcpu[0], OWN_SOFT);
    EXPECT_TRUE(vgic_is_deliverable(v)); /* not in a list register yet */
    fg_visit(0);
    EXPECT_TRUE(vgic_is_deliverable(v));
    EXPECT_EQ(OWN_SOFT, fg_ack(0));
    EXPECT_FALSE(vgic_is_deliverable(v));
    bit_write(ICENABLER, OWN_SOFT + 1);
    raise(OWN_SOFT + 1);
    EXPECT_FALSE(vgic_is_deliverable(v));
}

TEST(vgic, what_came_while_a_vcpu_was_off_comes_when_it_is_on)
{
    go(2);
    fg_switch(1, NULL);
    domain.vcpu[1].state = VCPU_OFF;
    dist(IROUTER + OWN_SOFT * 8, 1);
    raise(OWN_SOFT);
    send(0, SGI1R, SGI(2) | 2);
    vgic_power_on(&domain.vcpu[1]);
    domain.vcpu[1].state = VCPU_READY;
    fg_switch(1, &domain.vcpu[1]);
    fg_visit(1);
    uint32_t first = fg_ack(1);
    fg_eoi(1, first);
    uint32_t second = fg_ack(1);
    EXPECT_TRUE((first == 2 && second == OWN_SOFT) || (first == OWN_SOFT && second == 2));
}

TEST(vgic, reset_forgets_everything_but_ownership)
{
    go(1);
    raise(OWN_SOFT);
    EXPECT_EQ(OWN_SOFT, fg_ack(0));
    raise(OWN_SOFT + 1);
    dist(ICFGR + OWN_LEVEL / 16 * 4, 2);
    vgic_level(&domain.vcpu[0], OWN_LEVEL, true);
    dist(IROUTER + OWN_SOFT * 8, BIT(31));
    fg_switch(0, NULL);
    vgic_reset(&domain.vcpu[0]);
    fg.core[0].running = 0;
    fg_switch(0, &domain.vcpu[0]);
    fg_visit(0);
    EXPECT_EQ(0, dist_read(CTLR) & 3);
    for (uint32_t w = 1; w < VGIC_WORDS; w++) {
        EXPECT_EQ(0, dist_read(ISENABLER + 4 * w));
        EXPECT_EQ(0, dist_read(ISPENDR + 4 * w));
        EXPECT_EQ(0, dist_read(ISACTIVER + 4 * w));
    }
    EXPECT_EQ(0, dist_read(ICFGR + OWN_LEVEL / 16 * 4));
    EXPECT_EQ(0, dist_read(IROUTER + OWN_SOFT * 8));
    dist(CTLR, 2);
    dist(ISENABLER + 4, UINT32_MAX);
    EXPECT_EQ(BIT(OWN_LINE - 32) | BIT(OWN_EDGE - 32) | BITS(31, 16), dist_read(ISENABLER + 4));
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
}

TEST(vgic, death_kills_every_line_also_those_in_list_registers_of_a_parked_vcpu)
{
    go(1);
    domain.device_count = 2;
    domain.device[0].pintid = 136;
    domain.device[1].pintid = 138;
    fg_wire(136, true);
    fg_wire(138, true);
    EXPECT_NE(FG_SPURIOUS, fg_ack(0));
    fg_switch(0, NULL);
    domain.vcpu[0].vgic.ppi_active = BIT(VTIMER);
    vgic_lines_kill(&domain);
    for (uint32_t i = 136; i <= 138; i += 2) {
        EXPECT_FALSE(fg.line[i].enabled);
        EXPECT_FALSE(fg.line[i].pending);
        EXPECT_FALSE(fg.line[i].active);
    }
    EXPECT_EQ(0, domain.vcpu[0].vgic.ppi_active);
    vgic_reset(&domain.vcpu[0]);
    fg_switch(0, &domain.vcpu[0]);
    fg.core[0].running = 0;
    fg_visit(0);
    dist(CTLR, 2);
    bit_write(ISENABLER, OWN_LINE);
    EXPECT_EQ(FG_SPURIOUS, fg_ack(0));
    fg_wire(136, true);
    EXPECT_EQ(OWN_LINE, fg_ack(0));
}
