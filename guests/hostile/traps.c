/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Cases 69 and 70: registers that are none of its, and what others left in those that are. */
#include "guests/hostile/hostile.h"

#include "domains/rt/loop.h"
#include "domains/rt/sysreg.h"

/* $(PROBE): one instruction; whoever survives it goes on. */
#define PROBE(name, text)                                     \
    static bool name(struct hostile *h)                       \
    {                                                         \
        (void)h;                                              \
        __asm__ volatile(text ::"r"(UINT64_C(0)) : "memory"); \
        return true;                                          \
    }
PROBE(debug_write, "msr dbgbvr0_el1, %0")
PROBE(debug_control, "msr mdscr_el1, %0")
PROBE(os_lock, "msr oslar_el1, %0")
PROBE(pmu_write, "msr pmcr_el0, %0")
PROBE(set_way, "dc cisw, %0")
PROBE(actlr, "msr actlr_el1, %0")
PROBE(icc_group0, "msr S3_0_C12_C12_6, %0")
PROBE(icc_sgi, "msr S3_0_C12_C11_5, %0")
PROBE(hyp_register, "msr vttbr_el2, %0")
PROBE(translate_as_el2, "at s12e1r, %0")
PROBE(implementation, "msr S3_0_C15_C0_0, %0")

static uint64_t firmware_call(uint64_t function, uint64_t arg, bool by_smc)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = arg;
    register uint64_t x2 __asm__("x2") = DOMAIN_RAM_IPA;
    register uint64_t x3 __asm__("x3") = 0;
    if (by_smc) {
        __asm__ volatile("smc #0"
                         : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"x4", "x5", "x6", "x7",
                           "memory");
    } else {
        __asm__ volatile("hvc #0"
                         : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"x4", "x5", "x6", "x7",
                           "memory");
    }
    return x0;
}

/* PSCI CPU_ON of every core, CPU_SUSPEND, AFFINITY_INFO, then any number of SMCCC's firmware ranges. */
static bool firmware(struct hostile *h)
{
    for (uint64_t core = 0; core < 8; core++) {
        (void)firmware_call(0xc4000003, core, (core & 1) != 0);
        (void)firmware_call(0xc4000004, core, (core & 1) != 0);
    }
    for (uint32_t i = 0; i < 64; i++) {
        uint64_t random = hostile_random(h);
        uint64_t function = 0x80000000UL | (random & 0x7f00ffff);
        if ((function & ~UINT64_C(0x40000001)) == 0x84000008)
            continue; /* power off, reset: a case of its own */
        if ((function & ~UINT64_C(0x40000003)) == 0x84000000)
            continue; /* CPU_SUSPEND and CPU_OFF */
        (void)firmware_call(function, hostile_random(h), (random >> 40 & 1) != 0);
    }
    return true;
}

static bool power_off(struct hostile *h)
{
    (void)firmware_call(h->round % 2 == 0 ? 0x84000008 : 0x84000009, 0, false);
    return true;
}

static bool core_off(struct hostile *h)
{
    (void)h;
    (void)firmware_call(0x84000002, 0, true);
    return true;
}

#define FP_ON                                                                         \
    ".arch_extension fp\n\t.arch_extension simd\n\tmrs x9, cpacr_el1\n\torr x9, x9, " \
    "#0x300000\n\tmsr cpacr_el1, x9\n\tisb\n\t"

static void look_at(const char *name, uint64_t value)
{
    if (value != 0) hostile_leak(name, value);
}

static uint64_t fp_any(void)
{
    uint64_t any = 0, value;
#define FP_LOOK(n)                                                       \
    __asm__ volatile(FP_ON "umov %0, v" #n ".d[0]" : "=r"(value)::"x9"); \
    any |= value;                                                        \
    __asm__ volatile(FP_ON "umov %0, v" #n ".d[1]" : "=r"(value)::"x9"); \
    any |= value;
    FP_LOOK(0)
    FP_LOOK(1) FP_LOOK(2) FP_LOOK(7) FP_LOOK(8) FP_LOOK(15) FP_LOOK(16) FP_LOOK(31) return any;
}

/* A fresh incarnation finds nothing of anyone in its registers. */
static bool left_overs(struct hostile *h)
{
    (void)h;
    look_at("par_el1", SYSREG_READ(par_el1));
    look_at("tpidr_el0", SYSREG_READ(tpidr_el0));
    look_at("tpidr_el1", SYSREG_READ(tpidr_el1));
    look_at("tpidrro_el0", SYSREG_READ(tpidrro_el0));
    look_at("contextidr_el1", SYSREG_READ(contextidr_el1));
    look_at("ttbr1_el1", SYSREG_READ(ttbr1_el1));
    look_at("elr_el1", SYSREG_READ(elr_el1));
    look_at("far_el1", SYSREG_READ(far_el1));
    look_at("esr_el1", SYSREG_READ(esr_el1));
    look_at("sp_el0", SYSREG_READ(sp_el0));
    look_at("afsr0_el1", SYSREG_READ(afsr0_el1));
    look_at("fp", fp_any());
    return true;
}

/* What it keeps in them is still there after others ran, and theirs is not. */
static bool switched(struct hostile *h)
{
    uint64_t mine = hostile_random(h) & 0xffffffffffff, value;
    SYSREG_WRITE(tpidr_el0, mine);
    SYSREG_WRITE(tpidr_el1, mine);
    SYSREG_WRITE(tpidrro_el0, mine);
    SYSREG_WRITE(contextidr_el1, (uint32_t)mine);
    SYSREG_WRITE(par_el1, mine & 0xfff000);
    uint64_t par = SYSREG_READ(par_el1);
    __asm__ volatile(FP_ON "dup v3.2d, %0\n\tdup v29.2d, %0" ::"r"(mine) : "x9");
    loop_sleep_ns(20000);
    look_at("tpidr_el0 changed", SYSREG_READ(tpidr_el0) ^ mine);
    look_at("tpidr_el1 changed", SYSREG_READ(tpidr_el1) ^ mine);
    look_at("tpidrro_el0 changed", SYSREG_READ(tpidrro_el0) ^ mine);
    look_at("contextidr_el1 changed", SYSREG_READ(contextidr_el1) ^ (uint32_t)mine);
    look_at("par_el1 changed", SYSREG_READ(par_el1) ^ par);
    __asm__ volatile(FP_ON "umov %0, v3.d[0]" : "=r"(value)::"x9");
    look_at("v3 changed", value ^ mine);
    __asm__ volatile(FP_ON "umov %0, v29.d[1]" : "=r"(value)::"x9");
    look_at("v29 changed", value ^ mine);
    return true;
}

const struct attack trap_attacks[] = {
    { 69, 'a', AT_FETCH, 0, debug_write },
    { 69, 'b', AT_FETCH, 0, debug_control },
    { 69, 'c', AT_FETCH, 0, os_lock },
    { 69, 'd', AT_FETCH, 0, pmu_write },
    { 69, 'e', AT_FETCH, 0, set_way },
    { 69, 'f', AT_FETCH, 0, actlr },
    { 69, 'g', AT_FETCH, 0, icc_group0 },
    { 69, 'h', AT_FETCH, 0, icc_sgi },
    { 69, 'i', AT_FETCH, 0, hyp_register },
    { 69, 'j', AT_FETCH, 0, translate_as_el2 },
    { 69, 'k', AT_FETCH, 0, implementation },
    { 69, 'l', AT_FETCH, 1000, firmware },
    { 69, 'm', AT_FETCH, 0, power_off },
    { 69, 'n', AT_FETCH, 0, core_off },
    { 70, 'a', AT_START, 0, left_overs },
    { 70, 'b', AT_FETCH, 10000, switched },
    { 0 },
};
