/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Arm SMMUv3 (IHI 0070): abort by default, stage 2 for open streams, events turned into deaths. */
#include "hyp/dma/smmuv3.h"

#include "hyp/console.h"
#include "hyp/dma/pci.h"
#include "hyp/domain.h"
#include "hyp/pool.h"
#include "hyp/trace.h"
#include "lib/mmio.h"

struct smmu_regs {
    uint32_t idr0, idr1, idr2, idr3, idr4, idr5, iidr, aidr;
    uint32_t cr0, cr0ack, cr1, cr2, reserved_30[5], gbpa, agbpa, statusr;
    uint32_t irq_ctrl, irq_ctrlack, reserved_58[2], gerror, gerrorn;
    uint64_t gerror_irq_cfg0, gerror_irq_cfg12;
    uint64_t reserved_78, strtab_base;
    uint32_t strtab_base_cfg, reserved_8c;
    uint64_t cmdq_base;
    uint32_t cmdq_prod, cmdq_cons;
    uint64_t eventq_base;
    uint32_t reserved_a8[2];
    uint64_t eventq_irq_cfg0, eventq_irq_cfg12;
};
STATIC_ASSERT(offsetof(struct smmu_regs, gbpa) == 0x44, "SMMU_GBPA");
STATIC_ASSERT(offsetof(struct smmu_regs, irq_ctrl) == 0x50, "SMMU_IRQ_CTRL");
STATIC_ASSERT(offsetof(struct smmu_regs, gerror) == 0x60, "SMMU_GERROR");
STATIC_ASSERT(offsetof(struct smmu_regs, strtab_base) == 0x80, "SMMU_STRTAB_BASE");
STATIC_ASSERT(offsetof(struct smmu_regs, cmdq_base) == 0x90, "SMMU_CMDQ_BASE");
STATIC_ASSERT(offsetof(struct smmu_regs, eventq_base) == 0xa0, "SMMU_EVENTQ_BASE");
STATIC_ASSERT(offsetof(struct smmu_regs, eventq_irq_cfg0) == 0xb0, "SMMU_EVENTQ_IRQ_CFG0");
#define EVENTQ_PROD_OFFSET 0x100a8 /* in register page 1 */
#define EVENTQ_CONS_OFFSET 0x100ac

#define IDR0_S2P      BIT(0)
#define IDR0_TTF_AA64 BIT(3)
#define IDR0_COHACC   BIT(4)
#define IDR1_SIDSIZE  BITS(5, 0)
#define IDR1_PRESET   BITS(30, 29) /* queues, tables at fixed places */
#define CR0_SMMUEN    BIT(0)
#define CR0_EVENTQEN  BIT(2)
#define CR0_CMDQEN    BIT(3)
#define CR1_CACHED    0xd75 /* tables and queues inner-shareable, write-back */
#define CR2_RECINVSID BIT(1)
#define CR2_PTM       BIT(2)
#define GBPA_ABORT    BIT(20)
#define GBPA_UPDATE   BIT(31)
#define IRQ_GERROR    BIT(0)
#define IRQ_EVENTQ    BIT(2)
#define BASE_ALLOCATE BIT(62)

#define STREAM_SHIFT  8 /* bus 0: slot and function */
#define STREAM_COUNT  256
#define CMDQ_SHIFT    8 /* 16-byte commands */
#define EVENTQ_SHIFT  5 /* 32-byte events: as many as one call looks at */
#define OVERFLOW_FLAG BIT(31)
#define POLL_MAX      100
#define EVENTS_A_CALL 32

#define STE_ABORT  BIT(0) /* V, Config = 0 */
#define STE_STAGE2 (BIT(0) | 6 << 1)
#define STE_BYPASS (BIT(0) | 4 << 1)
#define STE1_SHCFG FIELD(BITS(45, 44), 1) /* the incoming attribute */
#define STE2_VMID  BITS(15, 0)
/* 39-bit input, walk from level 1, write-back, inner-shareable, 4 KiB, 40-bit output: the same as VTCR_EL2. Faults recorded. */
#define STE2_WALK                                                                \
    (FIELD(BITS(37, 32), 25) | FIELD(BITS(39, 38), 1) | FIELD(BITS(41, 40), 1) | \
     FIELD(BITS(43, 42), 1) | FIELD(BITS(45, 44), 3) | FIELD(BITS(50, 48), 2) | BIT(51) | BIT(58))
#define VMID_CLOSED 0xff /* of no domain: nothing is ever cached for it */

#define CMD_CFGI_STE       0x03
#define CMD_CFGI_ALL       0x04
#define CMD_TLBI_S12_VMALL 0x28
#define CMD_TLBI_NSNH_ALL  0x30
#define CMD_SYNC           0x46

#define EVENT_TYPE            BITS(7, 0)
#define EVENT_FIRST_VIOLATION 0x10 /* F_TRANSLATION, F_ADDR_SIZE, F_ACCESS, F_PERMISSION */
#define EVENT_LAST_VIOLATION  0x13

struct ste {
    volatile uint64_t dw[8];
};

/* One core runs EL2 code at a time on these (main's lock order: none is held). */
static struct {
    volatile struct smmu_regs *regs;  /* NULL: no SMMU, or it did not start */
    struct ste *stream;               /* owned, STREAM_COUNT of them */
    volatile uint64_t *cmdq, *eventq; /* owned */
    pa_t empty_root;                  /* a level-1 table that maps nothing */
    uint32_t cmd_prod;                /* with the wrap bit */
    uint32_t event_cons;
    uint32_t gerror_intid;
    uint64_t event_count, unowned_count;
} smmu;

static err_t wait_for(const volatile uint32_t *reg, uint32_t mask, uint32_t want)
{
    for (int i = 0; i < POLL_MAX; i++) {
        if ((mmio_read32(reg) & mask) == want) return OK;
    }
    return ERR_TIMEOUT;
}

static INIT_CODE err_t set_cr0(volatile struct smmu_regs *regs, uint32_t value)
{
    mmio_write32(&regs->cr0, value);
    return wait_for(&regs->cr0ack, UINT32_MAX, value);
}

INIT_CODE err_t smmu_abort_all(const struct platform *p)
{
    if (p->smmu.size_bytes == 0) return ERR_NO_ENTRY;
    volatile struct smmu_regs *regs = (volatile struct smmu_regs *)(uintptr_t)p->smmu.start.raw;
    err_t err = wait_for(&regs->gbpa, (uint32_t)GBPA_UPDATE, 0);
    if (err != OK) return err;
    mmio_write32(&regs->gbpa, (uint32_t)(GBPA_UPDATE | GBPA_ABORT));
    err = wait_for(&regs->gbpa, (uint32_t)GBPA_UPDATE, 0);
    if (err != OK) return err;
    /* Firmware may have left it on, with tables of its own: off, GBPA is what counts. */
    return set_cr0(regs, 0);
}

/* Queues a command; the caller has made sure of room. */
static void command(uint64_t dw0, uint64_t dw1)
{
    uint32_t index = smmu.cmd_prod & (uint32_t)(BIT(CMDQ_SHIFT) - 1);
    smmu.cmdq[2 * index] = dw0;
    smmu.cmdq[2 * index + 1] = dw1;
    smmu.cmd_prod = (smmu.cmd_prod + 1) & (uint32_t)(BIT(CMDQ_SHIFT + 1) - 1);
}

/* Runs one command and a SYNC. OK: the SYNC is consumed, so everything before it is complete. */
static err_t command_and_sync(uint64_t dw0, uint64_t dw1)
{
    uint32_t mask = (uint32_t)(BIT(CMDQ_SHIFT + 1) - 1);
    uint32_t used = (smmu.cmd_prod - mmio_read32(&smmu.regs->cmdq_cons)) & mask;
    /* guards: T-161: earlier ones were never taken */
    if (used > BIT(CMDQ_SHIFT) - 2) return ERR_TIMEOUT;
    command(dw0, dw1);
    command(CMD_SYNC, 0);
    mmio_barrier(); /* commands before PROD, and table entries before the commands that name them */
    mmio_write32(&smmu.regs->cmdq_prod, smmu.cmd_prod);
    return wait_for(&smmu.regs->cmdq_cons, mask, smmu.cmd_prod);
}

static err_t stream_invalidate(uint32_t stream_id)
{
    return command_and_sync(CMD_CFGI_STE | (uint64_t)stream_id << 32, 1);
}

/* By way of abort, since the SMMU may read an entry while it changes. On error the entry aborts. */
static err_t stream_set(uint32_t stream_id, uint64_t config, uint16_t vmid, pa_t root)
{
    if (smmu.regs == NULL) return ERR_STATE;
    if (stream_id >= STREAM_COUNT) return ERR_RANGE; /* guards: T-160 */
    struct ste *ste = &smmu.stream[stream_id];
    ste->dw[0] = STE_ABORT;
    err_t err = stream_invalidate(stream_id);
    if (err != OK) return err;
    ste->dw[1] = STE1_SHCFG;
    ste->dw[2] = STE2_WALK | FIELD(STE2_VMID, vmid);
    ste->dw[3] = root.raw;
    mmio_barrier();
    ste->dw[0] = config;
    err = stream_invalidate(stream_id);
    if (err != OK) ste->dw[0] = STE_ABORT; /* guards: T-165 */
    return err;
}

err_t smmu_stream_open(uint32_t stream_id, uint16_t vmid, pa_t s2_root)
{
    return stream_set(stream_id, STE_STAGE2, vmid, s2_root);
}

err_t smmu_stream_close(uint32_t stream_id)
{
    return stream_set(stream_id, STE_STAGE2, VMID_CLOSED, smmu.empty_root);
}

err_t smmu_stream_bypass(uint32_t stream_id)
{
    return stream_set(stream_id, STE_BYPASS, 0, (pa_t){ 0 });
}

err_t smmu_tlb_flush_vmid(uint16_t vmid)
{
    if (smmu.regs == NULL) return ERR_STATE;
    return command_and_sync(CMD_TLBI_S12_VMALL | (uint64_t)vmid << 32, 0);
}

static INIT_CODE err_t take_memory(void)
{
    smmu.stream = pool_take(STREAM_COUNT * sizeof(struct ste) / PAGE_SIZE, true);
    smmu.cmdq = pool_take(1, true);
    smmu.eventq = pool_take(1, true);
    void *root = pool_take(1, true);
    if (smmu.stream == NULL || smmu.cmdq == NULL || smmu.eventq == NULL || root == NULL) {
        return ERR_NO_MEMORY;
    }
    smmu.empty_root.raw = (uintptr_t)root;
    for (uint32_t i = 0; i < STREAM_COUNT; i++) smmu.stream[i].dw[0] = STE_ABORT;
    return OK;
}

static INIT_CODE void set_bases(volatile struct smmu_regs *regs)
{
    mmio_write32(&regs->cr1, CR1_CACHED);
    mmio_write32(&regs->cr2, (uint32_t)(CR2_RECINVSID | CR2_PTM));
    mmio_write64(&regs->strtab_base, (uintptr_t)smmu.stream | BASE_ALLOCATE);
    mmio_write32(&regs->strtab_base_cfg, STREAM_SHIFT); /* linear */
    mmio_write64(&regs->cmdq_base, (uintptr_t)smmu.cmdq | BASE_ALLOCATE | CMDQ_SHIFT);
    mmio_write32(&regs->cmdq_prod, 0);
    mmio_write32(&regs->cmdq_cons, 0);
    mmio_write64(&regs->eventq_base, (uintptr_t)smmu.eventq | BASE_ALLOCATE | EVENTQ_SHIFT);
    mmio_write32((volatile uint8_t *)regs + EVENTQ_PROD_OFFSET, 0);
    mmio_write32((volatile uint8_t *)regs + EVENTQ_CONS_OFFSET, 0);
    mmio_write64(&regs->gerror_irq_cfg0, 0); /* wires, not messages */
    mmio_write64(&regs->eventq_irq_cfg0, 0);
    mmio_write32(&regs->gerrorn, mmio_read32(&regs->gerror));
}

static INIT_CODE err_t switch_on(volatile struct smmu_regs *regs)
{
    err_t err = set_cr0(regs, (uint32_t)CR0_CMDQEN);
    if (err == OK) err = command_and_sync(CMD_CFGI_ALL, 31);
    if (err == OK) err = command_and_sync(CMD_TLBI_NSNH_ALL, 0);
    if (err == OK) err = set_cr0(regs, (uint32_t)(CR0_CMDQEN | CR0_EVENTQEN));
    if (err != OK) return err;
    mmio_write32(&regs->irq_ctrl, (uint32_t)(IRQ_GERROR | IRQ_EVENTQ));
    err = wait_for(&regs->irq_ctrlack, UINT32_MAX, (uint32_t)(IRQ_GERROR | IRQ_EVENTQ));
    return err == OK ? set_cr0(regs, (uint32_t)(CR0_CMDQEN | CR0_EVENTQEN | CR0_SMMUEN)) : err;
}

INIT_CODE err_t smmu_start(const struct platform *p)
{
    if (p->smmu.size_bytes == 0) return ERR_NO_ENTRY;
    volatile struct smmu_regs *regs = (volatile struct smmu_regs *)(uintptr_t)p->smmu.start.raw;
    uint64_t needed = IDR0_S2P | IDR0_TTF_AA64 | IDR0_COHACC;
    uint32_t idr1 = mmio_read32(&regs->idr1);
    if ((mmio_read32(&regs->idr0) & needed) != needed) return ERR_NOT_SUPPORTED; /* guards: T-163 */
    if ((idr1 & IDR1_PRESET) != 0 || FIELD_OF(IDR1_SIDSIZE, idr1) < STREAM_SHIFT) {
        return ERR_NOT_SUPPORTED;
    }
    err_t err = take_memory();
    if (err != OK) return err;
    smmu.cmd_prod = 0;
    smmu.event_cons = 0;
    smmu.gerror_intid = p->smmu_gerror_intid;
    set_bases(regs);
    smmu.regs = regs;
    err = switch_on(regs);
    if (err != OK) smmu.regs = NULL;
    return err;
}

/* True for 1, 2, 4, 8, ...: how often a line about strangers is logged. */
static bool is_power_of_2(uint64_t count)
{
    return (count & (count - 1)) == 0;
}

static void on_event(const volatile uint64_t *event, uint32_t *last_stream)
{
    uint64_t dw0 = event[0], address = event[2];
    uint32_t stream_id = (uint32_t)(dw0 >> 32), type = (uint32_t)(dw0 & EVENT_TYPE);
    smmu.event_count++;
    /* guards: T-162: a bad transfer makes one event a beat */
    if (stream_id == *last_stream) return;
    *last_stream = stream_id;
    struct domain *d = domain_of_stream(stream_id);
    trace(TRACE_DMA_EVENT, d == NULL ? DOMAIN_MAX : d->index, stream_id, address);
    bool is_violation = type >= EVENT_FIRST_VIOLATION && type <= EVENT_LAST_VIOLATION;
    if (d != NULL && is_violation) {
        domain_kill(d, CAUSE_DMA, address, stream_id);
        /* One that goes on would ring for each access, and main would never run to stop it. guards: T-750 */
        pci_bus_master(stream_id >> 3, false);
    } else if (is_power_of_2(++smmu.unowned_count)) {
        log_line("smmu: stream 0x%x: event 0x%x, address 0x%lx (%lu such events)", stream_id, type,
                 (unsigned long)address, (unsigned long)smmu.unowned_count);
    }
}

static void drain_events(void)
{
    volatile uint8_t *prod_reg = (volatile uint8_t *)smmu.regs + EVENTQ_PROD_OFFSET;
    volatile uint8_t *cons_reg = (volatile uint8_t *)smmu.regs + EVENTQ_CONS_OFFSET;
    uint32_t mask = (uint32_t)(BIT(EVENTQ_SHIFT + 1) - 1), last_stream = UINT32_MAX;
    uint32_t prod = mmio_read32(prod_reg);
    mmio_barrier(); /* PROD before the events it covers: pairs with the SMMU's own order of writing */
    for (int i = 0; i < EVENTS_A_CALL && (prod & mask) != smmu.event_cons; i++) {
        on_event(&smmu.eventq[4 * (smmu.event_cons & (BIT(EVENTQ_SHIFT) - 1))], &last_stream);
        smmu.event_cons = (smmu.event_cons + 1) & mask;
        /* The wire only rises when the queue was empty: look again for what came meanwhile. */
        if ((prod & mask) == smmu.event_cons) {
            prod = mmio_read32(prod_reg);
            mmio_barrier();
        }
    }
    /* What is beyond the bound is dropped: these accesses were stopped, and the next one rings again. */
    smmu.event_cons = prod & mask;
    mmio_write32(cons_reg, smmu.event_cons | (prod & (uint32_t)OVERFLOW_FLAG));
}

void smmu_on_irq(uint32_t intid)
{
    if (smmu.regs == NULL) return;
    if (intid == smmu.gerror_intid) {
        uint32_t error = mmio_read32(&smmu.regs->gerror);
        uint32_t active = error ^ mmio_read32(&smmu.regs->gerrorn);
        mmio_write32(&smmu.regs->gerrorn, error);
        if (active != 0 && is_power_of_2(++smmu.unowned_count)) {
            log_line("smmu: global error 0x%x", active);
        }
    }
    drain_events();
}

struct pa_range smmu_stream_table(void)
{
    if (smmu.regs == NULL) return (struct pa_range){ { 0 }, 0 };
    return (struct pa_range){ { (uintptr_t)smmu.stream }, STREAM_COUNT * sizeof(struct ste) };
}

uint64_t smmu_event_count(void)
{
    return smmu.event_count;
}
