/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Fault build: it answers nothing more and sleeps, deaf to every interrupt. */
#include "domains/faults/fault.h"
#include "domains/rt/seam.h"
#include "domains/rt/sysreg.h"

err_t seam_fetch(struct virtq_device *q, struct virtq_chain *chain)
{
    err_t e = virtq_fetch(q, chain);
    if (e == OK && fault_due()) {
        SYSREG_WRITE(ICC_PMR_EL1, 0);
        for (;;) __asm__ volatile("dsb sy\n\twfi" ::: "memory");
    }
    return e;
}
