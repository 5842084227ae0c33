/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The virtual CPU interface of the GIC: list registers of the loaded vCPU. */
#pragma once
#include "hyp/vgic.h"

/* ICH_LR<n>_EL2, IHI 0069 "ICH_LR<n>_EL2". */
#define LR_VINTID   BITS(31, 0)
#define LR_PINTID   BITS(44, 32)
#define LR_EOI      BIT(41) /* HW = 0: maintenance interrupt at its end */
#define LR_PRIORITY BITS(55, 48)
#define LR_GROUP1   BIT(60)
#define LR_HW       BIT(61)
#define LR_PENDING  BIT(62)
#define LR_ACTIVE   BIT(63)

/* ICH_HCR_EL2. */
#define HCR_EN       BIT(0)
#define HCR_LRENPIE  BIT(2) /* maintenance interrupt when something in no list register was ended */
#define HCR_NPIE     BIT(3) /* when nothing in the list registers is pending any more */
#define HCR_TDIR     BIT(14)
#define HCR_EOICOUNT BITS(31, 27)

void ich_start(void);
void ich_save(struct vgic *g);
void ich_load(const struct vgic *g);
/** List register n of the loaded vCPU. */
uint64_t ich_lr_read(uint32_t n);
void ich_lr_write(uint32_t n, uint64_t value);
/** List registers that hold nothing, one bit each. */
uint64_t ich_empty(void);
uint64_t ich_hcr_read(void);
void ich_hcr_write(uint64_t value);
/** True when the loaded vCPU ends interrupts in two steps (ICC_CTLR.EOImode = 1). */
bool ich_eoimode(void);
