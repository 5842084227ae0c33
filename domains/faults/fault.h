/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* When a fault build misbehaves. Each build replaces one of the plain_*.c files by one of these. */
#pragma once
#include "lib/virtq/device.h"

/*
 * Parameters, from the manifest's params of the domain:
 *   after=N  the N-th request is the one (default 100); counted from 1 in each incarnation
 *   link=L   only requests of link L (index in the manifest) count (crash only; default: all)
 *   gens=K   only the first K incarnations misbehave (default 1), so that the system recovers; 0:
 * every one
 *   addr=A   the target of wild accesses (default 0: mapped in no domain)
 *   id=I     lie-used-id: the id to claim (default 0xffff, which no ring has; a small one is
 * another request)
 */
#define FAULT_AFTER_DEFAULT 100
#define FAULT_ADDR_DEFAULT  0UL

/** Counts one request; true for exactly the one that is to go wrong. Logs it. */
bool fault_due(void);

/** True when requests of this queue are those that count. */
bool fault_is_of_link(const struct virtq_device *q);

/** The target address. */
uint64_t fault_addr(void);

/** Turns the own translation off, so that the next access meets stage 2 with this very address. */
void fault_unmapped(void);
