/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Exception vectors. Interrupts stay masked for good (loop.c polls), so every exception taken
 * here is the end. */

    .section .text.vectors, "ax"
    .balign 2048
    .global vectors
vectors:
    .set    number, 0
    .rept   16
    .balign 128
    adrp    x1, fault_stack_top     /* the stack itself may be what failed */
    mov     sp, x1
    mov     x0, #number
    mov     x1, x30
    b       rt_exception
    .set    number, number + 1
    .endr
