/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* From the entry to domain_main, parameters, and the two ways in which a domain gives itself up. */
#include "domains/rt/rt.h"

#include "domains/rt/hvc.h"
#include "domains/rt/loop.h"
#include "domains/rt/seam.h"
#include "domains/rt/sysreg.h"
#include "lib/format.h"
#include "lib/string.h"

static struct {
    const struct bootinfo
            *boot; /* borrowed: the last page of our RAM, written by EL2 before the start */
} rt;

extern const char image_start[];

const struct bootinfo *rt_bootinfo(void)
{
    return rt.boot;
}

__attribute__((weak)) void seam_start(const struct bootinfo *boot)
{
    (void)boot;
}

_Noreturn void rt_start(const struct bootinfo *boot)
{
    rt.boot = boot;
    CHECK((uintptr_t)image_start == DOMAIN_RAM_IPA);
    CHECK(boot->magic == BOOTINFO_MAGIC && boot->version == BOOTINFO_VERSION);
    loop_start(boot);
    seam_start(boot);
    domain_main(boot);
}

static uint64_t number(const char *text)
{
    uint64_t base = text[0] == '0' && text[1] == 'x' ? 16 : 10, value = 0;
    for (text += base == 16 ? 2 : 0;; text++) {
        char c = *text;
        uint64_t digit = c >= '0' && c <= '9'   ? (uint64_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint64_t)(c - 'a' + 10)
                                                : 16;
        if (digit >= base) return value;
        value = value * base + digit;
    }
}

uint64_t rt_param(const char *name, uint64_t fallback)
{
    char text[BOOT_PARAMS_MAX + 1] = { 0 };
    memcpy(text, rt.boot->params, BOOT_PARAMS_MAX);
    size_t name_bytes = strlen(name);
    for (const char *at = text; *at != '\0'; at++) {
        bool starts = at == text || at[-1] == ' ';
        if (starts && strncmp(at, name, name_bytes) == 0 && at[name_bytes] == '=') {
            return number(at + name_bytes + 1);
        }
    }
    return fallback;
}

_Noreturn void rt_exception(uint64_t vector, uint64_t lr)
{
    char line[120];
    format(line, sizeof(line), "exception %lu esr=%lx elr=%lx far=%lx lr=%lx",
           (unsigned long)vector, (unsigned long)SYSREG_READ(esr_el1),
           (unsigned long)SYSREG_READ(elr_el1), (unsigned long)SYSREG_READ(far_el1),
           (unsigned long)lr);
    hvc_panic(line);
}

_Noreturn void panic_at(const char *what, const char *file, int line)
{
    char text[120];
    format(text, sizeof(text), "%s:%d: %s", file, line, what);
    hvc_panic(text);
}
