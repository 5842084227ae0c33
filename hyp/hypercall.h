/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* HVC and PSCI: decode, check, then one call each. */
#pragma once
#include "hyp/vcpu.h"

/** From vectors.S: x0..x6 of v are the call. Returns the vCPU to run. */
struct vcpu *hypercall_entry(struct vcpu *v);
/** PSCI by SMC or HVC (DEN0022): emulated; a driver domain that powers off dies, only main reaches the firmware. */
void hypercall_psci(struct vcpu *v);
