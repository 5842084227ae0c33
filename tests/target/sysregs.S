/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Every system register by number, and EL0 for one instruction. */

    .text
/*
 * Number n, 15 bits: op0 - 2, op1, CRn, CRm, op2 as an MRS has them in bits 19 to 5. Domains may not write code: all of them lie here.
 */
    .balign 16
    .global reg_reads, reg_writes
reg_reads:
    .set    n, 0
    .rept   32768
    .inst   0xd5300000 | (n << 5)   /* mrs x0, n */
    ret
    .set    n, n + 1
    .endr
reg_writes:
    .set    n, 0
    .rept   32768
    .inst   0xd5100000 | (n << 5)   /* msr n, x0 */
    ret
    .set    n, n + 1
    .endr

/*
 * void el0_run(uint64_t pc, uint64_t pstate, uint64_t x1, uint64_t out[6]): runs at EL0 with x1 until an exception comes to EL1:
 * out = vector offset, ESR, FAR, ELR, SPSR, x0 at that point.
 */
    .global el0_run
el0_run:
    stp     x19, x20, [sp, #-96]!
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    mrs     x19, vbar_el1
    mov     x20, x3
    adrp    x4, el0_vectors
    add     x4, x4, :lo12:el0_vectors
    msr     vbar_el1, x4
    isb
    msr     elr_el1, x0
    msr     spsr_el1, x1
    mov     x1, x2
    mov     x0, #0
    stp     x19, x20, [sp, #-16]!
    eret
el0_back:                           /* x18 = vector offset, x0 = what EL0 had */
    ldp     x19, x20, [sp], #16
    mrs     x1, esr_el1
    mrs     x2, far_el1
    stp     x18, x1, [x20]
    mrs     x1, elr_el1
    stp     x2, x1, [x20, #16]
    mrs     x1, spsr_el1
    stp     x1, x0, [x20, #32]
    msr     vbar_el1, x19
    isb
    ldp     x21, x22, [sp, #16]
    ldp     x23, x24, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x27, x28, [sp, #64]
    ldp     x29, x30, [sp, #80]
    ldp     x19, x20, [sp], #96
    ret

    .balign 2048
el0_vectors:
    .set    at, 0
    .rept   16
    .balign 128
    mov     x18, #at
    b       el0_back
    .set    at, at + 0x80
    .endr

    .balign 16
    .global el0_load64, el0_load32, el0_load16, el0_forbidden64, el0_forbidden32
el0_load64:
    ldr     w0, [x1]
    svc     #0
el0_forbidden64:
    mrs     x0, pmccntr_el0
    svc     #0
el0_load32:
    .inst   0xe5910000              /* A32: ldr r0, [r1] */
    .inst   0xef000000              /* svc 0 */
el0_forbidden32:
    .inst   0xee190f1d              /* mrc p15, 0, r0, c9, c13, 0: PMCCNTR */
    .inst   0xef000000
el0_load16:
    .inst   0xdf006808              /* T32: ldr r0, [r1]; svc 0 */
    .global el0_it16
el0_it16:
    .inst   0x6808bf18              /* T32: it ne; ldrne r0, [r1] */
    .inst   0xdf00df00              /* svc 0 twice */
    .section .note.GNU-stack, "", %progbits
