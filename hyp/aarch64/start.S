/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Entry of the Image (arm64 boot protocol), self-relocation, first stack. */
#include "hyp/aarch64/sysreg.h"

    .section .head, "ax"
    .globl _head
_head:
    b   start                      // code0
    .long 0
    .quad 0                        // text_offset
    .quad hyp_end - _head          // image_size: bss and pool included
    .quad 0xa                      // flags: little-endian, 4 KiB pages, anywhere in memory
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .long 0

start:
    msr daifset, #0xf
    mov x19, x0                    // device tree
    adrp x1, bss_start
    add x1, x1, :lo12:bss_start
    adrp x2, core_stacks
    mov x3, #(1 << CORE_STACK_LOG) - CORE_BYTES
    add x2, x2, :lo12:core_stacks
    add sp, x2, x3
    adrp x2, bss_end
    add x2, x2, :lo12:bss_end
1:  stp xzr, xzr, [x1]             // both ends are multiples of 64
    stp xzr, xzr, [x1, #16]
    stp xzr, xzr, [x1, #32]
    stp xzr, xzr, [x1, #48]
    add x1, x1, #64
    cmp x1, x2
    b.lo 1b
    adrp x20, _head                // load address: page aligned, linked at 0
    adrp x1, rela_start
    add x1, x1, :lo12:rela_start
    adrp x2, rela_end
    add x2, x2, :lo12:rela_end
3:  cmp x1, x2
    b.hs 5f
    ldp x3, x4, [x1], #16          // r_offset, r_info
    ldr x5, [x1], #8               // r_addend
    cmp w4, #1027                  // R_AARCH64_RELATIVE
    b.ne 3b
    add x5, x5, x20
    str x5, [x3, x20]
    b   3b
5:  mrs x1, CurrentEL
    cmp x1, #8
    b.ne 6f
    ldr w2, =SCTLR_EL2_OFF
    msr sctlr_el2, x2
    adrp x2, vectors
    msr vbar_el2, x2
    msr tpidr_el2, xzr
    isb
6:  mov x0, x19
    lsr x1, x1, #2
    bl  hyp_main
7:  wfi
    b   7b

/* void el2_mmu_on(uint64_t root_pa, uint64_t tcr, uint64_t mair, uint64_t sctlr) */
    .section .text.el2_mmu_on, "ax"
    .globl el2_mmu_on
el2_mmu_on:
    msr ttbr0_el2, x0
    msr tcr_el2, x1
    msr mair_el2, x2
    isb
    tlbi alle2
    ic  iallu
    dsb sy
    isb
    msr sctlr_el2, x3
    isb
    ret

/* Where another core comes in: x0 = its struct core, which lies above its stack; MMU and caches off. */
    .globl core_entry
core_entry:
    msr daifset, #0xf
    mov sp, x0
    ldr w2, =SCTLR_EL2_OFF
    msr sctlr_el2, x2
    adrp x2, vectors
    msr vbar_el2, x2
    msr tpidr_el2, xzr
    isb
    adrp x4, el2_mmu               // root, TCR, MAIR, SCTLR: written with caches off
    add x4, x4, :lo12:el2_mmu
    ldp x0, x1, [x4]
    ldp x2, x3, [x4, #16]
    bl  el2_mmu_on
    b   core_main

/* void el2_root_set(uint64_t root_pa): the final map, without boot-only code */
    .globl el2_root_set
el2_root_set:
    msr ttbr0_el2, x0
    isb
    tlbi alle2
    dsb sy
    isb
    ret
