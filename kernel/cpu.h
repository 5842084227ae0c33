/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the kernel keeps for each core, and how cores share it. Core 0 boots. As long as it is alone it takes no lock; when a thread has
 * waited for a whole slice another core is switched on, and from then on every stay in the kernel is under one lock.
 */
#pragma once
#include "lib/base.h"

#define CPU_MAX 4

struct thread;

/* Shared with vectors.S (aarch64/offsets.h). */
struct cpu {
    struct thread *current;     /* who runs next, or NULL: the scheduler picks */
    struct thread *live;        /* whose x19..x29, TPIDR_EL0 and TTBR0 are in the core */
    uint64_t work;              /* not 0: work_run before the next entry to EL0 */
    struct thread *fp_owner;    /* whose FP/SIMD registers are in the core */
    char *stack;                /* its end */
    _Atomic uint32_t is_inside; /* in the kernel, with the lock or waiting for it; 0 while alone */
    uint32_t is_shared;         /* other cores run: entries take the lock */
    _Atomic uint32_t
            expel; /* 1: its thread ends; it answers with 0 from where it waits for the lock, its TTBR0 empty */
    uint32_t index;
    uint64_t armed_ticks; /* what its timer is programmed to */
    uint64_t slice_ticks; /* end of the slice; valid while has_slice */
    bool has_slice;
    bool is_online;
    bool is_refused; /* said once that it does not start */
    bool is_idle;    /* sleeps; whoever makes a thread runnable wakes one such core */
};

#ifdef __aarch64__
#include "kernel/aarch64/this_cpu.h"
#else
struct cpu *this_cpu(void);
#endif

/** Core by index; NULL past those that this domain has. */
struct cpu *cpu_at(uint32_t index);
/** How many cores this domain has. Context: boot. */
void cpus_start(uint32_t count);
/** Work waits: switches on a core that is off, if there is one. Context: the kernel, any core. */
void cpu_more(void);
/** This core has nothing to do and is not core 0: switches it off. Returns when it is core 0, or was refused. Context: lock held. */
void cpu_leave(void);
/** Interrupts another core, which looks what there is. */
void cpu_kick(struct cpu *c);
/** Throws the running thread out of another core: when it returns the thread runs nowhere and its registers are lost. */
void cpu_expel(struct cpu *c);
