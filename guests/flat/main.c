/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The smallest stock guest. It knows the arm64 boot protocol and its device tree, nothing of ZerOS; one letter is one command. */
#include "lib/base.h"
#include "lib/format.h"
#include "lib/string.h"

void flat_main(const uint8_t *dtb);
void flat_irq(void);
void flat_core(uint64_t cpu);
void flat_secondary(void);
uint64_t flat_probe(void (*what)(uint64_t), uint64_t argument);

#define PSCI_VERSION       0x84000000UL
#define PSCI_CPU_ON        0xc4000003UL
#define PSCI_AFFINITY_INFO 0xc4000004UL
#define PSCI_MIGRATE_TYPE  0x84000006UL
#define PSCI_SYSTEM_OFF    0x84000008UL
#define PSCI_SYSTEM_RESET  0x84000009UL
#define SMCCC_VERSION      0x80000000UL

uint64_t probe_resume[2]; /* start.S */
static struct {
    volatile uint32_t *uart;
    uint64_t ram;
    volatile uint32_t cores_up;
} flat;

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The reg address of the first node whose name begins so. The tree is ours to trust: it came with the boot. */
static uint64_t tree_address(const uint8_t *dtb, const char *name)
{
    const uint8_t *at = dtb + be32(dtb + 8), *strings = dtb + be32(dtb + 12);
    bool inside = false;
    for (;;) {
        uint32_t token = be32(at);
        at += 4;
        if (token == 1) {
            inside = memcmp(at, name, strlen(name)) == 0;
            at += (strlen((const char *)at) + 4) & ~3UL;
        } else if (token == 3) {
            uint32_t size_bytes = be32(at);
            const char *property = (const char *)strings + be32(at + 4);
            if (inside && strcmp(property, "reg") == 0) {
                return (uint64_t)be32(at + 8) << 32 | be32(at + 12);
            }
            at += 8 + ((size_bytes + 3) & ~3U);
        } else if (token == 9) {
            return 0;
        }
    }
}

static void put(const char *s)
{
    for (; *s; s++) {
        while (flat.uart[0x18 / 4] & 1U << 5) __asm__ volatile("yield");
        flat.uart[0] = (uint8_t)*s;
    }
}

static void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
    char line[128];
    va_list args;
    va_start(args, fmt);
    (void)format_v(line, sizeof line, fmt, args);
    va_end(args);
    put("flat: ");
    put(line);
    put("\r\n");
}

static uint64_t psci(bool by_smc, uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = a1;
    register uint64_t x2 __asm__("x2") = a2;
    register uint64_t x3 __asm__("x3") = a3;
    if (by_smc) {
        __asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");
    } else {
        __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");
    }
    return x0;
}

static void do_read(uint64_t at)
{
    (void)*(volatile uint32_t *)at;
}

static void do_write(uint64_t at)
{
    *(volatile uint32_t *)at = 1;
}

static void do_jump(uint64_t at)
{
    ((void (*)(void))at)();
}

static void do_vbar_el2(uint64_t ignored)
{
    (void)ignored;
    __asm__ volatile("msr vbar_el2, xzr");
}

static void do_impdef(uint64_t ignored)
{
    (void)ignored;
    __asm__ volatile("msr s3_0_c15_c2_0, xzr");
}

static void do_debug(uint64_t ignored)
{
    (void)ignored;
    __asm__ volatile("msr oslar_el1, xzr\n\tmsr mdscr_el1, xzr");
}

/* What a stock system may try, and what the architecture says it gets: the class and the fault code of ESR_EL1; 0: nothing. */
static void probe_all(void)
{
    const uint64_t undef = 0, abort = 0x25UL << 26 | 0x10, fetch = 0x21UL << 26 | 0x10, none = 0;
    const struct {
        const char *name;
        void (*what)(uint64_t);
        uint64_t argument, want;
        bool faults;
    } probe[] = {
        { "read of nothing", do_read, 0, abort, true },
        { "write to nothing", do_write, 0x01800000, abort, true },
        { "read past ram", do_read, BIT(38), abort, true },
        { "jump to nothing", do_jump, 0, fetch, true },
        { "jump to the uart", do_jump, (uint64_t)flat.uart, fetch, true },
        { "el2 register", do_vbar_el2, 0, undef, true },
        { "implementation defined register", do_impdef, 0, undef, true },
        { "debug registers", do_debug, 0, none, false },
    };
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < ARRAY_COUNT(probe); i++) {
        uint64_t esr = flat_probe(probe[i].what, probe[i].argument);
        bool right = probe[i].faults ? esr != 0 && (esr & ~(BIT(25) | BIT(6))) == probe[i].want
                                     : esr == 0;
        wrong += !right;
        say("%s: esr 0x%lx%s", probe[i].name, esr, right ? "" : " WRONG");
    }
    say("%u probes, %u wrong", (uint32_t)ARRAY_COUNT(probe), wrong);
}

static void cores(void)
{
    for (uint64_t i = 1; i < 8; i++) {
        uint64_t e = psci(false, PSCI_CPU_ON, i, (uint64_t)flat_secondary, i);
        if (e) {
            say("core %lu: %ld", i, (int64_t)e);
            break;
        }
        for (uint32_t n = 0; n < 100000000 && flat.cores_up < i; n++) __asm__ volatile("yield");
    }
    say("%u further cores are up", flat.cores_up);
}

void flat_core(uint64_t cpu)
{
    (void)cpu;
    flat.cores_up++; /* one after the other: cores() waits */
}

void flat_irq(void)
{
}

static void about(void)
{
    say("psci %lx by hvc, %lx by smc, smccc %lx, migrate %ld", psci(false, PSCI_VERSION, 0, 0, 0),
        psci(true, PSCI_VERSION, 0, 0, 0), psci(false, SMCCC_VERSION, 0, 0, 0),
        (int64_t)psci(false, PSCI_MIGRATE_TYPE, 0, 0, 0));
    say("unknown function: %ld, core 0: %ld, core 9: %ld",
        (int64_t)psci(false, 0x84001234, 0, 0, 0),
        (int64_t)psci(false, PSCI_AFFINITY_INFO, 0, 0, 0),
        (int64_t)psci(false, PSCI_AFFINITY_INFO, 9, 0, 0));
}

void flat_main(const uint8_t *dtb)
{
    uint64_t level;
    flat.uart = (volatile uint32_t *)tree_address(dtb, "pl011@");
    flat.uart[0x30 / 4] = 0x301; /* CR: UART, transmitter, receiver on */
    flat.ram = tree_address(dtb, "memory@");
    __asm__("mrs %0, CurrentEL" : "=r"(level));
    say("up at EL%lu, tree at 0x%lx, ram at 0x%lx", level >> 2, (uint64_t)dtb, flat.ram);
    for (;;) {
        while (flat.uart[0x18 / 4] & 1U << 4) __asm__ volatile("yield");
        char c = (char)flat.uart[0];
        switch (c) {
        case 'a':
            about();
            break;
        case 'p':
            probe_all();
            break;
        case 'c':
            cores();
            break;
        case 'o':
            (void)psci(false, PSCI_SYSTEM_OFF, 0, 0, 0);
            break;
        case 'r':
            (void)psci(true, PSCI_SYSTEM_RESET, 0, 0, 0);
            break;
        case 'e':
            say("\033]0;title\007\033[31mred\033[0m \033[2J\001end");
            break;
        default:
            say("heard '%c'; a about, p probes, c cores, e escapes, o off, r reset", c);
            break;
        }
    }
}
