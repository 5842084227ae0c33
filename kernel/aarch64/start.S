/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Entry at EL1 with the MMU off, anywhere in RAM: clear, map, jump to the linked address. */
#include "kernel/aarch64/offsets.h"
#include "kernel/aarch64/sysreg.h"

    .section .head, "ax"
    .global _start
_start:
    b enter
    .word IMAGE_MAGIC_LE
    .quad image_text_bytes
    .quad image_rodata_bytes
    .quad image_file_bytes
    .quad image_mem_bytes
    .quad 0, 0, 0

enter:
    mov x20, x0                      /* bootinfo */
    msr daifset, #0xf
    adrp x19, image_start            /* where the image really is */
    adrp x1, image_bss_start
    adrp x2, image_bss_end
1:  stp xzr, xzr, [x1], #16
    cmp x1, x2
    b.lo 1b
    adrp x1, stacks + 4096 + KERNEL_STACK_BYTES
    mov sp, x1
    mov x29, xzr
    mov x30, xzr
    mov x0, x19
    mov x1, x20
    bl early_start                   /* tables, copy of bootinfo */

    /* What was written so far went around the caches: drop lines of it that they may hold. */
    adrp x0, image_file_end
    adrp x1, image_end
    mrs x2, ctr_el0
    ubfx x2, x2, #16, #4
    mov x3, #4
    lsl x3, x3, x2
2:  dc civac, x0
    add x0, x0, x3
    cmp x0, x1
    b.lo 2b
    dsb sy

    mov x21, #0                      /* no struct cpu: core 0 */
mmu_on:
    mov x0, #MAIR_VALUE
    msr mair_el1, x0
    ldr x0, =TCR_VALUE
    mrs x1, id_aa64mmfr0_el1
    and x1, x1, #0xf                 /* PARange; at most 48 bits with 4 KiB pages */
    mov x2, #5
    cmp x1, x2
    csel x1, x1, x2, lo
    bfi x0, x1, #32, #3
    msr tcr_el1, x0
    adrp x0, early_idmap
    msr ttbr0_el1, x0
    adrp x0, kernel_root
    msr ttbr1_el1, x0
    dsb sy
    tlbi vmalle1
    ic iallu
    dsb sy
    isb
    ldr x0, =SCTLR_VALUE
    msr sctlr_el1, x0
    isb
    ldr x0, =linked
    br x0

linked:
    adrp x0, vectors
    add x0, x0, :lo12:vectors
    msr vbar_el1, x0
    cbnz x21, 3f
    adrp x0, stacks + 4096 + KERNEL_STACK_BYTES
    mov sp, x0
    bl arch_cpu_first                /* its struct cpu into TPIDR_EL1 */
    bl arch_user_leave               /* the low half is EL0's from now on */
    tlbi vmalle1
    dsb sy
    isb
    bl kernel_main
    b kernel_exit
3:  msr tpidr_el1, x21
    ldr x0, [x21, #CPU_STACK]
    mov sp, x0
    isb
    bl arch_user_leave
    tlbi vmalle1
    dsb sy
    isb
    bl arch_cpu_main                 /* returns with the lock held */
    b kernel_exit

/* Where another core comes in: x0 = its struct cpu; MMU off. What it reads until the MMU is on was never written with caches on. */
    .global cpu_entry
cpu_entry:
    msr daifset, #0xf
    mov x21, x0
    b mmu_on
    .ltorg
