/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Image header (abi/image.h) and entry: EL1h, MMU off, interrupts masked, x0 = bootinfo, RAM
 * scrubbed. */

#define SCTLR_EL1_ON 0x30d8180d /* RES1, WXN, I, SA, C, M; A off */
#define CACHE_LINE   64
#define TABLES_BYTES (3 * 4096) /* mmu.c asserts it */

    .section .text.start, "ax"
    .global _start
_start:
    b       entry
    .ascii  "ZIMG"
    .quad   image_text_bytes
    .quad   image_rodata_bytes
    .quad   image_file_bytes
    .quad   image_mem_bytes
    .quad   0, 0, 0

    .type   entry, %function
entry:
    mov     x19, x0
    adrp    x1, stack_top
    mov     sp, x1
    adrp    x1, vectors
    add     x1, x1, :lo12:vectors
    msr     vbar_el1, x1
    bl      mmu_build               /* bootinfo -> address of the tables */

    /* The tables were written past the cache: whatever it holds of them is older. */
    add     x1, x0, #TABLES_BYTES
1:  dc      ivac, x0
    add     x0, x0, #CACHE_LINE
    cmp     x0, x1
    b.lo    1b
    dsb     sy

    bl      mmu_start
    ldr     x1, =SCTLR_EL1_ON
    msr     sctlr_el1, x1
    isb
    /* The stack so far was uncached, too: nothing on it is read again. */
    adrp    x1, stack_top
    mov     sp, x1
    mov     x29, xzr
    mov     x30, xzr
    mov     x0, x19
    bl      rt_start
    brk     #0
    .ltorg
