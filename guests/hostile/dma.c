/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Cases 47 to 60: the device is told to reach where its domain may not. */
#include "guests/hostile/hostile.h"

#include "domains/rt/hvc.h"
#include "domains/rt/loop.h"
#include "domains/rt/sysreg.h"
#include "lib/mmio.h"
#include "lib/string.h"

/* SD Host Controller Simplified Specification 3.00, section 2.1.1. */
enum {
    REG_SDMA = 0x00,
    REG_BLOCK = 0x04,
    REG_ARG = 0x08,
    REG_COMMAND = 0x0c,
    REG_PRESENT = 0x24,
    REG_HOST = 0x28,
    REG_CLOCK = 0x2c,
    REG_STATUS = 0x30,
    REG_ADMA = 0x58,
    REG_ADMA_HI = 0x5c,
    REG_ADMA3 = 0x78,
};
#define READ_ONE   0x113a0011U /* CMD17, R1, data, DMA, read */
#define READ_MANY  0x123a0037U /* CMD18, the same, counted, AUTO CMD12 */
#define HOST_ADMA2 0x10U
#define HOST_ADMA3 0x18U
#define HOST_DMA   0x18U
#define DESC_TRAN  0x21U
#define DESC_LAST  0x23U
#define DESC_LINK  0x31U

/* RAM of QEMU's machine lies here: EL2, main, other domains, their tables. A fault address means something to the test only. */
#define ELSEWHERE 0x40200000UL
#define RAM_MASK  0x0ffff000UL

struct desc32 {
    uint16_t attr, size_bytes;
    uint32_t addr;
};
static struct desc32 table[256] __attribute__((aligned(1024)));
static uint8_t buffer[16384] __attribute__((aligned(4096)));

static uint32_t place(const void *at)
{
    return (uint32_t)(uintptr_t)at;
}

static void fill(uint32_t i, uint32_t attr, uint32_t size_bytes, uint32_t addr)
{
    table[i] = (struct desc32){ (uint16_t)attr, (uint16_t)size_bytes, addr };
}

/* One command through the table at `where`, on sectors 0 and up, while the driver's own request waits. */
static void transfer(struct hostile *h, uint32_t where, uint32_t blocks)
{
    mmio_barrier();
    mmio_write32(h->disk + REG_ADMA, where);
    mmio_write32(h->disk + REG_BLOCK, 512U | blocks << 16);
    mmio_write32(h->disk + REG_ARG, 0);
    mmio_write32(h->disk + REG_COMMAND, blocks == 1 ? READ_ONE : READ_MANY);
    loop_sleep_ns(20000);
}

/* Time for the fence to notice. Who is still there has not reached anything; the controller is of no more use. */
_Noreturn static void wait_and_see(void)
{
    loop_sleep_ns(200000);
    hostile_endured(1);
}

static bool is_idle(const struct hostile *h)
{
    return (uint16_t)(h->q->avail_seen - h->q->used_idx) == 1;
}

static uint32_t elsewhere(struct hostile *h)
{
    return (uint32_t)(ELSEWHERE + (h->round == 0 ? 0 : hostile_random(h) & RAM_MASK));
}

static bool data_elsewhere(struct hostile *h)
{
    if (!is_idle(h)) return false;
    fill(0, DESC_LAST, 512, elsewhere(h));
    transfer(h, place(table), 1);
    wait_and_see();
}

static bool table_elsewhere(struct hostile *h)
{
    if (!is_idle(h)) return false;
    transfer(h, elsewhere(h), 1);
    wait_and_see();
}

static bool last_link_leaves(struct hostile *h)
{
    if (!is_idle(h)) return false;
    fill(0, DESC_TRAN, 512, place(buffer));
    fill(1, DESC_LAST, 512, (uint32_t)(h->link->window_ipa + h->link->window_bytes - 256));
    transfer(h, place(table), 2);
    wait_and_see();
}

/* A link descriptor: the table goes on where it must not. */
static bool table_links_away(struct hostile *h)
{
    if (!is_idle(h)) return false;
    fill(0, DESC_TRAN, 512, place(buffer));
    fill(1, DESC_LINK, 0, elsewhere(h));
    transfer(h, place(table), 2);
    wait_and_see();
}

static bool edited_before_start(struct hostile *h)
{
    if (!is_idle(h)) return false;
    fill(0, DESC_LAST, 512, place(buffer));
    mmio_write32(h->disk + REG_ADMA, place(table));
    fill(0, DESC_LAST, 512, elsewhere(h));
    transfer(h, place(table), 1);
    wait_and_see();
}

/* Many blocks, and the last descriptors change while the first are worked on. */
static bool edited_while_running(struct hostile *h)
{
    if (!is_idle(h)) return false;
    for (uint32_t i = 0; i < 128; i++)
        fill(i, i == 127 ? DESC_LAST : DESC_TRAN, 512, place(buffer));
    mmio_barrier();
    mmio_write32(h->disk + REG_ADMA, place(table));
    mmio_write32(h->disk + REG_BLOCK, 512U | 128U << 16);
    mmio_write32(h->disk + REG_ARG, 0);
    mmio_write32(h->disk + REG_COMMAND, READ_MANY);
    for (uint32_t i = 1; i < 128; i++) table[i].addr = elsewhere(h);
    mmio_barrier();
    wait_and_see();
}

/* A length field of 0 is 64 KiB: it ends past the window. */
static bool length_of_zero(struct hostile *h)
{
    if (!is_idle(h)) return false;
    fill(0, DESC_LAST, 0, (uint32_t)(h->link->window_ipa + h->link->window_bytes - 0x8000));
    transfer(h, place(table), 128);
    wait_and_see();
}

static bool address_wraps(struct hostile *h)
{
    if (!is_idle(h)) return false;
    fill(0, DESC_LAST, 1024, 0xfffffe00U);
    transfer(h, place(table), 2);
    wait_and_see();
}

static void select_dma(struct hostile *h, uint32_t kind)
{
    mmio_write32(h->disk + REG_HOST, (mmio_read32(h->disk + REG_HOST) & ~HOST_DMA) | kind);
}

/* 64-bit descriptors: 12 bytes, the high half of the address set. */
static bool wide_descriptors(struct hostile *h)
{
    if (!is_idle(h)) return false;
    uint32_t words[3] = { DESC_LAST | 512U << 16, elsewhere(h), 0 };
    memcpy(table, words, sizeof(words));
    select_dma(h, HOST_ADMA3);
    transfer(h, place(table), 1);
    select_dma(h, HOST_ADMA2);
    wait_and_see();
}

static bool adma3(struct hostile *h)
{
    if (!is_idle(h)) return false;
    mmio_write32(h->disk + REG_ADMA3, elsewhere(h));
    mmio_write32(h->disk + REG_ADMA3 + 4, 0);
    wait_and_see();
}

/* The oldest mode: an address register and no table. */
static bool sdma(struct hostile *h)
{
    if (!is_idle(h)) return false;
    select_dma(h, 0);
    mmio_write32(h->disk + REG_SDMA, elsewhere(h));
    transfer(h, 0, 2);
    select_dma(h, HOST_ADMA2);
    wait_and_see();
}

static bool high_address(struct hostile *h)
{
    if (!is_idle(h)) return false;
    fill(0, DESC_LAST, 512, place(buffer));
    mmio_write32(h->disk + REG_ADMA_HI, 1);
    transfer(h, place(table), 1);
    mmio_write32(h->disk + REG_ADMA_HI, 0);
    wait_and_see();
}

/* The command register's upper half alone, with an address from before. */
static bool doorbell_by_halves(struct hostile *h)
{
    if (!is_idle(h)) return false;
    fill(0, DESC_LAST, 512, elsewhere(h));
    mmio_barrier();
    mmio_write32(h->disk + REG_ADMA, place(table));
    mmio_write32(h->disk + REG_BLOCK, 512U | 1U << 16);
    mmio_write32(h->disk + REG_ARG, 0);
    mmio_write16(h->disk + REG_COMMAND, (uint16_t)READ_ONE);
    mmio_write16(h->disk + REG_COMMAND + 2, (uint16_t)(READ_ONE >> 16));
    wait_and_see();
}

static bool register_by_bytes(struct hostile *h)
{
    uint32_t at = elsewhere(h);
    for (uint32_t i = 0; i < 4; i++) {
        *(volatile uint8_t *)(h->disk + REG_ADMA + i) = (uint8_t)(at >> 8 * i);
    }
    wait_and_see();
}

static bool register_unaligned(struct hostile *h)
{
    __asm__ volatile("str %w0, [%1, #1]" ::"r"(elsewhere(h)), "r"(h->disk + REG_ADMA) : "memory");
    wait_and_see();
}

static bool register_by_pair(struct hostile *h)
{
    __asm__ volatile("stp %w0, wzr, [%1]" ::"r"(elsewhere(h)), "r"(h->disk + REG_ADMA) : "memory");
    wait_and_see();
}

static bool register_by_simd(struct hostile *h)
{
    __asm__ volatile(".arch_extension fp\n\t.arch_extension simd\n\t"
                     "mrs x9, cpacr_el1\n\torr x9, x9, #0x300000\n\tmsr cpacr_el1, x9\n\tisb\n\t"
                     "movi v0.2d, #0\n\tstr q0, [%0]" ::"r"(h->disk + REG_ADMA)
                     : "x9", "memory");
    wait_and_see();
}

/* Dies with a long transfer on its way: no byte of it may land in a later life. */
static bool dies_in_flight(struct hostile *h)
{
    if (!is_idle(h)) return false;
    for (uint32_t i = 0; i < 128; i++)
        fill(i, i == 127 ? DESC_LAST : DESC_TRAN, 8192, place(buffer));
    mmio_barrier();
    mmio_write32(h->disk + REG_ADMA, place(table));
    mmio_write32(h->disk + REG_BLOCK, 512U | 2048U << 16);
    mmio_write32(h->disk + REG_ARG, 0);
    mmio_write32(h->disk + REG_COMMAND, READ_MANY);
    hvc_panic("hostile: dead with DMA in flight");
}

/* Clock, power and reset under a running transfer, then back. */
static bool clock_is_cut(struct hostile *h)
{
    if (!is_idle(h)) return false;
    uint32_t clock = mmio_read32(h->disk + REG_CLOCK), host = mmio_read32(h->disk + REG_HOST);
    fill(0, DESC_LAST, 512, place(buffer));
    mmio_barrier();
    mmio_write32(h->disk + REG_ADMA, place(table));
    mmio_write32(h->disk + REG_BLOCK, 512U | 1U << 16);
    mmio_write32(h->disk + REG_ARG, 0);
    mmio_write32(h->disk + REG_COMMAND, READ_ONE);
    mmio_write32(h->disk + REG_CLOCK, 0);
    mmio_write32(h->disk + REG_HOST, 0);
    fill(0, DESC_LAST, 512, elsewhere(h));
    mmio_barrier();
    mmio_write32(h->disk + REG_HOST, host);
    mmio_write32(h->disk + REG_CLOCK, clock);
    wait_and_see();
}

/* One bad command after the other, as fast as it goes. */
static bool fault_flood(struct hostile *h)
{
    if (!is_idle(h)) return false;
    fill(0, DESC_LAST, 512, elsewhere(h));
    mmio_barrier();
    for (uint32_t i = 0; i < 1000; i++) {
        mmio_write32(h->disk + REG_ADMA, place(table));
        mmio_write32(h->disk + REG_BLOCK, 512U | 1U << 16);
        mmio_write32(h->disk + REG_ARG, 0);
        mmio_write32(h->disk + REG_COMMAND, READ_ONE);
        mmio_write32(h->disk + REG_STATUS, UINT32_MAX);
    }
    wait_and_see();
}

/* The configuration space of its function, where another stream could be chosen. */
static bool ecam(struct hostile *h)
{
    (void)h;
    SYSREG_WRITE(sctlr_el1, SYSREG_READ(sctlr_el1) & ~UINT64_C(1)); /* stage 2 alone answers */
    isb();
    (void)mmio_read32((const volatile void *)0x3f000000UL);
    return true;
}

/* What the domain may only read is no target of the device either: the client's ring pages, its own code. */
static bool read_only_target(struct hostile *h)
{
    if (!is_idle(h)) return false;
    uint64_t at = h->round % 2 == 0 ? h->link->window_ipa : DOMAIN_RAM_IPA;
    fill(0, DESC_LAST, 512, (uint32_t)at);
    transfer(h, place(table), 1);
    wait_and_see();
}

const struct attack dma_attacks[] = {
    { 47, 'a', AT_FETCH, 0, data_elsewhere },
    { 47, 'b', AT_FETCH, 0, table_elsewhere },
    { 47, 'c', AT_FETCH, 0, read_only_target },
    { 48, 'a', AT_FETCH, 0, last_link_leaves },
    { 48, 'b', AT_FETCH, 0, table_links_away },
    { 49, 'a', AT_FETCH, 0, edited_before_start },
    { 50, 'a', AT_FETCH, 0, edited_while_running },
    { 51, 'a', AT_FETCH, 0, length_of_zero },
    { 52, 'a', AT_FETCH, 0, address_wraps },
    { 53, 'a', AT_FETCH, 0, wide_descriptors },
    { 53, 'b', AT_FETCH, 0, adma3 },
    { 53, 'c', AT_FETCH, 0, sdma },
    { 53, 'd', AT_FETCH, 0, high_address },
    { 54, 'a', AT_FETCH, 0, doorbell_by_halves },
    { 54, 'b', AT_FETCH, 0, register_by_bytes },
    { 55, 'a', AT_FETCH, 0, register_unaligned },
    { 55, 'b', AT_FETCH, 0, register_by_pair },
    { 55, 'c', AT_FETCH, 0, register_by_simd },
    { 56, 'a', AT_FETCH, 0, dies_in_flight },
    { 57, 'a', AT_FETCH, 0, clock_is_cut },
    { 59, 'a', AT_FETCH, 0, fault_flood },
    { 59, 'b', AT_FETCH, 0, ecam },
    { 60, 'a', AT_FETCH, 0, dies_in_flight },
    { 0 },
};
