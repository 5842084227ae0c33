/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* An SD Host Controller behind the guard: a register model that looks at what every command would do to memory. */
#pragma once
#include "hyp/dma/guard.h"
#include "hyp/link.h"

#define RIG_REGS 0x02000000UL /* IPA of the register page */
#define RIG_RAM  0x10000000UL /* 48 KiB fixed, the rest writable */
#define RIG_RW   0x1000c000UL
#define RIG_WIN  0x20000000UL /* 8 KiB read-only, the rest writable */
#define RIG_EDGE 0x21000000UL /* writable, across 128 MiB in its middle */
#define RIG_HIGH 0x22000000UL /* writable, across 4 GiB in its middle */
#define RIG_DEV  0x02001000UL /* another device of the domain */
#define RIG_TAB  0x10010000UL /* where tables are put */

#define RIG_RAM_PA   0x7fe00000UL
#define RIG_RAM_SIZE 0x200000UL
#define RIG_EDGE_PA  0x77ff0000UL /* 0x20000 bytes */

/* REG_COMMAND words as the driver makes them. */
#define RIG_READ1  0x113a0011U /* CMD17, DMA */
#define RIG_READN  0x123a0037U /* CMD18, DMA, auto CMD12 */
#define RIG_WRITE1 0x183a0001U
#define RIG_WRITEN 0x193a0027U

struct rig {
    uint32_t regs[0x40];
    struct domain domain, other;
    struct manifest_domain conf;
    struct manifest_link link_conf[4];
    struct link link[4];
    uint8_t ram[RIG_RAM_SIZE];
    /* what the hardware does */
    bool reset_stuck, select_stuck, address_stuck, address_hi_stuck;
    uint32_t present, answer, errors; /* of the next commands */
    uint32_t polls;                   /* reads of the clock register since its last write */
    /* what happened */
    uint32_t commands, reads, writes, longest_poll;
    uint32_t command, arg, block, select, sdma, adma, adma_hi; /* registers at the last command */
    uint32_t chain_count;                                      /* descriptors of its chain */
    uint32_t wild;                                             /* chains that break the invariant */
    enum death_cause cause;
    uint64_t detail;
    uint32_t kills;
    void (*on_copy)(void); /* the domain's other core, while its table is copied */
};

extern struct rig rig;

/** A domain with a guarded controller that nobody has reset. */
void rig_fresh(void);
/** ... reset, DMA open, an SDHC card that has answered ACMD41. */
void rig_ready(void);
/** One access of the domain; GUARD_OK or the rule that killed it. */
enum guard_rule rig_access(uint64_t offset, bool is_write, uint32_t size_bytes, uint64_t *value);
enum guard_rule rig_write(uint64_t offset, uint32_t value);
uint32_t rig_read(uint64_t offset);
/** Writes descriptor i of the table at RIG_TAB. */
void rig_desc(uint32_t i, uint16_t attr, uint16_t size_bytes, uint32_t addr);
/** Latches table, block count and argument, and writes the command. */
enum guard_rule rig_start(uint32_t command, uint32_t sector, uint32_t block_count);
/** The shadow chain of the last command. */
uint32_t rig_chain_addr(uint32_t i);
uint32_t rig_chain_bytes(uint32_t i);
