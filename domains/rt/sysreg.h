/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* System registers of EL1 that a driver domain uses, and its barriers. */
#pragma once
#include "lib/base.h"

#define SYSREG_TEXT_(reg) #reg
#define SYSREG_TEXT(reg)  SYSREG_TEXT_(reg) /* expands the names below first */

static inline void isb(void)
{
    __asm__ volatile("isb" ::: "memory");
}

#define SYSREG_READ(reg)                                                        \
    __extension__({                                                             \
        uint64_t value_;                                                        \
        __asm__ volatile("mrs %0, " SYSREG_TEXT(reg) : "=r"(value_)::"memory"); \
        value_;                                                                 \
    })
#define SYSREG_WRITE(reg, value) \
    __asm__ volatile("msr " SYSREG_TEXT(reg) ", %0" ::"r"((uint64_t)(value)) : "memory")

/* GICv3 CPU interface by encoding: binutils names differ between versions. */
#define ICC_PMR_EL1     S3_0_C4_C6_0
#define ICC_HPPIR1_EL1  S3_0_C12_C12_2
#define ICC_IAR1_EL1    S3_0_C12_C12_0
#define ICC_EOIR1_EL1   S3_0_C12_C12_1
#define ICC_CTLR_EL1    S3_0_C12_C12_4
#define ICC_SRE_EL1     S3_0_C12_C12_5
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7
