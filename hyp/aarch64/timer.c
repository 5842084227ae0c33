/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* EL2's clock and its one timer (CNTHP). */
#include "hyp/aarch64/sysreg.h"
#include "hyp/arch.h"
#include "hyp/core.h"
#include "hyp/stats.h"

static uint64_t freq_hz; /* CNTFRQ_EL0, read once */

uint64_t arch_ticks(void)
{
    return SYSREG_READ(cntpct_el0);
}

uint64_t arch_freq_hz(void)
{
    if (!freq_hz) freq_hz = SYSREG_READ(cntfrq_el0);
    return freq_hz;
}

uint64_t arch_ns_to_ticks(uint64_t ns)
{
    uint64_t hz = arch_freq_hz();
    return ns / 1000000000 * hz + ns % 1000000000 * hz / 1000000000;
}

uint64_t arch_ticks_to_ns(uint64_t ticks)
{
    uint64_t hz = MAX(arch_freq_hz(), 1);
    return ticks / hz * 1000000000 + ticks % hz * 1000000000 / hz;
}

void arch_timer_set(uint64_t cval_ticks)
{
    struct core *c = this_core();
    if (cval_ticks == c->timer_ticks) return;
    c->timer_ticks = cval_ticks;
    hyp_stats.value[HYP_STAT_TIMER_WRITES]++;
    if (cval_ticks == UINT64_MAX) {
        SYSREG_WRITE(cnthp_ctl_el2, 0);
    } else {
        SYSREG_WRITE(cnthp_cval_el2, cval_ticks);
        SYSREG_WRITE(cnthp_ctl_el2, 1);
    }
    isb();
}

void arch_dsb(void)
{
    dsb_sy();
}
