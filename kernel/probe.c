/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The probe build of the kernel: before init it reads and writes everything the firmware's tree names and this domain was not
 * given, memory of EL2 and of other domains included, and turns every knob of interrupts it does not own. Each try must fault or
 * change nothing.
 */
#include "kernel/probe.h"

#include <libfdt.h>

#include "kernel/aarch64/cpu.h"
#include "kernel/arch.h"
#include "kernel/log.h"
#include "lib/format.h"
#include "lib/mmio.h"

#define NAME_BYTES      48
#define SPI_FIRST       32
#define SPI_END         288
#define MEM_TRIES       16 /* addresses tried in each hole of RAM */
#define GICD_ISENABLER  0x0100
#define GICD_ISPENDR    0x0200
#define GICD_ICPENDR    0x0280
#define GICD_ISACTIVER  0x0300
#define GICD_IPRIORITYR 0x0400
#define GICD_IROUTER    0x6000

static struct {
    const struct bootinfo *boot;
    const void *fdt;
    bool is_trying, has_faulted;
    uint32_t tried, contained;
} probe;

bool probe_on_fault(struct frame *f, uint64_t esr, uint64_t far)
{
    (void)esr;
    (void)far;
    if (!probe.is_trying) return false;
    probe.has_faulted = true;
    f->elr += 4;
    return true;
}

/* One access that may fault; the vectors spoil x30. True: it faulted. */
static bool access_faults(volatile void *at, bool is_write)
{
    uint32_t value = 0xdeadbeef;
    probe.has_faulted = false;
    probe.is_trying = true;
    if (is_write) {
        __asm__ volatile("str %w0, [%1]\n\tdsb sy" ::"r"(value), "r"(at) : "x30", "memory");
    } else {
        __asm__ volatile("ldr %w0, [%1]\n\tdsb sy" : "+r"(value) : "r"(at) : "x30", "memory");
    }
    probe.is_trying = false;
    return probe.has_faulted;
}

static void count(const char *name, const char *what, bool is_contained, const char *good,
                  const char *bad)
{
    probe.tried++;
    if (is_contained) probe.contained++;
    klog("probe: %s %s %s\n", name, what, is_contained ? good : bad);
}

static void try_address(const char *name, uint64_t ipa)
{
    volatile char *page = cpu_device_map(ALIGN_DOWN(ipa, PAGE_SIZE), PAGE_SIZE);
    volatile char *at = page + (ipa & (PAGE_SIZE - 1) & ~UINT64_C(3));
    count(name, "read", access_faults(at, false), "fault", "OK");
    count(name, "write", access_faults(at, true), "fault", "OK");
}

static bool is_ram(uint64_t ipa)
{
    for (uint32_t i = 0; i < probe.boot->range_count; i++) {
        const struct boot_range *r = &probe.boot->range[i];
        if (ipa >= r->ipa && ipa - r->ipa < r->size_bytes) return true;
    }
    return false;
}

/* Was this page given to main: a device, a link, the interrupt controller it sees? */
static bool is_ours(uint64_t ipa)
{
    const struct bootinfo *b = probe.boot;
    if (ipa - b->gicd_ipa < KIB(64) || ipa - b->gicr_ipa < KIB(128)) return true;
    for (uint32_t i = 0; i < b->device_count; i++) {
        if (ipa - b->device[i].mmio_ipa < ALIGN_UP(b->device[i].mmio_bytes, PAGE_SIZE)) return true;
    }
    for (uint32_t i = 0; i < b->link_count; i++) {
        if (ipa - b->link[i].window_ipa < b->link[i].window_bytes ||
            ipa - b->link[i].regs_ipa < PAGE_SIZE) {
            return true;
        }
    }
    return false;
}

static uint64_t cells64(const fdt32_t *cells)
{
    return (uint64_t)fdt32_to_cpu(cells[0]) << 32 | fdt32_to_cpu(cells[1]);
}

/* First and last word of each register range of a node. */
static void try_node(int node)
{
    int bytes, name_bytes;
    const fdt32_t *reg = fdt_getprop(probe.fdt, node, "reg", &bytes);
    const char *node_name = fdt_get_name(probe.fdt, node, &name_bytes);
    const char *type = fdt_getprop(probe.fdt, node, "device_type", NULL);
    if (!reg || !node_name || (type && type[0] == 'm')) return; /* memory has its own turn */
    for (int i = 0; (i + 1) * 16 <= bytes; i++) {
        uint64_t start = cells64(reg + i * 4), size_bytes = cells64(reg + i * 4 + 2);
        if (size_bytes < 4 || is_ours(start) || is_ram(start)) continue;
        char name[NAME_BYTES];
        (void)format(name, sizeof(name), "%s[%d]", node_name, i);
        try_address(name, start);
        try_address(name, start + size_bytes - 4);
    }
}

/* The windows in which PCI functions have their registers: seven cells each, the CPU's address in the middle. */
static void try_bars(int node)
{
    int bytes;
    const fdt32_t *ranges = fdt_getprop(probe.fdt, node, "ranges", &bytes);
    for (int i = 0; ranges && (i + 1) * 28 <= bytes; i++) {
        uint64_t start = cells64(ranges + i * 7 + 3), size_bytes = cells64(ranges + i * 7 + 5);
        for (uint64_t off = 0; off < MIN(size_bytes, KIB(32)); off += PAGE_SIZE) {
            if (is_ours(start + off)) continue;
            char name[NAME_BYTES];
            (void)format(name, sizeof(name), "pci-window[%d]+0x%lx", i, off);
            try_address(name, start + off);
        }
    }
}

/* RAM that main does not have is EL2's or another domain's. */
static void try_memory(int node)
{
    int bytes;
    const fdt32_t *reg = fdt_getprop(probe.fdt, node, "reg", &bytes);
    for (int i = 0; reg && (i + 1) * 16 <= bytes; i++) {
        uint64_t start = cells64(reg + i * 4), end = start + cells64(reg + i * 4 + 2),
                 step = MIB(1);
        uint32_t tries = 0;
        for (uint64_t at = start; at < end && tries < MEM_TRIES; at += step) {
            if (is_ram(at) || is_ours(at)) continue;
            char name[NAME_BYTES];
            (void)format(name, sizeof(name), "memory 0x%lx", at);
            try_address(name, at);
            tries++;
        }
    }
}

static bool owns(uint32_t intid)
{
    const struct bootinfo *b = probe.boot;
    if (intid == b->event_intid) return true;
    for (uint32_t i = 0; i < b->device_count; i++) {
        if (b->device[i].intid == intid) return true;
    }
    for (uint32_t i = 0; i < b->link_count; i++) {
        if (b->link[i].intid == intid) return true;
    }
    return false;
}

/* Writes all ones for every interrupt not owned, in a bank of `bits` bits each; what is read back must be 0. */
static void try_gicd(volatile char *gicd, const char *name, uint32_t offset, uint32_t bits)
{
    bool is_contained = true;
    for (uint32_t intid = SPI_FIRST; intid < SPI_END; intid++) {
        if (owns(intid)) continue;
        volatile void *reg = gicd + offset + intid * bits / 32 * 4;
        uint32_t shift = intid * bits % 32, ones = (uint32_t)((UINT64_C(1) << MIN(bits, 32U)) - 1)
                                                   << shift;
        uint32_t before = mmio_read32(reg);
        bool is_bank = offset <
                       GICD_IPRIORITYR; /* write-one registers; others keep what neighbours have */
        mmio_write32(reg, is_bank ? ones : (before & ~ones) | ones);
        if (mmio_read32(reg) & ones) is_contained = false;
    }
    count("gicd", name, is_contained, "contained", "OK");
}

static void try_gic(void)
{
    volatile char *gicd = cpu_device_map(probe.boot->gicd_ipa, KIB(64));
    try_gicd(gicd, "enable", GICD_ISENABLER, 1);
    try_gicd(gicd, "see", GICD_ISPENDR, 1);
    try_gicd(gicd, "clear", GICD_ICPENDR, 1);
    try_gicd(gicd, "activate", GICD_ISACTIVER, 1);
    try_gicd(gicd, "reprioritise", GICD_IPRIORITYR, 8);
    try_gicd(gicd, "retarget", GICD_IROUTER, 64);
    volatile char *sgi = cpu_device_map(probe.boot->gicr_ipa + KIB(64), KIB(4));
    uint32_t timer = UINT32_C(1) << probe.boot->vtimer_intid;
    uint32_t others =
            0xffff0000U & ~timer & ~(UINT32_C(1) << 30); /* 30: the other timer of this core */
    mmio_write32(sgi + GICD_ISENABLER, others);
    count("gicr", "enable", (mmio_read32(sgi + GICD_ISENABLER) & others) == 0, "contained", "OK");
}

void probe_run(const struct bootinfo *boot)
{
    probe.boot = boot;
    probe.fdt = arch_ptr((pa_t){ boot->fdt_ipa });
    if (!boot->fdt_bytes || fdt_check_header(probe.fdt) != 0) {
        klog("probe: there is no device tree\n");
        return;
    }
    int depth = -1; /* of the root: 0 */
    for (int node = fdt_next_node(probe.fdt, -1, &depth); node >= 0;
         node = fdt_next_node(probe.fdt, node, &depth)) {
        if (depth < 1 || depth > 2) continue;
        const char *type = fdt_getprop(probe.fdt, node, "device_type", NULL);
        if (depth == 1 && type && type[0] == 'm') try_memory(node);
        if (depth == 1 && type && type[0] == 'p') try_bars(node);
        if (depth == 1 || fdt_node_check_compatible(probe.fdt, node, "arm,gic-v3-its") == 0) {
            try_node(node);
        }
    }
    try_gic();
    klog("probe: %u of %u contained\n", probe.contained, probe.tried);
}
