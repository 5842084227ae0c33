/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* memcpy, memmove and memset in general registers; no unaligned access, so good with the MMU off. */

    .text

/* One 64-byte step forward: four pairs read before any is written, so overlap with dst < src is fine. */
.macro copy_64
    ldp     x4, x5, [x1]
    ldp     x6, x7, [x1, #16]
    ldp     x8, x9, [x1, #32]
    ldp     x10, x11, [x1, #48]
    stp     x4, x5, [x3]
    stp     x6, x7, [x3, #16]
    stp     x8, x9, [x3, #32]
    stp     x10, x11, [x3, #48]
.endm

/* void *memmove(void *x0 dst, const void *x1 src, size_t x2 size_bytes) */
    .section .text.memmove, "ax"
    .global memmove
    .type memmove, %function
memmove:
    sub     x3, x0, x1
    cmp     x3, x2              /* unsigned: dst inside (src, src + size) goes backwards */
    b.hs    memcpy
    add     x3, x0, x2          /* one past the end of both */
    add     x1, x1, x2
    eor     x4, x3, x1
    tst     x4, #7
    b.ne    4f
1:  tst     x3, #7              /* align the end */
    b.eq    2f
    cbz     x2, 5f
    ldrb    w4, [x1, #-1]!
    strb    w4, [x3, #-1]!
    sub     x2, x2, #1
    b       1b
2:  subs    x2, x2, #16
    b.lo    3f
    ldp     x4, x5, [x1, #-16]!
    stp     x4, x5, [x3, #-16]!
    b       2b
3:  add     x2, x2, #16
4:  cbz     x2, 5f
    ldrb    w4, [x1, #-1]!
    strb    w4, [x3, #-1]!
    sub     x2, x2, #1
    b       4b
5:  ret
    .size memmove, . - memmove

/* void *memcpy(void *x0 dst, const void *x1 src, size_t x2 size_bytes) */
    .section .text.memcpy, "ax"
    .global memcpy
    .type memcpy, %function
memcpy:
    mov     x3, x0
    eor     x4, x0, x1
    tst     x4, #7
    b.ne    6f                  /* never both aligned: bytes */
1:  tst     x3, #7
    b.eq    2f
    cbz     x2, 8f
    ldrb    w4, [x1], #1
    strb    w4, [x3], #1
    sub     x2, x2, #1
    b       1b
2:  subs    x2, x2, #128
    b.lo    4f
3:  copy_64
    ldp     x4, x5, [x1, #64]
    ldp     x6, x7, [x1, #80]
    ldp     x8, x9, [x1, #96]
    ldp     x10, x11, [x1, #112]
    add     x1, x1, #128
    stp     x4, x5, [x3, #64]
    stp     x6, x7, [x3, #80]
    stp     x8, x9, [x3, #96]
    stp     x10, x11, [x3, #112]
    add     x3, x3, #128
    subs    x2, x2, #128
    b.hs    3b
4:  adds    x2, x2, #112        /* left - 16 */
    b.mi    7f
5:  ldp     x4, x5, [x1], #16
    stp     x4, x5, [x3], #16
    subs    x2, x2, #16
    b.hs    5b
7:  add     x2, x2, #16
6:  cbz     x2, 8f
    ldrb    w4, [x1], #1
    strb    w4, [x3], #1
    sub     x2, x2, #1
    b       6b
8:  ret
    .size memcpy, . - memcpy

/* void *memset(void *x0 dst, int w1 byte, size_t x2 size_bytes) */
    .section .text.memset, "ax"
    .global memset
    .type memset, %function
memset:
    mov     x3, x0
    and     x4, x1, #0xff
    mov     x5, #0x0101010101010101
    mul     x4, x4, x5
1:  tst     x3, #7
    b.eq    2f
    cbz     x2, 7f
    strb    w4, [x3], #1
    sub     x2, x2, #1
    b       1b
2:  subs    x2, x2, #64
    b.lo    4f
3:  stp     x4, x4, [x3]
    stp     x4, x4, [x3, #16]
    stp     x4, x4, [x3, #32]
    stp     x4, x4, [x3, #48]
    add     x3, x3, #64
    subs    x2, x2, #64
    b.hs    3b
4:  adds    x2, x2, #48         /* left - 16 */
    b.mi    6f
5:  stp     x4, x4, [x3], #16
    subs    x2, x2, #16
    b.hs    5b
6:  add     x2, x2, #16
8:  cbz     x2, 7f
    strb    w4, [x3], #1
    sub     x2, x2, #1
    b       8b
7:  ret
    .size memset, . - memset
