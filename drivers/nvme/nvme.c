/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The namespace's reactions: up to NVME_IN_FLIGHT requests, one command each at a time. */
#include "drivers/nvme/nvme.h"

enum { IO_FLUSH = 0, IO_WRITE = 1, IO_READ = 2 };

#define NAMESPACE 1

/*
 * A controller that is reset with completions not yet taken may leave its interrupt pin high for
 * good (QEMU 10 does). After
 * this many interrupts in a row that bring nothing, the pin is given up, and a timer looks while
 * requests are in flight.
 */
#define EMPTY_INTERRUPTS_MAX 16
#define POLL_NS              20000

void nvme_init(struct nvme *n, void *regs, uint64_t regs_bytes, bool keep_write_cache,
               const struct blk_env *env)
{
    n->regs = regs;
    n->regs_bytes = regs_bytes;
    n->keep_write_cache = keep_write_cache;
    n->env = env;
}

static void finish(struct nvme *n, struct blk_request *r, err_t result)
{
    r->result = result;
    n->env->done(n->env->ctx, r);
}

/* Fills in what reads and writes add: addresses, blocks. */
static err_t command_fill(struct nvme *n, struct blk_request *r, uint32_t slot_idx,
                          struct nvme_command *c)
{
    const uint64_t sector = r->sector + r->sectors_done;
    const uint32_t unit_mask = (1U << n->sector_shift) - 1; /* sectors of one block, less one */
    if (r->op == BLK_WRITE && n->geometry.read_only) return ERR_READ_ONLY;
    if (((sector | r->sector_count) & unit_mask) != 0) return ERR_IO;
    if (!range_is_inside(sector, r->sector_count - r->sectors_done, 0, n->geometry.sector_count)) {
        return ERR_IO;
    }
    struct nvme_prp prp;
    err_t e = nvme_prp_fill(r, n->memory.prp[slot_idx], n->transfer_max_bytes,
                            n->geometry.block_bytes, &prp);
    if (e != OK) return ERR_IO;
    n->slot[slot_idx].sectors = prp.size_bytes / BLK_SECTOR_BYTES;
    uint64_t block = sector >> n->sector_shift;
    c->opcode = r->op == BLK_READ ? IO_READ : IO_WRITE;
    c->prp1 = prp.prp1;
    c->prp2 = prp.prp2;
    c->dword[0] = (uint32_t)block;
    c->dword[1] = (uint32_t)(block >> 32);
    c->dword[2] = prp.size_bytes / n->geometry.block_bytes - 1;
    return OK;
}

/* Starts the next command of the slot's request. Returns OK: it runs. */
static err_t slot_start(struct nvme *n, uint32_t slot_idx)
{
    struct nvme_slot *slot = &n->slot[slot_idx];
    struct nvme_command c = { .opcode = IO_FLUSH, .id = (uint16_t)slot_idx, .nsid = NAMESPACE };
    slot->sectors = 0;
    if (slot->request->op != BLK_FLUSH) {
        err_t e = command_fill(n, slot->request, slot_idx, &c);
        if (e != OK) return e;
    }
    nvme_submit(n, &n->io, &c);
    return OK;
}

/* After this no command runs: every request in flight has failed, and the controller is up again
 * or broken. */
static void recover(struct nvme *n)
{
    n->broken = nvme_controller_start(n) != OK;
    for (uint32_t i = 0; i < NVME_IN_FLIGHT; i++) {
        struct blk_request *r = n->slot[i].request;
        n->slot[i].request = NULL;
        if (r != NULL) finish(n, r, ERR_IO);
    }
}

static uint32_t slot_free(const struct nvme *n)
{
    uint32_t i = 0;
    while (i < NVME_IN_FLIGHT && n->slot[i].request != NULL) {
        i++;
    }
    return i;
}

/* Starts waiting requests while slots are free. */
static void run(struct nvme *n)
{
    for (uint32_t i = slot_free(n); i < NVME_IN_FLIGHT; i = slot_free(n)) {
        struct blk_request *r = blk_fifo_take(&n->waiting);
        if (r == NULL) return;
        if (n->broken) recover(n);
        if (r->cancelled || n->broken) {
            finish(n, r, r->cancelled ? ERR_CANCELLED : ERR_IO);
        } else if (r->op == BLK_FLUSH && !n->has_write_cache) {
            finish(n, r, OK); /* a completed write is on the medium */
        } else {
            n->slot[i].request = r;
            err_t e = slot_start(n, i);
            if (e == OK) continue;
            n->slot[i].request = NULL;
            finish(n, r, e);
        }
    }
}

static err_t on_start(void *device, struct blk_geometry *geometry)
{
    struct nvme *n = device;
    err_t e = nvme_controller_start(n);
    n->broken = e != OK;
    *geometry = e == OK ? n->geometry : (struct blk_geometry){ .block_bytes = BLK_SECTOR_BYTES };
    return e;
}

/* One command ended: the request goes on, or is done. Returns false for a completion that no
 * command asked for. */
static bool slot_ended(struct nvme *n, const struct nvme_completion *c)
{
    if (c->id >= NVME_IN_FLIGHT || n->slot[c->id].request == NULL) return false;
    struct nvme_slot *slot = &n->slot[c->id];
    struct blk_request *r = slot->request;
    err_t e = c->status >> 1 == 0 ? OK : ERR_IO;
    r->sectors_done += slot->sectors;
    if (e == OK && r->op != BLK_FLUSH && r->sectors_done < r->sector_count) {
        e = slot_start(n, c->id);
        if (e == OK) return true;
    }
    slot->request = NULL;
    finish(n, r, e);
    return true;
}

/* Takes what has completed. Bounded by the queue: a device that keeps completing is taken up
 * again later. */
static uint32_t take_completions(struct nvme *n)
{
    struct nvme_completion c;
    uint32_t count = 0;
    bool sane = true;
    while (sane && count < NVME_QUEUE_DEPTH && nvme_take(&n->io, &c)) {
        count++;
        sane = slot_ended(n, &c);
    }
    if (count != 0) nvme_taken(n, &n->io);
    if (!sane) recover(n);
    run(n);
    return count;
}

static bool is_busy(const struct nvme *n)
{
    for (uint32_t i = 0; i < NVME_IN_FLIGHT; i++) {
        if (n->slot[i].request != NULL) return true;
    }
    return false;
}

static void poll_arm(struct nvme *n)
{
    if (!n->polled || n->timer_is_armed || !is_busy(n)) return;
    n->timer_is_armed =
            /* not again before it fires: a steady stream of requests would put it off for ever */
            true;
    n->env->timer_arm(n->env->ctx, POLL_NS);
}

static void on_submit(void *device, struct blk_request *request)
{
    struct nvme *n = device;
    request->sectors_done = 0;
    request->piece_idx = 0;
    request->piece_offset = 0;
    blk_fifo_put(&n->waiting, request);
    run(n);
    poll_arm(n);
}

static void on_irq(void *device)
{
    struct nvme *n = device;
    if (n->broken || take_completions(n) != 0) {
        n->empty_interrupts = 0;
        return;
    }
    if (n->polled || ++n->empty_interrupts < EMPTY_INTERRUPTS_MAX) return;
    n->polled = true;
    nvme_mask_interrupt(n);
    n->env->log(n->env->ctx, "nvme: the interrupt pin is stuck: polling from here on");
    poll_arm(n);
}

static void on_timer(void *device)
{
    struct nvme *n = device;
    n->timer_is_armed = false;
    if (!n->broken) (void)take_completions(n);
    poll_arm(n);
}

const struct blk_driver nvme_driver = {
    .start = on_start,
    .submit = on_submit,
    .on_irq = on_irq,
    .on_timer = on_timer,
};
