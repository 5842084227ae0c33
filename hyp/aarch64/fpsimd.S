/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* FP/SIMD registers to and from uint64_t fp[66]: q0..q31, FPSR, FPCR. */
    .arch armv8.2-a+simd
    .macro PAIR op, a, b
    \op q\a, q\b, [x0], #32
    .endm
    .macro ALL op
    PAIR \op, 0, 1
    PAIR \op, 2, 3
    PAIR \op, 4, 5
    PAIR \op, 6, 7
    PAIR \op, 8, 9
    PAIR \op, 10, 11
    PAIR \op, 12, 13
    PAIR \op, 14, 15
    PAIR \op, 16, 17
    PAIR \op, 18, 19
    PAIR \op, 20, 21
    PAIR \op, 22, 23
    PAIR \op, 24, 25
    PAIR \op, 26, 27
    PAIR \op, 28, 29
    PAIR \op, 30, 31
    .endm
    .section .text.fpsimd, "ax"
    .globl fpsimd_save
fpsimd_save:
    ALL stp
    mrs x1, fpsr
    mrs x2, fpcr
    stp x1, x2, [x0]
    ret
    .globl fpsimd_load
fpsimd_load:
    ALL ldp
    ldp x1, x2, [x0]
    msr fpsr, x1
    msr fpcr, x2
    ret
