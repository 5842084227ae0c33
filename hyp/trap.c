/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Exceptions of domains: a table from exception class to handler; each handler returns a verdict. */
#include "hyp/trap.h"

#include "hyp/aarch64/gicv3.h"
#include "hyp/aarch64/switch.h"
#include "hyp/arch.h"
#include "hyp/console.h"
#include "hyp/core.h"
#include "hyp/dma/guard.h"
#include "hyp/dma/smmuv3.h"
#include "hyp/domain.h"
#include "hyp/hypercall.h"
#include "hyp/limit.h"
#include "hyp/link.h"
#include "hyp/sched.h"
#include "hyp/stats.h"
#include "hyp/trace.h"
#include "hyp/vuart.h"

enum trap_verdict { TRAP_RESUME, TRAP_SKIP, TRAP_INJECT_UNDEF, TRAP_INJECT_ABORT };

#define EC_WFX   0x01
#define EC_FP    0x07
#define EC_HVC64 0x16
#define EC_SMC64 0x17
#define EC_SYS64 0x18
#define EC_IABT  0x20
#define EC_DABT  0x24

/* ISS of a data abort, Arm ARM "ISS encoding for an exception from a Data Abort". */
#define DABT_ISV      BIT(24)
#define DABT_SAS      BITS(23, 22)
#define DABT_SSE      BIT(21)
#define DABT_SRT      BITS(20, 16)
#define DABT_SF       BIT(15)
#define DABT_CM       BIT(8)
#define DABT_S1PTW    BIT(7)
#define DABT_WNR      BIT(6)
#define DABT_FSC_KIND BITS(5, 2)
#define FSC_TRANSLATION \
    1 /* the only stage-2 fault for which HPFAR_EL2 is architecturally valid without S1PTW */

#define VIOLATIONS_MAX 4096 /* a second, for domains that get the architecture's answer */

#define LINE_MAX    1020
#define VINTID_EDGE BIT(15) /* a level line cannot come again before its guest ends it: no limit */
static struct {
    struct domain *owner[LINE_MAX]; /* of each physical line; NULL: nobody's */
    uint16_t vintid[LINE_MAX];
} trap;

void trap_note_hypercall(uint64_t n)
{
    this_core()->syndrome = (uint64_t)EC_HVC64 << 26 | (n & 0xffff);
    hyp_stats.value[HYP_STAT_ENTRIES]++;
}

void trap_line_owner(uint32_t pintid, struct domain *d, uint32_t vintid, bool edge)
{
    CHECK(pintid < LINE_MAX);
    trap.owner[pintid] = d;
    trap.vintid[pintid] = (uint16_t)(vintid | (edge ? VINTID_EDGE : 0));
}

/* The domain did what it must not: drivers die, main and guests get the architecture's answer, up to a ceiling. */
static enum trap_verdict violation(struct vcpu *v, enum death_cause cause, uint64_t detail,
                                   uint64_t info, enum trap_verdict answer)
{
    struct domain *d = v->domain;
    if (d->conf->on_violation == MANIFEST_KILL) {
        domain_kill(d, cause, detail, info);
        return TRAP_RESUME;
    }
    uint64_t now = arch_ticks();
    if (now >= d->violation_end_ticks) {
        d->violation_end_ticks = now + arch_freq_hz();
        d->violations = 0;
    }
    if (++d->violations > VIOLATIONS_MAX) {
        domain_kill(d, CAUSE_BUDGET, detail, info);
        return TRAP_RESUME;
    }
    return answer;
}

static uint64_t reg_get(const struct vcpu *v, uint32_t n)
{
    return n == 31 ? 0 : v->regs.x[n];
}

static void reg_set(struct vcpu *v, uint32_t n, uint64_t value)
{
    if (n != 31) v->regs.x[n] = value;
}

static enum trap_verdict on_wfx(struct vcpu *v, const struct world_syndrome *s)
{
    if (!(s->esr & 1)) sched_wait(v); /* bit 0: WFE, which never waits here */
    return TRAP_SKIP;
}

static enum trap_verdict on_fp(struct vcpu *v, const struct world_syndrome *s)
{
    (void)s;
    world_fp_give(v);
    return TRAP_RESUME;
}

static enum trap_verdict on_smc(struct vcpu *v, const struct world_syndrome *s)
{
    (void)s;
    hypercall_psci(v);
    return TRAP_SKIP; /* ELR is the SMC itself */
}

static enum trap_verdict on_sysreg(struct vcpu *v, const struct world_syndrome *s)
{
    uint32_t iss = (uint32_t)s->esr & 0x1ffffff, rt = iss >> 5 & 31;
    bool is_read = iss & 1;
    uint64_t value = reg_get(v, rt);
    if (!world_sysreg(v, iss, is_read, &value) && !world_hidden(v, iss, is_read, &value)) {
        return violation(v, CAUSE_FORBIDDEN, s->esr, v->regs.pc, TRAP_INJECT_UNDEF);
    }
    if (is_read) reg_set(v, rt, value);
    return TRAP_SKIP;
}

/* Emulated registers at this IPA? Fills *value for reads. ERR_NO_ENTRY: none. */
static err_t emulate(struct vcpu *v, ipa_t ipa, bool is_write, uint32_t size_bytes, uint64_t *value)
{
    struct domain *d = v->domain;
    if (d->conf->dma == MANIFEST_DMA_GUARD && guard_access(d, ipa, is_write, size_bytes, value)) {
        return OK;
    }
    if (ipa.raw - d->gicd_ipa.raw < KIB(64)) {
        vgic_access(v, true, ipa.raw - d->gicd_ipa.raw, is_write, size_bytes, value);
        return OK;
    }
    if (ipa.raw - d->gicr_ipa.raw < d->vcpu_count * VGIC_GICR_BYTES) {
        vgic_access(v, false, ipa.raw - d->gicr_ipa.raw, is_write, size_bytes, value);
        return OK;
    }
    if (d->conf->kind == MANIFEST_GUEST && ipa.raw - GUEST_UART_IPA < VUART_BYTES) {
        vuart_access(d, ipa.raw - GUEST_UART_IPA, is_write, value);
        return OK;
    }
    return link_access(d, ipa, is_write, size_bytes, value);
}

static enum trap_verdict on_data_abort(struct vcpu *v, const struct world_syndrome *s)
{
    ipa_t ipa = { (s->hpfar & ~0xfUL) << 8 | (s->far & (PAGE_SIZE - 1)) };
    uint64_t esr = s->esr;
    bool is_write = esr & DABT_WNR;
    if ((esr & (DABT_ISV | DABT_S1PTW | DABT_CM | DABT_FSC_KIND)) ==
        (DABT_ISV | FIELD(DABT_FSC_KIND, FSC_TRANSLATION))) {
        uint32_t size_bytes = 1U << FIELD_OF(DABT_SAS, esr), rt = (uint32_t)FIELD_OF(DABT_SRT, esr);
        uint64_t mask = UINT64_MAX >> (64 - 8 * size_bytes);
        uint64_t value = is_write ? reg_get(v, rt) & mask : 0;
        err_t e = emulate(v, ipa, is_write, size_bytes, &value);
        if (e == OK && is_write) return TRAP_SKIP;
        if (e == OK) {
            value &= mask;
            if ((esr & DABT_SSE) && value >> (size_bytes * 8 - 1)) value |= ~mask;
            if (!(esr & DABT_SF)) {
                value &= UINT32_MAX;
            }
            reg_set(v, rt, value);
            return TRAP_SKIP;
        }
        if (e != ERR_NO_ENTRY) {
            return violation(v, CAUSE_PROTOCOL, ipa.raw, (uint64_t)e, TRAP_INJECT_ABORT);
        }
    }
    return violation(v, CAUSE_FAULT, ipa.raw, esr, TRAP_INJECT_ABORT);
}

static enum trap_verdict on_code_abort(struct vcpu *v, const struct world_syndrome *s)
{
    uint64_t ipa = (s->hpfar & ~0xfUL) << 8 | (s->far & (PAGE_SIZE - 1));
    return violation(v, CAUSE_FAULT, ipa, s->esr, TRAP_INJECT_ABORT);
}

static enum trap_verdict on_forbidden(struct vcpu *v, const struct world_syndrome *s)
{
    return violation(v, CAUSE_FORBIDDEN, s->esr, v->regs.pc, TRAP_INJECT_UNDEF);
}

typedef enum trap_verdict (*trap_handler)(struct vcpu *, const struct world_syndrome *);
static const trap_handler trap_table[64] = {
    [EC_WFX] = on_wfx,      [EC_FP] = on_fp,           [EC_SMC64] = on_smc,
    [EC_SYS64] = on_sysreg, [EC_IABT] = on_code_abort, [EC_DABT] = on_data_abort,
}; /* an empty slot means the domain's on-violation: kill or inject */

struct vcpu *trap_sync(struct vcpu *v)
{
    sched_enter(arch_ticks());
    struct world_syndrome s = world_syndrome();
    this_core()->syndrome = s.esr;
    hyp_stats.value[HYP_STAT_ENTRIES]++;
    trap_handler handler = trap_table[s.esr >> 26 & 63];
    switch (handler ? handler(v, &s) : on_forbidden(v, &s)) {
    case TRAP_RESUME:
        break;
    case TRAP_SKIP:
        world_skip(v, s.esr);
        break;
    case TRAP_INJECT_UNDEF:
        world_inject(v, true, s.esr, s.far);
        break;
    case TRAP_INJECT_ABORT:
        world_inject(v, false, s.esr, s.far);
        break;
    }
    return sched_exit();
}

/* What is refused here comes again by the long way, and dies there. */
static bool quick_guard_read(struct domain *d, uint64_t ipa, uint64_t *value)
{
    if (d->conf->dma != MANIFEST_DMA_GUARD) return false;
    core_lock();
    bool done = guard_read(d, (ipa_t){ ipa }, value);
    core_unlock();
    return done;
}

struct vcpu *trap_quick_read(struct vcpu *v, uint64_t esr)
{
    const uint64_t what = DABT_ISV | DABT_SSE | DABT_CM | DABT_S1PTW | DABT_WNR | DABT_FSC_KIND;
    const uint64_t word = DABT_ISV | FIELD(DABT_SAS, 2) | FIELD(DABT_FSC_KIND, FSC_TRANSLATION);
    uint32_t rt = (uint32_t)FIELD_OF(DABT_SRT, esr);
    uint64_t ipa = world_fault_ipa(), off = ipa - v->domain->gicd_ipa.raw, value = 0;
    if ((esr & (what | DABT_SAS)) != word || rt > 18) return NULL;
    if (v->regs.pstate & PSTATE_A32) return NULL;
    if (off < VGIC_FIXED_BYTES) { /* beyond these, a read may move list registers and wake others */
        vgic_access(v, true, off, false, 4, &value);
    } else if (!quick_guard_read(v->domain, ipa, &value)) {
        return NULL;
    }
    v->regs.x[rt] = (uint32_t)value;
    v->regs.pc += 4;
    hyp_stats.value[HYP_STAT_ENTRIES]++;
    return v;
}

static void irq_taken(const struct vcpu *v, uint32_t intid)
{
    hyp_stats.value[HYP_STAT_INTERRUPTS]++;
    trace(TRACE_IRQ, v ? v->domain->index : 0, intid, 0);
}

struct vcpu *trap_quick_irq(struct vcpu *v)
{
    uint32_t intid = gic_ack(), vintid = intid;
    this_core()->irq = intid;
    if (intid != PPI_VTIMER && intid != PPI_PTIMER) {
        if (intid >= LINE_MAX || trap.owner[intid] != v->domain) return NULL;
        if (v->domain->conf->dma == MANIFEST_DMA_SMMU) return NULL;
        vintid = trap.vintid[intid]; /* with VINTID_EDGE it is no interrupt there is */
    }
    core_lock();
    bool done = vgic_inject_again(v, vintid);
    if (done) {
        gic_eoi(intid);
        irq_taken(v, intid);
        hyp_stats.value[HYP_STAT_ENTRIES]++;
    }
    core_unlock();
    return done ? v : NULL;
}

static void take_one(uint32_t intid)
{
    struct vcpu *v = sched_current();
    if (intid == SGI_KICK) {
        if (v) vgic_flush(v); /* also when it sleeps; the rest is seen on the way out */
        gic_deactivate(intid);
    } else if (intid == PPI_HYP_TIMER) {
        sched_timer();
        gic_deactivate(intid);
    } else if (intid == PPI_MAINTENANCE) {
        if (v) vgic_maintenance(v);
        gic_deactivate(intid);
    } else if (intid == PPI_VTIMER || intid == PPI_PTIMER) {
        if (v) vgic_inject_hw(v, intid);
    } else if (intid < LINE_MAX && trap.owner[intid]) {
        struct domain *d = trap.owner[intid];
        /* A blocked DMA and the device's own error come together: the death goes first, so nobody hears of the error. */
        if (d->conf->dma == MANIFEST_DMA_SMMU) smmu_on_irq(intid);
        sched_charge_to(&d->vcpu[0]);
        if (trap.vintid[intid] & VINTID_EDGE) limit_line(d, intid);
        if (d->state == DOMAIN_RUNNING) {
            vgic_inject_hw(&d->vcpu[0], trap.vintid[intid] & ~(uint32_t)VINTID_EDGE);
        } else {
            gic_line_kill(intid);
        }
    } else {
        smmu_on_irq(intid);
        gic_deactivate(intid);
    }
}

static void take(uint32_t intid)
{
    gic_eoi(intid);
    irq_taken(sched_current(), intid);
    take_one(intid);
}

void trap_take_interrupts(void)
{
    for (int i = 0; i < 16; i++) {
        uint32_t intid = gic_ack();
        if (intid >= INTID_SPURIOUS && intid < 8192) return;
        take(intid);
    }
}

struct vcpu *trap_irq(struct vcpu *v)
{
    (void)v;
    sched_enter(arch_ticks());
    this_core()->syndrome = 0;
    hyp_stats.value[HYP_STAT_ENTRIES]++;
    uint32_t intid = this_core()->irq; /* the next one, if any, comes in at once by itself */
    if (intid < INTID_SPURIOUS || intid >= 8192) take(intid);
    return sched_exit();
}

struct vcpu *trap_serror(struct vcpu *v)
{
    sched_enter(arch_ticks());
    domain_kill(
            v->domain, CAUSE_FORBIDDEN, 0,
            v->regs.pc); /* an external error while it ran: it is the one that touched something */
    return sched_exit();
}

void trap_own_fault(uint64_t kind, uint64_t pc, uint64_t sp)
{
    struct world_syndrome s = world_syndrome();
    log_line("hyp: exception %lu at EL2: pc 0x%lx sp 0x%lx esr 0x%lx far 0x%lx", kind, pc, sp,
             s.esr, s.far);
    panic_at("exception at EL2", __FILE__, __LINE__);
}
