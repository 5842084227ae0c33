/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Cores come and go: one alone needs no lock, several share one. */
#include "kernel/cpu.h"

#include "kernel/arch.h"
#include "kernel/log.h"
#include "kernel/sched.h"

static struct cpu cpus[CPU_MAX];
static uint32_t cpu_count = 1;

struct cpu *cpu_at(uint32_t index)
{
    return index < cpu_count ? &cpus[index] : NULL;
}

void cpus_start(uint32_t count)
{
    cpu_count = MAX(MIN(count, CPU_MAX), 1U);
    for (uint32_t i = 0; i < cpu_count; i++) {
        cpus[i].index = i;
        cpus[i].armed_ticks = ARCH_TIMER_NEVER;
    }
    cpus[0].is_online = true;
}

/* From now on this core's stays in the kernel are under the lock, this one included: it may have it from when it was not alone. */
static void share(struct cpu *c)
{
    c->is_shared = 1;
    if (c->is_inside) return;
    c->is_inside = 1;
    arch_lock();
    if (c->fp_owner) arch_fp_leave();
}

void cpu_more(void)
{
    struct cpu *c = NULL;
    for (uint32_t i = 1; i < cpu_count; i++) {
        if (cpus[i].is_online && cpus[i].is_idle) return;
        if (!cpus[i].is_online && !c) c = &cpus[i];
    }
    if (!c) return;
    share(this_cpu());
    c->current = c->live = c->fp_owner = NULL;
    c->work = 0;
    c->is_shared = 1;
    c->is_inside = 1;
    c->expel = 0;
    c->is_idle = c->has_slice = false;
    c->armed_ticks = ARCH_TIMER_NEVER;
    c->is_online = true;
    if (arch_cpu_start(c) == OK) return;
    c->is_online =
            false; /* it is still on its way out, or never comes: tried again when work has waited for another slice */
    if (!c->is_refused) klog("kernel: core %u does not start: going on without it\n", c->index);
    c->is_refused = true;
}

void cpu_leave(void)
{
    struct cpu *c = this_cpu();
    if (c->index == 0) return;
    c->is_online = false;
    uint32_t others = 0;
    for (uint32_t i = 1; i < cpu_count; i++) others += cpus[i].is_online;
    if (!others) cpus[0].is_shared = 0; /* alone again, from its next entry on */
    arch_cpu_stop();
}

void cpu_kick(struct cpu *c)
{
    c->is_idle = false;
    arch_cpu_kick(c->index);
}

void cpu_expel(struct cpu *c)
{
    c->expel = 1;
    arch_cpu_kick(c->index);
    arch_wait_zero(&c->expel); /* it can only come to wait for the lock, which this core holds */
    c->current = c->live = NULL;
}
