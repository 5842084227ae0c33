/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Death and rebirth of driver domains, as a sequence of small steps. */
#pragma once
#include "abi/domain.h"
#include "hyp/domain.h"

/**
 * Does one bounded step (<= 25,000 instructions) of bringing a dead domain back. Order pinned by tests/unit/hyp/life.c:
 * vCPU out, lines dead, bus mastering off, stream closed, SMMU TLBI + SYNC, scrub RAM (64 KiB a call), reload from the
 * pristine image, write bootinfo, TLBI twice, FP dropped, link transport reset, generation + 1, start.
 * *after_ns: how long to wait before the next call.
 */
enum step_verdict life_step(struct domain *d, uint64_t *after_ns);
/** Fills RAM for the first time and starts the domain (boot; unbounded, before the first domain runs). */
void life_first_start(struct domain *d);
/** Builds the bootinfo of a driver domain's next incarnation. */
void life_bootinfo(const struct domain *d, struct bootinfo *out);
/** Bytes of the last dump at [offset, offset + 32); returns the count, *total the dump's size. */
uint32_t life_dump_read(const struct domain *d, uint64_t offset, uint8_t out[32], uint64_t *total);
/** Takes the dump: registers, last trace records, ring indices, top of stack. Called by domain_kill, <= 4 KiB copied. */
void life_dump_take(struct domain *d);
