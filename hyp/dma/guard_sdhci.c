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
#include "lib/string.h"

/* Offsets of 32-bit words. */
enum { REG_SDMA = 0x00, REG_BLOCK = 0x04, REG_ARG = 0x08, REG_COMMAND = 0x0c, REG_RESPONSE = 0x10 };
enum { REG_BUFFER = 0x20, REG_PRESENT = 0x24, REG_HOST = 0x28, REG_CLOCK = 0x2c };
enum { REG_STATUS = 0x30, REG_STATUS_ENABLE = 0x34, REG_SIGNAL_ENABLE = 0x38, REG_CAPS = 0x40 };
enum { REG_ADMA = 0x58, REG_ADMA_HI = 0x5c, REG_VERSION = 0xfc };

/* Words by what a read of the domain gets: the guard's copy, the register itself. A bit a word. */
#define WORD(offset) BIT((offset) / 4)
#define READ_LATCH   (BITS(3, 1) | WORD(REG_ADMA) | WORD(REG_ADMA_HI))
#define READ_DEVICE  (BITS(14, 4) | BITS(17, 16) | WORD(REG_VERSION))
#define LATCH_COUNT  24
STATIC_ASSERT(WORD(REG_RESPONSE) == BIT(4) && WORD(REG_SIGNAL_ENABLE) == BIT(14), "READ_DEVICE");
STATIC_ASSERT(WORD(REG_CAPS) == BIT(16) && REG_ADMA_HI / 4 < LATCH_COUNT, "and both words of it");

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
#define HOST_ALLOWED    (BITS(5, 0) | BITS(15, 8)) /* LED, width, speed, DMA select; power */
#define CLOCK_RESET_ALL BIT(24)
#define CLOCK_RESETS    BITS(26, 24)
#define CLOCK_FORBID    BITS(31, 25) /* resets of a part, which leave the rest as it is */
#define STATUS_DONE     BIT(0)
#define STATUS_ADMA     BIT(25)
#define STATUS_ERRORS   BITS(31, 16)
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

/*
 * What a command is, by card type and prefix (APP: after CMD55): a plain one, one that reads a register of the card by PIO, or blocks.
 * Bits are opcodes. 1 and 41 ask for the operating conditions; 6 is SWITCH or ACMD's bus width; 8 reads the EXT_CSD of an MMC.
 */
enum { SD, MMC, APP, SD_READ, MMC_READ, APP_READ, READ, WRITE, KINDS };
#define PLAIN (BITS(3, 0) | BIT(7) | BITS(10, 9) | BITS(13, 12) | BIT(16) | BIT(55))
static const uint64_t opcodes[KINDS] = {
    [SD] = PLAIN | BIT(8),
    [MMC] = PLAIN | BIT(6),
    [APP] = BIT(0) | BIT(6) | BIT(41) | BIT(55),
    [SD_READ] = BIT(6) | BIT(19),
    [MMC_READ] = BIT(8) | BIT(21),
    [APP_READ] = BIT(13) | BIT(51),
    [READ] = BITS(18, 17),
    [WRITE] = BITS(25, 24),
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
    uint8_t *regs;               /* device memory of EL2, VA = PA */
    struct domain *domain;       /* borrowed: lives for ever */
    struct domain_device *dev;   /* " */
    struct desc *chain;          /* owned, one page that is in no domain's tables */
    uint32_t latch[LATCH_COUNT]; /* by word, as the domain wrote it: not believed */
    uint32_t host;               /* as EL2 wrote it */
    enum state state;
    bool is_mmc, is_app, is_dma; /* card type, CMD55 came before, the last data command used DMA */
    bool asked_ocr;              /* its answer says how the card counts */
    uint32_t unit;               /* of a data command's argument: 1 blocks, 512 bytes, 0 unknown */
};
#define LATCH(g, offset) ((g)->latch[(offset) / 4])

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

static uint32_t reg_read(const struct guard *g, uint64_t offset)
{
    return mmio_read32(g->regs + offset);
}

static void reg_write(const struct guard *g, uint64_t offset, uint64_t value)
{
    mmio_write32(g->regs + offset, (uint32_t)value);
}

INIT_CODE err_t guard_attach(struct domain *d, struct domain_device *dev)
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
    if (g->state != READY) return ERR_STATE; /* guards: T-151 */
    return OK;
}

void guard_reset(struct guard *g)
{
    g->state = CLOSED;
    g->asked_ocr = g->is_dma = false;
    g->host = 0;
    memset(g->latch, 0, sizeof(g->latch));
    reg_write(g, REG_CLOCK, CLOCK_RESET_ALL);
}

bool guard_is_still(const struct guard *g)
{
    if ((reg_read(g, REG_CLOCK) & CLOCK_RESETS) != 0) return false;            /* guards: T-110 */
    if ((reg_read(g, REG_HOST) & HOST_SELECT) != 0) return false;              /* guards: T-111 */
    if ((reg_read(g, REG_ADMA) | reg_read(g, REG_ADMA_HI)) != 0) return false; /* guards: T-112 */
    return true;
}

/* Reads the status before the domain can clear it: an ADMA error closes the guard; CMD1 and ACMD41 tell how the card counts. */
static uint32_t observe(struct guard *g)
{
    uint32_t status = reg_read(g, REG_STATUS);
    if ((status & STATUS_ADMA) != 0) g->state = CLOSED; /* guards: T-148 */
    if (!g->asked_ocr || (status & (STATUS_DONE | STATUS_ERRORS)) == 0) return status;
    g->asked_ocr = false;
    if ((status & STATUS_ERRORS) != 0) return status; /* guards: T-149: no answer */
    uint32_t ocr = reg_read(g, REG_RESPONSE);
    if ((ocr & OCR_READY) != 0) g->unit = ocr & OCR_HIGH ? 1 : BLOCK_BYTES;
    return status;
}

/* Appends [pa, pa + size_bytes) to the shadow chain, in as many descriptors as the boundary needs. */
static struct desc *chain_add(struct desc *out, uint64_t pa, uint64_t size_bytes)
{
    for (uint64_t end = pa + size_bytes; pa < end; out++) {
        uint64_t n = MIN(end - pa, DESC_BOUNDARY - pa % DESC_BOUNDARY);
        *out = (struct desc){ DESC_VALID | DESC_TRAN, (uint16_t)n, (uint32_t)pa };
        pa += n;
    }
    return out;
}

/* Copies the domain's table, piece by piece, checks the copy and writes the shadow chain. */
static enum guard_rule chain_build(struct guard *g, bool to_memory, uint64_t *where)
{
    const struct s2 *s2 = &g->domain->s2;
    struct desc in[DESC_BATCH], *out = g->chain;
    uint64_t left_bytes = (uint64_t)(LATCH(g, REG_BLOCK) >> 16) * BLOCK_BYTES,
             at = LATCH(g, REG_ADMA);
    *where = at;
    if (at % sizeof(in) != 0) return GUARD_TABLE; /* guards: T-138 */
    for (uint32_t i = 0; i < DESC_MAX; i++, at += sizeof(struct desc)) {
        pa_t pa;
        if (i % DESC_BATCH == 0) {
            *where = at;
            err_t e = s2_memory(s2, (ipa_t){ at }, sizeof(in), false, &pa);
            if (e != OK) return GUARD_TABLE; /* guards: T-139 */
            arch_mem_copy_out(in, pa, sizeof(in));
        }
        struct desc d = in[i % DESC_BATCH];
        uint64_t kind = d.attr & ~(DESC_END | DESC_INT);
        *where = d.addr;
        if (kind != (DESC_VALID | DESC_TRAN)) return GUARD_DESC;   /* guards: T-140 */
        if (d.size_bytes == 0) return GUARD_DESC;                  /* guards: T-141 */
        if (((d.size_bytes | d.addr) & 3) != 0) return GUARD_DESC; /* guards: T-142 */
        err_t e = s2_memory(s2, (ipa_t){ d.addr }, d.size_bytes, to_memory, &pa);
        if (e != OK) return GUARD_MEMORY;                        /* guards: T-144 */
        if (pa.raw + d.size_bytes > GIB(4)) return GUARD_MEMORY; /* guards: T-145 */
        left_bytes -= d.size_bytes; /* below 0 it stays far from it: 128 lengths of 16 bits */
        out = chain_add(out, pa.raw, d.size_bytes);
        if ((d.attr & DESC_END) == 0) continue;
        if (left_bytes != 0) return GUARD_TOTAL; /* guards: T-146 */
        out[-1].attr |= DESC_END;
        *out = (struct desc){ 0 }; /* for a controller that reads one ahead */
        return GUARD_OK;
    }
    return GUARD_TABLE; /* no end */
}

static bool sectors_are_granted(const struct guard *g, bool is_write)
{
    uint32_t arg = LATCH(g, REG_ARG), block_count = LATCH(g, REG_BLOCK) >> 16;
    if (g->unit == 0) return false;       /* guards: T-133 */
    if (arg % g->unit != 0) return false; /* guards: T-134 */
    for (uint32_t i = 0; i < link_count(); i++) {
        const struct link *l = link_at(i);
        uint64_t first = l->conf->lba_first, count = l->conf->lba_count;
        uint64_t end = count == 0 ? UINT64_MAX : first + count;
        if (!l->present || l->conf->device_id != VIRTIO_ID_BLOCK) continue;
        if (l->server != g->domain) continue;         /* guards: T-135 */
        if (is_write && l->conf->read_only) continue; /* guards: T-136 */
        if (range_is_inside(arg / g->unit, block_count, first, end)) return true;
    }
    return false;
}

/* Arguments that reach further than the command: other block sizes, boot partitions, boot mode. */
static bool argument_is_allowed(const struct guard *g, uint32_t index)
{
    uint32_t arg = LATCH(g, REG_ARG), register_idx = arg >> 16 & 0xff;
    if (index == 0) return arg == 0;            /* guards: T-119 */
    if (index == 16) return arg == BLOCK_BYTES; /* guards: T-120 */
    if (index != 6) return true;
    if (g->is_app) return arg <= 2;                   /* guards: T-121: bus width */
    if (!g->is_mmc) return (arg & BITS(30, 24)) == 0; /* guards: T-122: SWITCH's bits on an MMC */
    return arg >> 24 == 3 && (register_idx == 183 || register_idx == 185); /* width, timing */
}

/* Data commands: of any kind but the plain ones. */
static enum guard_rule check_data(struct guard *g, uint32_t value, uint32_t kind, uint64_t *where)
{
    const uint64_t multi = MODE_COUNT | MODE_MULTI;
    uint32_t index = (uint32_t)FIELD_OF(COMMAND_INDEX, value), block = LATCH(g, REG_BLOCK);
    uint32_t size_bytes = block & 0xffff; /* SDMA's boundary bits are to be 0 */
    bool is_blocks = kind >= READ, is_multi = index == 18 || index == 25;
    uint64_t needed = (kind == WRITE ? 0 : MODE_READ) | (is_multi ? multi : 0);
    uint64_t allowed = needed | (is_blocks ? MODE_DMA : 0) | (is_multi ? MODE_AUTO12 : 0);
    if ((value & MODE & ~allowed) != 0) return GUARD_MODE; /* guards: T-126 */
    if ((value & needed) != needed) return GUARD_MODE;     /* guards: T-127 */
    if ((value & COMMAND_DATA) == 0) return GUARD_MODE;    /* guards: T-128 */
    if (!is_multi && block >> 16 > 1) return GUARD_BLOCKS; /* guards: T-129 */
    if (size_bytes > BLOCK_BYTES) return GUARD_BLOCKS;     /* guards: T-130 */
    if (!is_blocks) return GUARD_OK;
    *where = LATCH(g, REG_ARG);
    if (size_bytes != BLOCK_BYTES) return GUARD_BLOCKS;               /* guards: T-131 */
    if (!sectors_are_granted(g, kind == WRITE)) return GUARD_SECTORS; /* guards: T-132 */
    if ((value & MODE_DMA) == 0) return GUARD_OK;
    if (!g->dev->dma_open) return GUARD_STATE; /* guards: T-137 */
    return chain_build(g, kind == READ, where);
}

static uint32_t kind_of(uint32_t plain, uint32_t index)
{
    uint64_t is = BIT(index);
    if (plain != APP && (opcodes[READ] & is) != 0) return READ;
    if (plain != APP && (opcodes[WRITE] & is) != 0) return WRITE;
    if ((opcodes[plain] & is) != 0) return plain;
    return (opcodes[plain + SD_READ] & is) != 0 ? plain + SD_READ : KINDS;
}

static enum guard_rule check_command(struct guard *g, uint32_t value, uint32_t *kind,
                                     uint64_t *where)
{
    uint32_t index = (uint32_t)FIELD_OF(COMMAND_INDEX, value);
    uint32_t plain = g->is_app ? APP : g->is_mmc ? MMC : SD;
    bool may_interrupt = index == 0 || index == 12 || index == 13;
    bool is_abort = FIELD_OF(COMMAND_TYPE, value) == TYPE_ABORT && index == 12;
    bool is_ocr = index == 1 || index == 41;
    (void)observe(g);
    if (g->state != READY) return GUARD_STATE;                       /* guards: T-113 */
    if ((value & COMMAND_FORBID) != 0) return GUARD_MODE;            /* guards: T-114 */
    if ((value & COMMAND_TYPE) != 0 && !is_abort) return GUARD_MODE; /* guards: T-115 */
    *kind = kind_of(plain, index);
    if (*kind == KINDS) return GUARD_OPCODE; /* guards: T-116 */
    uint32_t present = reg_read(g, REG_PRESENT);
    if ((present & PRESENT_COMMAND) != 0) return GUARD_BUSY;                /* guards: T-117 */
    if ((present & PRESENT_DATA) != 0 && !may_interrupt) return GUARD_BUSY; /* guards: T-118 */
    if (!argument_is_allowed(g, index)) return GUARD_ARGUMENT;              /* guards: T-123 */
    if (*kind != plain) return check_data(g, value, *kind, where);
    if ((value & (MODE | COMMAND_DATA)) != 0) return GUARD_MODE;                 /* guards: T-124 */
    if (is_ocr && FIELD_OF(COMMAND_REPLY, value) != REPLY_48) return GUARD_MODE; /* guards: T-125 */
    return GUARD_OK;
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
    LATCH(g, REG_COMMAND) = value;
}

/* The start of a command: all checks, then all registers from the guard's own copy, the command last. */
static enum guard_rule start(struct guard *g, uint32_t value, uint64_t *where)
{
    uint32_t kind = 0;
    enum guard_rule rule = check_command(g, value, &kind, where);
    if (rule != GUARD_OK) return rule;
    remember(g, value, kind);
    if ((value & MODE_DMA) != 0) {
        g->host |= HOST_ADMA2; /* until the next reset: it must not change under a transfer */
        reg_write(g, REG_SDMA, 0);
        reg_write(g, REG_ADMA, (uintptr_t)g->chain);
        reg_write(g, REG_ADMA_HI, 0);
        reg_write(g, REG_HOST, g->host);
    }
    if ((value & COMMAND_DATA) != 0) reg_write(g, REG_BLOCK, LATCH(g, REG_BLOCK));
    reg_write(g, REG_ARG, LATCH(g, REG_ARG));
    mmio_barrier(); /* the chain is in memory before the controller's first fetch */
    reg_write(g, REG_COMMAND, value);
    return GUARD_OK;
}

static enum guard_rule write_clock(struct guard *g, uint32_t value)
{
    if ((value & CLOCK_FORBID) != 0) return GUARD_REGISTER; /* guards: T-106 */
    if ((value & CLOCK_RESET_ALL) == 0) {
        reg_write(g, REG_CLOCK, value);
        return GUARD_OK;
    }
    guard_reset(g);
    g->state = RESETTING;
    for (uint32_t i = 0; i < POLLS_MAX && g->state != READY; i++) {
        if (guard_is_still(g)) g->state = READY;
    }
    return GUARD_OK;
}

static enum guard_rule write_host(struct guard *g, uint32_t value)
{
    uint64_t select = value & HOST_SELECT;
    if (g->state != READY) return GUARD_STATE;                      /* guards: T-107 */
    if ((value & ~HOST_ALLOWED) != 0) return GUARD_REGISTER;        /* guards: T-108 */
    if (select != 0 && select != HOST_ADMA2) return GUARD_REGISTER; /* guards: T-109 */
    g->host = (uint32_t)((value & ~HOST_SELECT) | (g->host & HOST_SELECT));
    reg_write(g, REG_HOST, g->host);
    return GUARD_OK;
}

static enum guard_rule on_write(struct guard *g, uint64_t offset, uint32_t value, uint64_t *where)
{
    switch (offset) {
    case REG_COMMAND:
        return start(g, value, where);
    case REG_HOST:
        return write_host(g, value);
    case REG_CLOCK:
        return write_clock(g, value);
    case REG_ADMA_HI:
        if (value != 0) return GUARD_REGISTER; /* guards: T-102 */
        return GUARD_OK;
    case REG_BLOCK:
    case REG_ARG:
    case REG_ADMA:
        LATCH(g, offset) = value;
        return GUARD_OK;
    case REG_BUFFER:
        if (g->is_dma) return GUARD_REGISTER; /* guards: T-103 */
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

static enum guard_rule on_read(struct guard *g, uint64_t offset, uint64_t *value)
{
    uint64_t word = offset < 0x100 ? WORD(offset) : 0;
    if ((word & (READ_DEVICE | READ_LATCH)) == 0) return GUARD_REGISTER; /* guards: T-105 */
    if ((word & READ_LATCH) != 0) { /* never the shadow chain's place */
        *value = LATCH(g, offset);
        return GUARD_OK;
    }
    if (offset == REG_BUFFER && g->is_dma) return GUARD_REGISTER; /* guards: T-104 */
    *value = offset == REG_STATUS ? observe(g) : reg_read(g, offset);
    if (offset != REG_CLOCK || g->state != RESETTING) return GUARD_OK;
    if (guard_is_still(g)) g->state = READY;
    if (g->state != READY) *value |= CLOCK_RESET_ALL; /* not over before there is proof */
    return GUARD_OK;
}

static enum guard_rule access(struct guard *g, uint64_t offset, bool is_write, uint32_t size_bytes,
                              uint64_t *value, uint64_t *where)
{
    if (size_bytes != 4 || offset % 4 != 0) return GUARD_ACCESS; /* guards: T-100 */
    if (!is_write) return on_read(g, offset, value);
    return on_write(g, offset, (uint32_t)*value, where);
}

bool guard_read(struct domain *d, ipa_t ipa, uint64_t *value)
{
    for (uint32_t i = 0; i < d->device_count; i++) {
        uint64_t offset = ipa.raw - d->device[i].ipa.raw, where;
        struct guard *g = d->device[i].guard;
        if (g == NULL || offset >= d->device[i].mmio.size_bytes) continue;
        return access(g, offset, false, sizeof(uint32_t), value, &where) == GUARD_OK;
    }
    return false;
}

bool guard_access(struct domain *d, ipa_t ipa, bool is_write, uint32_t size_bytes, uint64_t *value)
{
    for (uint32_t i = 0; i < d->device_count; i++) {
        struct domain_device *dev = &d->device[i];
        uint64_t offset = ipa.raw - dev->ipa.raw, where = ipa.raw;
        if (dev->guard == NULL || offset >= dev->mmio.size_bytes) continue;
        enum guard_rule rule = access(dev->guard, offset, is_write, size_bytes, value, &where);
        if (rule == GUARD_OK) return true;
        log_line("%s: %s: %s (register 0x%lx, 0x%lx)", d->name, dev->name, rule_text[rule], offset,
                 where);
        domain_kill(d, CAUSE_DMA, where, rule);
        return true;
    }
    return false;
}
