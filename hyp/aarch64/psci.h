/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* PSCI (Arm DEN0022): numbers for both sides, and calls to the firmware by SMC. */
#pragma once
#include "lib/base.h"

#define SMCCC_VERSION          0x80000000UL
#define PSCI_VERSION           0x84000000UL
#define PSCI_CPU_SUSPEND       0xc4000001UL
#define PSCI_CPU_OFF           0x84000002UL
#define PSCI_CPU_ON            0xc4000003UL
#define PSCI_AFFINITY_INFO     0xc4000004UL
#define PSCI_MIGRATE_INFO_TYPE 0x84000006UL
#define PSCI_SYSTEM_OFF        0x84000008UL
#define PSCI_SYSTEM_RESET      0x84000009UL
#define PSCI_FEATURES          0x8400000aUL

#define PSCI_NOT_SUPPORTED ((uint64_t)-1)
#define PSCI_INVALID       ((uint64_t)-2)
#define PSCI_DENIED        ((uint64_t)-3)
#define PSCI_ALREADY_ON    ((uint64_t)-4)
#define PSCI_FAILURE       ((uint64_t)-6)

/** One call to the firmware; its x0. SYSTEM_OFF, SYSTEM_RESET and CPU_OFF do not return when the firmware knows them. */
uint64_t psci_call(uint64_t function, uint64_t arg1, uint64_t arg2, uint64_t arg3);
