/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the fault builds share. */
#include "domains/faults/fault.h"

#include "domains/rt/hvc.h"
#include "domains/rt/rt.h"
#include "domains/rt/sysreg.h"

static struct {
    uint64_t count;
} fault;

bool fault_due(void)
{
    uint64_t gens = rt_param("gens", 1);
    if (gens != 0 && rt_bootinfo()->generation >= gens) return false;
    if (++fault.count != rt_param("after", FAULT_AFTER_DEFAULT)) return false;
    hvc_log("fault build: now");
    return true;
}

uint64_t fault_addr(void)
{
    return rt_param("addr", FAULT_ADDR_DEFAULT);
}

void fault_unmapped(void)
{
    SYSREG_WRITE(sctlr_el1, SYSREG_READ(sctlr_el1) & ~UINT64_C(1));
    isb();
}
