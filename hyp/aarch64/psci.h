/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The firmware's PSCI (Arm DEN0022), by SMC. */
#pragma once
#include "lib/base.h"

/** SYSTEM_OFF or SYSTEM_RESET: does not return when the firmware knows it. */
void psci_call(uint64_t function);
#define PSCI_FW_SYSTEM_RESET 0x84000009UL
