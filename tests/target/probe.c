/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The probe build of the main kernel: tries everything that only EL2 may touch. Each try must fault, none may have an effect. */
#include "rt/rt.h"

#define EC_DABT_SAME      0x25
#define FSC_EXTERNAL      0x10
#define FAULTS_PER_SECOND 3000 /* EL2 ends a main that violates more than 4,096 times a second */
#define RAM_STEP          MIB(1)
#define SPI_FIRST         32
#define SPI_END           288

/* Addresses of QEMU's virt machine: this image is a test of that board only. */
static const struct {
    const char *what;
    uint64_t start, size_bytes;
} forbidden[] = {
    { "flash 0", 0x00000000, MIB(64) },      { "flash 1", 0x04000000, MIB(64) },
    { "ITS control", 0x08080000, KIB(64) },  { "ITS translater", 0x08090000, KIB(64) },
    { "fw_cfg", 0x09020000, KIB(4) },        { "gpio", 0x09030000, KIB(4) },
    { "SMMU page 0", 0x09050000, KIB(64) },  { "SMMU page 1", 0x09060000, KIB(64) },
    { "platform bus", 0x0c000000, MIB(32) }, { "virtio-mmio", 0x0a000000, KIB(16) },
    { "BARs", 0x10000000, MIB(1) },          { "BARs, end", 0x3ef00000, KIB(64) },
    { "PIO", 0x3eff0000, KIB(64) },          { "ECAM", 0x4010000000, MIB(256) },
    { "high BARs", 0x8000000000, GIB(1) },   { "second UART", 0x09040000, KIB(4) },
};

static uint64_t faults_in_row;

static void pace(void)
{
    if (++faults_in_row < FAULTS_PER_SECOND) return;
    uint64_t freq;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(freq));
    rt_wait_ticks(freq);
    faults_in_row = 0;
}

static void expect_read_faults(uint64_t at)
{
    uint64_t value = 0x5a5a5a5a;
    pace();
    EXPECT_FALSE(rt_read(at, 4, &value));
    EXPECT_EQ(EC_DABT_SAME, rt_fault.esr >> 26);
    EXPECT_EQ(FSC_EXTERNAL, rt_fault.esr & 0x3f);
    EXPECT_EQ(at, rt_fault.far);
}

static void expect_write_faults(uint64_t at)
{
    pace();
    EXPECT_FALSE(rt_write(at, 4, 0xdeadbeef));
    EXPECT_EQ(EC_DABT_SAME, rt_fault.esr >> 26);
}

/* One place of the table: its first and last page and eight between. */
static void probe_place(size_t n)
{
    test_row((int64_t)n);
    uint64_t size = forbidden[n].size_bytes, step = MAX(ALIGN_DOWN(size / 10, 4096), 4096);
    for (uint64_t off = 0; off < size; off += step) {
        expect_read_faults(forbidden[n].start + off);
        expect_write_faults(forbidden[n].start + off);
    }
    expect_read_faults(forbidden[n].start + size - 4);
}

#define PLACE_TEST(n_, name_) \
    TEST(probe, name_)        \
    {                         \
        probe_place(n_);      \
    }
PLACE_TEST(0, flash_0_faults)
PLACE_TEST(1, flash_1_faults)
PLACE_TEST(2, its_control_faults)
PLACE_TEST(3, its_translater_faults)
PLACE_TEST(4, fw_cfg_faults)
PLACE_TEST(5, gpio_faults)
PLACE_TEST(6, smmu_registers_fault)
PLACE_TEST(7, smmu_event_page_faults)
PLACE_TEST(8, platform_bus_faults)
PLACE_TEST(9, virtio_mmio_faults)
PLACE_TEST(10, other_bars_fault)
PLACE_TEST(11, last_bars_fault)
PLACE_TEST(12, pio_window_faults)
PLACE_TEST(13, ecam_faults)
PLACE_TEST(14, high_bars_fault)
PLACE_TEST(15, unlisted_uart_faults)
STATIC_ASSERT(ARRAY_COUNT(forbidden) == 16, "a test for each place");

static bool is_mine(uint64_t at)
{
    const struct bootinfo *b = rt_boot();
    for (uint32_t i = 0; i < b->range_count; i++) {
        if (at >= b->range[i].ipa && at - b->range[i].ipa < b->range[i].size_bytes) return true;
    }
    for (uint32_t i = 0; i < b->link_count; i++) {
        if (at >= b->link[i].window_ipa && at - b->link[i].window_ipa < b->link[i].window_bytes)
            return true;
    }
    return false;
}

/* All of RAM in steps: what bootinfo does not list (EL2, drivers, canary) must fault, the rest must read. */
TEST(probe, el2_memory_and_other_domains_fault_and_the_rest_reads)
{
    uint64_t refused = 0;
    for (uint64_t at = 0x40000000; at < 0x80000000; at += RAM_STEP) {
        uint64_t value;
        if (is_mine(at)) {
            if (!rt_read(at, 4, &value))
                test_fail(__FILE__, __LINE__, "main's own memory faults", OK, at);
        } else {
            expect_read_faults(at);
            expect_write_faults(at);
            refused++;
        }
    }
    EXPECT_GE(2, refused);
}

TEST(probe, el2_image_faults_page_by_page)
{
    for (uint64_t at = 0x40200000; at < 0x40200000 + KIB(256) && !is_mine(at); at += PAGE_SIZE) {
        expect_read_faults(at);
        expect_write_faults(at);
    }
    EXPECT_FALSE(is_mine(0x40200000));
}

TEST(probe, el2_memory_cannot_be_executed)
{
    EXPECT_FALSE(rt_execute(0x40200000));
}

TEST(probe, addresses_beyond_the_machine_fault)
{
    expect_read_faults(GIB(255));
    expect_read_faults(GIB(511));
}

TEST(probe, unlisted_hypercalls_are_errors)
{
    static const uint64_t calls[] = { HVC_BASE + 100, HVC_BASE + 0xffff, 0,         0xc4000099,
                                      0x80000000,     UINT64_MAX,        0xc5000000 };
    for (size_t i = 0; i < ARRAY_COUNT(calls); i++) {
        test_row((int64_t)i);
        EXPECT_NE(OK, rt_call(calls[i], 1, 2, 3, NULL));
    }
}

TEST(probe, hypercalls_on_domains_that_are_not_there_are_errors)
{
    static const uint64_t domains[] = { DOMAIN_MAX, 99, UINT32_MAX, UINT64_MAX, BIT(32) };
    for (size_t i = 0; i < ARRAY_COUNT(domains); i++) {
        test_row((int64_t)i);
        EXPECT_NE(OK, rt_call(HVC_DOMAIN_INFO, domains[i], DOMAIN_ITEM_STATE, 0, NULL));
        EXPECT_NE(OK, rt_call(HVC_DOMAIN_KILL, domains[i], CAUSE_KILLED, 0, NULL));
        EXPECT_NE(OK, rt_call(HVC_DOMAIN_STEP, domains[i], 0, 0, NULL));
        EXPECT_NE(OK, rt_call(HVC_DOMAIN_DUMP, domains[i], 0, 0, NULL));
    }
    EXPECT_NE(OK, rt_call(HVC_DOMAIN_INFO, 0, DOMAIN_ITEM_COUNT, 0, NULL));
    EXPECT_NE(OK, rt_call(HVC_STATS, HYP_STAT_COUNT, 0, 0, NULL));
    EXPECT_NE(OK, rt_call(HVC_STATS, UINT64_MAX, 0, 0, NULL));
}

TEST(probe, psci_of_a_vcpu_that_the_domain_has_not_is_invalid_and_starts_nothing)
{
    enum { PSCI_INVALID = -2, CPU_ON = 0, AFFINITY_INFO = 1 };
    static const uint64_t call[] = { [CPU_ON] = 0xc4000003, [AFFINITY_INFO] = 0xc4000004 };
    uint64_t count = rt_boot()->vcpu_count;
    const uint64_t target[] = { count, 3, VCPU_MAX, 15, 0x100, BIT(32), BIT(63), UINT64_MAX };
    for (size_t i = 0; i < ARRAY_COUNT(target); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(PSCI_INVALID, (int32_t)rt_call(call[CPU_ON], target[i], 0, 0, NULL));
        EXPECT_EQ(PSCI_INVALID, (int32_t)rt_call(call[AFFINITY_INFO], target[i], 0, 0, NULL));
    }
    EXPECT_EQ(PSCI_INVALID, (int32_t)rt_call(call[AFFINITY_INFO], 0, 1, 0, NULL)); /* level 1 */
}

TEST(probe, main_cannot_kill_itself_by_hypercall)
{
    EXPECT_NE(OK, rt_call(HVC_DOMAIN_KILL, 0, CAUSE_KILLED, 0, NULL));
}

TEST(probe, smc_that_is_not_psci_is_refused)
{
    register uint64_t x0 __asm__("x0") = 0x82000000;
    __asm__ volatile("smc #0" : "+r"(x0)::"x1", "x2", "x3", "memory");
    EXPECT_EQ(UINT64_MAX, x0 | 0xffffffff00000000);
}

/* ---- emulated GIC ---- */

static bool owned(uint32_t intid)
{
    const struct bootinfo *b = rt_boot();
    if (intid == b->event_intid) return true;
    for (uint32_t i = 0; i < b->device_count; i++) {
        if (b->device[i].intid == intid) return true;
    }
    for (uint32_t i = 0; i < b->link_count; i++) {
        if (b->link[i].intid == intid) return true;
    }
    return false;
}

static uint32_t owned_mask(uint32_t word)
{
    uint32_t mask = 0;
    for (uint32_t i = 0; i < 32; i++) {
        if (owned(word * 32 + i)) mask |= (uint32_t)BIT(i);
    }
    return mask;
}

static uint32_t gicd_read(uint64_t off)
{
    uint64_t value = 0;
    EXPECT_TRUE(rt_read(rt_boot()->gicd_ipa + off, 4, &value));
    return (uint32_t)value;
}

static void gicd_write(uint64_t off, uint32_t value)
{
    EXPECT_TRUE(rt_write(rt_boot()->gicd_ipa + off, 4, value));
}

/* Writes all ones to a one-bit-an-interrupt register file; no bit of a line that is not ours may stick. */
static void expect_no_foreign_bit(uint64_t set_off, uint64_t read_off)
{
    for (uint32_t w = SPI_FIRST / 32; w < SPI_END / 32; w++) {
        test_row((int64_t)w);
        gicd_write(set_off + 4 * w, ~owned_mask(w));
        EXPECT_EQ(0, gicd_read(read_off + 4 * w) & ~owned_mask(w));
    }
}

TEST(probe_gic, foreign_lines_cannot_be_enabled)
{
    expect_no_foreign_bit(0x100, 0x100);
}

TEST(probe_gic, foreign_lines_cannot_be_disabled_or_seen_enabled)
{
    expect_no_foreign_bit(0x180, 0x180);
}

TEST(probe_gic, foreign_lines_cannot_be_made_pending)
{
    expect_no_foreign_bit(0x200, 0x200);
    expect_no_foreign_bit(0x280, 0x200);
}

TEST(probe_gic, foreign_lines_cannot_be_made_active)
{
    expect_no_foreign_bit(0x300, 0x300);
    expect_no_foreign_bit(0x380, 0x300);
}

TEST(probe_gic, foreign_lines_cannot_be_routed)
{
    for (uint32_t i = SPI_FIRST; i < SPI_END; i++) {
        if (owned(i)) continue;
        test_row((int64_t)i);
        EXPECT_TRUE(rt_write(rt_boot()->gicd_ipa + 0x6000 + 8UL * i, 8, 0x80000001));
        uint64_t value = 0;
        EXPECT_TRUE(rt_read(rt_boot()->gicd_ipa + 0x6000 + 8UL * i, 8, &value));
        EXPECT_EQ(0, value);
    }
}

TEST(probe_gic, foreign_priorities_cannot_be_changed)
{
    for (uint32_t i = SPI_FIRST; i < SPI_END; i++) {
        if (owned(i)) continue;
        test_row((int64_t)i);
        EXPECT_TRUE(rt_write(rt_boot()->gicd_ipa + 0x400 + i, 1, 0x18));
        uint64_t value = 0;
        EXPECT_TRUE(rt_read(rt_boot()->gicd_ipa + 0x400 + i, 1, &value));
        EXPECT_EQ(0, value);
    }
}

TEST(probe_gic, odd_accesses_to_the_distributor_do_no_harm)
{
    uint64_t value;
    for (uint64_t off = 0; off < KIB(64); off += 0x9c) {
        (void)rt_read(rt_boot()->gicd_ipa + (off & ~3UL), 8, &value);
        (void)rt_read(rt_boot()->gicd_ipa + off, 1, &value);
        (void)rt_write(rt_boot()->gicd_ipa + 0xffd0, 4, 0xffffffff);
        pace();
    }
    EXPECT_EQ(0x30, gicd_read(0xffe8) & 0xf0); /* PIDR2: still a GICv3 */
}

TEST(probe_gic, foreign_ppis_of_the_redistributor_stay_out_of_reach)
{
    uint64_t sgi = rt_boot()->gicr_ipa + 0x10000, value = 0;
    uint32_t mine = BIT(27) | BIT(30) | 0xffff; /* timers, SGIs */
    EXPECT_TRUE(rt_write(sgi + 0x100, 4, ~mine));
    EXPECT_TRUE(rt_read(sgi + 0x100, 4, &value));
    EXPECT_EQ(0, (uint32_t)value & ~mine);
}

TEST(probe_gic, no_foreign_interrupt_is_ever_delivered)
{
    rt_gic_start();
    for (uint32_t i = SPI_FIRST; i < SPI_END; i++) {
        if (!owned(i)) rt_gic_enable(i);
    }
    for (uint32_t i = SPI_FIRST; i < SPI_END; i += 32) {
        gicd_write(0x200 + i / 8, ~owned_mask(i / 32));
    }
    EXPECT_EQ(1023, rt_gic_wait_until(625000)); /* 10 ms */
}

void image_main(const struct bootinfo *boot)
{
    (void)boot;
    rt_print("probe: ready");
    (void)rt_getc(); /* the host looks at the physical GIC now */
    rt_run_tests();
    rt_print("probe: done");
    (void)rt_getc(); /* and again */
    rt_poweroff();
}
