/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Every invalidation of guest translations. */
#include "hyp/aarch64/sysreg.h"
#include "hyp/arch.h"

void arch_tlb_flush_vmid(uint16_t vmid, pa_t s2_root)
{
    uint64_t old = SYSREG_READ(vttbr_el2);
    SYSREG_WRITE(vttbr_el2, s2_root.raw | (uint64_t)vmid << 48);
    isb(); /* the TLBI below takes its VMID from VTTBR_EL2 */
    dsb_sy();
    __asm__ volatile("tlbi vmalls12e1is" ::: "memory");
    dsb_sy();
    isb();
    SYSREG_WRITE(vttbr_el2, old);
    isb();
}
