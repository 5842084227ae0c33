/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Calls to EL2. */
#include "domains/rt/hvc.h"

#include "abi/hypercall.h"
#include "lib/format.h"
#include "lib/string.h"

#define PIECE_BYTES 40 /* abi/hypercall.h: what HVC_LOG_WRITE takes at once */

static uint64_t hvc(uint64_t function, uint64_t arg, const uint64_t bytes[PIECE_BYTES / 8])
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = arg;
    register uint64_t x2 __asm__("x2") = bytes[0];
    register uint64_t x3 __asm__("x3") = bytes[1];
    register uint64_t x4 __asm__("x4") = bytes[2];
    register uint64_t x5 __asm__("x5") = bytes[3];
    register uint64_t x6 __asm__("x6") = bytes[4];
    __asm__ volatile("hvc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x6)
                     :
                     : "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",
                       "memory");
    return x0;
}

static void text_call(uint64_t function, const char *text, size_t size_bytes)
{
    uint64_t piece[PIECE_BYTES / 8] = { 0 };
    memcpy(piece, text, MIN(size_bytes, PIECE_BYTES));
    (void)hvc(function, MIN(size_bytes, PIECE_BYTES), piece);
}

void hvc_log(const char *line)
{
    char text[160];
    size_t size_bytes = format(text, sizeof(text), "%s\n", line);
    for (size_t at = 0; at < size_bytes; at += PIECE_BYTES) {
        text_call(HVC_LOG_WRITE, text + at, size_bytes - at);
    }
}

_Noreturn void hvc_panic(const char *reason)
{
    size_t size_bytes = strlen(reason);
    if (size_bytes > PIECE_BYTES) hvc_log(reason); /* the record keeps only its start */
    for (;;) {                                     /* EL2 does not return from it */
        text_call(HVC_PANIC, reason, size_bytes);
    }
}

uint64_t hvc_link_wait(uint64_t ring_mask, bool stay)
{
    register uint64_t x0 __asm__("x0") = HVC_LINK_WAIT;
    register uint64_t x1 __asm__("x1") = ring_mask;
    register uint64_t x2 __asm__("x2") = stay;
    __asm__ volatile("hvc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2)
                     :
                     : "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
                       "x15", "x16", "x17", "memory");
    return x0 == OK ? x1 : 0;
}

err_t hvc_dma_enable(uint32_t device_idx)
{
    const uint64_t none[PIECE_BYTES / 8] = { 0 };
    return (err_t)hvc(HVC_DMA_ENABLE, device_idx, none);
}
