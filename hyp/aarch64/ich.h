/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The virtual CPU interface of the GIC: list registers of the loaded vCPU. */
#pragma once
#include "hyp/vgic.h"

/* ICH_LR<n>_EL2, IHI 0069 "ICH_LR<n>_EL2". */
#define LR_VINTID   BITS(31, 0)
#define LR_PINTID   BITS(44, 32)
#define LR_PRIORITY BITS(55, 48)
#define LR_GROUP1   BIT(60)
#define LR_HW       BIT(61)
#define LR_PENDING  BIT(62)
#define LR_ACTIVE   BIT(63)

void ich_start(void);
void ich_save(struct vgic *g);
void ich_load(const struct vgic *g);
/** List register n of the loaded vCPU. */
uint64_t ich_lr_read(uint32_t n);
void ich_lr_write(uint32_t n, uint64_t value);
/** Underflow interrupt on: more is pending than fits. */
void ich_underflow_set(bool on);
