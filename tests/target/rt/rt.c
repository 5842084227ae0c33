/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Runtime of the test images. */
#include "rt.h"

#include "lib/format.h"
#include "lib/mmio.h"
#include "lib/string.h"

#define UART_DR 0x00
#define UART_FR 0x18
#define FR_RXFE 0x10
#define FR_TXFF 0x20

#define GICD_CTLR       0x0000
#define GICD_IGROUPR    0x0080
#define GICD_ISENABLER  0x0100
#define GICR_WAKER      0x0014
#define GICR_SGI        0x10000
#define GICR_IGROUPR0   (GICR_SGI + 0x80)
#define GICR_ISENABLER0 (GICR_SGI + 0x100)
#define LOG_PIECE       40
#define PSCI_SYSTEM_OFF 0x84000008UL

volatile struct rt_fault rt_fault;
static struct {
    const struct bootinfo *boot;
    uint64_t uart; /* 0: none */
    unsigned failures;
    int64_t row;
} rt;

extern const struct test *const __start_tests[];
extern const struct test *const __stop_tests[];

const struct bootinfo *rt_boot(void)
{
    return rt.boot;
}

const struct boot_device *rt_device(const char *name)
{
    for (uint32_t i = 0; i < rt.boot->device_count; i++) {
        if (strcmp(rt.boot->device[i].name, name) == 0) return &rt.boot->device[i];
    }
    return NULL;
}

static void uart_put(char c)
{
    while (mmio_read32((const volatile void *)(rt.uart + UART_FR)) & FR_TXFF) {
    }
    mmio_write32((volatile void *)(rt.uart + UART_DR), (uint8_t)c);
}

int rt_getc(void)
{
    while (mmio_read32((const volatile void *)(rt.uart + UART_FR)) & FR_RXFE) {
    }
    return (int)(mmio_read32((const volatile void *)(rt.uart + UART_DR)) & 0xff);
}

static void log_put(const char *text, size_t size_bytes)
{
    for (size_t at = 0; at < size_bytes; at += LOG_PIECE) {
        uint64_t x[7] = { HVC_LOG_WRITE, MIN(LOG_PIECE, size_bytes - at) };
        memcpy(&x[2], text + at, (size_t)x[1]);
        rt_hvc(x);
    }
}

void rt_print(const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    size_t n = format_v(text, sizeof(text) - 1, fmt, args);
    va_end(args);
    text[n++] = '\n';
    if (!rt.uart) {
        log_put(text, n);
        return;
    }
    for (size_t i = 0; i < n; i++) uart_put(text[i]);
}

uint64_t rt_call(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3, uint64_t out[7])
{
    uint64_t x[7] = { function, x1, x2, x3 };
    rt_hvc(x);
    if (out) memcpy(out, x, sizeof(x));
    return x[0];
}

void rt_print_log(uint64_t *position)
{
    for (;;) {
        uint64_t x[7];
        if (rt_call(HVC_LOG_READ, *position, 0, 0, x) != OK || x[2] == 0 || x[2] > 32) return;
        *position = x[1];
        const char *bytes = (const char *)&x[3];
        for (uint64_t i = 0; i < x[2]; i++) uart_put(bytes[i]);
    }
}

_Noreturn void rt_poweroff(void)
{
    uint64_t x[7] = { PSCI_SYSTEM_OFF };
    rt_hvc(x);
    for (;;) __asm__ volatile("wfi");
}

void rt_unexpected(uint64_t esr, uint64_t elr);
void rt_unexpected(uint64_t esr, uint64_t elr)
{
    rt_print("FAIL unexpected exception: ESR 0x%lx ELR 0x%lx", esr, elr);
    rt_poweroff();
}

_Noreturn void panic_at(const char *what, const char *file, int line)
{
    rt_print("FAIL CHECK %s at %s:%d", what, file, line);
    rt_poweroff();
}

bool rt_read(uint64_t address, unsigned size_bytes, uint64_t *value)
{
    uint64_t before = rt_fault.count;
    const volatile void *p = (const volatile void *)address;
    switch (size_bytes) {
    case 1:
        *value = mmio_read8(p);
        break;
    case 2:
        *value = mmio_read16(p);
        break;
    case 4:
        *value = mmio_read32(p);
        break;
    default:
        *value = mmio_read64(p);
    }
    return rt_fault.count == before;
}

bool rt_write(uint64_t address, unsigned size_bytes, uint64_t value)
{
    uint64_t before = rt_fault.count;
    volatile void *p = (volatile void *)address;
    switch (size_bytes) {
    case 1:
        mmio_write8(p, (uint8_t)value);
        break;
    case 2:
        mmio_write16(p, (uint16_t)value);
        break;
    case 4:
        mmio_write32(p, (uint32_t)value);
        break;
    default:
        mmio_write64(p, value);
    }
    __asm__ volatile("dsb sy" ::: "memory");
    return rt_fault.count == before;
}

void rt_call_at(uint64_t address);
bool rt_execute(uint64_t address)
{
    uint64_t before = rt_fault.count;
    rt_call_at(address);
    return rt_fault.count == before;
}

void rt_gic_start(void)
{
    uint64_t gicd = rt.boot->gicd_ipa, gicr = rt.boot->gicr_ipa;
    mmio_write32((volatile void *)(gicr + GICR_WAKER), 0);
    mmio_write32((volatile void *)(gicr + GICR_IGROUPR0), UINT32_MAX);
    for (uint32_t i = 1; i < 9; i++)
        mmio_write32((volatile void *)(gicd + GICD_IGROUPR + 4 * i), UINT32_MAX);
    mmio_write32((volatile void *)(gicd + GICD_CTLR), 0x12);             /* ARE_NS, EnableGrp1 */
    __asm__ volatile("msr S3_0_C12_C12_5, %0\n isb" ::"r"(UINT64_C(7))); /* ICC_SRE_EL1 */
    __asm__ volatile("msr S3_0_C4_C6_0, %0" ::"r"(UINT64_C(0xff)));      /* ICC_PMR_EL1 */
    __asm__ volatile("msr S3_0_C12_C12_7, %0\n isb" ::"r"(UINT64_C(1))); /* ICC_IGRPEN1_EL1 */
}

void rt_gic_enable(uint32_t intid)
{
    uint64_t at = intid < 32 ? rt.boot->gicr_ipa + GICR_ISENABLER0
                             : rt.boot->gicd_ipa + GICD_ISENABLER + 4 * (intid / 32);
    mmio_write32((volatile void *)at, (uint32_t)BIT(intid % 32));
}

uint32_t rt_gic_poll(void)
{
    uint64_t intid;
    __asm__ volatile("mrs %0, S3_0_C12_C12_0\n dsb sy" : "=r"(intid)::"memory"); /* ICC_IAR1_EL1 */
    return (uint32_t)intid & 0xffffff;
}

void rt_gic_end(uint32_t intid)
{
    __asm__ volatile("msr S3_0_C12_C12_1, %0\n isb" ::"r"((uint64_t)intid)
                     : "memory"); /* ICC_EOIR1_EL1 */
}

uint32_t rt_gic_wait(void)
{
    for (;;) {
        uint32_t intid = rt_gic_poll();
        if (intid < 1020) {
            rt_gic_end(intid);
            return intid;
        }
        __asm__ volatile("wfi" ::: "memory");
    }
}

uint32_t rt_gic_wait_until(uint64_t ticks)
{
    uint64_t end = rt_ticks() + ticks;
    while (rt_ticks() < end) {
        uint32_t intid = rt_gic_poll();
        if (intid < 1020) {
            rt_gic_end(intid);
            return intid;
        }
    }
    return 1023;
}

uint64_t rt_ticks(void)
{
    uint64_t ticks;
    __asm__ volatile("isb\n mrs %0, cntvct_el0" : "=r"(ticks)::"memory");
    return ticks;
}

void rt_wait_ticks(uint64_t ticks)
{
    uint64_t end = rt_ticks() + ticks;
    while (rt_ticks() < end) {
    }
}

void rt_pmu_start(void)
{
    uint64_t pmcr;
    __asm__ volatile("mrs %0, pmcr_el0" : "=r"(pmcr));
    __asm__ volatile(
            "msr pmevtyper0_el0, %0" ::"r"(BIT(27) | 8)); /* event 8, NSH: EL2 counts, too */
    __asm__ volatile("msr pmcntenset_el0, %0" ::"r"(UINT64_C(1)));
    __asm__ volatile("msr pmcr_el0, %0\n isb" ::"r"(pmcr | 3)); /* enable, reset counters */
}

void test_fail(const char *file, int line, const char *what, uint64_t want, uint64_t got)
{
    rt.failures++;
    rt_print("  %s:%d: %s: want 0x%lx, got 0x%lx (row %ld)", file, line, what, want, got, rt.row);
}

void test_fail_str(const char *file, int line, const char *what, const char *want, const char *got)
{
    rt.failures++;
    rt_print("  %s:%d: %s: want \"%s\", got \"%s\"", file, line, what, want ? want : "(null)",
             got ? got : "(null)");
}

void test_fail_note(const char *file, int line, const char *what)
{
    rt.failures++;
    rt_print("  %s:%d: %s", file, line, what);
}

void test_row(int64_t row)
{
    rt.row = row;
}

bool test_same_bytes(const void *a, const void *b, size_t size_bytes)
{
    return memcmp(a, b, size_bytes) == 0;
}

bool test_same_str(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

void rt_run_tests(void)
{
    unsigned passed = 0, failed = 0;
    for (const struct test *const *t = __start_tests; t < __stop_tests; t++) {
        rt.failures = 0;
        rt.row = -1;
        (*t)->fn();
        rt_print("%s %s.%s", rt.failures ? "FAIL" : "PASS", (*t)->suite, (*t)->name);
        if (rt.failures) {
            failed++;
        } else {
            passed++;
        }
    }
    rt_print("%u passed, %u failed", passed, failed);
}

void rt_main(const struct bootinfo *boot);
void rt_main(const struct bootinfo *boot)
{
    rt.boot = boot;
    const struct boot_device *uart = rt_device("uart0");
    if (uart) rt.uart = uart->mmio_ipa;
    image_main(boot);
}
