/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The recording seam: PA = host pointer, one tick a nanosecond. */
#include "tests/fake/hyp.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hyp/aarch64/switch.h"
#include "hyp/arch.h"
#include "hyp/console.h"
#include "hyp/core.h"
#include "hyp/dma/guard.h"
#include "hyp/dma/pci.h"
#include "hyp/dma/smmuv3.h"
#include "hyp/sched.h"
#include "hyp/trace.h"

struct fake fake;

void fake_start(uint32_t count)
{
    memset(&fake, 0, sizeof(fake));
    fake.now_ticks = 1000;
    fake.domain_count = count;
    fake.peek_limit = ARCH_PEEK_MAX;
    for (uint32_t i = 0; i < CORE_MAX; i++) fake.core[i].index = i;
    for (uint32_t i = 0; i < count; i++) {
        fake.domain[i].index = i;
        fake.domain[i].vcpu_count = 1;
        fake.domain[i].vmid = (uint16_t)(i + 1);
        fake.domain[i].state = DOMAIN_RUNNING;
        fake.domain[i].vcpu[0].domain = &fake.domain[i];
        fake.domain[i].vcpu[0].state = VCPU_READY;
    }
}

void fake_note(const char *fmt, ...)
{
    if (!fake.is_logging) return;
    size_t used = strlen(fake.log);
    va_list args;
    va_start(args, fmt);
    vsnprintf(fake.log + used, sizeof(fake.log) - used, fmt, args);
    va_end(args);
    strncat(fake.log, "\n", sizeof(fake.log) - strlen(fake.log) - 1);
}

/* hyp/arch.h */
uint64_t arch_ticks(void)
{
    return fake.now_ticks;
}

uint64_t arch_freq_hz(void)
{
    return 1000000000;
}

uint64_t arch_ns_to_ticks(uint64_t ns)
{
    return ns;
}

uint64_t arch_ticks_to_ns(uint64_t ticks)
{
    return ticks;
}

void arch_tlb_flush_vmid(uint16_t vmid, pa_t s2_root)
{
    fake_note("tlbi %u 0x%lx", vmid, (unsigned long)s2_root.raw);
    fake.work += 30;
}

static bool chunk_is_bad(pa_t at, uint64_t size_bytes)
{
    return size_bytes == 0 || at.raw % ARCH_CHUNK_MAX + size_bytes > ARCH_CHUNK_MAX;
}

void arch_mem_zero(pa_t dst, uint64_t size_bytes)
{
    if (chunk_is_bad(dst, size_bytes) || ((dst.raw | size_bytes) & 63) != 0) {
        fake.bad_chunks++;
        return;
    }
    memset((void *)(uintptr_t)dst.raw, 0, size_bytes);
    fake.bytes_zeroed += size_bytes;
    fake.work += size_bytes / 64 * 4 + 100;
    fake_note("zero");
}

void arch_mem_copy_in(pa_t dst, const void *src, uint64_t size_bytes, bool is_code)
{
    if (chunk_is_bad(dst, size_bytes)) {
        fake.bad_chunks++;
        return;
    }
    memcpy((void *)(uintptr_t)dst.raw, src, size_bytes);
    fake.bytes_copied += size_bytes;
    fake.work += size_bytes / 64 * 13 + 100;
    fake_note(is_code ? "copy code" : "copy data");
}

void arch_mem_copy_out(void *dst, pa_t src, uint64_t size_bytes)
{
    if (chunk_is_bad(src, size_bytes)) {
        fake.bad_chunks++;
        return;
    }
    memcpy(dst, (const void *)(uintptr_t)src.raw, size_bytes);
}

const volatile void *arch_peek_map(pa_t page)
{
    if (page.raw % PAGE_SIZE != 0 || fake.peeks == fake.peek_limit) return NULL;
    fake.peeks++;
    return (const volatile void *)(uintptr_t)page.raw;
}

void arch_peek_unmap(const volatile void *page)
{
    CHECK(page != NULL && fake.peeks != 0);
    fake.peeks--;
}

uint16_t arch_load16(const volatile void *p)
{
    return __atomic_load_n((const volatile uint16_t *)p, __ATOMIC_ACQUIRE);
}

void arch_dsb(void)
{
}

void arch_timer_set(uint64_t cval_ticks)
{
    (void)cval_ticks;
    fake.timer_writes++;
}

/* hyp/domain.h */
struct domain *domain_at(uint32_t index)
{
    return index < fake.domain_count ? &fake.domain[index] : NULL;
}

uint32_t domain_count(void)
{
    return fake.domain_count;
}

void domain_kill(struct domain *d, enum death_cause cause, uint64_t detail, uint64_t info)
{
    if (d->state != DOMAIN_RUNNING) return;
    fake.kills++;
    d->state = DOMAIN_DEAD;
    d->deaths++;
    d->death.cause = cause;
    d->death.detail = detail;
    d->death.info = info;
    vcpu_park(&d->vcpu[0]);
    if (fake.on_kill) fake.on_kill(d);
}

/* hyp/vgic.h, vcpu.h, sched.h */
void vgic_raise(struct vcpu *v, uint32_t intid)
{
    fake.raised[v->domain->index]++;
    fake.last_intid[v->domain->index] = intid;
}

void vgic_lines_kill(struct domain *d)
{
    fake_note("lines %u", d->index);
}

void vgic_reset(struct vcpu *v)
{
    fake_note("vgic reset %u", v->domain->index);
}

void vcpu_park(struct vcpu *v)
{
    v->state = VCPU_OFF;
    fake_note("park %u", v->domain->index);
}

void vcpu_wake(struct vcpu *v)
{
    if (v->state == VCPU_WAITING) v->state = VCPU_READY;
}

void sched_wait(struct vcpu *v)
{
    if (!fake.is_deliverable) v->state = VCPU_WAITING;
}

void vcpu_reset(struct vcpu *v, ipa_t entry, uint64_t arg)
{
    memset(&v->regs, 0, sizeof(v->regs));
    v->regs.pc = entry.raw;
    v->regs.x[0] = arg;
    v->state = VCPU_READY;
    fake_note("start %u fp %lu", v->domain->index, (unsigned long)v->fp[0]);
}

bool vcpu_has_budget(struct vcpu *v, uint64_t now_ticks)
{
    (void)now_ticks;
    return !fake.out_of_budget[v->domain->index];
}

uint64_t vcpu_refill_ticks(const struct vcpu *v)
{
    return fake.refill_ticks[v->domain->index];
}

bool domain_is_loaded(const struct domain *d)
{
    return fake.loaded[d->index];
}

void world_fp_drop(struct vcpu *v)
{
    memset(v->fp, 0, sizeof(v->fp));
    fake_note("fp drop %u", v->domain->index);
}

void sched_request(void)
{
}

/* hyp/core.h: the test runs on core 0 */
struct core *this_core(void)
{
    return &fake.core[0];
}

struct core *core_at(uint32_t index)
{
    return index < CORE_MAX ? &fake.core[index] : NULL;
}

err_t core_power_on(uint32_t index)
{
    fake_note("core on %u", index);
    return fake.core_on_result;
}

void core_poke(struct core *c)
{
    fake.pokes[c - fake.core]++;
}

/* hyp/dma, console, stage2 */
void pci_bus_master(uint32_t slot, bool on)
{
    fake_note("bus master %u %d", slot, on);
}

void guard_reset(struct guard *g)
{
    (void)g;
    fake_note("guard reset");
    fake.work += 20;
}

bool guard_is_still(const struct guard *g)
{
    (void)g;
    fake_note("guard still?");
    fake.work += 40;
    return fake.guard_moves == 0 || --fake.guard_moves == 0;
}

err_t smmu_stream_close(uint32_t stream_id)
{
    fake_note("stream close %u", stream_id);
    fake.work += 600;
    return fake.smmu_close_result;
}

err_t smmu_tlb_flush_vmid(uint16_t vmid)
{
    fake_note("smmu tlbi %u", vmid);
    fake.work += 600;
    return fake.smmu_flush_result;
}

void log_line(const char *fmt, ...)
{
    (void)fmt;
}
