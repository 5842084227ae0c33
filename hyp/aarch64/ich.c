/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* List registers and the rest of the virtual CPU interface. */
#include "hyp/aarch64/ich.h"

#include "hyp/aarch64/sysreg.h"

#define ICH_HCR_EN  BIT(0)
#define ICH_HCR_UIE BIT(1)

void ich_start(void)
{
    SYSREG_WRITE(ICH_HCR, 0);
    SYSREG_WRITE(ICH_VMCR, 0);
    for (uint32_t i = 0; i < VGIC_LR_COUNT; i++) ich_lr_write(i, 0);
}

void ich_save(struct vgic *g)
{
    g->lr[0] = SYSREG_READ(ICH_LR0);
    g->lr[1] = SYSREG_READ(ICH_LR1);
    g->lr[2] = SYSREG_READ(ICH_LR2);
    g->lr[3] = SYSREG_READ(ICH_LR3);
    g->vmcr = SYSREG_READ(ICH_VMCR);
    g->ap1r0 = SYSREG_READ(ICH_AP1R0);
    g->hcr = SYSREG_READ(ICH_HCR);
}

void ich_load(const struct vgic *g)
{
    SYSREG_WRITE(ICH_LR0, g->lr[0]);
    SYSREG_WRITE(ICH_LR1, g->lr[1]);
    SYSREG_WRITE(ICH_LR2, g->lr[2]);
    SYSREG_WRITE(ICH_LR3, g->lr[3]);
    SYSREG_WRITE(ICH_VMCR, g->vmcr);
    SYSREG_WRITE(ICH_AP1R0, g->ap1r0);
    SYSREG_WRITE(ICH_HCR, g->hcr | ICH_HCR_EN);
}

uint64_t ich_lr_read(uint32_t n)
{
    switch (n) {
    case 0:
        return SYSREG_READ(ICH_LR0);
    case 1:
        return SYSREG_READ(ICH_LR1);
    case 2:
        return SYSREG_READ(ICH_LR2);
    default:
        return SYSREG_READ(ICH_LR3);
    }
}

void ich_lr_write(uint32_t n, uint64_t value)
{
    switch (n) {
    case 0:
        SYSREG_WRITE(ICH_LR0, value);
        break;
    case 1:
        SYSREG_WRITE(ICH_LR1, value);
        break;
    case 2:
        SYSREG_WRITE(ICH_LR2, value);
        break;
    default:
        SYSREG_WRITE(ICH_LR3, value);
        break;
    }
}

void ich_underflow_set(bool on)
{
    uint64_t hcr = SYSREG_READ(ICH_HCR);
    uint64_t want = on ? hcr | ICH_HCR_UIE : hcr & ~ICH_HCR_UIE;
    if (want != hcr) SYSREG_WRITE(ICH_HCR, want);
}
