/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Exception vectors of EL2. TPIDR_EL2 = struct vcpu of the running vCPU; its registers come first. */

#include "hyp/aarch64/sysreg.h"

    .macro STACK_TOP reg           // of this core, also when sp is in the guard page below
    mov \reg, sp
    orr \reg, \reg, #((1 << CORE_STACK_LOG) - 1)
    sub \reg, \reg, #(CORE_BYTES - 1)
    .endm

    .macro VENTRY target
    .balign 128
    b   \target
    .endm

    .section .vectors, "ax"
    .balign 2048
    .globl vectors
vectors:
    VENTRY bad_sp0
    VENTRY bad_sp0
    VENTRY bad_sp0
    VENTRY bad_sp0
    VENTRY el2_fault
    VENTRY bad_irq
    VENTRY bad_irq
    VENTRY el2_serror
    VENTRY lower_sync
    VENTRY lower_irq
    VENTRY lower_irq
    VENTRY lower_serror
    .rept 4                        // never: EL1 is AArch64, whatever its EL0 is
    VENTRY bad_sp0
    .endr

    .macro SAVE_SCRATCH            // x0..x18, x30 of the vCPU; x0 = vCPU afterwards
    stp x0, x1, [sp, #-16]!
    mrs x0, tpidr_el2
    stp x2, x3, [x0, #16]
    stp x4, x5, [x0, #32]
    stp x6, x7, [x0, #48]
    stp x8, x9, [x0, #64]
    stp x10, x11, [x0, #80]
    stp x12, x13, [x0, #96]
    stp x14, x15, [x0, #112]
    stp x16, x17, [x0, #128]
    str x18, [x0, #144]
    ldp x2, x3, [sp], #16
    stp x2, x3, [x0]
    mrs x2, elr_el2
    mrs x3, spsr_el2
    stp x30, x2, [x0, #240]
    str x3, [x0, #256]
    .endm
    .macro SAVE_KEPT               // x19..x29: C keeps them, so not for what neither switches nor kills
    stp x19, x20, [x0, #152]
    stp x21, x22, [x0, #168]
    stp x23, x24, [x0, #184]
    stp x25, x26, [x0, #200]
    stp x27, x28, [x0, #216]
    str x29, [x0, #232]
    .endm

lower_sync:
    SAVE_SCRATCH
    mrs x1, esr_el2
    lsr x2, x1, #26
    cmp x2, #0x16                  // HVC64
    b.ne 1f
    SAVE_KEPT                      // a dump wants them
    bl  hypercall_entry            // returns the vCPU to run
    mrs x1, tpidr_el2
    cmp x0, x1
    b.eq leave_scratch
    b   leave_full
1:  cmp x2, #0x24                  // data abort
    b.ne 2f
    bl  trap_quick_read
    cbnz x0, leave_scratch
    mrs x0, tpidr_el2
2:  SAVE_KEPT
    bl  trap_sync
    b   leave_full

lower_irq:
    SAVE_SCRATCH
    bl  trap_quick_irq
    cbnz x0, leave_scratch
    mrs x0, tpidr_el2
    SAVE_KEPT
    bl  trap_irq
    b   leave_full

lower_serror:
    SAVE_SCRATCH
    SAVE_KEPT
    bl  trap_serror
    b   leave_full

    .globl leave_full
leave_full:                        // x0 = struct vcpu of the one to run; its system registers are loaded
    msr tpidr_el2, x0
    ldp x19, x20, [x0, #152]
    ldp x21, x22, [x0, #168]
    ldp x23, x24, [x0, #184]
    ldp x25, x26, [x0, #200]
    ldp x27, x28, [x0, #216]
    ldr x29, [x0, #232]
leave_scratch:
    ldp x30, x2, [x0, #240]
    ldr x3, [x0, #256]
    msr elr_el2, x2
    msr spsr_el2, x3
    ldp x2, x3, [x0, #16]
    ldp x4, x5, [x0, #32]
    ldp x6, x7, [x0, #48]
    ldp x8, x9, [x0, #64]
    ldp x10, x11, [x0, #80]
    ldp x12, x13, [x0, #96]
    ldp x14, x15, [x0, #112]
    ldp x16, x17, [x0, #128]
    ldr x18, [x0, #144]
    ldp x0, x1, [x0]
    eret

/* Exceptions taken at EL2 itself: our own bug. */
bad_sp0:
    mov x0, #0
    b   el2_bad
el2_fault:
    mov x0, #1
    b   el2_bad
bad_irq:
    mov x0, #2
    b   el2_bad
el2_serror:
    mov x0, #3
el2_bad:
    mov x2, sp
    STACK_TOP x1
    mov sp, x1
    mrs x1, elr_el2
    b   trap_own_fault             // (kind, pc, sp)

/* _Noreturn void enter_first(struct vcpu *v): the boot stack is given up, traps start at its top */
    .globl enter_first
enter_first:
    STACK_TOP x1
    mov sp, x1
    b   leave_full

/* uint64_t id_read(uint32_t n): identification register CRm 1 + n / 8, op2 n % 8, n < 56 */
    .globl id_read
id_read:
    adr x1, 1f
    add x1, x1, w0, uxtw #3
    br  x1
1:  .set n, 0
    .rept 56
    .inst 0xd5380100 + (n << 5)    // mrs x0, S3_0_C0_C(1 + n / 8)_(n % 8)
    ret
    .set n, n + 1
    .endr
