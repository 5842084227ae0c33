/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The controller: reset, admin commands, queues. 32-bit accesses only. */
#include "drivers/nvme/nvme.h"
#include "lib/format.h"
#include "lib/mmio.h"
#include "lib/string.h"

enum {
    REG_CAP = 0x00,
    REG_CAP_HI = 0x04,
    REG_INTMS = 0x0c, /* write 1: mask */
    REG_INTMC = 0x10, /* write 1: unmask */
    REG_CC = 0x14,
    REG_CSTS = 0x1c,
    REG_AQA = 0x24,
    REG_ASQ = 0x28,
    REG_ACQ = 0x30,
    REG_DOORBELLS = 0x1000,
};

#define CAP_MQES      BITS(15, 0)
#define CAP_TO        BITS(31, 24) /* units of 500 ms */
#define CAP_HI_DSTRD  BITS(3, 0)
#define CAP_HI_MPSMIN BITS(19, 16)
#define CC_EN         BIT(0)
#define CC_IOSQES     FIELD(BITS(19, 16), 6)
#define CC_IOCQES     FIELD(BITS(23, 20), 4)
#define CSTS_RDY      BIT(0)
#define CSTS_CFS      BIT(1)

enum { ADMIN_CREATE_SQ = 1, ADMIN_CREATE_CQ = 5, ADMIN_IDENTIFY = 6, ADMIN_SET_FEATURES = 9 };
enum { IDENTIFY_NAMESPACE = 0, IDENTIFY_CONTROLLER = 1 };
enum { FEATURE_WRITE_CACHE = 6, FEATURE_QUEUE_COUNT = 7 };

#define NAMESPACE       1
#define SLEEP_NS        20000
#define QUICK_POLLS     8
#define ADMIN_POLLS_MAX 250000 /* 5 s */

static uint32_t reg_read(const struct nvme *n, uint32_t offset)
{
    return mmio_read32(n->regs + offset);
}

static void reg_write(struct nvme *n, uint32_t offset, uint64_t value)
{
    mmio_write32(n->regs + offset, (uint32_t)value);
}

static uint32_t doorbell(const struct nvme *n, uint32_t queue_id, bool completion)
{
    return REG_DOORBELLS + (2 * queue_id + (completion ? 1 : 0)) * n->doorbell_stride;
}

void nvme_submit(struct nvme *n, struct nvme_queue *q, const struct nvme_command *command)
{
    q->submission[q->tail] = *command;
    q->tail = (q->tail + 1) % NVME_QUEUE_DEPTH;
    mmio_barrier(); /* the entry before its doorbell; pairs with the controller's fetch */
    reg_write(n, doorbell(n, q->id, false), q->tail);
}

bool nvme_take(struct nvme_queue *q, struct nvme_completion *out)
{
    const volatile struct nvme_completion *c = &q->completion[q->head];
    uint16_t status = atomic_load_explicit((const volatile _Atomic uint16_t *)&c->status,
                                           memory_order_acquire);
    if ((status & 1) != q->phase) return false;
    *out = (struct nvme_completion){ .result = c->result, .id = c->id, .status = status };
    q->head = (q->head + 1) % NVME_QUEUE_DEPTH;
    if (q->head == 0) q->phase ^= 1;
    return true;
}

void nvme_taken(struct nvme *n, const struct nvme_queue *q)
{
    reg_write(n, doorbell(n, q->id, true), q->head);
}

void nvme_mask_interrupt(struct nvme *n)
{
    reg_write(n, REG_INTMS, UINT32_MAX);
}

static err_t wait_ready(struct nvme *n, bool ready)
{
    for (uint32_t i = 0; i < n->ready_polls_max; i++) {
        uint32_t status = reg_read(n, REG_CSTS);
        if (ready && (status & CSTS_CFS) != 0) return ERR_IO;
        if (((status & CSTS_RDY) != 0) == ready) return OK;
        if (i >= QUICK_POLLS) n->env->sleep_ns(n->env->ctx, SLEEP_NS);
    }
    return ERR_TIMEOUT;
}

/* One admin command, waited for. */
static err_t admin(struct nvme *n, const struct nvme_command *command)
{
    nvme_submit(n, &n->admin, command);
    for (uint32_t i = 0; i < ADMIN_POLLS_MAX; i++) {
        struct nvme_completion c;
        if (nvme_take(&n->admin, &c)) {
            nvme_taken(n, &n->admin);
            return c.status >> 1 == 0 ? OK : ERR_IO;
        }
        if (i >= QUICK_POLLS) n->env->sleep_ns(n->env->ctx, SLEEP_NS);
    }
    return ERR_TIMEOUT;
}

static err_t identify(struct nvme *n, uint32_t what)
{
    const struct nvme_command c = {
        .opcode = ADMIN_IDENTIFY,
        .nsid = what == IDENTIFY_NAMESPACE ? NAMESPACE : 0,
        .prp1 = (uintptr_t)n->memory.identify,
        .dword = { what },
    };
    return admin(n, &c);
}

static err_t set_feature(struct nvme *n, uint32_t feature, uint32_t value)
{
    const struct nvme_command c = { .opcode = ADMIN_SET_FEATURES, .dword = { feature, value } };
    return admin(n, &c);
}

static uint32_t word_at(const struct nvme *n, uint32_t offset)
{
    uint32_t value;
    memcpy(&value, n->memory.identify + offset, sizeof(value));
    return value;
}

/* Identify Controller (figure 247): transfer limit, write cache. */
static err_t read_controller(struct nvme *n)
{
    err_t e = identify(n, IDENTIFY_CONTROLLER);
    if (e != OK) return e;
    uint32_t limit_shift = n->memory.identify[77]; /* MDTS, pages; 0: no limit */
    n->transfer_max_bytes = NVME_TRANSFER_MAX;
    if (limit_shift != 0 && limit_shift < 8) {
        n->transfer_max_bytes = (uint32_t)NVME_PAGE_BYTES << limit_shift;
    }
    n->has_write_cache = (n->memory.identify[525] & 1) != 0;
    if (n->has_write_cache && !n->keep_write_cache) {
        n->has_write_cache = false;
        return set_feature(n, FEATURE_WRITE_CACHE, 0);
    }
    return OK;
}

/* Identify Namespace (figure 245): size, block size, write protection. */
static err_t read_namespace(struct nvme *n)
{
    err_t e = identify(n, IDENTIFY_NAMESPACE);
    if (e != OK) return e;
    uint64_t blocks = word_at(n, 0) | (uint64_t)word_at(n, 4) << 32;
    uint32_t format_idx = n->memory.identify[26] & 15;
    uint32_t format_word = word_at(n, 128 + 4 * format_idx);
    uint32_t block_shift = (format_word >> 16) & 0xff, metadata_bytes = format_word & 0xffff;
    if (blocks == 0) return ERR_NO_ENTRY;
    if (block_shift < 9 || block_shift > 12 || metadata_bytes != 0 || blocks >> 48 != 0) {
        return ERR_NOT_SUPPORTED;
    }
    n->sector_shift = block_shift - 9;
    n->geometry = (struct blk_geometry){
        .sector_count = blocks << n->sector_shift,
        .block_bytes = 1U << block_shift,
        .read_only = (n->memory.identify[99] & 1) != 0,
    };
    return OK;
}

static void queue_reset(struct nvme_queue *q, uint32_t id, struct nvme_command *submission,
                        struct nvme_completion *completion)
{
    memset(completion, 0, NVME_QUEUE_DEPTH * sizeof(*completion));
    *q = (struct nvme_queue){
        .submission = submission, .completion = completion, .id = id, .phase = 1
    };
}

static err_t create_io_queues(struct nvme *n)
{
    err_t e = set_feature(n, FEATURE_QUEUE_COUNT, 0); /* one of each */
    if (e != OK) return e;
    queue_reset(&n->io, 1, n->memory.io_submission, n->memory.io_completion);
    const struct nvme_command completion = {
        .opcode = ADMIN_CREATE_CQ,
        .prp1 = (uintptr_t)n->memory.io_completion,
        .dword = { (NVME_QUEUE_DEPTH - 1) << 16 | 1, 3 }, /* contiguous, interrupts on, vector 0 */
    };
    const struct nvme_command submission = {
        .opcode = ADMIN_CREATE_SQ,
        .prp1 = (uintptr_t)n->memory.io_submission,
        .dword = { (NVME_QUEUE_DEPTH - 1) << 16 | 1,
                   1 << 16 | 1 }, /* to completion queue 1, contiguous */
    };
    e = admin(n, &completion);
    return e == OK ? admin(n, &submission) : e;
}

/* Stops the controller: RDY read back as 0 is the proof that no command of an earlier life goes
 * on. */
static err_t reset(struct nvme *n)
{
    uint32_t cap = reg_read(n, REG_CAP), cap_hi = reg_read(n, REG_CAP_HI);
    uint64_t timeout_ns = (FIELD_OF(CAP_TO, cap) + 1) * 500000000;
    n->ready_polls_max = (uint32_t)(timeout_ns / SLEEP_NS) + QUICK_POLLS;
    n->doorbell_stride = 4U << FIELD_OF(CAP_HI_DSTRD, cap_hi);
    if (FIELD_OF(CAP_MQES, cap) + 1 < NVME_QUEUE_DEPTH || FIELD_OF(CAP_HI_MPSMIN, cap_hi) != 0) {
        return ERR_NOT_SUPPORTED;
    }
    if (doorbell(n, 1, true) + 4 > n->regs_bytes) return ERR_NOT_SUPPORTED;
    reg_write(n, REG_CC, 0);
    return wait_ready(n, false);
}

static err_t enable(struct nvme *n)
{
    queue_reset(&n->admin, 0, n->memory.admin_submission, n->memory.admin_completion);
    nvme_mask_interrupt(n);
    reg_write(n, REG_AQA, (NVME_QUEUE_DEPTH - 1) << 16 | (NVME_QUEUE_DEPTH - 1));
    reg_write(n, REG_ASQ, (uintptr_t)n->memory.admin_submission);
    reg_write(n, REG_ASQ + 4, (uintptr_t)n->memory.admin_submission >> 32);
    reg_write(n, REG_ACQ, (uintptr_t)n->memory.admin_completion);
    reg_write(n, REG_ACQ + 4, (uintptr_t)n->memory.admin_completion >> 32);
    mmio_barrier(); /* the cleared queues before the controller looks at them */
    reg_write(n, REG_CC, CC_EN | CC_IOSQES | CC_IOCQES);
    return wait_ready(n, true);
}

err_t nvme_controller_start(struct nvme *n)
{
    const char *step = "reset";
    err_t e = reset(n);
    if (e == OK && !n->dma_is_open) {
        step = "DMA";
        e = n->env->dma_enable(n->env->ctx);
        n->dma_is_open = e == OK;
    }
    if (e == OK) {
        step = "enable";
        e = enable(n);
    }
    if (e == OK) {
        step = "identify";
        e = read_controller(n);
        if (e == OK) e = read_namespace(n);
    }
    if (e == OK) {
        step = "queues";
        e = create_io_queues(n);
    }
    if (e == OK) {
        if (!n->polled) reg_write(n, REG_INTMC, 1);
        return OK;
    }
    char line[80];
    format(line, sizeof(line), "nvme: the controller fails at %s (%d)", step, (int)e);
    n->env->log(n->env->ctx, line);
    return e;
}
