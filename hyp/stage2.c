/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Stage-2 tables: reserve every table first, then write every leaf. */
#include "hyp/stage2.h"

#include "hyp/pool.h"

/* Stage-2 descriptors, Arm ARM "VMSAv8-64 stage 2 block and page descriptors". */
#define S2_VALID   BIT(0)
#define S2_TABLE   BIT(1)
#define S2_MEMATTR BITS(5, 2)
#define S2_S2AP    BITS(7, 6)
#define S2_SH      BITS(9, 8)
#define S2_AF      BIT(10)
#define S2_XN      BIT(54)
#define S2_OA      BITS(47, 12)
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
static unsigned leaf_level(uint64_t ipa, uint64_t pa, uint64_t left_bytes)
{
    unsigned level = 1;
    while (level < 3) {
        uint64_t span = BIT(level_shift(level));
        if (((ipa | pa) & (span - 1)) == 0 && left_bytes >= span) break;
        level++;
    }
    return level;
}

/* Walks to the slot for ipa at `level`, making tables when `make` is true. NULL: no table, no memory or a block in the way. */
static uint64_t *slot_of(const struct s2 *s2, uint64_t ipa, unsigned level, bool make, err_t *why)
{
    uint64_t *table = s2->root;
    for (unsigned at = 1; at < level; at++) {
        uint64_t *slot = &table[(ipa >> level_shift(at)) & 511];
        if ((*slot & S2_VALID) && !(*slot & S2_TABLE)) {
            *why = ERR_EXISTS;
            return NULL;
        }
        if (!(*slot & S2_VALID)) {
            uint64_t *fresh = make ? pool_take_table() : NULL;
            if (!fresh) {
                *why = ERR_NO_MEMORY;
                return NULL;
            }
            *slot = (uint64_t)(uintptr_t)fresh | S2_TABLE | S2_VALID;
        }
        table = (uint64_t *)(uintptr_t)(*slot & S2_OA);
    }
    return &table[(ipa >> level_shift(level)) & 511];
}

err_t s2_create(struct s2 *s2)
{
    uint64_t *root = pool_take_table();
    if (!root) return ERR_NO_MEMORY;
    s2->root = root;
    s2->root_pa.raw = (uint64_t)(uintptr_t)root;
    return OK;
}

err_t s2_map(struct s2 *s2, ipa_t ipa, pa_t pa, uint64_t size_bytes, enum s2_prot prot)
{
    CHECK(prot < S2_PROT_COUNT);
    if ((ipa.raw | pa.raw | size_bytes) & (PAGE_SIZE - 1)) return ERR_ALIGN;
    if (!range_is_inside(ipa.raw, size_bytes, 0, S2_LIMIT)) return ERR_RANGE;
    if (!range_is_inside(pa.raw, size_bytes, 0, BIT(48))) return ERR_RANGE;
    err_t why = OK;
    for (uint64_t off = 0; off < size_bytes;) {
        unsigned level = leaf_level(ipa.raw + off, pa.raw + off, size_bytes - off);
        uint64_t *slot = slot_of(s2, ipa.raw + off, level, true, &why);
        if (!slot) return why;
        if (*slot & S2_VALID) return ERR_EXISTS;
        off += BIT(level_shift(level));
    }
    for (uint64_t off = 0; off < size_bytes;) {
        unsigned level = leaf_level(ipa.raw + off, pa.raw + off, size_bytes - off);
        uint64_t *slot = slot_of(s2, ipa.raw + off, level, false, &why);
        CHECK(slot);
        *slot = (pa.raw + off) | leaf_attr[prot] | S2_VALID | (level == 3 ? S2_TABLE : 0);
        off += BIT(level_shift(level));
    }
    return OK;
}

bool s2_lookup(const struct s2 *s2, ipa_t ipa, pa_t *pa, uint32_t *prot_bits)
{
    if (ipa.raw >= S2_LIMIT) return false;
    const uint64_t *table = s2->root;
    for (unsigned level = 1; level <= 3; level++) {
        uint64_t desc = table[(ipa.raw >> level_shift(level)) & 511];
        if (!(desc & S2_VALID)) return false;
        if (level == 3 || !(desc & S2_TABLE)) {
            uint64_t span = BIT(level_shift(level));
            pa->raw = ((desc & S2_OA) & ~(span - 1)) | (ipa.raw & (span - 1));
            *prot_bits = (uint32_t)FIELD_OF(S2_S2AP, desc);
            return true;
        }
        table = (const uint64_t *)(uintptr_t)(desc & S2_OA);
    }
    return false;
}
