/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The DMA guard: EL2 keeps the registers of a controller without IOMMU and starts each transfer itself, from a checked copy. */
#pragma once
#include "hyp/domain.h"

/* Why an access was refused: info of CAUSE_DMA. */
enum guard_rule {
    GUARD_OK = 0,
    GUARD_ACCESS, /* not a 32-bit aligned access */
    GUARD_REGISTER, /* a register or bit that no domain may touch: SDMA, ADMA3, 64-bit, part resets, ... */
    GUARD_STATE,    /* the controller was not reset and proven still, or DMA is not open */
    GUARD_MODE,     /* transfer mode or command flags that do not fit the command */
    GUARD_OPCODE,   /* a command outside the card's table */
    GUARD_ARGUMENT, /* its argument may change more than the transfer */
    GUARD_BUSY,     /* command or data lines in use */
    GUARD_BLOCKS,   /* block size or count */
    GUARD_SECTORS, /* sectors outside every range of the domain's links, or an unknown addressing */
    GUARD_TABLE,   /* the descriptor table is not the domain's, not aligned, or has no end */
    GUARD_DESC,    /* a descriptor of another kind or alignment, or of length 0 */
    GUARD_MEMORY,  /* memory that is not the domain's, or not writable to it */
    GUARD_TOTAL,   /* lengths that do not add up to the blocks */
    GUARD_RULE_COUNT
};

/** Takes the register page of dev for EL2 and sets dev->guard. ERR_NO_MEMORY: no room. Context: EL2 boot, the page is not mapped for d. */
err_t guard_attach(struct domain *d, struct domain_device *dev) MUST_CHECK;
/** True when a guard knows controllers of this PCI class: SD Host Controllers. */
static inline bool guard_knows_class(uint32_t class_code)
{
    return class_code == 0x080501;
}
/**
 * One trapped access of d. Returns false: no guarded register there. An access that breaks a rule changes nothing and kills d with
 * CAUSE_DMA: detail is the address in a descriptor, else the IPA of the access; info is the enum guard_rule.
 * Context: EL2; at most 128 descriptors and ~100 polls.
 */
bool guard_access(struct domain *d, ipa_t ipa, bool is_write, uint32_t size_bytes, uint64_t *value);
/** A 32-bit read as guard_access() makes it, but nobody dies: false when it is refused, or no guarded register is there. Context: EL2. */
bool guard_read(struct domain *d, ipa_t ipa, uint64_t *value);
/** HVC_DMA_ENABLE. OK: this incarnation has reset the controller and EL2 has seen it still | ERR_STATE | ERR_NOT_SUPPORTED: no guard. */
err_t guard_may_open(const struct guard *g) MUST_CHECK;
/** Takes the registers away from the domain until it resets the controller itself, and begins a reset. Bus mastering is off already. */
void guard_reset(struct guard *g);
/** True: the reset is over, DMA select and address were read back as zero: nothing moves any more. A few register reads. */
bool guard_is_still(const struct guard *g);
