/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* System calls that use x8..x15: the two message calls and the process list. Offsets: struct ipc_msg, sys_process_row. */
#define MSG_TAG     0
#define MSG_WORD    8
#define MSG_HANDLE  56
#define MSG_REPLY   72
#define MSG_BADGE   80

#define NR_CALL         6 /* pinned to enum syscall_number in rt.c */
#define NR_REPLY_RECV   7
#define NR_PROCESS_LIST 23

/* x16 = struct ipc_msg: its fields into x1..x7, x9..x12 */
.macro load_msg
    ldr x1, [x16, #MSG_TAG]
    ldp x2, x3, [x16, #MSG_WORD]
    ldp x4, x5, [x16, #MSG_WORD + 16]
    ldp x6, x7, [x16, #MSG_WORD + 32]
    ldp w9, w10, [x16, #MSG_HANDLE]
    ldp w11, w12, [x16, #MSG_HANDLE + 8]
.endm

.macro store_msg
    str x1, [x16, #MSG_TAG]
    stp x2, x3, [x16, #MSG_WORD]
    stp x4, x5, [x16, #MSG_WORD + 16]
    stp x6, x7, [x16, #MSG_WORD + 32]
    stp w9, w10, [x16, #MSG_HANDLE]
    stp w11, w12, [x16, #MSG_HANDLE + 8]
.endm

    .section .text.ipc, "ax"

    .globl ipc_call
    .type ipc_call, %function
/* err_t ipc_call(w0 endpoint, x1 msg, x2 deadline) */
ipc_call:
    mov x16, x1
    mov x13, x2
    mov w0, w0
    load_msg
    mov x8, #NR_CALL
    svc #0
    cbnz w0, 1f /* a failed call leaves the message as it was */
    store_msg
1:  ret
    .size ipc_call, . - ipc_call

    .globl ipc_reply_recv
    .type ipc_reply_recv, %function
/* err_t ipc_reply_recv(w0 endpoint, w1 reply, x2 msg, x3 deadline) */
ipc_reply_recv:
    mov x16, x2
    mov w14, w1
    mov x13, x3
    mov w0, w0
    load_msg
    mov x8, #NR_REPLY_RECV
    svc #0
    cbnz w0, 1f
    store_msg
    stp x14, x15, [x16, #MSG_REPLY]
1:  ret
    .size ipc_reply_recv, . - ipc_reply_recv

    .globl sys_process_list
    .type sys_process_list, %function
/* err_t sys_process_list(w0 system, x1 index, x2 row) */
sys_process_list:
    mov x16, x2
    mov w0, w0
    mov x8, #NR_PROCESS_LIST
    svc #0
    cbnz w0, 1f
    stp x1, x2, [x16]
    stp x3, x4, [x16, #16]
    stp x5, x6, [x16, #32]
    stp x9, x10, [x16, #48]
    stp x11, x12, [x16, #64]
    strb wzr, [x16, #80]
1:  ret
    .size sys_process_list, . - sys_process_list

    .section .note.GNU-stack, "", %progbits
