/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* arm64 Image header and entry (Linux, Documentation/arch/arm64/booting.rst): any address, MMU off, x0 = device tree. */
    .section .text.start, "ax"
    .global _start
_start:
    b entry
    .word 0
    .quad 0                     /* text_offset */
    .quad image_end - _start      /* image_size */
    .quad 0xa                   /* little-endian, 4 KiB pages, anywhere in memory */
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .word 0

entry:
    mov x19, x0
    adrp x0, rela_start         /* linked at 0: add where it lies to every address in data */
    add x0, x0, :lo12:rela_start
    adrp x1, rela_end
    add x1, x1, :lo12:rela_end
    adr x2, _start
1:  cmp x0, x1
    b.hs 2f
    ldp x3, x4, [x0], #16
    ldr x5, [x0], #8
    add x5, x5, x2
    str x5, [x3, x2]
    b 1b
2:  adr x0, vectors
    msr vbar_el1, x0
    adrp x0, stack_top
    add x0, x0, :lo12:stack_top
    mov sp, x0
    mov x0, #(3 << 20)
    msr cpacr_el1, x0           /* FP on, as every stock system has it */
    isb
    mov x0, x19
    bl flat_main
1:  wfi
    b 1b

/* uint64_t flat_probe(void (*what)(uint64_t), uint64_t argument): ESR_EL1 of the exception that it took, 0 for none. */
    .global flat_probe
flat_probe:
    stp x29, x30, [sp, #-16]!
    mov x29, sp
    adrp x9, probe_resume
    add x9, x9, :lo12:probe_resume
    adr x10, 1f
    stp x10, x29, [x9]
    mov x9, x0
    mov x0, x1
    blr x9
    mov x0, #0
1:  adrp x9, probe_resume
    add x9, x9, :lo12:probe_resume
    str xzr, [x9]
    ldp x29, x30, [sp], #16
    ret

on_sync:                        /* back to the probe that runs; without one, stop */
    adrp x9, probe_resume
    add x9, x9, :lo12:probe_resume
    ldp x10, x29, [x9]
    cbz x10, flat_stop
    mov sp, x29
    mrs x0, esr_el1
    msr elr_el1, x10
    eret

on_irq:
    stp x29, x30, [sp, #-192]!
    stp x0, x1, [sp, #16]
    stp x2, x3, [sp, #32]
    stp x4, x5, [sp, #48]
    stp x6, x7, [sp, #64]
    stp x8, x9, [sp, #80]
    stp x10, x11, [sp, #96]
    stp x12, x13, [sp, #112]
    stp x14, x15, [sp, #128]
    stp x16, x17, [sp, #144]
    mrs x0, elr_el1
    mrs x1, spsr_el1
    stp x0, x1, [sp, #160]
    bl flat_irq
    ldp x0, x1, [sp, #160]
    msr elr_el1, x0
    msr spsr_el1, x1
    ldp x16, x17, [sp, #144]
    ldp x14, x15, [sp, #128]
    ldp x12, x13, [sp, #112]
    ldp x10, x11, [sp, #96]
    ldp x8, x9, [sp, #80]
    ldp x6, x7, [sp, #64]
    ldp x4, x5, [sp, #48]
    ldp x2, x3, [sp, #32]
    ldp x0, x1, [sp, #16]
    ldp x29, x30, [sp], #192
    eret

/* A further core, from PSCI CPU_ON: x0 = its number. */
    .global flat_secondary
flat_secondary:
    adr x1, vectors
    msr vbar_el1, x1
    adrp x1, stack_top
    add x1, x1, :lo12:stack_top
    add x2, x0, #0
    lsl x2, x2, #12
    sub x1, x1, x2
    mov sp, x1
    bl flat_core
1:  wfi
    b 1b

flat_stop:
    wfi
    b flat_stop

    .balign 2048
vectors:
    .rept 4
    .balign 128
    b flat_stop
    .endr
    .balign 128
    b on_sync
    .balign 128
    b on_irq
    .rept 10
    .balign 128
    b flat_stop
    .endr
