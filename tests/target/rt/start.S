/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Header, entry and vectors of the test images: EL1h, MMU off, at any load address. */

    .section .head, "ax"
    .global _start
_start:
    b       entry
    /* target.ld puts the rest of the header behind it */

    .text
entry:
    mov     x19, x0                 /* struct bootinfo */
    adrp    x1, __stack_end
    add     x1, x1, :lo12:__stack_end
    mov     sp, x1
    adrp    x1, vectors
    add     x1, x1, :lo12:vectors
    msr     vbar_el1, x1
    adrp    x1, __bss_start
    add     x1, x1, :lo12:__bss_start
    adrp    x2, __bss_end
    add     x2, x2, :lo12:__bss_end
1:  cmp     x1, x2
    b.hs    2f
    str     xzr, [x1], #8
    b       1b
2:  /* R_AARCH64_RELATIVE: the image was linked at 0. Targets lie in .data only. */
    adrp    x0, _start
    add     x0, x0, :lo12:_start
    adrp    x1, __rela_start
    add     x1, x1, :lo12:__rela_start
    adrp    x2, __rela_end
    add     x2, x2, :lo12:__rela_end
3:  cmp     x1, x2
    b.hs    4f
    ldr     x3, [x1]
    ldr     x4, [x1, #16]
    add     x4, x4, x0
    str     x4, [x0, x3]
    add     x1, x1, #24
    b       3b
4:  mov     x1, #(3 << 20)          /* CPACR_EL1.FPEN: FP is allowed, EL2 decides the rest */
    msr     cpacr_el1, x1
    isb
    mov     x0, x19
    bl      rt_main
5:  wfi
    b       5b

    /* A synchronous exception is recorded, the instruction skipped, or control goes to rt_resume when that is set. */
    .balign 8
on_sync:
    stp     x0, x1, [sp, #-32]!
    stp     x2, x3, [sp, #16]
    adrp    x0, rt_fault
    add     x0, x0, :lo12:rt_fault
    ldr     x1, [x0]
    add     x1, x1, #1
    str     x1, [x0]                /* count */
    mrs     x1, esr_el1
    str     x1, [x0, #8]
    mrs     x1, far_el1
    str     x1, [x0, #16]
    mrs     x1, elr_el1
    str     x1, [x0, #24]
    ldr     x2, [x0, #32]           /* resume */
    add     x1, x1, #4
    cmp     x2, #0
    csel    x1, x1, x2, eq
    msr     elr_el1, x1
    str     xzr, [x0, #32]
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp], #32
    eret

on_other:
    mrs     x0, esr_el1
    mrs     x1, elr_el1
    bl      rt_unexpected
1:  wfi
    b       1b

    .balign 2048
vectors:
    .rept   4
    .balign 128
    b       on_other
    .endr
    .balign 128
    b       on_sync
    .rept   11
    .balign 128
    b       on_other
    .endr

    .global rt_hvc
/* void rt_hvc(uint64_t x[7]): x[0..6] in and out. */
rt_hvc:
    mov     x9, x0
    ldp     x1, x2, [x9, #8]
    ldp     x3, x4, [x9, #24]
    ldp     x5, x6, [x9, #40]
    ldr     x0, [x9]
    hvc     #0
    str     x0, [x9]
    stp     x1, x2, [x9, #8]
    stp     x3, x4, [x9, #24]
    stp     x5, x6, [x9, #40]
    ret

    .global rt_call_at
/* Jumps to x0; comes back when that faults or returns. */
rt_call_at:
    stp     x29, x30, [sp, #-16]!
    adrp    x1, rt_fault
    add     x1, x1, :lo12:rt_fault
    adr     x2, 1f
    str     x2, [x1, #32]
    blr     x0
1:  adrp    x1, rt_fault
    add     x1, x1, :lo12:rt_fault
    str     xzr, [x1, #32]
    ldp     x29, x30, [sp], #16
    ret

    .arch_extension fp
    .arch_extension simd
    .global rt_fp_fill, rt_fp_same
/* Fills d0..d31 with x0 + n. */
rt_fp_fill:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    add     x1, x0, #\n
    dup     v\n\().2d, x1
    .endr
    ret
/* Returns how many of q0..q31 do not hold x0 + n (x0 = ~0: are not zero). */
rt_fp_same:
    mov     x3, #0
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    add     x1, x0, #\n
    cmn     x0, #1
    csel    x1, xzr, x1, eq
    umov    x2, v\n\().d[0]
    cmp     x1, x2
    cinc    x3, x3, ne
    umov    x2, v\n\().d[1]
    cmp     x1, x2
    cinc    x3, x3, ne
    .endr
    mov     x0, x3
    ret

    .global rt_irq_latency
/*
 * uint64_t rt_irq_latency(volatile uint32_t *store_to, uint32_t value): stores (not to NULL), then reads event counter 0 over and
 * over with interrupts on. Returns counter at the handler's first instruction less the last reading before the interrupt came.
 */
rt_irq_latency:
    mrs     x4, vbar_el1
    adrp    x5, irq_vectors
    add     x5, x5, :lo12:irq_vectors
    msr     vbar_el1, x5
    isb
    msr     daifclr, #2
    cbz     x0, 1f
    mrs     x6, pmevcntr0_el0
    str     w1, [x0]
1:  mrs     x6, pmevcntr0_el0
    b       1b
irq_taken:
    sub     x0, x7, x6
    msr     vbar_el1, x4
    adr     x5, 1f
    msr     elr_el1, x5
    mrs     x5, spsr_el1
    orr     x5, x5, #0x80           /* I: the caller acknowledges */
    msr     spsr_el1, x5
    eret
1:  ret

    .balign 2048
irq_vectors:
    .rept   5
    .balign 128
    b       on_other
    .endr
    .balign 128
    mrs     x7, pmevcntr0_el0
    b       irq_taken
    .rept   10
    .balign 128
    b       on_other
    .endr

    .section .note.GNU-stack, "", %progbits
