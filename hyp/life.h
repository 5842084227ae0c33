/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Death and rebirth of driver domains, as a sequence of small steps. */
#pragma once
#include "abi/domain.h"
#include "hyp/domain.h"

/**
 * Does a bounded piece (<= 25,000 instructions) of bringing a dead domain back. Order pinned by tests/unit/hyp/life.c: vCPU out, lines
 * dead, bus mastering off, streams closed, SMMU TLBI + SYNC, pending resets completed, RAM scrubbed, reloaded from the pristine image,
 * bootinfo written, TLBI twice, FP dropped, interrupt state reset, links reborn, generation + 1, start.
 * Returns  STEP_AGAIN after *after_ns | STEP_DONE: it runs | STEP_QUARANTINED: no proof that its device is still; it stays down, its
 *          links say so | STEP_IDLE: it is not dead
 * Context  EL2, called by main, so d is on no core
 */
enum step_verdict life_step(struct domain *d, uint64_t *after_ns);
/**
 * Fills RAM for the first time and starts the domain: the same sequence from "streams closed" on, generation 0. No proof of stillness:
 * the domain is quarantined and the boot goes on.
 * Context  EL2 boot, before the first domain runs; unbounded
 */
void life_first_start(struct domain *d);
/** Starts a loaded guest once all its links are published; nothing otherwise. Context: EL2, any; O(links). */
void life_start_ready(struct domain *d);
/** Builds the bootinfo of a driver domain's next incarnation. Context: EL2, life.c's sequence. */
void life_bootinfo(const struct domain *d, struct bootinfo *out);
/** Bytes of the last dump (struct domain_dump) at [offset, offset + 32); returns the count, *total its size, 0 when there is none. */
uint32_t life_dump_read(const struct domain *d, uint64_t offset, uint8_t out[32], uint64_t *total);
/** Takes the dump: registers, last trace records, ring indices, top of stack. Called by domain_kill; <= 4 KiB copied. */
void life_dump_take(struct domain *d);
/** Takes x19..x29 again: at a death in a hypercall they are saved only when the vCPU has left its core. Context: first step. */
void life_dump_kept(struct domain *d);
