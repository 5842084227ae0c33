/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* List registers and the rest of the virtual CPU interface. */
#include "hyp/aarch64/ich.h"

#include "hyp/aarch64/sysreg.h"

#define VMCR_EOIM BIT(9)

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
    g->ap0r0 = SYSREG_READ(ICH_AP0R0);
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
    SYSREG_WRITE(ICH_AP0R0, g->ap0r0);
    SYSREG_WRITE(ICH_AP1R0, g->ap1r0);
    SYSREG_WRITE(ICH_HCR, g->hcr | HCR_EN);
}

/* A list register's number is part of the instruction. */
#define EACH_LR(n, DO) \
    ((n) == 0 ? DO(ICH_LR0) : (n) == 1 ? DO(ICH_LR1) : (n) == 2 ? DO(ICH_LR2) : DO(ICH_LR3))

uint64_t ich_lr_read(uint32_t n)
{
    return EACH_LR(n, SYSREG_READ);
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

uint64_t ich_empty(void)
{
    return SYSREG_READ(ICH_ELRSR);
}

uint64_t ich_hcr_read(void)
{
    return SYSREG_READ(ICH_HCR);
}

void ich_hcr_write(uint64_t value)
{
    SYSREG_WRITE(ICH_HCR, value);
}

bool ich_eoimode(void)
{
    return SYSREG_READ(ICH_VMCR) & VMCR_EOIM;
}
