/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* First instruction of an EL0 program: x0 = struct startup, sp = top of the stack the parent made. */
    .section .text.start, "ax"
    .globl _start
    .type _start, %function
_start:
    mov x29, xzr
    mov x30, xzr
    bl rt_start
    brk #1 /* rt_start never returns */
    .size _start, . - _start

    .section .note.GNU-stack, "", %progbits
