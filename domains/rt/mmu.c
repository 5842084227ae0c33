/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Stage 1 of a driver domain: 4 KiB granule, the first gigabyte, a guest's RAM after it, identity. Stage 2 repeats W^X
 * whatever these say. */
#include "domains/rt/mmu.h"

#include "domains/rt/sysreg.h"
#include "lib/base.h"

#define BLOCK_BYTES   MIB(2)
#define TABLE_ENTRIES 512
#define MMU_END       GIB(4)

#define PTE_BLOCK    BIT(0)
#define PTE_TABLE    (BIT(0) | BIT(1)) /* also: a page, at level 3 */
#define PTE_PAGE     (BIT(0) | BIT(1))
#define PTE_ATTR     BITS(4, 2)
#define PTE_RO       BIT(7)
#define PTE_SH_INNER FIELD(BITS(9, 8), 3)
#define PTE_AF       BIT(10)
#define PTE_PXN      BIT(53)
#define PTE_UXN      BIT(54)
#define ATTR_NORMAL  0
#define ATTR_DEVICE  1

#define PTE_MEMORY (FIELD(PTE_ATTR, ATTR_NORMAL) | PTE_SH_INNER | PTE_AF | PTE_UXN)
#define PTE_TEXT   (PTE_MEMORY | PTE_RO)
#define PTE_RODATA (PTE_MEMORY | PTE_RO | PTE_PXN)
#define PTE_DATA   (PTE_MEMORY | PTE_PXN)
#define PTE_DEVICE (FIELD(PTE_ATTR, ATTR_DEVICE) | PTE_AF | PTE_UXN | PTE_PXN)

#define MAIR_VALUE UINT64_C(0x04ff) /* 0: Normal, Write-Back; 1: Device-nGnRE */

#define TCR_T0SZ  FIELD(BITS(5, 0), 32) /* 4 GiB: the walk starts at level 1 with four entries */
#define TCR_IRGN0 FIELD(BITS(9, 8), 1)
#define TCR_ORGN0 FIELD(BITS(11, 10), 1)
#define TCR_SH0   FIELD(BITS(13, 12), 3)
#define TCR_EPD1  BIT(23) /* nothing in the upper half */
#define TCR_VALUE (TCR_T0SZ | TCR_IRGN0 | TCR_ORGN0 | TCR_SH0 | TCR_EPD1)
STATIC_ASSERT(TCR_VALUE == 0x803520, "by hand, Arm ARM TCR_EL1");
STATIC_ASSERT(DOMAIN_RAM_IPA % BLOCK_BYTES == 0 && DOMAIN_RAM_IPA < GIB(1),
              "one table of pages covers the image");

/* One static struct, so that start.S can invalidate it as one range of MMU_TABLES_BYTES. */
static struct {
    uint64_t root[TABLE_ENTRIES];
    uint64_t blocks[TABLE_ENTRIES]; /* of the first gigabyte */
    uint64_t pages[TABLE_ENTRIES];  /* of the image's two megabytes */
} mmu_tables __attribute__((aligned(4096)));
STATIC_ASSERT(sizeof(mmu_tables) == 3 * PAGE_SIZE, "start.S invalidates three pages");

extern const char image_start[], image_text_end[], image_rodata_end[], stack_guard[];

/* Maps whole 2 MiB blocks around [start, start + size): what of them is not ours, stage 2 does
 * not map. */
static void map_blocks(uint64_t start, uint64_t size_bytes, uint64_t attributes)
{
    if (size_bytes == 0) return;
    uint64_t end = MIN(start + size_bytes, MMU_END);
    for (uint64_t at = ALIGN_DOWN(start, BLOCK_BYTES); at < end; at += BLOCK_BYTES) {
        if (at < GIB(1)) {
            mmu_tables.blocks[at / BLOCK_BYTES] = at | attributes | PTE_BLOCK;
        } else {
            mmu_tables.root[at / GIB(1)] = ALIGN_DOWN(at, GIB(1)) | attributes | PTE_BLOCK;
        }
    }
}

static void map_image(void)
{
    for (uint64_t i = 0; i < TABLE_ENTRIES; i++) {
        uint64_t at = DOMAIN_RAM_IPA + i * PAGE_SIZE;
        uint64_t attributes = at < (uintptr_t)image_text_end     ? PTE_TEXT
                              : at < (uintptr_t)image_rodata_end ? PTE_RODATA
                                                                 : PTE_DATA;
        mmu_tables.pages[i] = at | attributes | PTE_PAGE;
    }
    mmu_tables.pages[((uintptr_t)stack_guard - DOMAIN_RAM_IPA) / PAGE_SIZE] = 0;
    mmu_tables.blocks[DOMAIN_RAM_IPA / BLOCK_BYTES] = (uintptr_t)mmu_tables.pages | PTE_TABLE;
}

const void *mmu_build(const struct bootinfo *boot)
{
    mmu_tables.root[0] = (uintptr_t)mmu_tables.blocks | PTE_TABLE;
    for (uint32_t i = 0; i < MIN(boot->range_count, BOOT_RANGE_MAX); i++) {
        map_blocks(boot->range[i].ipa, boot->range[i].size_bytes, PTE_DATA);
    }
    map_blocks(boot->gicd_ipa, KIB(64), PTE_DEVICE);
    map_blocks(boot->gicr_ipa, KIB(128), PTE_DEVICE);
    for (uint32_t i = 0; i < MIN(boot->device_count, BOOT_DEVICE_MAX); i++) {
        map_blocks(boot->device[i].mmio_ipa, boot->device[i].mmio_bytes, PTE_DEVICE);
    }
    for (uint32_t i = 0; i < MIN(boot->link_count, LINK_MAX); i++) {
        map_blocks(boot->link[i].regs_ipa, PAGE_SIZE, PTE_DEVICE);
        map_blocks(boot->link[i].window_ipa, boot->link[i].window_bytes, PTE_DATA);
    }
    map_image(); /* last: the image's own block becomes a table */
    return &mmu_tables;
}

void mmu_start(void)
{
    SYSREG_WRITE(mair_el1, MAIR_VALUE);
    SYSREG_WRITE(tcr_el1, TCR_VALUE);
    SYSREG_WRITE(ttbr0_el1, (uintptr_t)mmu_tables.root);
    __asm__ volatile("tlbi vmalle1\n\tdsb nsh\n\tisb" ::: "memory");
}
