/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The emulated GICv3 as this domain's one core uses it: enable, acknowledge, end. Interrupts
 * stay masked in PSTATE. */
#pragma once
#include "abi/bootinfo.h"
#include "lib/base.h"

#define GIC_NONE 1020 /* first INTID that is no interrupt */

/** CPU interface and distributor on, every interrupt off. */
void gic_start(const struct bootinfo *boot);
/** Lets one interrupt through. */
void gic_enable(uint32_t intid);

/** Takes the pending interrupt; GIC_NONE or more: there is none. */
static inline uint32_t gic_ack(void);
/** True when gic_ack() would take one now. */
static inline bool gic_is_pending(void);
/** Ends it: also lets a level interrupt come again. */
static inline void gic_end(uint32_t intid);

#include "domains/rt/sysreg.h"

static inline uint32_t gic_ack(void)
{
    return (uint32_t)SYSREG_READ(ICC_IAR1_EL1) & 0xffffff;
}

static inline bool gic_is_pending(void)
{
    return (SYSREG_READ(ICC_HPPIR1_EL1) & 0xffffff) < GIC_NONE;
}

static inline void gic_end(uint32_t intid)
{
    SYSREG_WRITE(ICC_EOIR1_EL1, intid);
}
