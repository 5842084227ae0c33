/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The core and its interrupt controller: start-up, and what vectors.S calls. */
#pragma once
#include "abi/bootinfo.h"
#include "kernel/thread.h"

/** Maps a page range of devices into the kernel's own half, or panics. Context: boot. */
volatile void *cpu_device_map(uint64_t ipa, uint64_t size_bytes);
/** Control registers, counters for EL0, timer off. Context: boot, memory is up. */
void cpu_start(const struct bootinfo *boot);
/** Interrupt controller: everything off but the timer's line. Context: boot. */
void gic_start(const struct bootinfo *boot);
/** This core's part of it. Context: each core, once it is on. */
void gic_cpu_start(void);

/** From vectors.S. */
void arch_user_fault(struct thread *t, uint64_t esr, uint64_t far);
void arch_kernel_fault(struct frame *f, uint64_t esr, uint64_t far);
/** fp.S. Context: FP/SIMD is not trapped. */
void fp_save(struct fp_state *to);
void fp_load(const struct fp_state *from);
