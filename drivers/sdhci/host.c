/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* SD Host Controller registers. 32-bit aligned accesses only: a DMA guard in front of the page
 * allows no others. */
#include "drivers/sdhci/sdhci.h"
#include "lib/mmio.h"

/* Offsets of 32-bit words; the specification's 8- and 16-bit registers are fields of them. */
enum {
    REG_BLOCK = 0x04, /* block size 11..0, block count 31..16 */
    REG_ARG = 0x08,
    REG_COMMAND =
            0x0c, /* transfer mode 15..0, command 31..16: one write, the upper half starts it */
    REG_RESPONSE = 0x10, /* four words */
    REG_BUFFER = 0x20,
    REG_PRESENT = 0x24,
    REG_HOST = 0x28,   /* host control 7..0, power 15..8, block gap 23..16, wake-up 31..24 */
    REG_CLOCK = 0x2c,  /* clock 15..0, data time-out 19..16, software reset 26..24 */
    REG_STATUS = 0x30, /* normal 15..0, error 31..16; write 1 to clear */
    REG_STATUS_ENABLE = 0x34,
    REG_SIGNAL_ENABLE = 0x38,
    REG_CAPS = 0x40,
    REG_ADMA_ADDR = 0x58,
    REG_ADMA_ADDR_HI = 0x5c,
    REG_VERSION = 0xfc, /* specification version 23..16 */
};

#define PRESENT_CMD_INHIBIT BIT(0)
#define PRESENT_DAT_INHIBIT BIT(1)
#define PRESENT_INSERTED    BIT(16)
#define PRESENT_WRITABLE    BIT(19)

#define HOST_WIDTH_4   BIT(1)
#define HOST_DMA_ADMA2 FIELD(BITS(4, 3), 2)
#define HOST_POWER_3V3 FIELD(BITS(15, 8), 0x0f) /* 3.3 V, bus power on */

#define CLOCK_INTERNAL  BIT(0)
#define CLOCK_STABLE    BIT(1)
#define CLOCK_CARD      BIT(2)
#define CLOCK_DIV_HI    BITS(7, 6) /* bits 9..8 of the divider, version 3 on */
#define CLOCK_DIV_LO    BITS(15, 8)
#define CLOCK_TIMEOUT   FIELD(BITS(19, 16), 0xe) /* the longest: 2^27 cycles */
#define CLOCK_RESET_ALL BIT(24)

#define STATUS_COMMAND         BIT(0)
#define STATUS_TRANSFER        BIT(1)
#define STATUS_BUFFER          BITS(5, 4) /* ready to be written, to be read */
#define STATUS_ERRORS          BITS(31, 16)
#define STATUS_COMMAND_TIMEOUT BIT(16)
#define STATUS_DATA_TIMEOUT    BIT(20)
#define STATUS_ENABLED         (STATUS_COMMAND | STATUS_TRANSFER | STATUS_BUFFER | BITS(25, 16))
#define SIGNAL_DMA             (STATUS_TRANSFER | BITS(25, 16)) /* one interrupt a data command */
#define SIGNAL_PIO             (SIGNAL_DMA | STATUS_BUFFER)     /* and one a block */

#define MODE_DMA    BIT(0)
#define MODE_COUNT  BIT(1)
#define MODE_AUTO12 BIT(2)
#define MODE_READ   BIT(4)
#define MODE_MULTI  BIT(5)

#define COMMAND_INDEX BITS(29, 24)
#define COMMAND_DATA  BIT(21)
#define COMMAND_R1 \
    (FIELD(BITS(17, 16), 2) | BIT(19) | BIT(20)) /* 48 bits, checks of CRC and index */

#define CAPS_ADMA2        BIT(19)
#define CAPS_BASE_CLOCK   BITS(15, 8) /* MHz; 13..8 before version 3 */
#define VERSION_3         2
#define CLOCK_IDENTIFY_HZ 400000

#define QUICK_POLLS     64 /* before the driver sleeps: commands at full speed need ~4 us */
#define SLEEP_NS        50000
#define SLEEPS_MAX      2000  /* 100 ms in all */
#define BUSY_SLEEPS_MAX 20000 /* 1 s: longest busy of R1b */

static inline uint32_t reg_read(const struct sdhci *s, uint32_t offset)
{
    return mmio_read32(s->regs + offset);
}

static inline void reg_write(struct sdhci *s, uint32_t offset, uint64_t value)
{
    mmio_write32(s->regs + offset, (uint32_t)value);
}

/* Waits until (reg & mask) is `want`, or any bit of `stop` is set: quick looks first, then with
 * sleep. */
static err_t reg_wait(struct sdhci *s, uint32_t offset, uint64_t mask, uint64_t want,
                      uint32_t sleeps_max)
{
    for (uint32_t i = 0; i < QUICK_POLLS + sleeps_max; i++) {
        if ((reg_read(s, offset) & mask) == want) return OK;
        if (i >= QUICK_POLLS) s->env->sleep_ns(s->env->ctx, SLEEP_NS);
    }
    return ERR_TIMEOUT;
}

/* A transfer register: the guard keeps what was written last, a controller counts in it. */
static void reg_latch(struct sdhci *s, uint32_t offset, uint32_t value, uint32_t *latched)
{
    if (s->dma == MANIFEST_DMA_GUARD && *latched == value) return;
    reg_write(s, offset, value);
    *latched = value;
}

static uint64_t host_control(const struct sdhci *s)
{
    return HOST_POWER_3V3 | (s->dma != MANIFEST_DMA_NONE ? HOST_DMA_ADMA2 : 0);
}

err_t host_reset(struct sdhci *s)
{
    s->latched.block = s->latched.adma = 0;
    reg_write(s, REG_CLOCK, CLOCK_RESET_ALL);
    return reg_wait(s, REG_CLOCK, CLOCK_RESET_ALL, 0, SLEEPS_MAX);
}

/* Base clock in Hz; 0: nobody says. */
static uint32_t base_clock_hz(const struct sdhci *s, uint32_t version)
{
    if (s->clock_hz != 0) return s->clock_hz;
    uint32_t mhz = (uint32_t)FIELD_OF(CAPS_BASE_CLOCK, reg_read(s, REG_CAPS));
    return (version >= VERSION_3 ? mhz : mhz & 0x3f) * 1000000;
}

/* The divider field for base / (2 * n) <= freq: any n from version 3 on, a power of two before.
 * 0: undivided. */
static uint32_t clock_divider(uint32_t base_hz, uint32_t freq_hz, uint32_t version)
{
    if (base_hz <= freq_hz) return 0;
    uint32_t n = (base_hz + 2 * freq_hz - 1) / (2 * freq_hz);
    if (version >= VERSION_3) return MIN(n, 0x3ff);
    uint32_t power = 1;
    while (power < n && power < 0x80) {
        power *= 2;
    }
    return power;
}

err_t host_set_clock(struct sdhci *s, uint32_t freq_hz)
{
    uint32_t version = (reg_read(s, REG_VERSION) >> 16) & 0xff;
    uint32_t n = clock_divider(base_clock_hz(s, version), freq_hz, version);
    uint64_t clock = CLOCK_TIMEOUT | FIELD(CLOCK_DIV_LO, n & 0xff) | FIELD(CLOCK_DIV_HI, n >> 8) |
                     CLOCK_INTERNAL;
    reg_write(s, REG_CLOCK,
              reg_read(s, REG_CLOCK) & ~(CLOCK_CARD | CLOCK_RESET_ALL)); /* off while it changes */
    reg_write(s, REG_CLOCK, clock);
    err_t e = reg_wait(s, REG_CLOCK, CLOCK_STABLE, CLOCK_STABLE, SLEEPS_MAX);
    if (e == OK) reg_write(s, REG_CLOCK, clock | CLOCK_CARD);
    return e;
}

err_t host_setup(struct sdhci *s)
{
    if (s->dma != MANIFEST_DMA_NONE && (reg_read(s, REG_CAPS) & CAPS_ADMA2) == 0) {
        return ERR_NOT_SUPPORTED;
    }
    reg_write(s, REG_SIGNAL_ENABLE, 0);
    reg_write(s, REG_STATUS_ENABLE, STATUS_ENABLED);
    reg_write(s, REG_STATUS, UINT32_MAX);
    reg_write(s, REG_HOST, host_control(s));
    reg_write(s, REG_ADMA_ADDR_HI, 0);
    return host_set_clock(s, CLOCK_IDENTIFY_HZ);
}

void host_set_width_4(struct sdhci *s)
{
    reg_write(s, REG_HOST, host_control(s) | HOST_WIDTH_4);
}

bool host_has_card(const struct sdhci *s, bool *writable)
{
    uint32_t present = reg_read(s, REG_PRESENT);
    *writable = (present & PRESENT_WRITABLE) != 0;
    return (present & PRESENT_INSERTED) != 0;
}

/* Command register bits by response type; R3 carries neither CRC nor index. */
static const uint32_t response_bits[] = {
    [SDHCI_R0] = 0,
    [SDHCI_R1] = COMMAND_R1,
    [SDHCI_R1B] = COMMAND_R1 | BIT(16),
    [SDHCI_R2] = FIELD(BITS(17, 16), 1) | BIT(19),
    [SDHCI_R3] = FIELD(BITS(17, 16), 2),
    [SDHCI_R6] = COMMAND_R1,
    [SDHCI_R7] = COMMAND_R1,
};

/* Waits for bits of the status word; an error bit ends the wait. */
static err_t status_wait(struct sdhci *s, uint64_t bit, uint32_t sleeps_max)
{
    for (uint32_t i = 0; i < QUICK_POLLS + sleeps_max; i++) {
        uint32_t status = reg_read(s, REG_STATUS);
        if ((status & STATUS_ERRORS) != 0) {
            reg_write(s, REG_STATUS, status);
            return (status & (STATUS_COMMAND_TIMEOUT | STATUS_DATA_TIMEOUT)) != 0 ? ERR_TIMEOUT
                                                                                  : ERR_IO;
        }
        if ((status & bit) != 0) {
            reg_write(s, REG_STATUS, bit);
            return OK;
        }
        if (i >= QUICK_POLLS) s->env->sleep_ns(s->env->ctx, SLEEP_NS);
    }
    return ERR_TIMEOUT;
}

err_t host_command(struct sdhci *s, const struct sdhci_command *c, struct sdhci_answer *answer)
{
    bool busy = c->response == SDHCI_R1B;
    uint64_t inhibit = PRESENT_CMD_INHIBIT | (busy ? PRESENT_DAT_INHIBIT : 0);
    err_t e = reg_wait(s, REG_PRESENT, inhibit, 0, SLEEPS_MAX);
    if (e != OK) return e;
    reg_write(s, REG_SIGNAL_ENABLE, 0);
    reg_write(s, REG_STATUS, UINT32_MAX);
    reg_write(s, REG_ARG, c->arg);
    reg_write(s, REG_COMMAND, FIELD(COMMAND_INDEX, c->index) | response_bits[c->response]);
    e = status_wait(s, STATUS_COMMAND, SLEEPS_MAX);
    if (e == OK && busy) e = status_wait(s, STATUS_TRANSFER, BUSY_SLEEPS_MAX);
    reg_write(s, REG_SIGNAL_ENABLE, s->dma == MANIFEST_DMA_NONE ? SIGNAL_PIO : SIGNAL_DMA);
    if (e != OK) return e;
    for (uint32_t i = 0; i < 4; i++) {
        answer->word[i] = c->response == SDHCI_R2 || i == 0 ? reg_read(s, REG_RESPONSE + 4 * i) : 0;
    }
    return OK;
}

/* Few accesses: behind a guard each of them is a trap, and it looks at the lines itself. */
err_t host_transfer(struct sdhci *s, uint8_t index, uint32_t arg, uint32_t block_count, bool read)
{
    const uint64_t inhibit = PRESENT_CMD_INHIBIT | PRESENT_DAT_INHIBIT;
    if (s->dma != MANIFEST_DMA_GUARD && (reg_read(s, REG_PRESENT) & inhibit) != 0) return ERR_BUSY;
    uint64_t mode = read ? MODE_READ : 0;
    if (s->dma != MANIFEST_DMA_NONE) {
        mode |= MODE_DMA;
        reg_latch(s, REG_ADMA_ADDR, (uint32_t)(uintptr_t)s->table, &s->latched.adma);
    }
    if (block_count > 1) mode |= MODE_COUNT | MODE_MULTI | MODE_AUTO12;
    reg_latch(s, REG_BLOCK, BLK_SECTOR_BYTES | block_count << 16, &s->latched.block);
    reg_write(s, REG_ARG, arg);
    /* the table must be in memory before the controller starts; pairs with its first fetch */
    mmio_barrier();
    reg_write(s, REG_COMMAND, mode | FIELD(COMMAND_INDEX, index) | COMMAND_R1 | COMMAND_DATA);
    return OK;
}

err_t host_take_interrupt(struct sdhci *s, struct sdhci_event *event)
{
    uint32_t status = reg_read(s, REG_STATUS);
    reg_write(s, REG_STATUS, status);
    event->buffer_ready = (status & STATUS_BUFFER) != 0;
    if ((status & STATUS_ERRORS) != 0) return ERR_IO;      /* guards: T-180 */
    if ((status & STATUS_TRANSFER) == 0) return ERR_AGAIN; /* guards: T-181 */
    /* what the device wrote is seen after its completion; pairs with the controller's last write */
    mmio_barrier();
    event->r1 = reg_read(s, REG_RESPONSE);
    return OK;
}

uint32_t host_buffer_read(struct sdhci *s)
{
    return reg_read(s, REG_BUFFER);
}

void host_buffer_write(struct sdhci *s, uint32_t word)
{
    reg_write(s, REG_BUFFER, word);
}
