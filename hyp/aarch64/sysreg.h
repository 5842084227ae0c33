/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* System registers of EL2, as the Arm ARM (DDI 0487) names them. Only files of aarch64/ include this. */
#pragma once

/* HCR_EL2: stage 2 on; IRQ, FIQ and SError to EL2; WFI, SMC, set/way and identification traps; EL1 is AArch64. */
#define HCR_VM    (1 << 0)
#define HCR_SWIO  (1 << 1)
#define HCR_FMO   (1 << 3)
#define HCR_IMO   (1 << 4)
#define HCR_AMO   (1 << 5)
#define HCR_VSE   (1 << 8)
#define HCR_TWI   (1 << 13)
#define HCR_TID3  (1 << 18)
#define HCR_TSC   (1 << 19)
#define HCR_TIDCP (1 << 20)
#define HCR_TACR  (1 << 21)
#define HCR_TSW   (1 << 22)
#define HCR_RW    (1 << 31)

#define SCTLR_EL2_OFF 0x30c50830 /* RES1 bits only */
#define SCTLR_EL2_ON  0x30cd183d /* RES1, M, A off, C, SA, I, WXN */

/* A core's stack block: aligned, its lowest page unmapped, struct core at its top. */
#define CORE_STACK_LOG 14
#define CORE_BYTES     512

#ifndef __ASSEMBLER__
#include "lib/base.h"

#define SYSREG_NAME_(reg) #reg
#define SYSREG_NAME(reg)  SYSREG_NAME_(reg) /* expands the names below first */
#define SYSREG_READ(reg)                                                        \
    __extension__({                                                             \
        uint64_t value_;                                                        \
        __asm__ volatile("mrs %0, " SYSREG_NAME(reg) : "=r"(value_)::"memory"); \
        value_;                                                                 \
    })
#define SYSREG_WRITE(reg, value) \
    __asm__ volatile("msr " SYSREG_NAME(reg) ", %0" ::"r"((uint64_t)(value)) : "memory")

static inline void isb(void)
{
    __asm__ volatile("isb" ::: "memory");
}
static inline void dsb_ish(void)
{
    __asm__ volatile("dsb ish" ::: "memory");
}
static inline void dsb_sy(void)
{
    __asm__ volatile("dsb sy" ::: "memory");
}

/* GICv3 CPU interface and virtualisation control, by encoding: binutils names differ between versions. */
#define ICC_IAR1        S3_0_C12_C12_0
#define ICC_EOIR1       S3_0_C12_C12_1
#define ICC_SGI1R       S3_0_C12_C11_5
#define ICC_DIR         S3_0_C12_C11_1
#define ICC_PMR         S3_0_C4_C6_0
#define ICC_CTLR        S3_0_C12_C12_4
#define ICC_SRE_EL2_REG S3_4_C12_C9_5
#define ICC_SRE_EL1_REG S3_0_C12_C12_5
#define ICC_IGRPEN1     S3_0_C12_C12_7
#define ICC_BPR1        S3_0_C12_C12_3
#define ICH_HCR         S3_4_C12_C11_0
#define ICH_VTR         S3_4_C12_C11_1
#define ICH_MISR        S3_4_C12_C11_2
#define ICH_ELRSR       S3_4_C12_C11_5
#define ICH_VMCR        S3_4_C12_C11_7
#define ICH_AP0R0       S3_4_C12_C8_0
#define ICH_AP1R0       S3_4_C12_C9_0
#define ICH_LR0         S3_4_C12_C12_0
#define ICH_LR1         S3_4_C12_C12_1
#define ICH_LR2         S3_4_C12_C12_2
#define ICH_LR3         S3_4_C12_C12_3
#endif
