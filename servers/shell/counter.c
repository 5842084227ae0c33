/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Counter of retired instructions. */
#include "servers/shell/counter.h"

#include <string.h>

#include "servers/rt/startup.h"

bool counter_is_present(void)
{
    for (uint32_t i = 0;; i++) {
        const char *arg = startup_arg(i);
        if (arg == NULL) return false;
        if (strcmp(arg, "pmu") == 0) return true;
    }
}

uint32_t counter_read(void)
{
    static enum { UNKNOWN, PRESENT, ABSENT } state;
    uint64_t value;
    if (state == UNKNOWN) {
        state = counter_is_present() ? PRESENT : ABSENT;
    }
    if (state == ABSENT) return 0;
    /* The barriers keep the measured code between two readings. */
    __asm__ volatile("isb\n\tmrs %0, pmevcntr0_el0\n\tisb" : "=r"(value)::"memory");
    return (uint32_t)value;
}

bool counter_counts(void)
{
    uint32_t first = counter_read();
    return counter_read() != first;
}
