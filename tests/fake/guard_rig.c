/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The register model: status by writing ones, resets, commands that are looked at and never run. */
#include "tests/fake/guard_rig.h"

#include <string.h>

#include "hyp/aarch64/mmu.h"
#include "hyp/arch.h"
#include "hyp/console.h"
#include "hyp/pool.h"
#include "lib/mmio.h"

struct rig rig;

struct desc {
    uint16_t attr, size_bytes;
    uint32_t addr;
};
static struct desc page[512];

/* Neighbours. */
void *pool_take(uint64_t page_count, bool aligned)
{
    CHECK(page_count == 1 && aligned);
    return page;
}

void *pool_take_table(void)
{
    return NULL;
}

err_t mmu_keep_device(struct pa_range r)
{
    CHECK(r.size_bytes == PAGE_SIZE);
    return OK;
}

void arch_mem_copy_out(void *dst, pa_t src, uint64_t size_bytes)
{
    CHECK(range_is_inside(src.raw, size_bytes, RIG_RAM_PA, RIG_RAM_PA + RIG_RAM_SIZE));
    memcpy(dst, rig.ram + (src.raw - RIG_RAM_PA), size_bytes);
    if (rig.on_copy) rig.on_copy();
}

struct link *link_at(uint32_t index)
{
    return index < ARRAY_COUNT(rig.link) ? &rig.link[index] : NULL;
}

uint32_t link_count(void)
{
    return ARRAY_COUNT(rig.link);
}

void log_line(const char *fmt, ...)
{
    (void)fmt;
}

void domain_kill(struct domain *d, enum death_cause cause, uint64_t detail, uint64_t info)
{
    d->state = DOMAIN_DEAD;
    d->death.info = info;
    rig.cause = cause;
    rig.detail = detail;
    rig.kills++;
}

/* True when the device may touch these bytes of memory for the rig's domain. */
static bool is_owned(uint64_t pa, uint64_t size_bytes, bool is_write)
{
    for (uint32_t i = 0; i < rig.domain.s2.range_count; i++) {
        const struct s2_range *r = &rig.domain.s2.range[i];
        if (!range_is_inside(pa, size_bytes, r->pa, r->pa + r->size_bytes)) continue;
        if (r->prot == S2_MEM_RW || (!is_write && r->prot != S2_DEVICE_RW)) return true;
    }
    return false;
}

/* The invariant: an ADMA2 chain in EL2's page, every byte of it the domain's, as many bytes as the blocks have. */
static bool chain_is_right(void)
{
    bool is_write = (rig.command & 0x10) != 0; /* a read of the card writes memory */
    uint64_t total = 0;
    if (rig.select != 0x10 || rig.sdma != 0 || rig.adma_hi != 0) return false;
    if (rig.adma != (uint32_t)(uintptr_t)page) return false;
    for (rig.chain_count = 0; rig.chain_count < 512; rig.chain_count++) {
        struct desc d = page[rig.chain_count];
        if ((d.attr & ~2) != 0x21 || d.size_bytes == 0) return false;
        if (!is_owned(d.addr, d.size_bytes, is_write)) return false;
        if (d.addr / MIB(128) != ((uint64_t)d.addr + d.size_bytes - 1) / MIB(128)) return false;
        total += d.size_bytes;
        if ((d.attr & 2) == 0) continue;
        rig.chain_count++;
        struct desc after = page[rig.chain_count];
        if (after.attr != 0 || after.addr != 0 || after.size_bytes != 0) return false;
        return total == (uint64_t)(rig.block >> 16) * 512 && (rig.block & 0xffff) == 512;
    }
    return false;
}

static void run_command(uint32_t value)
{
    rig.commands++;
    rig.command = value;
    rig.sdma = rig.regs[0];
    rig.block = rig.regs[1];
    rig.arg = rig.regs[2];
    rig.select = rig.regs[0x28 / 4] & 0x18;
    rig.adma = rig.regs[0x58 / 4];
    rig.adma_hi = rig.regs[0x5c / 4];
    rig.chain_count = 0;
    if ((value & 1) != 0 && !chain_is_right()) rig.wild++;
    rig.regs[0x10 / 4] = rig.answer;
    rig.regs[0x30 / 4] |= rig.errors != 0 ? rig.errors : 1;
}

uint32_t mmio_read32(const volatile void *reg)
{
    uintptr_t offset = (uintptr_t)reg - (uintptr_t)rig.regs;
    CHECK(offset % 4 == 0 && offset < sizeof(rig.regs));
    rig.reads++;
    if (offset == 0x2c) {
        rig.polls++;
        rig.longest_poll = MAX(rig.longest_poll, rig.polls);
    }
    return offset == 0x24 ? rig.present : rig.regs[offset / 4];
}

void mmio_write32(volatile void *reg, uint32_t value)
{
    uintptr_t offset = (uintptr_t)reg - (uintptr_t)rig.regs;
    CHECK(offset % 4 == 0 && offset < sizeof(rig.regs));
    rig.writes++;
    if (offset == 0x30) {
        rig.regs[0x30 / 4] &= ~value;
        return;
    }
    rig.regs[offset / 4] = value;
    if (offset == 0x2c) rig.polls = 0;
    if (offset == 0x2c && (value & 0x01000000) != 0) {
        uint32_t select = rig.regs[0x28 / 4], adma = rig.regs[0x58 / 4];
        memset(rig.regs, 0, sizeof(rig.regs));
        if (rig.reset_stuck) rig.regs[0x2c / 4] = 0x01000000;
        if (rig.select_stuck) rig.regs[0x28 / 4] = select | 0x10;
        if (rig.address_stuck) rig.regs[0x58 / 4] = adma | 0x1000;
        if (rig.address_hi_stuck) rig.regs[0x5c / 4] = 1;
    }
    if (offset == 0x0c) run_command(value);
}

void mmio_barrier(void)
{
}

static void range_add(uint64_t ipa, uint64_t pa, uint64_t size_bytes, enum s2_prot prot)
{
    struct s2 *s2 = &rig.domain.s2;
    s2->range[s2->range_count++] = (struct s2_range){ ipa, pa, size_bytes, prot };
}

static void link_add(uint32_t i, uint32_t device_id, uint64_t first, uint64_t count)
{
    rig.link_conf[i] = (struct manifest_link){ .device_id = device_id,
                                               .lba_first = first,
                                               .lba_count = count };
    rig.link[i] =
            (struct link){ .conf = &rig.link_conf[i], .server = &rig.domain, .present = true };
}

void rig_fresh(void)
{
    memset(&rig, 0, sizeof(rig));
    rig.conf.dma = MANIFEST_DMA_GUARD;
    rig.domain.conf = rig.other.conf = &rig.conf;
    rig.domain.state = DOMAIN_RUNNING;
    rig.domain.device_count = 1;
    struct domain_device *dev = &rig.domain.device[0];
    dev->is_pci = true;
    dev->ipa.raw = RIG_REGS;
    dev->mmio = (struct pa_range){ { (uintptr_t)rig.regs }, PAGE_SIZE };
    range_add(RIG_RAM, RIG_RAM_PA, 0x8000, S2_MEM_RX);
    range_add(RIG_RAM + 0x8000, RIG_RAM_PA + 0x8000, 0x4000, S2_MEM_RO);
    range_add(RIG_RW, RIG_RAM_PA + 0xc000, RIG_RAM_SIZE - 0xc000, S2_MEM_RW);
    range_add(RIG_DEV, 0x10001000, 0x1000, S2_DEVICE_RW);
    range_add(RIG_WIN, 0x7f800000, 0x2000, S2_MEM_RO);
    range_add(RIG_WIN + 0x2000, 0x7f802000, 0x3fe000, S2_MEM_RW);
    range_add(RIG_EDGE, RIG_EDGE_PA, 0x20000, S2_MEM_RW);
    range_add(RIG_HIGH, GIB(4) - 0x1000, 0x2000, S2_MEM_RW);
    link_add(0, 2, 1000, 1000);
    link_add(1, 2, 5000, 0); /* to the end, read-only */
    link_add(2, 2, 0, 500);  /* another domain's */
    link_add(3, 1, 0, 0);    /* no disk */
    rig.link_conf[1].read_only = true;
    rig.link[2].server = &rig.other;
    static bool attached; /* guards are for ever: the same one serves every test */
    static struct guard *guard;
    if (!attached) {
        CHECK(guard_attach(&rig.domain, dev) == OK);
        guard = dev->guard;
        attached = true;
    }
    dev->guard = guard;
    guard_reset(guard);
    memset(page, 0xee, sizeof(page));
    rig.writes = rig.reads = 0;
}

void rig_ready(void)
{
    rig_fresh();
    CHECK(rig_write(0x2c, 0x01000000) == GUARD_OK);
    CHECK(guard_may_open(rig.domain.device[0].guard) == OK);
    rig.domain.device[0].dma_open = true;
    CHECK(rig_write(0x08, 0) == GUARD_OK && rig_write(0x0c, 0) == GUARD_OK); /* CMD0 */
    rig.answer = 0x120;
    CHECK(rig_write(0x0c, 0x371a0000) == GUARD_OK); /* CMD55 */
    rig.answer = 0xc0ff8000;
    CHECK(rig_write(0x0c, 0x29020000) == GUARD_OK); /* ACMD41 */
    CHECK(rig_write(0x30, UINT32_MAX) == GUARD_OK);
    rig.answer = 0x900;
    rig_desc(0, 0x23, 512, RIG_RW);
    rig.commands = rig.writes = rig.reads = 0;
}

enum guard_rule rig_access(uint64_t offset, bool is_write, uint32_t size_bytes, uint64_t *value)
{
    rig.domain.state = DOMAIN_RUNNING;
    rig.polls = 0;
    CHECK(guard_access(&rig.domain, (ipa_t){ RIG_REGS + offset }, is_write, size_bytes, value));
    if (rig.domain.state == DOMAIN_RUNNING) return GUARD_OK;
    CHECK(rig.cause == CAUSE_DMA);
    return (enum guard_rule)rig.domain.death.info;
}

enum guard_rule rig_write(uint64_t offset, uint32_t value)
{
    uint64_t wide = value;
    return rig_access(offset, true, 4, &wide);
}

uint32_t rig_read(uint64_t offset)
{
    uint64_t value = 0;
    CHECK(rig_access(offset, false, 4, &value) == GUARD_OK);
    return (uint32_t)value;
}

void rig_desc(uint32_t i, uint16_t attr, uint16_t size_bytes, uint32_t addr)
{
    struct desc d = { attr, size_bytes, addr };
    memcpy(rig.ram + (RIG_TAB - RIG_RAM) + i * sizeof(d), &d, sizeof(d));
}

enum guard_rule rig_start(uint32_t command, uint32_t sector, uint32_t block_count)
{
    enum guard_rule rule = rig_write(0x58, RIG_TAB);
    if (rule == GUARD_OK) rule = rig_write(0x04, 512 | block_count << 16);
    if (rule == GUARD_OK) rule = rig_write(0x08, sector);
    return rule == GUARD_OK ? rig_write(0x0c, command) : rule;
}

uint32_t rig_chain_addr(uint32_t i)
{
    return page[i].addr;
}

uint32_t rig_chain_bytes(uint32_t i)
{
    return page[i].size_bytes;
}
