/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The core: memory helpers, timer, FP/SIMD switch, faults, hypercalls. */
#include "kernel/aarch64/cpu.h"

#include "kernel/aarch64/early.h"
#include "kernel/aarch64/offsets.h"
#include "kernel/aarch64/pagetable.h"
#include "kernel/aarch64/sysreg.h"
#include "kernel/arch.h"
#include "kernel/fault.h"
#include "kernel/log.h"
#include "kernel/probe.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "lib/sha256.h"

STATIC_ASSERT(sizeof(struct frame) == FRAME_BYTES && offsetof(struct frame, sp) == FRAME_SP,
              "vectors.S");
STATIC_ASSERT(offsetof(struct frame, elr) == FRAME_ELR &&
                      offsetof(struct frame, spsr) == FRAME_ELR + 8,
              "a pair");
STATIC_ASSERT(offsetof(struct thread, tpidr_el0) == THREAD_TPIDR, "vectors.S");
STATIC_ASSERT(offsetof(struct thread, ttbr0) == THREAD_TPIDR + 8, "a pair");
STATIC_ASSERT(offsetof(struct thread, run_ticks) == THREAD_RUN_TICKS, "vectors.S");
STATIC_ASSERT(offsetof(struct thread, switched_ticks) == THREAD_SWITCHED &&
                      THREAD_SWITCHED == THREAD_RUN_TICKS + 8,
              "a pair");
STATIC_ASSERT(offsetof(struct cpu, current) == CPU_CURRENT &&
                      offsetof(struct cpu, live) == CPU_LIVE,
              "a pair");
STATIC_ASSERT(offsetof(struct cpu, work) == CPU_WORK &&
                      offsetof(struct cpu, fp_owner) == CPU_FP_OWNER,
              "vectors.S");
STATIC_ASSERT(offsetof(struct cpu, stack) == CPU_STACK && offsetof(struct cpu, expel) == CPU_EXPEL,
              "vectors.S");
STATIC_ASSERT(offsetof(struct cpu, is_inside) == CPU_INSIDE &&
                      offsetof(struct cpu, is_shared) == CPU_SHARED,
              "vectors.S");
STATIC_ASSERT(SYS_COUNT == SYSCALL_COUNT && SYSCALL_NO_RESULT == NO_RESULT, "vectors.S");
STATIC_ASSERT(offsetof(struct fp_state, fpsr) == 512, "fp.S");
STATIC_ASSERT((offsetof(struct thread, fp) & 15) == 0, "fp.S stores pairs of 16 bytes");

#define EC_FP_TRAP       0x07
#define ISAR0_SHA2       BITS(15, 12) /* ID_AA64ISAR0_EL1 */
#define CNTKCTL_EL0VCTEN BIT(1)       /* EL0 may read CNTVCT */
#define CNTV_ENABLE      BIT(0)
#define CNTV_IMASK       BIT(1)

/* PMU, as in Arm ARM "Performance Monitors". */
#define PMCR_E                 BIT(0)
#define PMCR_LC                BIT(6)
#define PMU_NSH                BIT(27) /* counts at EL2 as well */
#define PMU_EVENT_INST_RETIRED 8
#define PMUSERENR_CR           BIT(2)
#define PMUSERENR_ER           BIT(3)

#define PSCI_CPU_OFF 0x84000002UL
#define PSCI_CPU_ON  0xc4000003UL

extern const char image_start[], image_end[];
extern char stacks[];
void cpu_entry(void);

/* Also in vectors.S. */
struct {
    _Atomic uint32_t next, serving; /* free-running tickets of the kernel's lock */
} kernel_ticket;
void arch_cpu_first(void);
void arch_cpu_main(void);

uint64_t empty_table[512] __attribute__((aligned(4096)));
static uint64_t device_next = DEVICE_VA;

void *arch_ptr(pa_t pa)
{
    uint64_t image_pa = early_image_pa();
    if (pa.raw - image_pa < (uint64_t)(image_end - image_start)) {
        return (void *)(uintptr_t)(pa.raw - image_pa + KERNEL_VA);
    }
    return (void *)(uintptr_t)(pa.raw + DIRECT_VA);
}

pa_t arch_pa(const void *ptr)
{
    uint64_t va = (uint64_t)(uintptr_t)ptr;
    if (va >= KERNEL_VA) return (pa_t){ va - KERNEL_VA + early_image_pa() };
    return (pa_t){ va - DIRECT_VA };
}

void arch_page_zero(void *page)
{
    uint64_t line = MIN(UINT64_C(4) << (SYSREG_READ(dczid_el0) & 0xf), PAGE_SIZE / 8);
    char *end = (char *)page + PAGE_SIZE;
    for (char *at = page; at < end; at += 8 * line) {
        __asm__ volatile("dc zva, %0" ::"r"(at) : "memory");
        __asm__ volatile("dc zva, %0" ::"r"(at + line) : "memory");
        __asm__ volatile("dc zva, %0" ::"r"(at + 2 * line) : "memory");
        __asm__ volatile("dc zva, %0" ::"r"(at + 3 * line) : "memory");
        __asm__ volatile("dc zva, %0" ::"r"(at + 4 * line) : "memory");
        __asm__ volatile("dc zva, %0" ::"r"(at + 5 * line) : "memory");
        __asm__ volatile("dc zva, %0" ::"r"(at + 6 * line) : "memory");
        __asm__ volatile("dc zva, %0" ::"r"(at + 7 * line) : "memory");
    }
}

void arch_page_sync_code(void *page)
{
    uint64_t line = UINT64_C(4) << ((SYSREG_READ(ctr_el0) >> 16) & 0xf);
    for (char *at = page; at < (char *)page + PAGE_SIZE; at += line) {
        __asm__ volatile("dc cvau, %0" ::"r"(at) : "memory");
    }
    /* The bytes are in memory before any fetch, and no stale ones stay in the instruction cache. */
    __asm__ volatile("dsb ish\n\tic ialluis\n\tdsb ish\n\tisb" ::: "memory");
}

uint64_t arch_ticks(void)
{
    return SYSREG_READ(cntvct_el0);
}

uint64_t arch_freq_hz(void)
{
    return SYSREG_READ(cntfrq_el0);
}

void arch_timer_set(uint64_t at_ticks)
{
    if (at_ticks == ARCH_TIMER_NEVER) {
        SYSREG_WRITE(cntv_ctl_el0, CNTV_IMASK);
    } else {
        SYSREG_WRITE(cntv_cval_el0, at_ticks);
        SYSREG_WRITE(cntv_ctl_el0, CNTV_ENABLE);
    }
    /* The line follows before anybody waits for it or deactivates it. */
    __asm__ volatile("isb" ::: "memory");
}

void arch_wait_for_interrupt(void)
{
    __asm__ volatile("dsb sy\n\twfi" ::: "memory");
}

/* Each invalidation twice: Cortex-A55 erratum 2441007. */
void arch_tlb_flush_asid(uint16_t asid)
{
    uint64_t arg = (uint64_t)asid << 48;
    __asm__ volatile(
            "dsb ishst\n\ttlbi aside1is, %0\n\tdsb ish\n\ttlbi aside1is, %0\n\tdsb ish\n\tisb" ::
                    "r"(arg)
            : "memory");
}

void arch_tlb_flush_page(uint16_t asid, uint64_t va)
{
    uint64_t arg = (uint64_t)asid << 48 | (va >> PAGE_SHIFT & BITS(43, 0));
    __asm__ volatile(
            "dsb ishst\n\ttlbi vae1is, %0\n\tdsb ish\n\ttlbi vae1is, %0\n\tdsb ish\n\tisb" ::"r"(
                    arg)
            : "memory");
}

void arch_table_publish(void)
{
    __asm__ volatile("dsb ishst\n\tisb" ::: "memory");
}

uint64_t arch_ttbr(pa_t root, uint16_t asid)
{
    return (uint64_t)asid << 48 | root.raw;
}

void arch_user_table_drop(uint64_t ttbr0)
{
    if (SYSREG_READ(ttbr0_el1) != ttbr0) return;
    SYSREG_WRITE(ttbr0_el1, arch_pa(empty_table).raw);
    __asm__ volatile("isb" ::: "memory");
}

void arch_hvc(struct hvc_regs *regs)
{
    register uint64_t x0 __asm__("x0") = regs->x[0];
    register uint64_t x1 __asm__("x1") = regs->x[1];
    register uint64_t x2 __asm__("x2") = regs->x[2];
    register uint64_t x3 __asm__("x3") = regs->x[3];
    register uint64_t x4 __asm__("x4") = regs->x[4];
    register uint64_t x5 __asm__("x5") = regs->x[5];
    register uint64_t x6 __asm__("x6") = regs->x[6];
    __asm__ volatile("hvc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5),
                       "+r"(x6)::"memory", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
                       "x15", "x16", "x17", "x18");
    *regs = (struct hvc_regs){ .x = { x0, x1, x2, x3, x4, x5, x6 } };
}

_Noreturn void arch_halt(void)
{
    for (;;) arch_wait_for_interrupt();
}

volatile void *cpu_device_map(uint64_t ipa, uint64_t size_bytes)
{
    struct pt_range range = { .root = kernel_root,
                              .va = device_next,
                              .size_bytes = ALIGN_UP(size_bytes, PAGE_SIZE),
                              .pa = { ipa },
                              .attributes = PT_DEVICE | PT_NO_EXEC };
    device_next += range.size_bytes + PAGE_SIZE;
    CHECK(pt_map(&range) == OK);
    arch_table_publish();
    __asm__ volatile("isb" ::: "memory");
    return (volatile void *)(uintptr_t)range.va;
}

static bool has_pmu;

/* The registers that each core has of its own. */
static void core_registers(void)
{
    SYSREG_WRITE(cntkctl_el1, CNTKCTL_EL0VCTEN);
    arch_timer_set(ARCH_TIMER_NEVER);
    if (has_pmu) {
        SYSREG_WRITE(pmevtyper0_el0, PMU_NSH | PMU_EVENT_INST_RETIRED);
        SYSREG_WRITE(pmccfiltr_el0, PMU_NSH);
        SYSREG_WRITE(pmintenclr_el1, UINT32_MAX);
        SYSREG_WRITE(pmcntenset_el0, BIT(31) | BIT(0));
        SYSREG_WRITE(pmcr_el0, PMCR_E | PMCR_LC);
        SYSREG_WRITE(pmuserenr_el0, PMUSERENR_CR | PMUSERENR_ER);
    }
    __asm__ volatile("isb" ::: "memory");
}

void cpu_start(const struct bootinfo *boot)
{
    has_pmu = boot->pmu;
    cpus_start(boot->vcpu_count);
    SYSREG_WRITE(cpacr_el1,
                 CPACR_FPEN); /* for hashing at boot; the first switch to a thread takes it back */
    sha256_use_ce(FIELD_OF(ISAR0_SHA2, SYSREG_READ(id_aa64isar0_el1)) != 0);
    core_registers();
}

static char *stack_of(uint32_t index)
{
    return stacks + (index + 1) * (PAGE_SIZE + KERNEL_STACK_BYTES);
}

void arch_cpu_first(void)
{
    struct cpu *c = cpu_at(0);
    c->stack = stack_of(0);
    SYSREG_WRITE(tpidr_el1, (uintptr_t)c);
    __asm__ volatile("isb" ::: "memory");
}

err_t arch_cpu_start(struct cpu *c)
{
    c->stack = stack_of(c->index);
    uint64_t entry_pa = arch_pa((const void *)(uintptr_t)cpu_entry).raw;
    struct hvc_regs regs = { .x = { PSCI_CPU_ON, c->index, entry_pa, (uintptr_t)c } };
    arch_hvc(&regs);
    return regs.x[0] == 0 ? OK : ERR_IO;
}

void arch_cpu_main(void)
{
    core_registers();
    gic_cpu_start();
    arch_lock();
}

void arch_cpu_stop(void)
{
    arch_unlock();
    struct hvc_regs regs = { .x = { PSCI_CPU_OFF } };
    arch_hvc(&regs);
    arch_halt();
}

void arch_lock(void)
{
    uint32_t ticket = atomic_fetch_add_explicit(&kernel_ticket.next, 1, memory_order_relaxed);
    while (atomic_load_explicit(&kernel_ticket.serving, memory_order_acquire) != ticket) {
        __asm__ volatile("yield");
    }
}

void arch_unlock(void)
{
    uint32_t now = atomic_load_explicit(&kernel_ticket.serving, memory_order_relaxed);
    atomic_store_explicit(&kernel_ticket.serving, now + 1, memory_order_release);
}

void arch_wait_zero(const _Atomic uint32_t *word)
{
    while (atomic_load_explicit(word, memory_order_acquire) != 0) __asm__ volatile("yield");
}

void arch_user_leave(void)
{
    SYSREG_WRITE(ttbr0_el1, arch_pa(empty_table).raw);
    __asm__ volatile("isb" ::: "memory");
}

/* The FP/SIMD registers go back to the thread that they belong to. */
void arch_fp_leave(void)
{
    struct cpu *c = this_cpu();
    SYSREG_WRITE(cpacr_el1, CPACR_FPEN);
    __asm__ volatile("isb" ::: "memory");
    fp_save(&c->fp_owner->fp);
    c->fp_owner = NULL;
    SYSREG_WRITE(cpacr_el1, 0); /* the next use asks for them again */
    __asm__ volatile("isb" ::: "memory");
}

/* EL0 touched FP/SIMD while the registers hold another thread's: exchange them. */
static void fp_take(struct thread *t)
{
    SYSREG_WRITE(cpacr_el1, CPACR_FPEN);
    __asm__ volatile("isb" ::: "memory");
    struct cpu *c = this_cpu();
    if (c->fp_owner) fp_save(&c->fp_owner->fp);
    fp_load(&t->fp);
    c->fp_owner = t;
}

void arch_fp_drop(const struct thread *t)
{
    struct cpu *c;
    for (uint32_t i = 0; (c = cpu_at(i)) != NULL; i++) {
        if (c->fp_owner == t) c->fp_owner = NULL;
    }
}

void arch_user_fault(struct thread *t, uint64_t esr, uint64_t far)
{
    if (esr >> 26 == EC_FP_TRAP && this_cpu()->fp_owner != t) {
        fp_take(t);
    } else {
        fault_handle(t, esr, far);
    }
}

void arch_kernel_fault(struct frame *f, uint64_t esr, uint64_t far)
{
    if (probe_on_fault(f, esr, far)) return;
    klog("kernel: exception esr 0x%lx far 0x%lx pc 0x%lx sp 0x%lx\n", esr, far, f->elr, f->sp);
    panic_at("exception in the kernel", "vectors.S", 0);
}
