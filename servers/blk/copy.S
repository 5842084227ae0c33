/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Whole sectors between private memory and the window: 16-byte registers in pairs, one pass. */
    .section .text.blk_copy, "ax"
    .globl blk_copy
    .type blk_copy, %function
/* void blk_copy(x0 to, x1 from, x2 bytes): bytes a multiple of 512, > 0; no overlap */
blk_copy:
1:  ldp q0, q1, [x1], #256
    ldp q2, q3, [x1, #-224]
    ldp q4, q5, [x1, #-192]
    ldp q6, q7, [x1, #-160]
    ldp q16, q17, [x1, #-128]
    ldp q18, q19, [x1, #-96]
    ldp q20, q21, [x1, #-64]
    ldp q22, q23, [x1, #-32]
    stp q0, q1, [x0], #256
    stp q2, q3, [x0, #-224]
    stp q4, q5, [x0, #-192]
    stp q6, q7, [x0, #-160]
    stp q16, q17, [x0, #-128]
    stp q18, q19, [x0, #-96]
    stp q20, q21, [x0, #-64]
    stp q22, q23, [x0, #-32]
    subs x2, x2, #256
    b.ne 1b
    ret
    .size blk_copy, . - blk_copy

    .section .note.GNU-stack, "", %progbits
