/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Exception vectors. Interrupts stay masked for good (loop.c polls), so every exception taken here is the end: what is left to do is to
 * let the crash dump show who was interrupted. Only x16 and x17 are lost.
 */
#define STACK_SHIFT 14 /* domain.ld: 16 KiB below stack_top */

    .section .text.vectors, "ax"
    .balign 2048
    .global vectors
vectors:
    .set    number, 0
    .rept   16
    .balign 128
    mov     x16, #number
    b       fault_entry
    .set    number, number + 1
    .endr

    .type   fault_entry, %function
fault_entry:
    /* The stack itself may be what failed: the fault stack when sp is not in it, and when this is a second exception. */
    mrs     x17, tpidr_el1
    cbnz    x17, 1f
    adrp    x17, stack_top
    sub     x17, sp, x17
    neg     x17, x17                /* bytes in use */
    sub     x17, x17, #1
    lsr     x17, x17, #STACK_SHIFT
    cbz     x17, 2f
1:  adrp    x17, fault_stack_top
    mov     sp, x17
2:  mov     x17, #1
    msr     tpidr_el1, x17
    mov     x17, sp
    and     sp, x17, #~15
    /* A frame record as if the interrupted instruction had called us. */
    mrs     x17, elr_el1
    stp     x29, x17, [sp, #-16]!
    mov     x29, sp
    stp     x0, x1, [sp, #-16]!
    mov     x0, x16
    mov     x1, x30
    bl      rt_exception
    brk     #0
    .size   fault_entry, . - fault_entry
