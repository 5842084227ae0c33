/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The table of domains, and how one dies. */
#include "hyp/domain.h"

#include "hyp/console.h"
#include "hyp/life.h"
#include "hyp/link.h"
#include "hyp/sched.h"
#include "hyp/trace.h"
#include "lib/string.h"

static struct {
    struct domain table[DOMAIN_MAX];
    uint32_t count;
} domains;

static const char *const cause_text[CAUSE_COUNT] = {
    [CAUSE_NONE] = "none",           [CAUSE_PANIC] = "panic",
    [CAUSE_FAULT] = "stage-2 fault", [CAUSE_FORBIDDEN] = "forbidden",
    [CAUSE_DMA] = "DMA violation",   [CAUSE_HANG] = "hang",
    [CAUSE_BUDGET] = "budget abuse", [CAUSE_PROTOCOL] = "protocol",
    [CAUSE_KILLED] = "killed",       [CAUSE_OFF] = "switched itself off",
};

struct domain *domain_at(uint32_t index)
{
    return index < domains.count ? &domains.table[index] : NULL;
}

uint32_t domain_count(void)
{
    return domains.count;
}

struct domain *domain_add(const struct manifest_domain *conf)
{
    CHECK(domains.count < DOMAIN_MAX);
    struct domain *d = &domains.table[domains.count];
    d->index = domains.count++;
    d->vmid = (uint16_t)(d->index + 1);
    d->conf = conf;
    d->vcpu_count = MAX(conf->vcpus, 1U);
    for (uint32_t i = 0; i < VCPU_MAX; i++) {
        d->vcpu[i].domain = d;
        d->vcpu[i].index = i;
    }
    (void)str_copy(d->name, sizeof d->name, conf->name);
    return d;
}

struct domain *domain_of_stream(uint32_t stream_id)
{
    for (uint32_t i = 0; i < domains.count; i++) {
        struct domain *d = &domains.table[i];
        for (uint32_t n = 0; n < d->device_count; n++) {
            if (d->device[n].is_pci && d->device[n].stream_id == stream_id) return d;
        }
    }
    return NULL;
}

/* What the vCPU left behind. */
static void take_dump(struct domain *d)
{
    const struct vcpu *v = &d->vcpu[d->death.vcpu];
    d->death.pc = v->regs.pc;
    d->death.lr = v->regs.x[30];
    d->death.pstate = v->regs.pstate;
    d->death.sp = v->sys.sp_el1;
    d->death.esr = v->sys.esr;
    d->death.far = v->sys.far;
    d->death.dump_due = false;
    life_dump_take(d);
}

bool domain_is_loaded(const struct domain *d)
{
    for (uint32_t i = 0; i < d->vcpu_count; i++) {
        if (vcpu_is_loaded(&d->vcpu[i])) return true;
    }
    return false;
}

void domain_vcpu_left(struct vcpu *v)
{
    struct domain *d = v->domain;
    if (d->state == DOMAIN_DEAD && d->death.dump_due && !domain_is_loaded(d)) take_dump(d);
}

void domain_kill(struct domain *d, enum death_cause cause, uint64_t detail, uint64_t info)
{
    if (d->state != DOMAIN_RUNNING) return;
    if (d->index == 0) {
        log_line("hyp: main died: %s, detail 0x%lx, info 0x%lx, pc 0x%lx", cause_text[cause],
                 detail, info, d->vcpu[0].regs.pc);
        panic_at("the main domain died", __FILE__, __LINE__);
    }
    d->state = DOMAIN_DEAD;
    d->deaths++;
    d->death.cause = cause;
    d->death.detail = detail;
    d->death.info = info;
    /* Of its vCPUs, the one that is here did it; else the first. */
    struct vcpu *v = sched_current();
    if (!v || v->domain != d) v = &d->vcpu[0];
    vcpu_store_sysregs(v);
    d->death.vcpu = v->index;
    for (uint32_t i = 0; i < d->vcpu_count; i++) vcpu_park(&d->vcpu[i]);
    trace(TRACE_DEATH, d->index, (uint64_t)cause, detail);
    d->rebirth.step = 0;
    d->rebirth.progress = 0;
    d->death.dump_due = true;
    if (!domain_is_loaded(d) || v == sched_current()) take_dump(d);
    link_server_died(d);
    link_client_died(d);
    log_line("%s: died: %s, detail 0x%lx, info 0x%lx, pc 0x%lx, generation %u", d->name,
             cause_text[cause], detail, info, d->death.pc, d->generation);
    domain_event();
}

void domain_event(void)
{
    struct domain *main_domain = &domains.table[0];
    vgic_raise(&main_domain->vcpu[0], main_domain->event_intid);
}
