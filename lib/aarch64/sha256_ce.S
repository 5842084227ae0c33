/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* SHA-256 compression with the SHA2 instructions: four rounds per sha256h/sha256h2 pair. */

    .arch armv8-a+crypto

/* Four rounds with the words in \w0; then, unless last, the schedule's next four words replace them. */
.macro rounds_4 w0, w1, w2, w3, more
    ld1     {v7.4s}, [x4], #16          /* round constants */
    add     v7.4s, v7.4s, \w0\().4s
    .if \more
    sha256su0 \w0\().4s, \w1\().4s
    sha256su1 \w0\().4s, \w2\().4s, \w3\().4s
    .endif
    mov     v6.16b, v4.16b
    sha256h  q4, q5, v7.4s
    sha256h2 q5, q6, v7.4s
.endm

/* void sha256_blocks_ce(uint32_t x0 state[8], const void *x1 data, uint64_t x2 block_count); data of any alignment in
 * normal memory: ld1 of bytes never faults on alignment. */
    .section .text.sha256_blocks_ce, "ax"
    .global sha256_blocks_ce
    .type sha256_blocks_ce, %function
sha256_blocks_ce:
    cbz     x2, 2f
    ld1     {v16.4s, v17.4s}, [x0]
    adrp    x3, sha256_round_constants
    add     x3, x3, :lo12:sha256_round_constants
1:  ld1     {v0.16b, v1.16b, v2.16b, v3.16b}, [x1], #64
    rev32   v0.16b, v0.16b
    rev32   v1.16b, v1.16b
    rev32   v2.16b, v2.16b
    rev32   v3.16b, v3.16b
    mov     v4.16b, v16.16b
    mov     v5.16b, v17.16b
    mov     x4, x3
    .rept 3
    rounds_4 v0, v1, v2, v3, 1
    rounds_4 v1, v2, v3, v0, 1
    rounds_4 v2, v3, v0, v1, 1
    rounds_4 v3, v0, v1, v2, 1
    .endr
    rounds_4 v0, v1, v2, v3, 0
    rounds_4 v1, v2, v3, v0, 0
    rounds_4 v2, v3, v0, v1, 0
    rounds_4 v3, v0, v1, v2, 0
    add     v16.4s, v16.4s, v4.4s
    add     v17.4s, v17.4s, v5.4s
    subs    x2, x2, #1
    b.ne    1b
    st1     {v16.4s, v17.4s}, [x0]
2:  ret
    .size sha256_blocks_ce, . - sha256_blocks_ce
