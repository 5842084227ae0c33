/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Exceptions. While EL0 runs, SP_EL1 points at the frame of its thread, so registers are stored without a scratch one;
 * C then runs on the one kernel stack, interrupts masked. x19..x29 stay in the core (C keeps them) until threads change.
 */
#include "kernel/aarch64/offsets.h"
#include "kernel/aarch64/sysreg.h"

/* Stores all but x19..x29; leaves the kernel stack in SP, the thread in x0, this core's struct cpu in x9. x8 is kept. */
    .macro save name
    stp x0, x1, [sp]
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    str x18, [sp, #144]
    mrs x9, sp_el0
    stp x30, x9, [sp, #240]
    mrs x10, elr_el1
    mrs x11, spsr_el1
    stp x10, x11, [sp, #FRAME_ELR]
    mov x0, sp
    mrs x9, tpidr_el1
    ldr x10, [x9, #CPU_STACK]
    mov sp, x10
    ldr w10, [x9, #CPU_SHARED]
    cbnz w10, lock_\name
locked_\name:
    .endm
    .macro save_lock name            // the other half of save, out of line: a vector has room for 32 instructions
lock_\name:
    bl kernel_lock
    b locked_\name
    .endm

/* What only changes with the thread: x1 = the one whose registers are in the core, x3 = now. Uses x2, x4..x6. */
    .macro save_live
    stp x19, x20, [x1, #152]
    stp x21, x22, [x1, #168]
    stp x23, x24, [x1, #184]
    stp x25, x26, [x1, #200]
    stp x27, x28, [x1, #216]
    str x29, [x1, #232]
    mrs x2, tpidr_el0
    str x2, [x1, #THREAD_TPIDR]
    ldp x5, x4, [x1, #THREAD_RUN_TICKS]
    ldr x6, [x5]
    sub x4, x3, x4
    add x6, x6, x4
    str x6, [x5]
    .endm

    .macro vector label
    .balign 0x80
    b \label
    .endm

    .section .text.hot, "ax"
    .balign 0x800
    .global vectors
vectors:
    .rept 4                          /* EL1 with SP_EL0: never used */
    vector kernel_fault
    .endr
    vector kernel_fault              /* EL1: our own fault, or the probe's */
    vector kernel_fault
    vector kernel_fault
    vector kernel_fault

    .balign 0x80                     /* EL0: synchronous */
    save sync
    mrs x1, esr_el1
    lsr x9, x1, #26
    cmp x9, #0x15                    /* SVC */
    b.ne user_fault
    cmp x8, #SYSCALL_COUNT
    b.hs user_fault
    adrp x9, syscall_table
    add x9, x9, :lo12:syscall_table
    ldr x9, [x9, x8, lsl #3]
    blr x9
    b syscall_done

    .balign 0x80                     /* EL0: interrupt */
    b user_irq
    vector user_irq                  /* FIQ: none of ours */
    vector user_serror
    .rept 4                          /* AArch32 */
    vector user_serror
    .endr

    .org vectors + 0x800             /* an error when a vector is too long */
    save_lock sync
    save_lock irq
    save_lock serror
user_irq:
    save irq
    bl irq_dispatch
    b kernel_exit

user_serror:
    save serror
    mrs x1, esr_el1
user_fault:
    mrs x2, far_el1
    bl arch_user_fault               /* thread, ESR, FAR */
    b kernel_exit

syscall_done:
    mrs x9, tpidr_el1
    mov w0, w0
    cmp x0, #NO_RESULT
    b.eq exit_with_cpu
    ldr x10, [x9, #CPU_LIVE]
    str x0, [x10]
    b exit_with_cpu

    .global kernel_exit
kernel_exit:
    mrs x9, tpidr_el1
exit_with_cpu:
    ldr x10, [x9, #CPU_WORK]
    cbnz x10, do_work
    ldp x0, x1, [x9]                 /* current, live */
    cbz x0, pick
    cmp x0, x1
    b.ne change
leave:
    ldr w10, [x9, #CPU_INSIDE]
    cbnz w10, unlock
unlocked:
    mov sp, x0
    ldp x30, x9, [sp, #240]
    ldp x10, x11, [sp, #FRAME_ELR]
    msr sp_el0, x9
    msr elr_el1, x10
    msr spsr_el1, x11
    ldr x18, [sp, #144]
    ldp x0, x1, [sp]
    ldp x2, x3, [sp, #16]
    ldp x4, x5, [sp, #32]
    ldp x6, x7, [sp, #48]
    ldp x8, x9, [sp, #64]
    ldp x10, x11, [sp, #80]
    ldp x12, x13, [sp, #96]
    ldp x14, x15, [sp, #112]
    ldp x16, x17, [sp, #128]
    eret

do_work:
    bl work_run
    b kernel_exit

pick:
    ldr w10, [x9, #CPU_INSIDE]
    cbnz w10, pick_shared
1:  bl sched_pick
    b kernel_exit

/* Other cores may run the thread that waits now: nothing of it stays here. x1 = live, x9 = cpu. */
pick_shared:
    cbz x1, 2f
    ldr x10, [x9, #CPU_FP_OWNER]
    cbnz x10, fp_leave
    mrs x3, cntvct_el0
    save_live
    str xzr, [x9, #CPU_LIVE]
2:  bl arch_user_leave
    b 1b
fp_leave:
    bl arch_fp_leave
    b kernel_exit

/* The ticket lock. Takes it; while waiting, gives up a thread that ends. x0 = thread, x9 = cpu; x8 is kept. */
kernel_lock:
    mov w10, #1
    add x13, x9, #CPU_INSIDE
    stlr w10, [x13]
    adrp x11, kernel_ticket
    add x11, x11, :lo12:kernel_ticket
    ldadd w10, w12, [x11]            /* next */
    add x11, x11, #4                 /* serving */
    add x13, x9, #CPU_EXPEL
1:  ldar w14, [x11]
    cmp w14, w12
    b.eq 2f
    ldar w14, [x13]
    cbnz w14, 3f
    yield
    b 1b
2:  ldr x10, [x9, #CPU_LIVE]
    cmp x10, x0
    b.ne kernel_exit                 /* its thread has ended meanwhile */
    ret
3:  adrp x14, empty_table
    mrs x15, ttbr1_el1               /* physical address of the table: as far from kernel_root as in the image */
    adrp x16, kernel_root
    sub x14, x14, x16
    add x14, x14, x15
    msr ttbr0_el1, x14
    isb
    stlr wzr, [x13]
    b 1b

unlock:
    str wzr, [x9, #CPU_INSIDE]
    adrp x11, kernel_ticket
    add x11, x11, :lo12:kernel_ticket
    add x11, x11, #4
    ldr w12, [x11]
    add w12, w12, #1
    stlr w12, [x11]
    b unlocked

/* x0 = thread to run, x1 = thread whose registers are in the core (0: none), x9 = cpu. */
change:
    mrs x3, cntvct_el0
    cbz x1, 1f
    ldr w10, [x9, #CPU_INSIDE]
    cbnz w10, change_shared
change_on:
    save_live
1:  str x3, [x0, #THREAD_SWITCHED]
    ldp x2, x4, [x0, #THREAD_TPIDR]
    msr tpidr_el0, x2
    msr ttbr0_el1, x4                /* ERET synchronises: EL1 itself never uses the low half */
    ldr x5, [x9, #CPU_FP_OWNER]
    mov x6, #CPACR_FPEN
    cmp x5, x0
    csel x6, x6, xzr, eq
    msr cpacr_el1, x6
    str x0, [x9, #CPU_LIVE]
    ldp x19, x20, [x0, #152]
    ldp x21, x22, [x0, #168]
    ldp x23, x24, [x0, #184]
    ldp x25, x26, [x0, #200]
    ldp x27, x28, [x0, #216]
    ldr x29, [x0, #232]
    b leave

/* Another core may run the one that leaves: its FP/SIMD registers go to memory, too. */
change_shared:
    ldr x10, [x9, #CPU_FP_OWNER]
    cbnz x10, fp_leave
    b change_on

/* An exception in the kernel itself. The stack may be what broke: another one is used. */
kernel_fault:
    msr tpidrro_el0, x0              /* a scratch register that no exception changes */
    mov x0, sp
    adrp x30, exception_stack_top    /* our own return address is lost; the report has ELR */
    sub sp, x30, #FRAME_BYTES
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x19, [sp, #144]
    str x0, [sp, #FRAME_SP]
    mrs x2, tpidrro_el0
    stp x2, x1, [sp]
    mrs x10, elr_el1
    mrs x11, spsr_el1
    stp x10, x11, [sp, #FRAME_ELR]
    mov x0, sp
    mrs x1, esr_el1
    mrs x2, far_el1
    bl arch_kernel_fault             /* returns only when the access was the probe's */
    ldp x10, x11, [sp, #FRAME_ELR]
    msr elr_el1, x10
    msr spsr_el1, x11
    ldr x9, [sp, #FRAME_SP]
    ldr x18, [sp, #144]
    msr tpidrro_el0, x9
    ldp x0, x1, [sp]
    ldp x2, x3, [sp, #16]
    ldp x4, x5, [sp, #32]
    ldp x6, x7, [sp, #48]
    ldp x8, x9, [sp, #64]
    ldp x10, x11, [sp, #80]
    ldp x12, x13, [sp, #96]
    ldp x14, x15, [sp, #112]
    ldp x16, x17, [sp, #128]
    mrs x30, tpidrro_el0
    mov sp, x30
    msr tpidrro_el0, xzr
    eret                             /* x30 is gone: the probe's accesses are leaf asm that declare it */
