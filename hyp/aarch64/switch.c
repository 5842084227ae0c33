/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* World switch: saves and loads what a vCPU has in system registers. */
#include "hyp/aarch64/switch.h"

#include "abi/manifest.h"
#include "hyp/aarch64/gicv3.h"
#include "hyp/aarch64/ich.h"
#include "hyp/aarch64/sysreg.h"
#include "hyp/core.h"
#include "hyp/domain.h"
#include "hyp/sched.h"
#include "lib/string.h"

/* VTCR_EL2: 39-bit IPA, walk from level 1, WB WA walks, inner-shareable, 4 KiB; PS is added from PARange. */
#define VTCR_VALUE                                                                      \
    (BIT(31) | FIELD(BITS(13, 12), 3) | FIELD(BITS(11, 10), 1) | FIELD(BITS(9, 8), 1) | \
     FIELD(BITS(7, 6), 1) | 25)
STATIC_ASSERT(VTCR_VALUE == 0x80003559UL, "by hand, Arm ARM VTCR_EL2");
#define HCR_VALUE                                                                                \
    ((uint64_t)HCR_VM | HCR_SWIO | HCR_FMO | HCR_IMO | HCR_AMO | HCR_TWI | HCR_TSC | HCR_TIDCP | \
     HCR_TACR | HCR_TSW | HCR_TID3 | BIT(31) | BIT(35) | BIT(36)) /* and TLOR, TERR */
#define CPTR_RES1 (0x33ffUL | BIT(20) | BIT(30)) /* and TTA, TAM: no trace, no activity monitors */
#define CPTR_TFP  BIT(10)
/* MDCR_EL2: debug registers and PMU trapped, breakpoint instructions not. HPMN is kept. */
#define MDCR_TRAPS_PMU_OK (BIT(11) | BIT(10) | BIT(9))
#define MDCR_TRAPS        (MDCR_TRAPS_PMU_OK | BIT(6) | BIT(5))
#define SCTLR_EL1_RESET   0x30d00800UL
#define PSTATE_RESET      0x3c5UL /* EL1h, DAIF masked */
/* CNTHCTL_EL2: EL1 reads the physical counter; its physical timer traps, until it uses it. */
#define CNTHCTL_TRAP 1
#define CNTHCTL_OPEN 3
#define PSTATE_PAN   BIT(22)
#define PSTATE_NZCV  BITS(31, 28)
#define ESR_IL       BIT(25) /* the instruction has 32 bits */

void fpsimd_save(uint64_t *fp);
void fpsimd_load(const uint64_t *fp);

/* MDCR_EL2.HPMN as it was: all counters are EL1's. */
static uint64_t hpmn(void)
{
    return SYSREG_READ(pmcr_el0) >> 11 & 31;
}

void world_start(void)
{
    uint64_t parange = MIN(SYSREG_READ(id_aa64mmfr0_el1) & 0xf, 5);
    SYSREG_WRITE(vtcr_el2, VTCR_VALUE | FIELD(BITS(18, 16), parange));
    SYSREG_WRITE(hcr_el2, HCR_VALUE);
    SYSREG_WRITE(cptr_el2, CPTR_RES1); /* the boot hashes with SIMD; world_switch sets the trap */
    SYSREG_WRITE(hstr_el2, 0);
    SYSREG_WRITE(cntvoff_el2, 0);
    SYSREG_WRITE(cntp_ctl_el0, 0);
    SYSREG_WRITE(cnthctl_el2, CNTHCTL_TRAP);
    SYSREG_WRITE(vpidr_el2, SYSREG_READ(midr_el1));
    SYSREG_WRITE(mdcr_el2, hpmn() | MDCR_TRAPS);
    SYSREG_WRITE(cntv_ctl_el0, 0);
    SYSREG_WRITE(mdscr_el1, 0); /* trapped: no domain changes it */
    isb();
    __asm__ volatile("tlbi alle1\n\tdsb sy\n\tisb" ::: "memory");
    ich_start();
}

void world_reset(struct vcpu *v)
{
    memset(&v->sys, 0, sizeof v->sys);
    v->sys.sctlr = SCTLR_EL1_RESET;
    v->regs.pstate = PSTATE_RESET;
}

static void sys_save(struct vcpu_sysregs *s)
{
    s->sp_el0 = SYSREG_READ(sp_el0);
    s->sp_el1 = SYSREG_READ(sp_el1);
    s->elr_el1 = SYSREG_READ(elr_el1);
    s->spsr_el1 = SYSREG_READ(spsr_el1);
    s->sctlr = SYSREG_READ(sctlr_el1);
    s->cpacr = SYSREG_READ(cpacr_el1);
    s->ttbr0 = SYSREG_READ(ttbr0_el1);
    s->ttbr1 = SYSREG_READ(ttbr1_el1);
    s->tcr = SYSREG_READ(tcr_el1);
    s->mair = SYSREG_READ(mair_el1);
    s->amair = SYSREG_READ(amair_el1);
    s->vbar = SYSREG_READ(vbar_el1);
    s->esr = SYSREG_READ(esr_el1);
    s->far = SYSREG_READ(far_el1);
    s->afsr0 = SYSREG_READ(afsr0_el1);
    s->afsr1 = SYSREG_READ(afsr1_el1);
    s->contextidr = SYSREG_READ(contextidr_el1);
    s->tpidr_el0 = SYSREG_READ(tpidr_el0);
    s->tpidrro_el0 = SYSREG_READ(tpidrro_el0);
    s->tpidr_el1 = SYSREG_READ(tpidr_el1);
    s->par = SYSREG_READ(par_el1);
    s->cntkctl = SYSREG_READ(cntkctl_el1);
    s->csselr = SYSREG_READ(csselr_el1);
    s->cntv_cval = SYSREG_READ(cntv_cval_el0);
    s->cntv_ctl = SYSREG_READ(cntv_ctl_el0);
    if (s->has_cntp) {
        s->cntp_cval = SYSREG_READ(cntp_cval_el0);
        s->cntp_ctl = SYSREG_READ(cntp_ctl_el0);
    }
}

static void sys_load(const struct vcpu_sysregs *s)
{
    SYSREG_WRITE(sp_el0, s->sp_el0);
    SYSREG_WRITE(sp_el1, s->sp_el1);
    SYSREG_WRITE(elr_el1, s->elr_el1);
    SYSREG_WRITE(spsr_el1, s->spsr_el1);
    SYSREG_WRITE(sctlr_el1, s->sctlr);
    SYSREG_WRITE(cpacr_el1, s->cpacr);
    SYSREG_WRITE(ttbr0_el1, s->ttbr0);
    SYSREG_WRITE(ttbr1_el1, s->ttbr1);
    SYSREG_WRITE(tcr_el1, s->tcr);
    SYSREG_WRITE(mair_el1, s->mair);
    SYSREG_WRITE(amair_el1, s->amair);
    SYSREG_WRITE(vbar_el1, s->vbar);
    SYSREG_WRITE(esr_el1, s->esr);
    SYSREG_WRITE(far_el1, s->far);
    SYSREG_WRITE(afsr0_el1, s->afsr0);
    SYSREG_WRITE(afsr1_el1, s->afsr1);
    SYSREG_WRITE(contextidr_el1, s->contextidr);
    SYSREG_WRITE(tpidr_el0, s->tpidr_el0);
    SYSREG_WRITE(tpidrro_el0, s->tpidrro_el0);
    SYSREG_WRITE(tpidr_el1, s->tpidr_el1);
    SYSREG_WRITE(par_el1, s->par);
    SYSREG_WRITE(cntkctl_el1, s->cntkctl);
    SYSREG_WRITE(S3_4_C12_C1_1,
                 0); /* VDISR_EL2, which a domain sees as DISR_EL1: nothing is ever deferred */
    SYSREG_WRITE(csselr_el1, s->csselr);
    SYSREG_WRITE(cntv_cval_el0, s->cntv_cval);
    SYSREG_WRITE(cntv_ctl_el0, s->cntv_ctl);
}

/* The physical timer: to has its own, or none. */
static void cntp_load(const struct vcpu *from, const struct vcpu *to)
{
    if (to && to->sys.has_cntp) {
        SYSREG_WRITE(cntp_cval_el0, to->sys.cntp_cval);
        SYSREG_WRITE(cntp_ctl_el0, to->sys.cntp_ctl);
        SYSREG_WRITE(cnthctl_el2, CNTHCTL_OPEN);
    } else if (from && from->sys.has_cntp) {
        SYSREG_WRITE(cntp_ctl_el0, 0);
        SYSREG_WRITE(cnthctl_el2, CNTHCTL_TRAP);
    }
}

void world_switch(struct vcpu *from, struct vcpu *to)
{
    if (from) {
        sys_save(&from->sys);
        ich_save(&from->vgic);
        from->vgic.ppi_active = gic_ppi_active_take();
    }
    cntp_load(from, to);
    if (!to) {
        SYSREG_WRITE(cntv_ctl_el0, 0);
        SYSREG_WRITE(vttbr_el2, 0); /* nobody's tables are walked from here on */
        isb();
        return;
    }
    const struct domain *d = to->domain;
    SYSREG_WRITE(vttbr_el2, d->s2.root_pa.raw | (uint64_t)d->vmid << 48);
    SYSREG_WRITE(vmpidr_el2, BIT(31) | to->index);
    SYSREG_WRITE(mdcr_el2, hpmn() | (d->conf->pmu ? MDCR_TRAPS_PMU_OK : MDCR_TRAPS));
    SYSREG_WRITE(cptr_el2, CPTR_RES1 | (this_core()->fp_owner == to ? 0 : CPTR_TFP));
    sys_load(&to->sys);
    ich_load(&to->vgic);
    gic_ppi_active_give(to->vgic.ppi_active);
    gic_ppi_enable(to->vgic.own.enabled);
    isb();
}

void vcpu_store_sysregs(struct vcpu *v)
{
    if (v == sched_current()) sys_save(&v->sys);
}

void world_fp_give(struct vcpu *v)
{
    SYSREG_WRITE(cptr_el2, CPTR_RES1);
    isb();
    struct core *c = this_core();
    if (c->fp_owner == v) return;
    if (c->fp_owner) fpsimd_save(c->fp_owner->fp);
    fpsimd_load(v->fp);
    c->fp_owner = v;
}

void world_fp_drop(struct vcpu *v)
{
    struct core *c = core_at(v->core);
    if (c->fp_owner == v)
        c->fp_owner = NULL; /* the next FP trap loads somebody's own values over them */
    memset(v->fp, 0, sizeof v->fp);
}

bool world_timer_fires(const struct vcpu *v)
{
    uint32_t lets = v->vgic.own.enabled;
    /* ENABLE, not IMASK, ISTATUS */
    return (lets & 1U << PPI_VTIMER && (SYSREG_READ(cntv_ctl_el0) & 7) == 5) ||
           (v->sys.has_cntp && lets & 1U << PPI_PTIMER && (SYSREG_READ(cntp_ctl_el0) & 7) == 5);
}

bool world_has_sha2(void)
{
    return (SYSREG_READ(id_aa64isar0_el1) >> 12 & 15) != 0;
}

void world_idle(void)
{
    dsb_sy();
    __asm__ volatile("wfi" ::: "memory");
}

void world_inject(struct vcpu *v, bool undef, uint64_t esr, uint64_t far)
{
    uint64_t old = v->regs.pstate, sctlr = SYSREG_READ(sctlr_el1);
    bool from_el0 = (old & 0xf) == 0;
    uint64_t ec = (esr >> 26 == 0x20 ? 0x20UL : 0x24UL) + (from_el0 ? 0 : 1);
    /* Synchronous external abort, not on a table walk; WnR and IL are kept. */
    SYSREG_WRITE(esr_el1, undef ? ESR_IL : ec << 26 | (esr & (ESR_IL | BIT(6))) | 0x10);
    if (!undef) SYSREG_WRITE(far_el1, far);
    SYSREG_WRITE(elr_el1, v->regs.pc);
    SYSREG_WRITE(spsr_el1, old);
    v->regs.pc = SYSREG_READ(vbar_el1) + (old & PSTATE_A32 ? 0x600
                                          : from_el0       ? 0x400
                                          : old & 1        ? 0x200
                                                           : 0);
    v->regs.pstate = PSTATE_RESET | (old & (PSTATE_NZCV | PSTATE_PAN)) |
                     (sctlr & BIT(23) ? 0 : PSTATE_PAN) | (sctlr >> 44 & 1) << 12; /* SSBS */
}

void world_skip(struct vcpu *v, uint64_t esr)
{
    uint64_t p = v->regs.pstate;
    v->regs.pc += esr & ESR_IL ? 4 : 2;
    if (!(p & PSTATE_A32)) return;
    uint64_t it = (p >> 10 & 0x3f) << 2 | (p >> 25 & 3); /* of an IT block, Arm ARM ITAdvance() */
    it = it & 7 ? (it & 0xe0) | (it << 1 & 0x1f) : 0;
    v->regs.pstate = (p & ~(BITS(15, 10) | BITS(26, 25))) | (it >> 2) << 10 | (it & 3) << 25;
}

uint64_t id_read(uint32_t n); /* vectors.S: identification register CRm 1 + n / 8, op2 n % 8 */

/* What a domain is told of its processor: nothing of EL2, EL3, debug, PMU, trace, RAS, AMU, SVE and ordering regions. */
static uint64_t id_shown(uint32_t n)
{
    uint64_t value = id_read(n);
    switch (n) {
    case 0: /* ID_PFR0 */
        return value & 0x0f0fffff;
    case 2: /* ID_DFR0 */
        return 0;
    case 24: /* ID_AA64PFR0: EL1 is 64-bit only */
        return (value & 0xff0f00000fff000f) | 0x10;
    case 25: /* ID_AA64PFR1: BT, SSBS */
        return value & 0xff;
    case 32: /* ID_AA64DFR0: the least there can be, 2 breakpoints, 2 watchpoints */
        return 6 | BIT(12) | BIT(20);
    case 49: /* ID_AA64MMFR1: no VHE, no LORegions */
        return value & ~(BITS(11, 8) | BITS(19, 16));
    default:
        return n > 25 && n < 40 ? 0 : value; /* the rest of CRm 4 and 5 */
    }
}

bool world_hidden(const struct vcpu *v, uint32_t iss, bool is_read, uint64_t *value)
{
    uint32_t op0 = iss >> 20 & 3, op1 = iss >> 14 & 7, op2 = iss >> 17 & 7;
    uint32_t n = iss >> 10 & 15, m = iss >> 1 & 15;
    if (op0 == 3 && op1 == 0 && n == 0 && m >= 1 && m <= 7 && is_read) {
        *value = id_shown((m - 1) << 3 | op2);
        return true;
    }
    /* Debug: stock kernels clear what there is at start; to them it reads 0 and ignores writes. */
    *value = 0;
    return op0 == 2 && op1 != 1 && v->domain->conf->on_violation != MANIFEST_KILL;
}

uint64_t world_fault_ipa(void)
{
    return (SYSREG_READ(hpfar_el2) & ~0xfUL) << 8 | (SYSREG_READ(far_el2) & (PAGE_SIZE - 1));
}

struct world_syndrome world_syndrome(void)
{
    return (struct world_syndrome){ SYSREG_READ(esr_el2), SYSREG_READ(far_el2),
                                    SYSREG_READ(hpfar_el2) };
}

bool world_sysreg(struct vcpu *v, uint32_t iss, bool is_read, uint64_t *value)
{
    /* Op0 3 each; Op1 0, CRn 12, CRm 11; Op1 3, CRn 14, CRm 2; any Op2 and Rt */
    enum { ICC = 0x303016, CNTP = 0x30f804, FIELDS = 0x31fc1e };
    if ((iss & FIELDS) == CNTP && !v->sys.has_cntp) {
        v->sys.has_cntp = true;
        cntp_load(NULL, v);
        v->regs.pc -= 4; /* once more, on the real one */
        return true;
    }
    return (iss & FIELDS) == ICC && !is_read && vgic_sysreg_write(v, iss >> 17 & 7, *value);
}
