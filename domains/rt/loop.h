/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The event loop: wait for an interrupt, call its handler, then the work that it made possible.
 * Silent when idle. */
#pragma once
#include "abi/bootinfo.h"
#include "lib/base.h"

#define LOOP_SOURCE_MAX (BOOT_DEVICE_MAX + LINK_MAX + 1)

/** Timer and interrupt controller; no timer is armed. */
void loop_start(const struct bootinfo *boot);

/** Calls fn(ctx) at each occurrence of intid, from loop_run. ctx outlives the loop. */
void loop_add(uint32_t intid, void (*fn)(void *ctx), void *ctx);

/** Calls fn(ctx, LINK_EV_*) when the link with this boot_link.id has events, from loop_run. ctx outlives the loop. */
void loop_add_link(uint32_t id, void (*fn)(void *ctx, uint32_t events), void *ctx);
/** The link's client gets a used-buffer interrupt before loop_run sleeps or works on. */
void loop_ring(uint32_t id);

/** Calls fn(ctx) once, delay_ns from now, from loop_run. A second call replaces the first. */
void loop_timer_arm(uint64_t delay_ns, void (*fn)(void *ctx), void *ctx);

/** Sleeps. Interrupts that come meanwhile are handled when loop_run goes on. Context: handlers,
 * start-up. */
void loop_sleep_ns(uint64_t duration_ns);

/**
 * For ever: handles what is pending, then calls work(ctx) until it returns false (nothing left to
 * do), then sleeps. work is
 * called again after every batch of interrupts.
 */
_Noreturn void loop_run(bool (*work)(void *ctx), void *ctx);
