/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* NVM Express controller: one admin queue, one I/O queue, pin interrupt. Reactions to a device. */
#pragma once

#include "drivers/blk.h"

#define NVME_PAGE_BYTES   4096
#define NVME_QUEUE_DEPTH  64 /* entries of each queue: a submission queue is then one page */
#define NVME_IN_FLIGHT    16 /* I/O commands; the submission queue can never be full */
#define NVME_TRANSFER_MAX MIB(1)
#define NVME_PRP_MAX \
    (NVME_PAGE_BYTES / 8) /* entries of one list: a page of them is enough for NVME_TRANSFER_MAX */

/* Submission queue entry (NVM Express Base Specification 1.4, section 4.2). */
struct nvme_command {
    uint8_t opcode, flags;
    uint16_t id;
    uint32_t nsid;
    uint64_t reserved, metadata;
    uint64_t prp1, prp2;
    uint32_t dword[6]; /* command dwords 10 to 15 */
};
STATIC_ASSERT(sizeof(struct nvme_command) == 64, "read by the controller");

/* Completion queue entry (section 4.6). */
struct nvme_completion {
    uint32_t result, reserved;
    uint16_t sq_head, sq_id;
    uint16_t id;
    uint16_t status; /* bit 0: phase */
};
STATIC_ASSERT(sizeof(struct nvme_completion) == 16, "written by the controller");

/* A submission queue and its completion queue. */
struct nvme_queue {
    struct nvme_command *submission;                   /* borrowed: in struct nvme_memory */
    const volatile struct nvme_completion *completion; /* written by the device (untrusted) */
    uint32_t id;
    uint32_t tail, head; /* next entry to fill, next to look at */
    uint16_t phase;      /* of a new completion */
};

/* All that the controller reads and writes by itself. */
struct nvme_memory {
    struct nvme_command admin_submission[NVME_QUEUE_DEPTH];
    struct nvme_command io_submission[NVME_QUEUE_DEPTH];
    struct nvme_completion admin_completion[NVME_PAGE_BYTES / 16];
    struct nvme_completion io_completion[NVME_PAGE_BYTES / 16];
    uint8_t identify[NVME_PAGE_BYTES];
    uint64_t prp[NVME_IN_FLIGHT][NVME_PRP_MAX]; /* by command id */
};

struct nvme_slot {
    struct blk_request *request; /* borrowed until env.done; NULL: free */
    uint32_t sectors;            /* of the running command */
};

struct nvme {
    uint8_t *regs; /* borrowed: device memory */
    uint64_t regs_bytes;
    const struct blk_env *env; /* borrowed (outlives the driver) */
    bool keep_write_cache;     /* false: volatile write cache off */
    bool dma_is_open, broken;
    bool polled; /* the interrupt pin is stuck: masked, completions are looked for by the timer */
    bool timer_is_armed;
    uint32_t empty_interrupts; /* in a row, without a completion */
    bool has_write_cache;      /* and it is on: flush means something */
    uint32_t doorbell_stride;  /* bytes */
    uint32_t ready_polls_max;  /* how long CSTS.RDY may take */
    uint32_t sector_shift;     /* sectors in a block of the namespace, log 2 */
    uint32_t transfer_max_bytes;
    struct blk_geometry geometry;
    struct nvme_queue admin, io;
    struct nvme_slot slot[NVME_IN_FLIGHT];
    struct blk_fifo waiting;
    struct nvme_memory memory __attribute__((aligned(NVME_PAGE_BYTES)));
};

extern const struct blk_driver nvme_driver;

/** Fills the parts of *n that the caller knows; the rest must be zero. Touches no register. */
void nvme_init(struct nvme *n, void *regs, uint64_t regs_bytes, bool keep_write_cache,
               const struct blk_env *env);

/*
 * The parts of this driver, for each other and for tests.
 */

/* controller.c */
/** From reset to a running I/O queue; fills geometry. Logs what failed. */
err_t nvme_controller_start(struct nvme *n) MUST_CHECK;
/** Puts a command into a queue and rings its doorbell. */
void nvme_submit(struct nvme *n, struct nvme_queue *q, const struct nvme_command *command);
/** Takes one completion without telling the controller; false: none. */
bool nvme_take(struct nvme_queue *q, struct nvme_completion *out);
/** Masks the interrupt pin in the controller. */
void nvme_mask_interrupt(struct nvme *n);
/** Tells the controller how far nvme_take came. */
void nvme_taken(struct nvme *n, const struct nvme_queue *q);

/* prp.c */
struct nvme_prp {
    uint64_t prp1, prp2;
    uint32_t size_bytes;
};
/**
 * The longest part of the request, from where it stands, that one command can carry: pieces join
 * only at page bounds.
 * Fills `list`, advances the request.
 * Returns  OK, out->size_bytes > 0, a multiple of block_bytes | ERR_ARG: not possible with these
 *          addresses
 */
err_t nvme_prp_fill(struct blk_request *r, uint64_t *list, uint32_t max_bytes, uint32_t block_bytes,
                    struct nvme_prp *out) MUST_CHECK;
