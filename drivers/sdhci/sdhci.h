/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* SD memory card behind an SD Host Controller: reactions to a device. */
#pragma once

#include "abi/manifest.h"
#include "drivers/blk.h"

#define SDHCI_DESC_MAX   128  /* ADMA2 descriptors of one command: also the guard's limit */
#define SDHCI_BLOCKS_MAX 2048 /* blocks of one command: 1 MiB */

/* ADMA2 descriptor with a 32-bit address (SD Host Controller Simplified Specification 3.00,
 * section 1.13.3). */
struct sdhci_desc {
    uint16_t attr;
    uint16_t size_bytes;
    uint32_t addr;
};
STATIC_ASSERT(sizeof(struct sdhci_desc) == 8, "read by the controller");

enum sdhci_state {
    SDHCI_IDLE = 0,
    SDHCI_TRANSFER, /* a data command runs; its interrupt comes */
    SDHCI_FLUSH,    /* the card is busy programming; the timer asks again */
    SDHCI_BROKEN    /* the last initialization failed; the next request tries again */
};

struct sdhci {
    uint8_t *regs;             /* borrowed: the register page, device memory */
    const struct blk_env *env; /* borrowed (outlives the driver) */
    enum manifest_dma dma;     /* what stands between the controller and memory; none: PIO */
    uint32_t clock_hz; /* base clock where the firmware states one, else 0: the controller says */
    enum sdhci_state state;
    bool dma_is_open;
    bool block_addressed; /* SDHC and SDXC; SDSC counts bytes */
    uint32_t rca;         /* relative card address, in bits 31..16 */
    struct blk_geometry geometry;
    struct blk_request *active; /* borrowed until env.done */
    uint32_t command_blocks;    /* of the running command */
    uint32_t pio_blocks;        /* of these, still to be moved by the processor */
    struct {
        uint32_t block, adma;
    } latched; /* what the guard keeps until the next reset; 0: nothing */
    uint32_t flush_polls;
    struct blk_fifo waiting;
    struct sdhci_desc table[SDHCI_DESC_MAX]
            __attribute__((aligned(1024))); /* read by the controller */
};

extern const struct blk_driver sdhci_driver;

/** Fills the parts of *s that the caller knows; the rest must be zero. Touches no register. */
void sdhci_init(struct sdhci *s, void *regs, uint32_t clock_hz, enum manifest_dma dma,
                const struct blk_env *env);

/*
 * The parts of this driver, for each other and for tests.
 */

/* host.c: registers. */
struct sdhci_command {
    uint8_t index;
    uint8_t response; /* enum sdhci_response */
    uint32_t arg;
};
enum sdhci_response { SDHCI_R0, SDHCI_R1, SDHCI_R1B, SDHCI_R2, SDHCI_R3, SDHCI_R6, SDHCI_R7 };
struct sdhci_answer {
    uint32_t word[4]; /* R2: bits 127..8 of the register, from bit 0 of word[0] on */
};

/** SRST_ALL, and the wait for its proof (the bit reads 0). ERR_TIMEOUT: not within 100 ms. */
err_t host_reset(struct sdhci *s) MUST_CHECK;
/** Power, identification clock, time-out, ADMA2, interrupts off. ERR_NOT_SUPPORTED, ERR_TIMEOUT. */
err_t host_setup(struct sdhci *s) MUST_CHECK;
/** Sets the SD clock to at most freq_hz. ERR_TIMEOUT: the internal clock does not settle. */
err_t host_set_clock(struct sdhci *s, uint32_t freq_hz) MUST_CHECK;
void host_set_width_4(struct sdhci *s);
/** True when a card is in its slot; *writable from the write-protect switch. */
bool host_has_card(const struct sdhci *s, bool *writable);
/** One command without data, waited for. ERR_TIMEOUT: no answer or the line stays busy; ERR_IO:
 * damaged. */
err_t host_command(struct sdhci *s, const struct sdhci_command *command,
                   struct sdhci_answer *answer) MUST_CHECK;
/** Starts a data command of block_count blocks through s->table, or without DMA. ERR_BUSY: the
 * lines are not free; nothing started. */
err_t host_transfer(struct sdhci *s, uint8_t index, uint32_t arg, uint32_t block_count,
                    bool read) MUST_CHECK;
/** Takes the interrupt: OK: transfer complete, r1 set | ERR_AGAIN: not ours or not yet | ERR_IO:
 * an error bit is set. */
struct sdhci_event {
    uint32_t r1;
    bool buffer_ready; /* a block can be moved through the buffer port */
};
err_t host_take_interrupt(struct sdhci *s, struct sdhci_event *event) MUST_CHECK;
/** Moves one block between the buffer port and words, a sector of memory in pieces. */
uint32_t host_buffer_read(struct sdhci *s);
void host_buffer_write(struct sdhci *s, uint32_t word);

/* card.c: initialization and state. */
/** From reset to the transfer state: host and card; fills geometry. Logs what failed. */
err_t card_init(struct sdhci *s) MUST_CHECK;
/** Asks for the card's state. OK: ready for data | ERR_AGAIN: programming | ERR_IO, ERR_TIMEOUT. */
err_t card_status(struct sdhci *s) MUST_CHECK;
/** True when an R1 answer reports an error. */
bool card_r1_is_error(uint32_t r1);
/** Sectors that a CSD register states (R2 words); 0: not understood. */
uint64_t card_csd_sectors(const struct sdhci_answer *csd);

/* adma.c: the descriptor table. */
/**
 * Fills s->table from where the request stands, and advances it: at most SDHCI_BLOCKS_MAX blocks.
 * Returns  OK, *block_count > 0 | ERR_ARG: a piece that ADMA2 cannot address (alignment, above 4
 *          GiB, part of a block)
 */
err_t adma_fill(struct sdhci *s, struct blk_request *request, uint32_t *block_count) MUST_CHECK;

/* pio.c: data by the processor, where there is no DMA. */
/** Blocks of the next command. ERR_ARG: a piece that is not made of words. */
err_t pio_begin(struct sdhci *s, const struct blk_request *request,
                uint32_t *block_count) MUST_CHECK;
/** Moves one block and advances the request. ERR_IO: more blocks than were asked for. */
err_t pio_block(struct sdhci *s, struct blk_request *request) MUST_CHECK;
