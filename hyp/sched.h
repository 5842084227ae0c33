/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who runs on the core: fixed priority with budget, FIFO among equals. */
#pragma once
#include "hyp/vcpu.h"

/** The vCPU on this core, never NULL once the first domain runs. */
struct vcpu *sched_current(void);
/** Marks that another vCPU may deserve the core; the exit path looks before returning to EL1. */
void sched_request(void);
