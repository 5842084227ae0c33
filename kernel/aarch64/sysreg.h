/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* System registers of EL1: access, and the values this kernel writes. Names and bits as in the Arm ARM (DDI 0487). */
#pragma once

/* Interrupt controller CPU interface (GICv3, IHI 0069), by encoding: older assemblers know no names. */
#define ICC_PMR_EL1     S3_0_C4_C6_0
#define ICC_SGI1R_EL1   S3_0_C12_C11_5
#define ICC_DIR_EL1     S3_0_C12_C11_1
#define ICC_IAR1_EL1    S3_0_C12_C12_0
#define ICC_EOIR1_EL1   S3_0_C12_C12_1
#define ICC_CTLR_EL1    S3_0_C12_C12_4
#define ICC_SRE_EL1     S3_0_C12_C12_5
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7

#define ICC_CTLR_EOIMODE 0x2 /* EOIR only drops the priority, DIR deactivates */

/* MAIR_EL1: 0 = Device-nGnRE, 1 = Normal Write-Back. PT_DEVICE and PT_NORMAL name them. */
#define MAIR_VALUE 0xff04

/*
 * TCR_EL1 less IPS: both halves 39 bits, 4 KiB granule, walks Inner Shareable and Write-Back, 16-bit ASID from TTBR0.
 * T0SZ 25 | IRGN0, ORGN0 1 | SH0 3 | T1SZ 25 | IRGN1, ORGN1 1 | SH1 3 | TG1 4K (2) | AS
 */
#define TCR_VALUE 0x10b5193519

/*
 * SCTLR_EL1: RES1 bits 29, 28, 22, 20, 11 | M | C | I | SA, SA0 | WXN (19): writable is never executable | UCT (15), DZE (14),
 * UCI (26), nTWE (18): EL0 may read CTR, zero by line, maintain caches, wait for events. SPAN (23) 0: PAN at each entry.
 */
#define SCTLR_VALUE 0x345cd81d

#ifndef __ASSEMBLER__
#include <stdint.h>

#define SYSREG_TEXT_(x) #x
#define SYSREG_TEXT(x)  SYSREG_TEXT_(x)
#define SYSREG_READ(reg)                                                        \
    ({                                                                          \
        uint64_t value_;                                                        \
        __asm__ volatile("mrs %0, " SYSREG_TEXT(reg) : "=r"(value_)::"memory"); \
        value_;                                                                 \
    })
#define SYSREG_WRITE(reg, value) \
    __asm__ volatile("msr " SYSREG_TEXT(reg) ", %0" ::"r"((uint64_t)(value)) : "memory")
#endif
