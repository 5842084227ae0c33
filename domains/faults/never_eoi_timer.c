/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Fault build: it takes its timer interrupt, never ends it, and arms the timer again and again. */
#include "domains/faults/fault.h"
#include "domains/rt/gic.h"
#include "domains/rt/seam.h"

err_t seam_fetch(struct virtq_device *q, struct virtq_chain *chain)
{
    err_t e = virtq_fetch(q, chain);
    if (e == OK && fault_due()) {
        for (;;) {
            SYSREG_WRITE(cntv_cval_el0, SYSREG_READ(cntvct_el0));
            SYSREG_WRITE(cntv_ctl_el0, 1);
            __asm__ volatile("dsb sy\n\twfi" ::: "memory");
            (void)gic_ack(); /* active from here on, for good */
        }
    }
    return e;
}
