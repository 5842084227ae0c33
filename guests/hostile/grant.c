/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Cases 38 to 46: memory is given once, by the manifest. There is no call that grants, so none to revoke, and nothing to race. */
#include "guests/hostile/hostile.h"

#include "abi/hypercall.h"
#include "domains/rt/sysreg.h"
#include "lib/mmio.h"

#define WINDOW_STEP DOMAIN_WINDOW_STEP
#define BLOCK_BYTES 0x200000UL
#define PTE_ATTR    BITS(4, 2)

/* Stage 2 alone answers from here on. */
static void unmapped(void)
{
    SYSREG_WRITE(sctlr_el1, SYSREG_READ(sctlr_el1) & ~UINT64_C(1));
    isb();
}

/* Where a window would be if it had once been given. */
static bool foreign_window(struct hostile *h)
{
    unmapped();
    (void)mmio_read32((const volatile void *)(uintptr_t)(h->link->window_ipa + WINDOW_STEP));
    return true;
}

static bool past_the_window(struct hostile *h)
{
    uint64_t at = h->link->window_ipa + h->link->window_bytes;
    unmapped();
    mmio_write32((volatile void *)(uintptr_t)at, 1);
    return true;
}

static uint64_t call(uint64_t function, uint64_t arg)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = arg;
    register uint64_t x2 __asm__("x2") = DOMAIN_WINDOW_IPA;
    register uint64_t x3 __asm__("x3") = PAGE_SIZE;
    __asm__ volatile("hvc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"x4", "x5", "x6", "x7", "memory");
    return x0;
}

/* Every function of ours past the last, FF-A's and pKVM's ways to share memory, Xen's: none is known. */
static bool no_such_call(struct hostile *h)
{
    static const uint64_t shares[] = {
        0x84000071, 0x84000072,        0x84000073, 0xc4000073, 0x84000074, 0x84000075, 0x84000076,
        0x84000077, 0xc6000003 | 0x40, 0x86000003, 0x86000004, 20,         34
    };
    for (uint32_t i = 0; i < ARRAY_COUNT(shares); i++) {
        if (call(shares[i], h->link->window_ipa) == 0)
            hostile_leak("a call that shares memory", shares[i]);
    }
    for (uint64_t n = HVC_LOG_READ - HVC_BASE; n < 256; n++) {
        if (call(HVC_BASE + n, h->link->window_ipa) == OK)
            hostile_leak("a call works for a driver", n);
    }
    return true;
}

static bool read_only_page(struct hostile *h)
{
    *(volatile uint32_t *)(uintptr_t)(h->window +
                                      hostile_random(h) % (LINK_SERVER_RO_BYTES(1) / 4) * 4) = 1;
    return true;
}

/* The window as device memory, past the caches, from here on: the client must get its data all the same. */
static bool other_attributes(struct hostile *h)
{
    uint64_t *root = (uint64_t *)(uintptr_t)(SYSREG_READ(ttbr0_el1) & 0xfffffffff000UL);
    uint64_t *blocks = (uint64_t *)(uintptr_t)(root[0] & 0xfffffffff000UL);
    volatile uint64_t *entry = &blocks[h->link->window_ipa / BLOCK_BYTES];
    *entry ^= FIELD(PTE_ATTR, 1);
    __asm__ volatile("dsb sy\n\ttlbi vmalle1\n\tdsb sy\n\tisb" ::: "memory");
    return true;
}

const struct attack grant_attacks[] = {
    { 38, 'a', AT_FETCH, 0, foreign_window },    { 38, 'b', AT_FETCH, 0, past_the_window },
    { 39, 'a', AT_FETCH, 0, no_such_call },      { 40, 'a', AT_FETCH, 0, no_such_call },
    { 41, 'a', AT_FETCH, 0, read_only_page },    { 43, 'a', AT_FETCH, 0, past_the_window },
    { 44, 'a', AT_FETCH, 99, other_attributes }, { 45, 'a', AT_FETCH, 0, no_such_call },
    { 46, 'a', AT_FETCH, 0, no_such_call },      { 0 },
};
