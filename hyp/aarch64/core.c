/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The cores: switching them on and off, and EL2's lock. */
#include "hyp/core.h"

#include "hyp/aarch64/gicv3.h"
#include "hyp/aarch64/mmu.h"
#include "hyp/aarch64/psci.h"
#include "hyp/aarch64/switch.h"
#include "hyp/aarch64/sysreg.h"
#include "hyp/console.h"
#include "hyp/sched.h"
#include "lib/string.h"

#define STACK_BYTES   (1UL << CORE_STACK_LOG)
#define AFFINITY      0xff00ffffffUL
#define POLL_MAX      100
#define BACKTRACE_MAX 24

STATIC_ASSERT(sizeof(struct core) <= CORE_BYTES, "fits above the stack");

extern uint8_t core_stacks[]; /* CORE_MAX blocks, struct core at the top of each */
void core_entry(void);        /* start.S: where a core comes in, MMU off */
void core_main(void);

static struct {
    uint32_t count;
    uint32_t next, serving; /* of the lock: free-running tickets */
} cores;

static struct core *core_of(uintptr_t stack)
{
    return (struct core *)((stack | (STACK_BYTES - 1)) + 1 - CORE_BYTES);
}

struct core *this_core(void)
{
    uintptr_t sp;
    __asm__("mov %0, sp" : "=r"(sp));
    return core_of(sp);
}

struct core *core_at(uint32_t index)
{
    return index < cores.count ? core_of((uintptr_t)core_stacks + index * STACK_BYTES) : NULL;
}

uint32_t core_count(void)
{
    return cores.count;
}

INIT_CODE void cores_start(const struct platform *p)
{
    uint64_t self = SYSREG_READ(mpidr_el1) & AFFINITY;
    cores.count = 1;
    this_core()->mpidr = self;
    this_core()->online = true;
    for (uint32_t i = 0; i < p->core_count && cores.count < CORE_MAX; i++) {
        if (p->core_mpidr[i] == self) continue;
        struct core *c = core_of((uintptr_t)core_stacks + cores.count * STACK_BYTES);
        c->mpidr = p->core_mpidr[i];
        c->index = cores.count++;
    }
    for (uint32_t i = 0; i < cores.count; i++) {
        core_at(i)->alarm_ticks = core_at(i)->timer_ticks = UINT64_MAX;
    }
}

err_t core_power_on(uint32_t index)
{
    struct core *c = core_at(index);
    if (!c) return ERR_NO_ENTRY;
    if (c->online) return OK;
    /* It reads its stack's address as x0 with its caches off; what lies there was written through them. */
    __asm__ volatile("dc civac, %0\n\tdsb sy" ::"r"(c) : "memory");
    for (int i = 0; i < POLL_MAX; i++) { /* the last steps of its CPU_OFF may not be over */
        uint64_t r = psci_call(PSCI_CPU_ON, c->mpidr, (uintptr_t)core_entry, (uintptr_t)c);
        c->online = r == 0;
        if (r != PSCI_ALREADY_ON) break;
    }
    return c->online ? OK : ERR_IO;
}

void core_power_off(void)
{
    struct core *c = this_core();
    c->online = false;
    c->alarm_ticks = UINT64_MAX;
    gic_core_stop();
    core_unlock();
    (void)psci_call(PSCI_CPU_OFF, 0, 0, 0);
    panic_at("the firmware did not switch the core off", __FILE__, __LINE__);
}

void core_main(void)
{
    core_lock();
    if (gic_core_start() != OK) {
        log_line("hyp: core %u: its interrupt controller does not answer: it stays off",
                 this_core()->index);
        core_power_off();
    }
    world_start();
    sched_start();
}

void core_poke(struct core *c)
{
    bool was = c->wanted;
    c->wanted = true;
    if (c != this_core() && c->online && !was) gic_ipi(c->mpidr);
}

void core_backtrace(void)
{
    struct pa_range text = mmu_text();
    uint64_t start = mmu_image().start.raw;
    const uint64_t *at = __builtin_frame_address(0), *end = (const uint64_t *)this_core();
    for (uint32_t found = 0; at < end && found < BACKTRACE_MAX; at++) {
        if (*at - text.start.raw >= text.size_bytes) continue;
        log_line("hyp: stack 0x%lx", *at - start);
        found++;
    }
}

void core_lock(void)
{
    uint32_t ticket = __atomic_fetch_add(&cores.next, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&cores.serving, __ATOMIC_ACQUIRE) != ticket) {
        __asm__ volatile("yield");
    }
}

void core_unlock(void)
{
    __atomic_store_n(&cores.serving, cores.serving + 1, __ATOMIC_RELEASE);
}
