/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Translation tables of EL2: reserve every table first, then write every leaf. */
#include "hyp/stage2.h"

#include "hyp/pool.h"

/* Stage-2 descriptors, Arm ARM "VMSAv8-64 stage 2 block and page descriptors". */
#define S2_MEMATTR BITS(5, 2)
#define S2_S2AP    BITS(7, 6)
#define S2_SH      BITS(9, 8)
#define S2_AF      BIT(10)
#define S2_XN      BIT(54)
#define S2_LIMIT   BIT(39)

#define NORMAL (FIELD(S2_MEMATTR, 0xf) | FIELD(S2_SH, 3) | S2_AF)
static const uint64_t leaf_attr[S2_PROT_COUNT] = {
    [S2_MEM_RO] = NORMAL | FIELD(S2_S2AP, 1) | S2_XN,
    [S2_MEM_RW] = NORMAL | FIELD(S2_S2AP, 3) | S2_XN,
    [S2_MEM_RX] = NORMAL | FIELD(S2_S2AP, 1),
    [S2_MEM_RWX] = NORMAL | FIELD(S2_S2AP, 3),
    [S2_DEVICE_RW] = FIELD(S2_MEMATTR, 1) | FIELD(S2_S2AP, 3) | S2_AF | S2_XN,
};
STATIC_ASSERT((NORMAL | FIELD(S2_S2AP, 3)) == 0x7fc, "by hand: WB, RW, inner-shareable, AF");

static unsigned level_shift(unsigned level)
{
    return 12 + 9 * (3 - level);
}

/* The level (1..3) of the largest block that fits at `at`. */
static INIT_CODE unsigned leaf_level(uint64_t ipa, uint64_t pa, uint64_t left_bytes)
{
    unsigned level = 1;
    while (level < 3) {
        uint64_t span = BIT(level_shift(level));
        if (((ipa | pa) & (span - 1)) == 0 && left_bytes >= span) break;
        level++;
    }
    return level;
}

/* Walks to the slot for va at `level`, making tables. NULL: *why, no memory or a block in the way. */
static uint64_t *slot_of(uint64_t *table, uint64_t va, unsigned level, err_t *why)
{
    for (unsigned at = 1; at < level; at++) {
        uint64_t *slot = &table[(va >> level_shift(at)) & 511];
        *why = ERR_EXISTS;
        if ((*slot & TABLE_VALID) && !(*slot & TABLE_TABLE)) return NULL;
        if (!(*slot & TABLE_VALID)) {
            uint64_t *fresh = pool_take_table();
            *why = ERR_NO_MEMORY;
            if (!fresh) return NULL;
            *slot = (uint64_t)(uintptr_t)fresh | TABLE_TABLE | TABLE_VALID;
        }
        table = (uint64_t *)(uintptr_t)(*slot & TABLE_OA);
    }
    return &table[(va >> level_shift(level)) & 511];
}

INIT_CODE err_t table_map(uint64_t *root, uint64_t va, uint64_t pa, uint64_t size_bytes,
                          uint64_t attr)
{
    for (int commit = 0; commit <= 1; commit++) {
        for (uint64_t off = 0; off < size_bytes;) {
            unsigned level = leaf_level(va + off, pa + off, size_bytes - off);
            err_t why;
            uint64_t *slot = slot_of(root, va + off, level, &why);
            if (!slot) return why;
            uint64_t leaf = attr | TABLE_VALID | (level == 3 ? TABLE_TABLE : 0);
            uint64_t span = BIT(level_shift(level));
            do { /* and its neighbours in the same table: a larger block starts at the start of one */
                if (!commit && (*slot & TABLE_VALID)) return ERR_EXISTS;
                if (commit) *slot = (pa + off) | leaf;
                off += span;
                slot++;
            } while ((uintptr_t)slot % PAGE_SIZE != 0 && size_bytes - off >= span);
        }
    }
    return OK;
}

INIT_CODE err_t s2_create(struct s2 *s2)
{
    uint64_t *root = pool_take_table();
    if (!root) return ERR_NO_MEMORY;
    s2->root = root;
    s2->root_pa.raw = (uint64_t)(uintptr_t)root;
    return OK;
}

INIT_CODE err_t s2_map(struct s2 *s2, ipa_t ipa, pa_t pa, uint64_t size_bytes, enum s2_prot prot)
{
    CHECK(prot < S2_PROT_COUNT);
    if ((ipa.raw | pa.raw | size_bytes) & (PAGE_SIZE - 1)) return ERR_ALIGN;
    if (!range_is_inside(ipa.raw, size_bytes, 0, S2_LIMIT)) return ERR_RANGE;
    if (!range_is_inside(pa.raw, size_bytes, 0, BIT(48))) return ERR_RANGE;
    if (s2->range_count == S2_RANGE_MAX) return ERR_NO_MEMORY;
    err_t e = table_map(s2->root, ipa.raw, pa.raw, size_bytes, leaf_attr[prot]);
    if (e != OK) return e;
    s2->range[s2->range_count++] = (struct s2_range){ ipa.raw, pa.raw, size_bytes, prot };
    return OK;
}

err_t s2_memory(const struct s2 *s2, ipa_t ipa, uint64_t size_bytes, bool is_write, pa_t *pa)
{
    for (uint32_t i = s2->range_count; i-- > 0;) { /* windows, the usual case, come last */
        const struct s2_range *r = &s2->range[i];
        /* guards: T-152 */
        if (!range_is_inside(ipa.raw, size_bytes, r->ipa, r->ipa + r->size_bytes)) continue;
        pa->raw = r->pa + (ipa.raw - r->ipa);
        bool may_write = r->prot == S2_MEM_RW || r->prot == S2_MEM_RWX;
        if (r->prot == S2_DEVICE_RW) return ERR_RIGHTS; /* guards: T-153 */
        if (is_write && !may_write) return ERR_RIGHTS;  /* guards: T-154 */
        return OK;
    }
    return ERR_RANGE;
}
