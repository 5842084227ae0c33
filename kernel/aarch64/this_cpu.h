/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* TPIDR_EL1 holds the address of this core's struct cpu. */
#pragma once

struct cpu;

static inline struct cpu *this_cpu(void)
{
    struct cpu *c;
    __asm__("mrs %0, tpidr_el1" : "=r"(c));
    return c;
}
