/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* EL2 stage 1: identity maps with W^X, and the windows through which domain memory is reached. */
#include "hyp/aarch64/mmu.h"

#include "hyp/aarch64/sysreg.h"
#include "hyp/arch.h"
#include "hyp/core.h"
#include "hyp/pool.h"
#include "hyp/stage2.h"
#include "lib/string.h"

/* Stage-1 descriptors, Arm ARM "VMSAv8-64 translation table format descriptors". */
#define S1_ATTR(n)  FIELD(BITS(4, 2), n)
#define S1_RES1_EL2 BIT(6) /* AP[1]: RES1 for EL2 */
#define S1_RO       BIT(7)
#define S1_ISH      FIELD(BITS(9, 8), 3)
#define S1_AF       BIT(10)
#define S1_XN       BIT(54)
STATIC_ASSERT((S1_ISH | S1_AF) == 0x700, "by hand");

#define MAIR_VALUE 0xff04UL /* attr 0: device-nGnRE, attr 1: normal write-back */
/* TCR_EL2: T0SZ 25 (39-bit VA), WB WA walks, inner-shareable, 4 KiB, RES1 bits 23 and 31; PS is added. */
#define TCR_VALUE                                                                                 \
    (BIT(31) | BIT(23) | FIELD(BITS(13, 12), 3) | FIELD(BITS(11, 10), 1) | FIELD(BITS(9, 8), 1) | \
     25)
STATIC_ASSERT(TCR_VALUE == 0x80803519UL, "by hand, Arm ARM TCR_EL2");

enum { MAP_RX, MAP_RO, MAP_RW, MAP_DEV, MAP_KINDS };
static const uint64_t map_attr[MAP_KINDS] = {
    [MAP_RX] = S1_ATTR(1) | S1_RES1_EL2 | S1_ISH | S1_AF | S1_RO,
    [MAP_RO] = S1_ATTR(1) | S1_RES1_EL2 | S1_ISH | S1_AF | S1_RO | S1_XN,
    [MAP_RW] = S1_ATTR(1) | S1_RES1_EL2 | S1_ISH | S1_AF | S1_XN,
    [MAP_DEV] = S1_ATTR(0) | S1_RES1_EL2 | S1_AF | S1_XN,
};

/* Windows: the last GiB of the 39-bit space. One 2 MiB block for copies, one 2 MiB of pages for peeks. */
#define WINDOW_VA   (BIT(39) - GIB(1))
#define COPY_VA     WINDOW_VA
#define PEEK_VA     (WINDOW_VA + MIB(2))
#define BLOCK_BYTES MIB(2)

extern uint8_t hyp_start[], init_text_end[], init_end[], text_start[], text_end[], rodata_end[],
        core_stacks[], bss_end[], hyp_end[];
void el2_mmu_on(uint64_t root_pa, uint64_t tcr, uint64_t mair, uint64_t sctlr);
void el2_root_set(uint64_t root_pa);

static struct {
    uint64_t *boot_root, *final_root;
    uint64_t copy_block; /* PA now mapped at COPY_VA, or UINT64_MAX */
    uint32_t peek_used;  /* bitmap */
} mmu = { .copy_block = UINT64_MAX };

/* What the other cores turn their MMU on with: start.S reads it with caches off; it was written with caches off. */
struct el2_mmu {
    uint64_t root, tcr, mair, sctlr;
};
struct el2_mmu el2_mmu;

/* Below both maps. They change while domains run, so they lie apart from the tables that do not. */
static uint64_t window_l2[512] __attribute__((aligned(4096)));
static uint64_t peek_l3[512] __attribute__((aligned(4096)));

static uint64_t addr_of(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

static INIT_CODE err_t map_range(uint64_t *root, uint64_t start, uint64_t size_bytes, int kind)
{
    uint64_t at = ALIGN_DOWN(start, PAGE_SIZE), end = ALIGN_UP(start + size_bytes, PAGE_SIZE);
    return table_map(root, at, at, end - at, map_attr[kind]);
}

static INIT_CODE err_t map_image(uint64_t *root, bool boot)
{
    uint64_t start = addr_of(hyp_start), it = addr_of(init_text_end), ie = addr_of(init_end);
    uint64_t te = addr_of(text_end), re = addr_of(rodata_end), he = addr_of(hyp_end);
    uint64_t stacks = addr_of(core_stacks);
    err_t e = OK;
    if (boot) e = map_range(root, start, it - start, MAP_RX);
    if (boot && e == OK) e = map_range(root, it, ie - it, MAP_RO);
    if (e == OK) e = map_range(root, ie, te - ie, MAP_RX);
    if (e == OK) e = map_range(root, te, re - te, MAP_RO);
    if (e == OK) e = map_range(root, re, stacks - re, MAP_RW);
    for (uint32_t i = 0; e == OK && i < CORE_MAX; i++, stacks += BIT(CORE_STACK_LOG)) {
        e = map_range(root, stacks + PAGE_SIZE, BIT(CORE_STACK_LOG) - PAGE_SIZE, MAP_RW);
    }
    if (e == OK) e = map_range(root, stacks, he - stacks, MAP_RW);
    return e;
}

static INIT_CODE err_t map_devices(uint64_t *root, const struct platform *p)
{
    const struct pa_range *dev[] = { &p->uart, &p->gicd, &p->gicr, &p->smmu };
    for (size_t i = 0; i < ARRAY_COUNT(dev); i++) {
        if (!dev[i]->size_bytes) continue;
        err_t e = map_range(root, dev[i]->start.raw, dev[i]->size_bytes, MAP_DEV);
        if (e != OK) return e;
    }
    if (!p->pci.present) return OK;
    err_t e = map_range(root, p->pci.ecam.start.raw, MIN(p->pci.ecam.size_bytes, MIB(1)),
                        MAP_DEV); /* bus 0 */
    return e;
}

/* What both maps have. */
static INIT_CODE err_t map_common(uint64_t *root, const struct platform *p)
{
    root[(WINDOW_VA >> 30) & 511] = addr_of(window_l2) | TABLE_TABLE | TABLE_VALID;
    window_l2[(PEEK_VA >> 21) & 511] = addr_of(peek_l3) | TABLE_TABLE | TABLE_VALID;
    err_t e = map_image(root, root == mmu.boot_root);
    return e == OK ? map_devices(root, p) : e;
}

/* The image was written with caches off: drop stale lines before turning them on. */
static INIT_CODE void cache_invalidate(uint64_t start, uint64_t end)
{
    for (uint64_t at = ALIGN_DOWN(start, 64); at < end; at += 64) {
        __asm__ volatile("dc ivac, %0" ::"r"(at) : "memory");
    }
    dsb_sy();
}

INIT_CODE err_t mmu_start(const struct platform *p)
{
    mmu.boot_root = pool_take_table();
    mmu.final_root = pool_take_table();
    if (!mmu.boot_root || !mmu.final_root) return ERR_NO_MEMORY;
    err_t e = map_common(mmu.final_root, p);
    if (e == OK) e = map_common(mmu.boot_root, p);
    uint64_t image = addr_of(hyp_start), image_end = addr_of(hyp_end);
    for (uint32_t i = 0; e == OK && i < p->ram_count;
         i++) { /* around the image: it has its own permissions */
        uint64_t start = p->ram[i].start.raw, end = start + p->ram[i].size_bytes;
        if (image < end && image_end > start) {
            if (image > start) e = map_range(mmu.boot_root, start, image - start, MAP_RW);
            start = image_end;
        }
        if (e == OK && end > start) e = map_range(mmu.boot_root, start, end - start, MAP_RW);
    }
    if (e != OK) return e;
    struct pa_range tables = pool_tables();
    cache_invalidate(image, addr_of(bss_end));
    cache_invalidate(tables.start.raw, tables.start.raw + tables.size_bytes);
    uint64_t parange = MIN(SYSREG_READ(id_aa64mmfr0_el1) & 0xf, 5);
    el2_mmu = (struct el2_mmu){ addr_of(mmu.final_root), TCR_VALUE | FIELD(BITS(18, 16), parange),
                                MAIR_VALUE, SCTLR_EL2_ON };
    el2_mmu_on(addr_of(mmu.boot_root), el2_mmu.tcr, el2_mmu.mair, el2_mmu.sctlr);
    return OK;
}

INIT_CODE err_t mmu_keep_ro(struct pa_range r)
{
    return map_range(mmu.final_root, r.start.raw, r.size_bytes, MAP_RO);
}

INIT_CODE err_t mmu_keep_device(struct pa_range r)
{
    err_t e = map_range(mmu.boot_root, r.start.raw, r.size_bytes, MAP_DEV);
    return e == OK ? map_range(mmu.final_root, r.start.raw, r.size_bytes, MAP_DEV) : e;
}

void mmu_seal(void)
{
    dsb_ish();
    el2_root_set(addr_of(mmu.final_root));
}

struct pa_range mmu_image(void)
{
    return (struct pa_range){ { addr_of(hyp_start) }, addr_of(hyp_end) - addr_of(hyp_start) };
}

struct pa_range mmu_text(void)
{
    return (struct pa_range){ { addr_of(text_start) }, addr_of(text_end) - addr_of(text_start) };
}

INIT_CODE struct pa_range mmu_rodata(void)
{
    return (struct pa_range){ { addr_of(text_end) }, addr_of(rodata_end) - addr_of(text_end) };
}

static void tlb_flush_va(uint64_t va)
{
    dsb_ish();
    __asm__ volatile("tlbi vae2is, %0" ::"r"(va >> 12) : "memory");
    dsb_ish();
    isb();
}

/* Break before make: the old block goes away before the new one appears. */
static uint8_t *copy_window(pa_t pa)
{
    uint64_t block = ALIGN_DOWN(pa.raw, BLOCK_BYTES);
    if (block != mmu.copy_block) {
        volatile uint64_t *slot = &window_l2[(COPY_VA >> 21) & 511];
        *slot = 0;
        tlb_flush_va(COPY_VA);
        *slot = block | map_attr[MAP_RW] | TABLE_VALID;
        dsb_ish();
        isb();
        mmu.copy_block = block;
    }
    return (uint8_t *)(uintptr_t)(COPY_VA + (pa.raw - block));
}

static bool chunk_is_bad(pa_t pa, uint64_t size_bytes)
{
    return size_bytes > ARCH_CHUNK_MAX || (pa.raw & (BLOCK_BYTES - 1)) + size_bytes > BLOCK_BYTES;
}

void arch_mem_zero(pa_t dst, uint64_t size_bytes)
{
    CHECK(!chunk_is_bad(dst, size_bytes) && ((dst.raw | size_bytes) & 255) == 0);
    uint8_t *at = copy_window(dst);
    for (uint8_t *end = at + size_bytes; at < end; at += 256) { /* lines of 64 bytes */
        __asm__ volatile("dc zva, %0\n\tdc zva, %1\n\tdc zva, %2\n\tdc zva, %3\n\t"
                         "dc cvac, %0\n\tdc cvac, %1\n\tdc cvac, %2\n\tdc cvac, %3" ::"r"(at),
                         "r"(at + 64), "r"(at + 128), "r"(at + 192)
                         : "memory");
    }
    dsb_sy(); /* the zeroes are in memory before anyone else looks */
}

void arch_mem_copy_in(pa_t dst, const void *src, uint64_t size_bytes, bool is_code)
{
    CHECK(!chunk_is_bad(dst, size_bytes));
    uint8_t *to = copy_window(dst);
    memcpy(to, src, size_bytes);
    for (uint8_t *at = (uint8_t *)ALIGN_DOWN((uintptr_t)to, 64); at < to + size_bytes; at += 64) {
        __asm__ volatile("dc cvac, %0" ::"r"(at) : "memory");
    }
    dsb_sy();
    if (is_code) {
        __asm__ volatile(
                "ic ialluis" ::
                        : "memory"); /* after the clean: no stale instruction of the old image */
        dsb_sy();
        isb();
    }
}

void arch_mem_copy_out(void *dst, pa_t src, uint64_t size_bytes)
{
    CHECK(!chunk_is_bad(src, size_bytes));
    memcpy(dst, copy_window(src), size_bytes);
}

const volatile void *arch_peek_map(pa_t page)
{
    for (uint32_t i = 0; i < ARCH_PEEK_MAX; i++) {
        if (mmu.peek_used & (1U << i)) continue;
        mmu.peek_used |= 1U << i;
        peek_l3[i] = (page.raw & TABLE_OA) | map_attr[MAP_RO] | TABLE_TABLE | TABLE_VALID;
        dsb_ish(); /* the slot was invalid and flushed: no TLBI needed */
        isb();
        return (const volatile void *)(uintptr_t)(PEEK_VA + i * PAGE_SIZE);
    }
    return NULL;
}

void arch_peek_unmap(const volatile void *page)
{
    uint64_t i = ((uintptr_t)page - PEEK_VA) >> PAGE_SHIFT;
    CHECK(i < ARCH_PEEK_MAX && (mmu.peek_used & (1U << i)));
    peek_l3[i] = 0;
    tlb_flush_va(PEEK_VA + i * PAGE_SIZE);
    mmu.peek_used &= ~(1U << i);
}

uint16_t arch_load16(const volatile void *p)
{
    uint32_t value;
    __asm__ volatile("ldarh %w0, [%1]" : "=r"(value) : "r"(p) : "memory");
    return (uint16_t)value;
}
