/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The guard of an SD Host Controller (Simplified Specification 3.00): registers latched, commands checked, ADMA2 chains copied. */
#include <linux/virtio_ids.h>

#include "hyp/aarch64/mmu.h"
#include "hyp/arch.h"
#include "hyp/console.h"
#include "hyp/dma/guard.h"
#include "hyp/link.h"
#include "hyp/pool.h"
#include "lib/mmio.h"

/* Offsets of 32-bit words. */
enum {
    REG_SDMA = 0x00,
    REG_BLOCK = 0x04,
    REG_ARG = 0x08,
    REG_COMMAND = 0x0c,
    REG_RESPONSE = 0x10,
    REG_BUFFER = 0x20,
    REG_PRESENT = 0x24,
    REG_HOST = 0x28,
    REG_CLOCK = 0x2c,
    REG_STATUS = 0x30,
    REG_STATUS_ENABLE = 0x34,
    REG_SIGNAL_ENABLE = 0x38,
    REG_CAPS = 0x40,
    REG_CAPS_HI = 0x44,
    REG_ADMA = 0x58,
    REG_ADMA_HI = 0x5c,
    REG_VERSION = 0xfc,
};

/* REG_COMMAND: transfer mode below, command above. */
#define MODE_DMA       BIT(0)
#define MODE_COUNT     BIT(1)
#define MODE_AUTO12    BIT(2)
#define MODE_READ      BIT(4)
#define MODE_MULTI     BIT(5)
#define MODE           BITS(15, 0)
#define COMMAND_REPLY  BITS(17, 16)
#define REPLY_48       2
#define COMMAND_DATA   BIT(21)
#define COMMAND_TYPE   BITS(23, 22)
#define TYPE_ABORT     3
#define COMMAND_INDEX  BITS(29, 24)
#define COMMAND_FORBID (BITS(31, 30) | BIT(18))

#define PRESENT_COMMAND BIT(0)
#define PRESENT_DATA    BIT(1)
#define HOST_SELECT     BITS(4, 3)
#define HOST_ADMA2      FIELD(HOST_SELECT, 2)
#define HOST_ALLOWED \
    (BITS(2, 0) | HOST_SELECT | BIT(5) | BITS(15, 8)) /* LED, width, speed, power */
#define CLOCK_RESET_ALL BIT(24)
#define CLOCK_FORBID    BITS(31, 25) /* resets of a part, which leave the rest as it is */
#define STATUS_DONE     BIT(0)
#define STATUS_ERRORS   BITS(31, 16)
#define STATUS_ADMA     BIT(25)
#define ENABLE_FORCED   (STATUS_DONE | BITS(25, 16)) /* what the guard itself goes by */
#define OCR_HIGH        BIT(30)
#define OCR_READY       BIT(31)

#define BLOCK_BYTES   512U
#define DESC_MAX      128
#define DESC_BATCH    8 /* copied at once: 64 bytes, never across a page */
#define DESC_VALID    BIT(0)
#define DESC_END      BIT(1)
#define DESC_INT      BIT(2)
#define DESC_TRAN     BIT(5)
#define DESC_BOUNDARY MIB(128) /* DesignWare controllers must not cross it in one descriptor */
#define POLLS_MAX     100
#define GUARD_MAX     4

/* What a command is, by card and prefix: a plain one, one that reads a register of the card by PIO, or blocks of data. */
enum {
    SD = 1,
    MMC = 2,
    APP = 4,
    SD_READ = 8,
    MMC_READ = 16,
    APP_READ = 32,
    BLOCKS_READ = 64,
    BLOCKS_WRITE = 128,
};
static const uint8_t opcode[64] = {
    [0] = SD | MMC | APP, /* GO_IDLE */
    [1] = SD | MMC,       /* SEND_OP_COND: a card that answers it is an MMC */
    [2] = SD | MMC,       /* ALL_SEND_CID */
    [3] = SD | MMC,       /* RELATIVE_ADDR */
    [6] = SD_READ | MMC | APP,
    [7] = SD | MMC,      /* SELECT */
    [8] = SD | MMC_READ, /* SEND_IF_COND; SEND_EXT_CSD */
    [9] = SD | MMC,      /* SEND_CSD */
    [10] = SD | MMC,     /* SEND_CID */
    [12] = SD | MMC,     /* STOP */
    [13] = SD | MMC | APP_READ,
    [16] = SD | MMC, /* SET_BLOCKLEN */
    [17] = BLOCKS_READ,
    [18] = BLOCKS_READ,
    [19] = SD_READ,  /* SEND_TUNING_BLOCK */
    [21] = MMC_READ, /* " */
    [24] = BLOCKS_WRITE,
    [25] = BLOCKS_WRITE,
    [41] = APP,      /* SD_SEND_OP_COND */
    [51] = APP_READ, /* SEND_SCR */
    [55] = SD | MMC | APP,
};

struct desc {
    uint16_t attr, size_bytes;
    uint32_t addr;
};
STATIC_ASSERT(sizeof(struct desc) == 8 && sizeof(struct desc) * (2 * DESC_MAX + 1) <= PAGE_SIZE,
              "each descriptor may be split once, and a zero one ends the shadow chain");

enum state {
    CLOSED = 0, /* dead, never reset, or after an ADMA error: only a reset leads on */
    RESETTING,  /* the domain began it, the proof is to come */
    READY       /* reset, and read back as still */
};

struct guard {
    uint8_t *regs;             /* device memory of EL2, VA = PA */
    struct domain *domain;     /* borrowed: lives for ever */
    struct domain_device *dev; /* " */
    struct desc *chain;        /* owned, one page that is in no domain's tables */
    uint32_t block, arg, adma; /* as latched: the domain's addresses, not believed */
    uint32_t command, host;    /* as last accepted; host without DMA select */
    enum state state;
    bool is_mmc, is_app, is_dma; /* card type, CMD55 came before, the last data command used DMA */
    bool asked_ocr;              /* its answer says how the card counts */
    uint32_t unit;               /* of a data command's argument: 1 blocks, 512 bytes, 0 unknown */
};

static struct {
    struct guard table[GUARD_MAX];
    uint32_t count;
} guards;

static const char *const rule_text[GUARD_RULE_COUNT] = {
    [GUARD_ACCESS] = "only aligned 32-bit accesses are allowed",
    [GUARD_REGISTER] = "this register or bit is not the domain's",
    [GUARD_STATE] = "the controller must be reset and DMA be enabled first",
    [GUARD_MODE] = "the transfer mode does not fit the command",
    [GUARD_OPCODE] = "the card's table has no such command",
    [GUARD_ARGUMENT] = "the command's argument is not allowed",
    [GUARD_BUSY] = "the controller is busy",
    [GUARD_BLOCKS] = "blocks have 512 bytes and a count",
    [GUARD_SECTORS] = "the sectors belong to no link of the domain",
    [GUARD_TABLE] = "the descriptor table is not the domain's or has no end",
    [GUARD_DESC] = "a descriptor is not valid",
    [GUARD_MEMORY] = "a descriptor names memory that is not the domain's to use so",
    [GUARD_TOTAL] = "the descriptors do not add up to the blocks",
};

static uint32_t reg_read(const struct guard *g, uint32_t offset)
{
    return mmio_read32(g->regs + offset);
}

static void reg_write(const struct guard *g, uint32_t offset, uint64_t value)
{
    mmio_write32(g->regs + offset, (uint32_t)value);
}

err_t guard_attach(struct domain *d, struct domain_device *dev)
{
    if (guards.count == GUARD_MAX) return ERR_NO_MEMORY;
    struct guard *g = &guards.table[guards.count];
    struct desc *chain = pool_take(1, true);
    if (chain == NULL || mmu_keep_device(dev->mmio) != OK) return ERR_NO_MEMORY;
    guards.count++;
    *g = (struct guard){
        .regs = (uint8_t *)(uintptr_t)dev->mmio.start.raw, .domain = d, .dev = dev, .chain = chain
    };
    dev->guard = g;
    return OK;
}

err_t guard_may_open(const struct guard *g)
{
    if (g == NULL) return ERR_NOT_SUPPORTED;
    return g->state == READY ? OK : ERR_STATE;
}

void guard_reset(struct guard *g)
{
    g->state = CLOSED;
    reg_write(g, REG_CLOCK, CLOCK_RESET_ALL);
}

bool guard_is_still(const struct guard *g)
{
    return (reg_read(g, REG_CLOCK) & (CLOCK_RESET_ALL | CLOCK_FORBID)) == 0 &&
           (reg_read(g, REG_HOST) & HOST_SELECT) == 0 && reg_read(g, REG_ADMA) == 0 &&
           reg_read(g, REG_ADMA_HI) == 0;
}

/* Reads the status before the domain can clear it: an ADMA error closes the guard, and ACMD41 and CMD1 tell how the card counts. */
static uint32_t observe(struct guard *g)
{
    uint32_t status = reg_read(g, REG_STATUS);
    if (status & STATUS_ADMA) g->state = CLOSED;
    if (g->asked_ocr && (status & (STATUS_DONE | STATUS_ERRORS)) != 0) {
        uint32_t ocr = reg_read(g, REG_RESPONSE);
        g->asked_ocr = false;
        bool is_fresh = (status & STATUS_ERRORS) == 0 && (ocr & OCR_READY) != 0;
        if (is_fresh) g->unit = ocr & OCR_HIGH ? 1 : BLOCK_BYTES;
    }
    return status;
}

/* Copies the domain's table, descriptor by descriptor, checks the copy and writes the shadow chain. */
static enum guard_rule chain_build(struct guard *g, bool to_memory, uint64_t *where)
{
    const struct s2 *s2 = &g->domain->s2;
    struct desc in[DESC_BATCH];
    uint64_t left_bytes = (uint64_t)(g->block >> 16) * BLOCK_BYTES;
    struct desc *out = g->chain;
    if (g->adma % sizeof(in) != 0) return GUARD_TABLE;
    for (uint32_t i = 0; i < DESC_MAX; i++) {
        pa_t pa;
        *where = (uint64_t)g->adma + i * sizeof(struct desc);
        if (i % DESC_BATCH == 0) {
            if (s2_memory(s2, (ipa_t){ *where }, sizeof(in), false, &pa) != OK) return GUARD_TABLE;
            arch_mem_copy_out(in, pa, sizeof(in));
        }
        struct desc d = in[i % DESC_BATCH];
        *where = d.addr;
        if ((d.attr & ~(DESC_END | DESC_INT)) != (DESC_VALID | DESC_TRAN)) return GUARD_DESC;
        if (d.size_bytes == 0 || ((d.size_bytes | d.addr) & 3) != 0) return GUARD_DESC;
        if (d.size_bytes > left_bytes) return GUARD_TOTAL;
        if (s2_memory(s2, (ipa_t){ d.addr }, d.size_bytes, to_memory, &pa) != OK ||
            pa.raw + d.size_bytes > GIB(4)) {
            return GUARD_MEMORY;
        }
        left_bytes -= d.size_bytes;
        for (uint64_t at = pa.raw, end = at + d.size_bytes; at < end; out++) {
            uint64_t n = MIN(end - at, DESC_BOUNDARY - at % DESC_BOUNDARY);
            *out = (struct desc){ DESC_VALID | DESC_TRAN, (uint16_t)n, (uint32_t)at };
            at += n;
        }
        if ((d.attr & DESC_END) == 0) continue;
        if (left_bytes != 0) return GUARD_TOTAL;
        out[-1].attr |= DESC_END;
        *out = (struct desc){ 0 }; /* for a controller that reads one ahead */
        return GUARD_OK;
    }
    return GUARD_TABLE;
}

static bool sectors_are_granted(const struct guard *g, bool is_write)
{
    if (g->unit == 0 || g->arg % g->unit != 0) return false;
    for (uint32_t i = 0; i < link_count(); i++) {
        const struct link *l = link_at(i);
        if (!l->present || l->server != g->domain || l->conf->device_id != VIRTIO_ID_BLOCK)
            continue;
        uint64_t first = l->conf->lba_first, count = l->conf->lba_count;
        uint64_t end = count == 0 ? UINT64_MAX : first + count;
        if (is_write && l->conf->read_only) continue;
        if (range_is_inside(g->arg / g->unit, g->block >> 16, first, end)) return true;
    }
    return false;
}

/* Arguments that reach further than the command: other block sizes, boot partitions, boot mode. */
static bool argument_is_allowed(const struct guard *g, uint32_t index)
{
    uint32_t arg = g->arg, register_idx = arg >> 16 & 0xff;
    if (index == 0) return arg == 0;
    if (index == 16) return arg == BLOCK_BYTES;
    if (index != 6) return true;
    if (g->is_app) return arg <= 2;                   /* bus width */
    if (!g->is_mmc) return (arg & BITS(30, 24)) == 0; /* would be SWITCH's access bits on an MMC */
    return arg >> 24 == 3 && (register_idx == 183 || register_idx == 185); /* width, timing */
}

/* Data commands: kind is one bit of opcode[]. */
static enum guard_rule check_data(struct guard *g, uint32_t value, uint32_t kind, uint64_t *where)
{
    const uint64_t multi = MODE_COUNT | MODE_MULTI;
    uint32_t index = (uint32_t)FIELD_OF(COMMAND_INDEX, value), count = g->block >> 16;
    bool is_blocks = (kind & (BLOCKS_READ | BLOCKS_WRITE)) != 0, is_write = kind == BLOCKS_WRITE;
    bool is_multi = index == 18 || index == 25, is_dma = (value & MODE_DMA) != 0;
    uint64_t allowed = (is_blocks ? MODE_DMA : 0) | (is_multi ? multi | MODE_AUTO12 : 0);
    uint64_t needed = (is_write ? 0 : MODE_READ) | (is_multi ? multi : 0);
    if ((value & MODE & ~(allowed | needed)) != 0 || (value & needed) != needed) return GUARD_MODE;
    if ((value & COMMAND_DATA) == 0) return GUARD_MODE;
    if (!is_blocks) {
        return (g->block & 0xffff) <= BLOCK_BYTES && count <= 1 ? GUARD_OK : GUARD_BLOCKS;
    }
    if ((g->block & 0xffff) != BLOCK_BYTES || count == 0 || (count > 1 && !is_multi)) {
        return GUARD_BLOCKS;
    }
    *where = g->arg;
    if (!sectors_are_granted(g, is_write)) return GUARD_SECTORS;
    if (!is_dma) return GUARD_OK;
    return g->dev->dma_open ? chain_build(g, !is_write, where) : GUARD_STATE;
}

static enum guard_rule check_command(struct guard *g, uint32_t value, uint32_t *kind,
                                     uint64_t *where)
{
    uint32_t index = (uint32_t)FIELD_OF(COMMAND_INDEX, value);
    uint32_t plain = g->is_app ? APP : g->is_mmc ? MMC : SD;
    uint32_t blocks = g->is_app ? 0 : BLOCKS_READ | BLOCKS_WRITE;
    (void)observe(g);
    if (g->state != READY) return GUARD_STATE;
    if ((value & COMMAND_FORBID) != 0) return GUARD_MODE;
    uint64_t type = FIELD_OF(COMMAND_TYPE, value);
    if (type != 0 && (type != TYPE_ABORT || index != 12)) return GUARD_MODE;
    *kind = opcode[index] & (plain | plain << 3 | blocks);
    if (*kind == 0) return GUARD_OPCODE;
    uint32_t present = reg_read(g, REG_PRESENT);
    bool may_interrupt = index == 0 || index == 12 || index == 13;
    if ((present & PRESENT_COMMAND) != 0 || ((present & PRESENT_DATA) != 0 && !may_interrupt)) {
        return GUARD_BUSY;
    }
    if (!argument_is_allowed(g, index)) return GUARD_ARGUMENT;
    if (*kind != plain) return check_data(g, value, *kind, where);
    if ((value & (MODE | COMMAND_DATA)) != 0) return GUARD_MODE;
    bool is_ocr = index == 1 || index == 41;
    return !is_ocr || FIELD_OF(COMMAND_REPLY, value) == REPLY_48 ? GUARD_OK : GUARD_MODE;
}

/* What the accepted command makes of the card, as far as the guard has to know. */
static void remember(struct guard *g, uint32_t value, uint32_t kind)
{
    uint32_t index = (uint32_t)FIELD_OF(COMMAND_INDEX, value);
    if (index == 0) g->unit = 0;
    if (index == 0 || index == 41) g->is_mmc = false;
    if (index == 1) g->is_mmc = true;
    g->asked_ocr = index == 1 || index == 41;
    if (g->asked_ocr) reg_write(g, REG_STATUS, STATUS_DONE); /* what comes is of this command */
    g->is_app = index == 55;
    if (kind > APP) g->is_dma = (value & MODE_DMA) != 0;
    g->command = value;
}

/* The start of a command: all checks, then all registers from the guard's own copy, the command last. */
static enum guard_rule start(struct guard *g, uint32_t value, uint64_t *where)
{
    uint32_t kind = 0;
    enum guard_rule rule = check_command(g, value, &kind, where);
    if (rule != GUARD_OK) return rule;
    remember(g, value, kind);
    if ((value & MODE_DMA) != 0) {
        reg_write(g, REG_SDMA, 0);
        reg_write(g, REG_ADMA, (uintptr_t)g->chain);
        reg_write(g, REG_ADMA_HI, 0);
        reg_write(g, REG_HOST, g->host | HOST_ADMA2);
        g->host |= HOST_ADMA2; /* until the next reset: it must not change under a transfer */
    }
    if ((value & COMMAND_DATA) != 0) reg_write(g, REG_BLOCK, g->block);
    reg_write(g, REG_ARG, g->arg);
    mmio_barrier(); /* the chain is in memory before the controller's first fetch */
    reg_write(g, REG_COMMAND, value);
    return GUARD_OK;
}

static enum guard_rule write_clock(struct guard *g, uint32_t value)
{
    if ((value & CLOCK_FORBID) != 0) return GUARD_REGISTER;
    if ((value & CLOCK_RESET_ALL) == 0) {
        reg_write(g, REG_CLOCK, value);
        return GUARD_OK;
    }
    guard_reset(g);
    g->state = RESETTING;
    g->block = g->arg = g->adma = g->command = g->host = 0;
    g->asked_ocr = g->is_dma = false;
    for (uint32_t i = 0; i < POLLS_MAX && g->state != READY; i++) {
        if (guard_is_still(g)) g->state = READY;
    }
    return GUARD_OK;
}

static enum guard_rule write_host(struct guard *g, uint32_t value)
{
    uint64_t select = value & HOST_SELECT;
    if (g->state != READY) return GUARD_STATE;
    if ((value & ~HOST_ALLOWED) != 0 || (select != 0 && select != HOST_ADMA2))
        return GUARD_REGISTER;
    g->host = (uint32_t)((value & ~HOST_SELECT) | (g->host & HOST_SELECT));
    reg_write(g, REG_HOST, g->host);
    return GUARD_OK;
}

static enum guard_rule on_write(struct guard *g, uint32_t offset, uint32_t value, uint64_t *where)
{
    switch (offset) {
    case REG_BLOCK:
        g->block = value;
        return GUARD_OK;
    case REG_ARG:
        g->arg = value;
        return GUARD_OK;
    case REG_ADMA:
        g->adma = value;
        return GUARD_OK;
    case REG_ADMA_HI:
        return value == 0 ? GUARD_OK : GUARD_REGISTER;
    case REG_COMMAND:
        return start(g, value, where);
    case REG_HOST:
        return write_host(g, value);
    case REG_CLOCK:
        return write_clock(g, value);
    case REG_BUFFER:
        if (g->is_dma) return GUARD_REGISTER;
        break;
    case REG_STATUS:
        (void)observe(g);
        break;
    case REG_STATUS_ENABLE:
        value |= (uint32_t)ENABLE_FORCED;
        break;
    case REG_SIGNAL_ENABLE:
        break;
    default:
        return GUARD_REGISTER;
    }
    reg_write(g, offset, value);
    return GUARD_OK;
}

static enum guard_rule on_read(struct guard *g, uint32_t offset, uint64_t *value)
{
    switch (offset) {
    case REG_BLOCK:
        *value = g->block;
        return GUARD_OK;
    case REG_ARG:
        *value = g->arg;
        return GUARD_OK;
    case REG_COMMAND:
        *value = g->command;
        return GUARD_OK;
    case REG_ADMA: /* never the shadow chain's place */
        *value = g->adma;
        return GUARD_OK;
    case REG_ADMA_HI:
        *value = 0;
        return GUARD_OK;
    case REG_STATUS:
        *value = observe(g);
        return GUARD_OK;
    case REG_CLOCK:
        if (g->state == RESETTING && guard_is_still(g)) g->state = READY;
        *value = reg_read(g, offset) | (g->state == RESETTING ? CLOCK_RESET_ALL : 0);
        return GUARD_OK;
    case REG_BUFFER:
        if (g->is_dma) return GUARD_REGISTER;
        break;
    case REG_RESPONSE:
    case REG_RESPONSE + 4:
    case REG_RESPONSE + 8:
    case REG_RESPONSE + 12:
    case REG_PRESENT:
    case REG_HOST:
    case REG_STATUS_ENABLE:
    case REG_SIGNAL_ENABLE:
    case REG_CAPS:
    case REG_CAPS_HI:
    case REG_VERSION:
        break;
    default:
        return GUARD_REGISTER;
    }
    *value = reg_read(g, offset);
    return GUARD_OK;
}

bool guard_access(struct domain *d, ipa_t ipa, bool is_write, uint32_t size_bytes, uint64_t *value)
{
    for (uint32_t i = 0; i < d->device_count; i++) {
        struct domain_device *dev = &d->device[i];
        uint64_t offset = ipa.raw - dev->ipa.raw, where = ipa.raw;
        if (dev->guard == NULL || offset >= dev->mmio.size_bytes) continue;
        enum guard_rule rule = GUARD_ACCESS;
        if (size_bytes == 4 && offset % 4 == 0) {
            rule = is_write ? on_write(dev->guard, (uint32_t)offset, (uint32_t)*value, &where)
                            : on_read(dev->guard, (uint32_t)offset, value);
        }
        if (rule == GUARD_OK) return true;
        log_line("%s: %s: %s (register 0x%lx, 0x%lx)", d->name, dev->name, rule_text[rule], offset,
                 where);
        domain_kill(d, CAUSE_DMA, where, rule);
        return true;
    }
    return false;
}
