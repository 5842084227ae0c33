/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* SD memory card: initialization, addressing, state (SD Physical Layer Simplified Specification
 * 6.00, chapter 4). */
#include "drivers/sdhci/sdhci.h"
#include "lib/format.h"

enum {
    CMD_GO_IDLE = 0,
    CMD_ALL_SEND_CID = 2,
    CMD_SEND_RCA = 3,
    CMD_SELECT = 7,
    CMD_SEND_IF_COND = 8,
    CMD_SEND_CSD = 9,
    CMD_SEND_STATUS = 13,
    CMD_SET_BLOCKLEN = 16,
    CMD_APP = 55,
    ACMD_BUS_WIDTH = 6,
    ACMD_OP_COND = 41,
};

#define POWER_UP_SLEEP_NS 200000 /* 74 clocks at 400 kHz before the first command, and a margin */

#define IF_COND_ARG      0x1aaU /* 2.7 to 3.6 V, check pattern 0xaa */
#define OP_COND_VOLTAGES 0x00ff8000U
#define OP_COND_HIGH     BIT(30) /* asked: we know block addressing; answered: the card uses it */
#define OP_COND_READY    BIT(31)
#define OP_COND_TRIES    100 /* 10 ms each: the card has one second */
#define OP_COND_SLEEP_NS 10000000

/* Error bits of R1: 25 (locked) and 12..9 (state) are no errors. */
#define R1_ERRORS    0xfdf98008U
#define R1_ILLEGAL   BIT(22) /* of the command before */
#define R1_STATE(r1) FIELD_OF(BITS(12, 9), r1)
#define R1_READY     BIT(8)
#define STATE_TRAN   4
#define STATE_PRG    7

#define CLOCK_DATA_HZ 25000000 /* default speed, which every card has */

bool card_r1_is_error(uint32_t r1)
{
    return (r1 & R1_ERRORS) != 0;
}

/* Bits hi..lo of the 128-bit register behind an R2 answer; the controller drops bits 7..0 (the
 * CRC). */
static uint32_t r2_bits(const struct sdhci_answer *r2, uint32_t hi, uint32_t lo)
{
    uint32_t at = lo - 8, count = hi - lo + 1;
    uint64_t pair = r2->word[at / 32];
    if (at / 32 < 3) pair |= (uint64_t)r2->word[at / 32 + 1] << 32;
    return (uint32_t)((pair >> at % 32) & (BIT(count) - 1));
}

uint64_t card_csd_sectors(const struct sdhci_answer *csd)
{
    switch (r2_bits(csd, 127, 126)) {
    case 0: { /* version 1: SDSC */
        uint32_t block_shift = r2_bits(csd, 83, 80);
        if (block_shift < 9 || block_shift > 11) return 0; /* guards: T-175 */
        uint64_t blocks = (uint64_t)(r2_bits(csd, 73, 62) + 1) << (r2_bits(csd, 49, 47) + 2);
        return blocks << (block_shift - 9);
    }
    case 1: /* version 2: SDHC, SDXC, units of 512 KiB */
        return (uint64_t)(r2_bits(csd, 69, 48) + 1) * 1024;
    default:
        return 0;
    }
}

static err_t command(struct sdhci *s, uint8_t index, enum sdhci_response response, uint32_t arg,
                     struct sdhci_answer *answer)
{
    struct sdhci_command c = { index, (uint8_t)response, arg };
    err_t e = host_command(s, &c, answer);
    if (e != OK) return e;
    bool is_r1 = response == SDHCI_R1 || response == SDHCI_R1B;
    return is_r1 && card_r1_is_error(answer->word[0]) ? ERR_IO : OK;
}

/* An application command: CMD55 first. Its R1 may still report CMD8 as illegal, which old cards
 * do not know. */
static err_t app_command(struct sdhci *s, uint8_t index, enum sdhci_response response, uint32_t arg,
                         struct sdhci_answer *answer)
{
    struct sdhci_command app = { CMD_APP, SDHCI_R1, s->rca };
    err_t e = host_command(s, &app, answer);
    if (e != OK) return e;
    if (card_r1_is_error(answer->word[0] & (uint32_t)~R1_ILLEGAL)) return ERR_IO;
    return command(s, index, response, arg, answer);
}

/* Powers the card up: version by CMD8, then ACMD41 until it is ready. */
static err_t card_wake(struct sdhci *s)
{
    struct sdhci_answer a;
    s->env->sleep_ns(s->env->ctx, POWER_UP_SLEEP_NS);
    err_t e = command(s, CMD_GO_IDLE, SDHCI_R0, 0, &a);
    if (e != OK) return e;
    e = command(s, CMD_SEND_IF_COND, SDHCI_R7, IF_COND_ARG, &a);
    bool version_2 = e == OK && (a.word[0] & 0xfff) == IF_COND_ARG;
    if (e != OK && e != ERR_TIMEOUT) return e; /* no answer: a card of version 1 */
    uint32_t arg = OP_COND_VOLTAGES | (version_2 ? (uint32_t)OP_COND_HIGH : 0);
    for (uint32_t i = 0; i < OP_COND_TRIES; i++) {
        e = app_command(s, ACMD_OP_COND, SDHCI_R3, arg, &a);
        if (e != OK) return e;
        if ((a.word[0] & OP_COND_READY) != 0) {
            s->block_addressed = (a.word[0] & OP_COND_HIGH) != 0;
            return (a.word[0] & OP_COND_VOLTAGES) != 0 ? OK : ERR_NOT_SUPPORTED;
        }
        s->env->sleep_ns(s->env->ctx, OP_COND_SLEEP_NS);
    }
    return ERR_TIMEOUT;
}

/* Identification to transfer state: address, capacity, 512-byte blocks, four lines, full clock. */
static err_t card_select(struct sdhci *s)
{
    struct sdhci_answer a;
    err_t e = command(s, CMD_ALL_SEND_CID, SDHCI_R2, 0, &a);
    if (e == OK) e = command(s, CMD_SEND_RCA, SDHCI_R6, 0, &a);
    if (e != OK) return e;
    s->rca = a.word[0] & 0xffff0000U;
    e = command(s, CMD_SEND_CSD, SDHCI_R2, s->rca, &a);
    if (e != OK) return e;
    s->geometry.sector_count = card_csd_sectors(&a);
    s->geometry.block_bytes = BLK_SECTOR_BYTES;
    s->geometry.read_only |= r2_bits(&a, 13, 12) != 0; /* permanent, temporary write protection */
    if (s->geometry.sector_count == 0) return ERR_NOT_SUPPORTED; /* guards: T-176 */
    e = command(s, CMD_SELECT, SDHCI_R1B, s->rca, &a);
    if (e == OK) e = command(s, CMD_SET_BLOCKLEN, SDHCI_R1, BLK_SECTOR_BYTES, &a);
    if (e == OK) e = app_command(s, ACMD_BUS_WIDTH, SDHCI_R1, 2, &a);
    if (e != OK) return e;
    host_set_width_4(s);
    return host_set_clock(s, CLOCK_DATA_HZ);
}

static const char *error_text(err_t e)
{
    if (e == ERR_TIMEOUT) return "does not answer in time";
    if (e == ERR_NOT_SUPPORTED) return "is of a kind that this driver does not know";
    return "answers with an error";
}

static err_t report(struct sdhci *s, const char *who, err_t e)
{
    char line[80];
    format(line, sizeof(line), "sdhci: the %s %s (%d)", who, error_text(e), (int)e);
    s->env->log(s->env->ctx, line);
    return e;
}

err_t card_init(struct sdhci *s)
{
    err_t e = host_reset(s);
    if (e != OK) return report(s, "controller", e);
    if (s->dma != MANIFEST_DMA_NONE && !s->dma_is_open) {
        /* Reset is proven: no command of an earlier life moves data any more. */
        e = s->env->dma_enable(s->env->ctx);
        if (e != OK) return report(s, "DMA fence", e);
        s->dma_is_open = true;
    }
    s->rca = 0;
    bool writable = false;
    if (!host_has_card(s, &writable)) return ERR_NO_ENTRY;
    s->geometry.read_only = !writable;
    e = host_setup(s);
    if (e != OK) return report(s, "controller", e);
    e = card_wake(s);
    if (e == OK) e = card_select(s);
    if (e == OK) e = card_status(s);
    return e == OK ? OK : report(s, "card", e);
}

err_t card_status(struct sdhci *s)
{
    struct sdhci_answer a;
    err_t e = command(s, CMD_SEND_STATUS, SDHCI_R1, s->rca, &a);
    if (e != OK) return e;
    uint64_t state = R1_STATE(a.word[0]);
    if (state == STATE_TRAN && (a.word[0] & R1_READY) != 0) return OK;
    return state == STATE_PRG || state == STATE_TRAN ? ERR_AGAIN : ERR_IO;
}
