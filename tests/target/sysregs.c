/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * System registers: which ones a domain can reach at all, that none carries anything from one domain to another or to the next
 * incarnation, and that what is forbidden ends as the architecture says. The same image is main and driver.
 */
#include "driver.h"
#include "lib/string.h"

/* Number of a register as in sysregs.S. */
#define REG(op0, op1, n, m, op2) (((op0)-2U) << 14 | (op1) << 11 | (n) << 7 | (m) << 3 | (op2))
#define REG_OP1(r)               ((r) >> 11 & 7)
#define REG_N(r)                 ((r) >> 7 & 15)
#define REG_M(r)                 ((r) >> 3 & 15)
#define REGS                     32768U

#define LIST_MAX       256
#define FAULTS_A_LAP   3000 /* EL2 ends a main that violates more than 4,096 times a second */
#define SECOND         62500000UL
#define MAINS          0x5ec2e7aa5ec2e702UL /* low bits: the timer stays off and masked */
#define DRIVERS        0x0badcafe0badca02UL
#define PATTERN(of, r) ((of) ^ (uint64_t)(r) << 16)

struct reg_box {
    uint64_t done;
    uint32_t count, write; /* write: the driver leaves its own pattern behind */
    uint32_t reg[LIST_MAX];
    uint64_t seen[LIST_MAX];
};
#define DONE 0x600dUL

extern uint8_t reg_reads[], reg_writes[];
extern uint8_t el0_load64[], el0_load32[], el0_load16[], el0_it16[], el0_forbidden64[],
        el0_forbidden32[];
void el0_run(uint64_t pc, uint64_t pstate, uint64_t x1, uint64_t out[6]);

/* Registers that a domain may read. */
static const uint16_t allowed[] = {
    REG(3, 0, 0, 0, 0), REG(3, 0, 0, 0, 5), REG(3, 0, 0, 0, 6), /* MIDR MPIDR REVIDR */
    REG(3, 0, 1, 0, 0), REG(3, 0, 1, 0, 2),                     /* SCTLR CPACR */
    REG(3, 0, 2, 0, 0), REG(3, 0, 2, 0, 1), REG(3, 0, 2, 0, 2), /* TTBR0 TTBR1 TCR */
    REG(3, 0, 4, 0, 0), REG(3, 0, 4, 0, 1), REG(3, 0, 4, 1, 0), /* SPSR ELR SP_EL0 */
    REG(3, 0, 4, 2, 0), REG(3, 0, 4, 2, 2), REG(3, 0, 4, 2, 3), /* SPSel CurrentEL PAN */
    REG(3, 0, 4, 2, 4), REG(3, 0, 4, 6, 0),
    /* UAO ICC_PMR */
    REG(3, 0, 5, 1, 0), REG(3, 0, 5, 1, 1), REG(3, 0, 5, 2, 0),       /* AFSR0 AFSR1 ESR */
    REG(3, 0, 6, 0, 0), REG(3, 0, 7, 4, 0),                           /* FAR PAR */
    REG(3, 0, 10, 2, 0), REG(3, 0, 10, 3, 0),                         /* MAIR AMAIR */
    REG(3, 0, 12, 0, 0), REG(3, 0, 12, 1, 0), REG(3, 0, 12, 1, 1),    /* VBAR ISR DISR */
    REG(3, 0, 12, 8, 0), REG(3, 0, 12, 8, 2), REG(3, 0, 12, 8, 3),    /* ICC_IAR0 HPPIR0 BPR0 */
    REG(3, 0, 12, 8, 4), REG(3, 0, 12, 9, 0), REG(3, 0, 12, 11, 3),   /* AP0R0 AP1R0 RPR */
    REG(3, 0, 12, 12, 0), REG(3, 0, 12, 12, 2), REG(3, 0, 12, 12, 3), /* IAR1 HPPIR1 BPR1 */
    REG(3, 0, 12, 12, 4), REG(3, 0, 12, 12, 5), REG(3, 0, 12, 12, 6), /* CTLR SRE IGRPEN0 */
    REG(3, 0, 12, 12, 7), REG(3, 0, 13, 0, 1), REG(3, 0, 13, 0, 4),   /* IGRPEN1 CONTEXTIDR TPIDR */
    REG(3, 0, 14, 1, 0),                                              /* CNTKCTL */
    REG(3, 1, 0, 0, 0), REG(3, 1, 0, 0, 1), REG(3, 1, 0, 0, 7),       /* CCSIDR CLIDR AIDR */
    REG(3, 2, 0, 0, 0),                                               /* CSSELR */
    REG(3, 3, 0, 0, 1), REG(3, 3, 0, 0, 7),                           /* CTR DCZID */
    REG(3, 3, 4, 2, 0), REG(3, 3, 4, 2, 1), REG(3, 3, 4, 2, 6),       /* NZCV DAIF SSBS */
    REG(3, 3, 4, 4, 0), REG(3, 3, 4, 4, 1),                           /* FPCR FPSR */
    REG(3, 3, 13, 0, 2), REG(3, 3, 13, 0, 3),                         /* TPIDR_EL0 TPIDRRO_EL0 */
    REG(3, 3, 14, 0, 0), REG(3, 3, 14, 0, 1), REG(3, 3, 14, 0, 2),    /* CNTFRQ CNTPCT CNTVCT */
    REG(3, 3, 14, 2, 0), REG(3, 3, 14, 2, 1), REG(3, 3, 14, 2, 2),    /* CNTP: emulated */
    REG(3, 3, 14, 3, 0), REG(3, 3, 14, 3, 1), REG(3, 3, 14, 3, 2),    /* CNTV */
};

/* Not written by the tests: they would change how this image runs, or they change by themselves. */
static const uint16_t untouched[] = {
    REG(3, 0, 1, 0, 0),   REG(3, 0, 4, 2, 0),   REG(3, 0, 4, 2, 2),  REG(3, 0, 4, 2, 3),
    REG(3, 0, 12, 0, 0),  REG(3, 0, 12, 8, 0),  REG(3, 0, 12, 8, 2), REG(3, 0, 12, 11, 3),
    REG(3, 0, 12, 12, 0), REG(3, 0, 12, 12, 2), REG(3, 3, 4, 2, 0),  REG(3, 3, 4, 2, 1),
    REG(3, 3, 4, 2, 6),   REG(3, 3, 14, 0, 1),  REG(3, 3, 14, 0, 2), REG(3, 3, 14, 2, 0),
    REG(3, 3, 14, 2, 1),  REG(3, 3, 14, 2, 2),  REG(3, 3, 14, 3, 0), REG(3, 0, 12, 1, 0),
    REG(3, 0, 12, 12, 5), REG(3, 0, 4, 2, 4),   REG(3, 3, 4, 4, 0),  REG(3, 3, 4, 4, 1),
    REG(3, 0, 12, 12, 3),
};

static struct {
    uint64_t faults; /* since the last pause */
    uint32_t count;
    uint32_t readable[LIST_MAX];
    uint64_t start[LIST_MAX]; /* of the box's list: what the driver saw in its first incarnation */
} t;

static bool in_list(const uint16_t *list, size_t count, uint32_t r)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == r) return true;
    }
    return false;
}

/* Numbers 1 to 7 of CRm are the identification registers; those of debug are op0 = 2. */
static bool is_allowed(uint32_t r)
{
    if (r >> 14 == 1 && REG_OP1(r) == 0 && REG_N(r) == 0 && REG_M(r) >= 1 && REG_M(r) <= 7) {
        return true;
    }
    return in_list(allowed, ARRAY_COUNT(allowed), r);
}

static bool reg_read(uint32_t r, uint64_t *value)
{
    uint64_t before = rt_fault.count;
    *value = ((uint64_t(*)(void))(uintptr_t)(reg_reads + 8UL * r))();
    return rt_fault.count == before;
}

static void reg_write(uint32_t r, uint64_t value)
{
    ((void (*)(uint64_t))(uintptr_t)(reg_writes + 8UL * r))(value);
    __asm__ volatile("isb");
}

static volatile struct reg_box *box(void)
{
    return (volatile struct reg_box *)(rt_boot()->link[0].window_ipa + LINK_DATA_OFF(1) + 0x1000);
}

/* Sleeps until EL2 counts violations from zero again: idle time costs nothing under icount. */
static void pause(void)
{
    uint64_t end = rt_ticks() + SECOND;
    while (rt_ticks() < end) {
        __asm__ volatile("msr cntv_cval_el0, %0\n msr cntv_ctl_el0, %1\n isb\n wfi" ::"r"(end),
                         "r"(UINT64_C(1)));
        uint32_t intid = rt_gic_poll();
        __asm__ volatile("msr cntv_ctl_el0, xzr\n isb");
        if (intid < 1020) rt_gic_end(intid);
    }
    t.faults = 0;
}

static void expect_undefined(uint64_t before, uint32_t r)
{
    EXPECT_EQ(before + 1, rt_fault.count);
    if (rt_fault.esr != BIT(25))
        test_fail(__FILE__, __LINE__, "ESR of an UNDEF", BIT(25), rt_fault.esr);
    (void)r;
}

/* Reads every register there could be: what EL1 does not have must be UNDEFINED. */
static void scan(void)
{
    t.count = 0;
    pause();
    for (uint32_t r = 0; r < REGS; r++) {
        uint64_t value, before = rt_fault.count;
        if (REG_OP1(r) > 3) continue;
        test_row(r);
        if (!reg_read(r, &value)) {
            expect_undefined(before, r);
            if (++t.faults == FAULTS_A_LAP) pause();
        } else if (r >> 14 == 0) {
            EXPECT_EQ(0, value); /* debug: nothing there */
        } else if (!is_allowed(r)) {
            test_fail(__FILE__, __LINE__, "readable register", 0, r);
        } else if (t.count < LIST_MAX) {
            t.readable[t.count++] = r;
        }
    }
    EXPECT_GE(50, t.count);
    pause();
}

TEST(sysregs, every_register_out_of_the_list_is_undefined)
{
    if (t.count == 0) scan();
}

TEST(sysregs, identification_hides_debug_pmu_trace_amu_sve_and_ras)
{
    uint64_t dfr0 = 0, pfr0 = 0;
    EXPECT_TRUE(reg_read(REG(3, 0, 0, 5, 0), &dfr0));
    EXPECT_TRUE(reg_read(REG(3, 0, 0, 4, 0), &pfr0));
    EXPECT_EQ(0, dfr0 >> 4 & 15);  /* TraceVer */
    EXPECT_EQ(0, dfr0 >> 8 & 15);  /* PMUVer */
    EXPECT_EQ(0, dfr0 >> 32 & 15); /* PMSVer: statistical profiling */
    EXPECT_EQ(0, pfr0 >> 8 & 15);  /* EL2 */
    EXPECT_EQ(0, pfr0 >> 28 & 15); /* RAS */
    EXPECT_EQ(0, pfr0 >> 32 & 15); /* SVE */
    EXPECT_EQ(0, pfr0 >> 44 & 15); /* AMU */
    EXPECT_EQ(1, pfr0 >> 4 & 15);  /* EL1: 64-bit only */
}

/* The registers that keep what is written: into the box for the driver. */
static void find_keepers(void)
{
    volatile struct reg_box *b = box();
    if (t.count == 0) scan();
    b->count = 0;
    for (uint32_t i = 0; i < t.count; i++) {
        uint32_t r = t.readable[i];
        uint64_t old, now;
        if (in_list(untouched, ARRAY_COUNT(untouched), r) || !reg_read(r, &old)) continue;
        reg_write(r, PATTERN(MAINS, r));
        (void)reg_read(r, &now);
        reg_write(r, old);
        if (now != old) b->reg[b->count++] = r;
    }
}

/* A fresh incarnation reads them all, and writes its own pattern when asked. */
static bool driver_reads(bool writes)
{
    driver_kill_if_alive();
    box()->done = 0;
    box()->write = writes;
    __asm__ volatile("dsb sy" ::: "memory");
    if (!driver_rebirth()) return false;
    for (int i = 0; i < 100 && box()->done != DONE; i++) rt_wait_ticks(SECOND / 1000);
    EXPECT_EQ(DONE, box()->done);
    return box()->done == DONE;
}

TEST(sysregs, nothing_leaks_between_domains_in_any_register)
{
    static uint64_t mine[LIST_MAX];
    find_keepers();
    EXPECT_GE(20, box()->count);
    if (!driver_reads(false)) return;
    for (uint32_t i = 0; i < box()->count; i++) t.start[i] = box()->seen[i];
    for (uint32_t i = 0; i < box()->count; i++) {
        reg_write(box()->reg[i], PATTERN(MAINS, box()->reg[i]));
    }
    for (uint32_t i = 0; i < box()->count; i++) (void)reg_read(box()->reg[i], &mine[i]);
    if (!driver_reads(true)) return;
    for (uint32_t i = 0; i < box()->count; i++) {
        uint64_t now;
        (void)reg_read(box()->reg[i], &now);
        test_row(box()->reg[i]);
        EXPECT_EQ(t.start[i], box()->seen[i]); /* the driver sees what it always starts with */
        /* Main still has its own; EL2 forgets only DISR, which no event ever fills. */
        EXPECT_EQ(box()->reg[i] == REG(3, 0, 12, 1, 1) ? 0 : mine[i], now);
    }
    if (!driver_reads(true)) return;
    for (uint32_t i = 0; i < box()->count; i++) {
        test_row(box()->reg[i]);
        EXPECT_EQ(t.start[i], box()->seen[i]); /* nothing of the incarnation before */
    }
}

#define UNDEFINED(name_, instruction_)           \
    TEST(sysregs, name_)                         \
    {                                            \
        uint64_t before = rt_fault.count, at;    \
        __asm__ volatile("adr %0, 1f\n"          \
                         "1: " instruction_      \
                         : "=&r"(at)::"memory"); \
        expect_undefined(before, 0);             \
        EXPECT_EQ(at, rt_fault.elr);             \
    }
UNDEFINED(cache_clean_by_set_and_way_is_undefined, "dc csw, xzr")
UNDEFINED(cache_invalidate_by_set_and_way_is_undefined, "dc isw, xzr")
UNDEFINED(implementation_defined_operation_is_undefined, "sys #0, c11, c0, #0, xzr")
UNDEFINED(implementation_defined_register_write_is_undefined, "msr S3_0_C15_C2_0, xzr")
UNDEFINED(auxiliary_control_write_is_undefined, "msr actlr_el1, xzr")
UNDEFINED(error_record_select_write_is_undefined, "msr S3_0_C5_C3_1, xzr")
UNDEFINED(limited_ordering_region_write_is_undefined, "msr S3_0_C10_C4_0, xzr")
UNDEFINED(translation_of_stage_2_is_undefined, "sys #4, c7, c8, #4, xzr") /* AT S12E1R */
UNDEFINED(semihosting_halt_is_undefined, "hlt #0xf000")
UNDEFINED(pmu_write_without_the_property_is_undefined, "msr pmcr_el0, xzr")

TEST(sysregs, debug_registers_of_a_guest_ignore_writes)
{
    uint64_t before = rt_fault.count, value = 1;
    __asm__ volatile("msr mdscr_el1, %0\n msr oslar_el1, %0\n msr osdlr_el1, %0\n"
                     "msr dbgbcr0_el1, %0\n mrs %0, mdscr_el1"
                     : "+r"(value));
    EXPECT_EQ(before, rt_fault.count);
    EXPECT_EQ(0, value);
}

TEST(sysregs, breakpoint_instruction_goes_to_its_own_el1)
{
    uint64_t before = rt_fault.count;
    __asm__ volatile("brk #0x800");
    EXPECT_EQ(before + 1, rt_fault.count);
    EXPECT_EQ(0x3c, rt_fault.esr >> 26);
    EXPECT_EQ(0x800, rt_fault.esr & 0xffff);
}

/* ---- what an exception injected by EL2 looks like ---- */

TEST(sysregs, injected_abort_has_the_syndrome_address_and_state_of_the_architecture)
{
    uint64_t spsr, flags, value;
    EXPECT_FALSE(rt_write(0x40200004, 4, 1));
    __asm__ volatile("mrs %0, spsr_el1\n mrs %1, daif" : "=r"(spsr), "=r"(flags));
    EXPECT_EQ(0x25UL << 26 | BIT(25) | BIT(6) | 0x10, rt_fault.esr);
    EXPECT_EQ(0x40200004, rt_fault.far);
    EXPECT_EQ(5 | flags, spsr & 0x3df); /* EL1h and the masks it had */
    EXPECT_FALSE(rt_read(0x40200001, 1, &value));
    EXPECT_EQ(0x25UL << 26 | BIT(25) | 0x10, rt_fault.esr);
    EXPECT_FALSE(rt_execute(0x40200000));
    EXPECT_EQ(0x21UL << 26 | BIT(25) | 0x10, rt_fault.esr);
    EXPECT_EQ(0x40200000, rt_fault.elr);
}

struct el0 {
    uint64_t vector, esr, far, elr, spsr, x0;
};

static struct el0 at_el0(const uint8_t *pc, uint64_t pstate, uint64_t x1)
{
    struct el0 out;
    el0_run((uint64_t)pc | (pstate >> 5 & 1 & (pstate >> 4)), pstate, x1, (uint64_t *)&out);
    return out;
}

#define A64 0x3c0UL
#define A32 0x1d0UL
#define T32 0x1f0UL
#define Z   BIT(30)

TEST(sysregs, abort_of_el0_goes_to_the_lower_level_vector)
{
    struct el0 e = at_el0(el0_load64, A64, 0x40200000);
    EXPECT_EQ(0x400, e.vector);
    EXPECT_EQ(0x24UL << 26 | BIT(25) | 0x10, e.esr);
    EXPECT_EQ(0x40200000, e.far);
    EXPECT_EQ((uint64_t)el0_load64, e.elr);
    EXPECT_EQ(A64, e.spsr);
}

TEST(sysregs, forbidden_register_at_el0_is_undefined_there)
{
    struct el0 e = at_el0(el0_forbidden64, A64, 0);
    EXPECT_EQ(0x400, e.vector);
    EXPECT_EQ(0, e.elr - (uint64_t)el0_forbidden64);
    e = at_el0(el0_forbidden32, A32, 0);
    EXPECT_EQ(0x600, e.vector);
    EXPECT_EQ(0, e.elr - (uint64_t)el0_forbidden32);
}

TEST(sysregs, abort_of_aarch32_el0_goes_to_its_vector)
{
    struct el0 e = at_el0(el0_load32, A32, 0x40200000);
    EXPECT_EQ(0x600, e.vector);
    EXPECT_EQ(0x24UL << 26 | BIT(25) | 0x10, e.esr);
    EXPECT_EQ(0x40200000, e.far);
    EXPECT_EQ((uint64_t)el0_load32, e.elr);
    EXPECT_EQ(A32, e.spsr);
}

TEST(sysregs, emulated_register_read_of_aarch32_el0_goes_on_after_it)
{
    uint64_t gicd = rt_boot()->gicd_ipa + 0xffe8, want = 0;
    (void)rt_read(gicd, 4, &want);
    struct el0 e = at_el0(el0_load32, A32, gicd);
    EXPECT_EQ(0x600, e.vector);
    EXPECT_EQ(0x11, e.esr >> 26); /* SVC */
    EXPECT_EQ((uint64_t)el0_load32 + 8, e.elr);
    EXPECT_EQ(want, e.x0);
    e = at_el0(el0_load16, T32, gicd);
    EXPECT_EQ(0x11, e.esr >> 26);
    EXPECT_EQ((uint64_t)el0_load16 + 4, e.elr);
    EXPECT_EQ(want, e.x0);
    e = at_el0(el0_it16, T32, gicd); /* Z is 0: the load under IT runs, and IT is over after it */
    EXPECT_EQ(0x11, e.esr >> 26);
    EXPECT_EQ((uint64_t)el0_it16 + 6, e.elr);
    EXPECT_EQ(T32, e.spsr);
    EXPECT_EQ(want, e.x0);
}

TEST(sysregs, interrupt_at_aarch32_el0_is_an_interrupt)
{
    static const uint32_t spin __attribute__((aligned(16))) = 0xeafffffe; /* b . */
    __asm__ volatile("msr cntv_tval_el0, %0\n msr cntv_ctl_el0, %1\n isb" ::"r"(UINT64_C(1000)),
                     "r"(UINT64_C(1)));
    struct el0 e = at_el0((const uint8_t *)&spin, 0x150, 0);
    __asm__ volatile("msr cntv_ctl_el0, xzr\n isb");
    EXPECT_EQ(0x680, e.vector);
    uint32_t intid = rt_gic_poll();
    EXPECT_EQ(27, intid);
    if (intid < 1020) rt_gic_end(intid);
}

TEST(sysregs, more_violations_than_the_ceiling_are_a_death_and_fewer_are_not)
{
    pause();
    uint64_t before = rt_fault.count;
    for (int i = 0; i < 4000; i++) __asm__ volatile("msr actlr_el1, xzr");
    EXPECT_EQ(before + 4000, rt_fault.count);
    pause();
}

static void driver_part(void)
{
    volatile struct reg_box *b = box();
    uint64_t value = 0;
    for (uint32_t i = 0; i < b->count && i < LIST_MAX; i++) {
        (void)reg_read(b->reg[i], &value);
        b->seen[i] = value;
    }
    for (uint32_t i = 0; b->write && i < b->count && i < LIST_MAX; i++) {
        reg_write(b->reg[i], PATTERN(DRIVERS, b->reg[i]));
    }
    b->done = DONE;
    for (;;) __asm__ volatile("wfi");
}

void image_main(const struct bootinfo *boot)
{
    (void)boot;
    uint64_t position = 0;
    if (!rt_device("uart0")) driver_part();
    rt_gic_start();
    rt_gic_enable(27);
    rt_run_tests();
    rt_print("--- log of EL2 ---");
    rt_print_log(&position);
    rt_poweroff();
}
