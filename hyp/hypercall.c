/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Hypercalls: decode, check, act. Arguments and results are registers only: EL2 never follows a domain's pointer. */
#include "hyp/hypercall.h"

#include "abi/hypercall.h"
#include "hyp/aarch64/psci.h"
#include "hyp/arch.h"
#include "hyp/console.h"
#include "hyp/core.h"
#include "hyp/dma/guard.h"
#include "hyp/dma/pci.h"
#include "hyp/dma/smmuv3.h"
#include "hyp/domain.h"
#include "hyp/life.h"
#include "hyp/link.h"
#include "hyp/owner.h"
#include "hyp/sched.h"
#include "hyp/stats.h"
#include "hyp/trace.h"
#include "hyp/trap.h"
#include "hyp/vuart.h"
#include "lib/string.h"

struct hyp_stats hyp_stats;

#define LOG_WRITE_MAX      40
#define LOG_BYTES_A_SECOND 8192 /* of each driver domain; more is dropped */

/* The bytes that LOG_WRITE and PANIC carry in x2..x6. Returns their count, 0 for a bad one. */
static uint32_t bytes_of(const struct vcpu *v, char out[LOG_WRITE_MAX])
{
    uint64_t count = v->regs.x[1];
    if (count == 0 || count > LOG_WRITE_MAX) return 0;
    memcpy(out, &v->regs.x[2], LOG_WRITE_MAX);
    return (uint32_t)count;
}

static bool log_may(struct domain *d, uint32_t bytes)
{
    if (d->index == 0) return true;
    uint64_t now = arch_ticks();
    if (now >= d->log_period_end_ticks) {
        d->log_period_end_ticks = now + arch_freq_hz();
        d->log_budget = LOG_BYTES_A_SECOND;
    }
    if (d->log_budget < bytes) return false;
    d->log_budget -= bytes;
    return true;
}

static err_t call_log_write(struct vcpu *v)
{
    char text[LOG_WRITE_MAX];
    uint32_t count = bytes_of(v, text);
    if (!count) return ERR_RANGE;
    if (!log_may(v->domain, count)) return ERR_BUSY;
    log_domain(v->domain->index, v->domain->name, text, count);
    return OK;
}

static err_t call_panic(struct vcpu *v)
{
    char text[LOG_WRITE_MAX];
    uint32_t count = bytes_of(v, text);
    log_domain(v->domain->index, v->domain->name, text, count);
    log_domain(v->domain->index, v->domain->name, "\n", 1);
    domain_kill(v->domain, CAUSE_PANIC, v->regs.pc, 0);
    return OK;
}

static err_t call_dma_enable(struct vcpu *v)
{
    struct domain *d = v->domain;
    if (v->regs.x[1] >= d->device_count) return ERR_RANGE;
    struct domain_device *dev = &d->device[v->regs.x[1]];
    if (!dev->is_pci || d->conf->dma == MANIFEST_DMA_NONE) return ERR_NOT_SUPPORTED;
    if (dev->dma_open) return ERR_STATE;
    err_t e = d->conf->dma == MANIFEST_DMA_GUARD
                      ? guard_may_open(dev->guard)
                      : smmu_stream_open(dev->stream_id, d->vmid, d->s2.root_pa);
    if (e != OK) return e;
    pci_bus_master(dev->pci_slot, true);
    dev->dma_open = true;
    return OK;
}

static err_t call_yield(struct vcpu *v)
{
    sched_yield(v);
    return OK;
}

static err_t call_log_read(struct vcpu *v)
{
    uint64_t *x = v->regs.x;
    char text[32] = { 0 };
    uint64_t position = x[1];
    x[2] = log_read(&position, text, sizeof text);
    x[1] = position;
    memcpy(&x[3], text, sizeof text);
    return OK;
}

/* Bytes of all windows that d serves. */
static uint64_t windows_of(const struct domain *d)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < link_count(); i++) {
        if (link_at(i)->present && link_at(i)->server == d) total += link_at(i)->window.size_bytes;
    }
    return total;
}

static err_t call_domain_info(struct vcpu *v)
{
    uint64_t *x = v->regs.x;
    const struct domain *d = x[1] < DOMAIN_MAX ? domain_at((uint32_t)x[1]) : NULL;
    if (!d) return ERR_NO_ENTRY;
    switch (x[2]) {
    case DOMAIN_ITEM_NAME:
        memcpy(&x[1], d->name, sizeof d->name);
        return OK;
    case DOMAIN_ITEM_STATE:
        x[1] = d->state;
        x[2] = d->generation;
        x[3] = d->death.cause;
        x[4] = d->death.detail;
        x[5] = d->death.info;
        x[6] = d->deaths;
        return OK;
    case DOMAIN_ITEM_MEMORY:
        x[1] = d->memory_bytes;
        x[2] = windows_of(d);
        x[3] = d->pristine.size_bytes;
        return OK;
    case DOMAIN_ITEM_CPU:
        x[1] = d->vcpu[0].cpu.run_ticks;
        x[2] = d->vcpu[0].cpu.el2_ticks;
        x[3] = d->conf->budget_us;
        x[4] = d->conf->period_us;
        return OK;
    case DOMAIN_ITEM_LINKS:
        x[1] = x[2] = x[3] = x[4] = 0;
        for (uint32_t i = 0; i < link_count(); i++) {
            const struct link *l = link_at(i);
            if (l->server != d) continue;
            x[1] += l->served;
            x[2] += l->served_now;
            x[3]++;
            x[4] += l->doorbells;
        }
        return OK;
    case DOMAIN_ITEM_REGS:
        x[1] = d->death.pc;
        x[2] = d->death.sp;
        x[3] = d->death.esr;
        x[4] = d->death.far;
        x[5] = d->death.lr;
        x[6] = d->death.pstate;
        return OK;
    default:
        return ERR_ARG;
    }
}

/* A driver domain named by x1. */
static struct domain *driver_of(const struct vcpu *v)
{
    uint64_t index = v->regs.x[1];
    return index > 0 && index < DOMAIN_MAX ? domain_at((uint32_t)index) : NULL;
}

static err_t call_domain_kill(struct vcpu *v)
{
    struct domain *d = driver_of(v);
    uint64_t cause = v->regs.x[2];
    if (!d) return ERR_NO_ENTRY;
    if (cause != CAUSE_KILLED && cause != CAUSE_PROTOCOL) return ERR_ARG;
    if (d->state != DOMAIN_RUNNING) return ERR_STATE;
    domain_kill(d, (enum death_cause)cause, v->regs.x[3], v->regs.x[4]);
    return OK;
}

static err_t call_domain_step(struct vcpu *v)
{
    struct domain *d = driver_of(v);
    if (!d) return ERR_NO_ENTRY;
    uint64_t after_ns = 0;
    enum step_verdict verdict = life_step(d, &after_ns);
    if (verdict == STEP_DONE) log_line("%s: generation %u", d->name, d->generation);
    v->regs.x[1] = verdict;
    v->regs.x[2] = after_ns;
    return OK;
}

static err_t call_domain_links(struct vcpu *v)
{
    struct domain *d = driver_of(v);
    if (!d) return ERR_NO_ENTRY;
    if (d->state == DOMAIN_RUNNING) return ERR_STATE;
    link_server_offer(d, (uint32_t)v->regs.x[2], (uint32_t)v->regs.x[3]);
    return OK;
}

static err_t call_domain_dump(struct vcpu *v)
{
    struct domain *d = driver_of(v);
    if (!d) return ERR_NO_ENTRY;
    uint8_t bytes[32] = { 0 };
    uint64_t total = 0;
    v->regs.x[2] = life_dump_read(d, v->regs.x[2], bytes, &total);
    v->regs.x[1] = total;
    memcpy(&v->regs.x[3], bytes, sizeof bytes);
    return OK;
}

/* A stock guest named by x1. */
static struct domain *guest_of(const struct vcpu *v)
{
    struct domain *d = driver_of(v);
    return d && d->conf->kind == MANIFEST_GUEST ? d : NULL; /* guards: T-603 */
}

static err_t call_console_read(struct vcpu *v)
{
    struct domain *d = guest_of(v);
    if (!d) return ERR_NO_ENTRY;
    uint8_t bytes[32] = { 0 };
    v->regs.x[2] = vuart_take(d, bytes, sizeof bytes);
    memcpy(&v->regs.x[3], bytes, sizeof bytes);
    return OK;
}

static err_t call_console_write(struct vcpu *v)
{
    struct domain *d = guest_of(v);
    if (!d) return ERR_NO_ENTRY;
    uint64_t count = MIN(v->regs.x[2], 24); /* what x3..x5 hold */
    v->regs.x[1] = vuart_give(d, (const uint8_t *)&v->regs.x[3], (uint32_t)count);
    return OK;
}

static err_t call_trace_read(struct vcpu *v)
{
    struct trace_rec rec;
    uint64_t next = trace_read(v->regs.x[1], &rec);
    if (!next) return ERR_NO_ENTRY;
    v->regs.x[1] = next;
    memcpy(&v->regs.x[3], &rec, sizeof rec);
    return OK;
}

static err_t call_stats(struct vcpu *v)
{
    uint64_t which = v->regs.x[1];
    if (which >= HYP_STAT_COUNT) return ERR_ARG;
    hyp_stats.value[HYP_STAT_DMA_EVENTS] = smmu_event_count();
    if (which == HYP_STAT_RESET_LONGEST) {
        v->regs.x[1] = hyp_stats.value[HYP_STAT_LONGEST_TICKS];
        hyp_stats.value[HYP_STAT_LONGEST_TICKS] = 0;
        return OK;
    }
    v->regs.x[1] = hyp_stats.value[which];
    return OK;
}

typedef err_t (*call_handler)(struct vcpu *);
#define CALL_COUNT 19
#define AT(id)     [(id)-HVC_BASE]
static const call_handler calls[CALL_COUNT] = {
    AT(HVC_LOG_WRITE) = call_log_write,
    AT(HVC_PANIC) = call_panic,
    AT(HVC_DMA_ENABLE) = call_dma_enable,
    AT(HVC_LOG_READ) = call_log_read,
    AT(HVC_DOMAIN_INFO) = call_domain_info,
    AT(HVC_DOMAIN_KILL) = call_domain_kill,
    AT(HVC_DOMAIN_STEP) = call_domain_step,
    AT(HVC_DOMAIN_DUMP) = call_domain_dump,
    AT(HVC_TRACE_READ) = call_trace_read,
    AT(HVC_STATS) = call_stats,
    AT(HVC_DOMAIN_LINKS) = call_domain_links,
    AT(HVC_YIELD) = call_yield,
    AT(HVC_LINK_KICK) = link_kick,
    AT(HVC_LINK_WAIT) = link_wait,
    AT(HVC_CONSOLE_READ) = call_console_read,
    AT(HVC_CONSOLE_WRITE) = call_console_write,
};
#define FIRST_FOR_MAIN (HVC_LOG_READ - HVC_BASE)

struct vcpu *hypercall_entry(struct vcpu *v)
{
    uint64_t n = v->regs.x[0] - HVC_BASE;
    if (n == 0) { /* HVC_VERSION */
        v->regs.x[0] = OK;
        v->regs.x[1] = HVC_ABI_VERSION;
        return v;
    }
    sched_enter(arch_ticks());
    trap_note_hypercall(n);
    if (n >= CALL_COUNT || !calls[n]) {
        hypercall_psci(v);
    } else if (n >= FIRST_FOR_MAIN && v->domain->index != 0) {
        v->regs.x[0] = ERR_RIGHTS;
    } else {
        err_t e = calls[n](v);
        if (v->state != VCPU_OFF) v->regs.x[0] = e;
    }
    owner_checkpoint();
    return sched_exit();
}

/* CPU_ON of one of the domain's own vCPUs: its core is switched on when it is the first there. */
static uint64_t psci_cpu_on(struct domain *d, uint64_t target, uint64_t entry, uint64_t arg)
{
    if (target >= d->vcpu_count) return PSCI_INVALID; /* affinity 0.0.0.n */
    struct vcpu *v = &d->vcpu[target];
    if (v->state != VCPU_OFF || vcpu_is_loaded(v)) return PSCI_ALREADY_ON;
    if (core_power_on(v->core) != OK) return PSCI_FAILURE;
    vgic_power_on(v);
    vcpu_reset(v, (ipa_t){ entry }, arg);
    return 0;
}

/* The last one cannot go: SYSTEM_OFF is for that. */
static uint64_t psci_cpu_off(struct vcpu *v)
{
    struct domain *d = v->domain;
    for (uint32_t i = 0; i < d->vcpu_count; i++) {
        if (&d->vcpu[i] == v || d->vcpu[i].state == VCPU_OFF) continue;
        vcpu_park(v);
        return 0;
    }
    return PSCI_DENIED;
}

static uint64_t psci_system(struct vcpu *v, uint64_t function)
{
    if (v->domain->index != 0) {
        domain_kill(v->domain, CAUSE_OFF, function == PSCI_SYSTEM_RESET, v->regs.pc);
        return 0;
    }
    return psci_call(function, 0, 0, 0);
}

static uint64_t psci_features(uint64_t function)
{
    static const uint64_t known[] = { PSCI_VERSION,    PSCI_CPU_SUSPEND,   PSCI_CPU_OFF,
                                      PSCI_CPU_ON,     PSCI_AFFINITY_INFO, PSCI_MIGRATE_INFO_TYPE,
                                      PSCI_SYSTEM_OFF, PSCI_SYSTEM_RESET,  PSCI_FEATURES,
                                      SMCCC_VERSION };
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (known[i] == function) return 0;
    }
    return PSCI_NOT_SUPPORTED;
}

void hypercall_psci(struct vcpu *v)
{
    uint64_t *x = v->regs.x, result = PSCI_NOT_SUPPORTED;
    struct domain *d = v->domain;
    switch (x[0]) {
    case SMCCC_VERSION:
    case PSCI_VERSION:
        result = 0x10001; /* 1.1 of each */
        break;
    case PSCI_FEATURES:
        result = psci_features(x[1]);
        break;
    case PSCI_CPU_SUSPEND: /* standby of the core only, which is WFI */
        result = x[1] & BIT(16) ? PSCI_INVALID : 0;
        if (result == 0) sched_wait(v);
        break;
    case PSCI_CPU_ON:
        result = psci_cpu_on(d, x[1], x[2], x[3]);
        break;
    case PSCI_CPU_OFF:
        result = psci_cpu_off(v);
        break;
    case PSCI_AFFINITY_INFO:
        result =
                x[1] >= d->vcpu_count || x[2] != 0 ? PSCI_INVALID : d->vcpu[x[1]].state == VCPU_OFF;
        break;
    case PSCI_MIGRATE_INFO_TYPE:
        result = 2; /* nothing that would have to migrate */
        break;
    case PSCI_SYSTEM_OFF:
    case PSCI_SYSTEM_RESET:
        result = psci_system(v, x[0]);
        break;
    default:
        break;
    }
    x[0] = result;
}
