/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A hostile domain before the guard: any register access, any table, any answer of the controller, resets and deaths in between. */
// LINK: hyp/dma/guard_sdhci.c hyp/stage2.c tests/fake/guard_rig.c lib/string.c
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/guard_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

_Noreturn void panic_at(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, what);
    abort();
}

struct op {
    uint8_t what, size;
    uint16_t offset;
    uint32_t value;
};

/* Addresses worth trying: the edges of what the domain has. */
static uint32_t address(uint32_t value)
{
    static const uint32_t base[] = {
        RIG_RAM, RIG_RW,   RIG_WIN, RIG_WIN + 0x2000,  RIG_EDGE + 0x10000,
        RIG_TAB, RIG_HIGH, RIG_DEV, RIG_RAM + 0x200000
    };
    return base[value % ARRAY_COUNT(base)] + (uint32_t)(int16_t)(value >> 16);
}

static void act(const struct op *op)
{
    uint64_t value = op->value;
    switch (op->what % 16) {
    case 0:
    case 1:
        (void)rig_access(op->offset % 0x200, op->what & 16, 1U << (op->size & 3), &value);
        break;
    case 2:
    case 3:
        (void)rig_write(op->offset % 64 * 4, op->value);
        break;
    case 4:
        rig_desc(op->offset % 130, op->size & 0x40 ? op->size : 0x21 | (op->size & 2),
                 (uint16_t)(op->value & 0xfffc), address(op->value));
        break;
    case 5:
        rig_desc(op->offset % 130, (uint16_t)(op->value & 0x3f), op->offset, op->value);
        break;
    case 6:
        (void)rig_write(0x58, op->size & 1 ? RIG_TAB : address(op->value));
        break;
    case 7: { /* a plausible start */
        static const uint32_t command[] = { RIG_READ1, RIG_READN, RIG_WRITE1, RIG_WRITEN };
        (void)rig_start(command[op->size % 4] ^ (op->size & 0x80 ? op->value : 0),
                        1000 + op->offset % 1000, op->value % 200);
        break;
    }
    case 8:
        rig.present = op->size & 3;
        break;
    case 9:
        rig.errors = op->size & 1 ? 1U << (16 + op->size / 2 % 16) : 0;
        break;
    case 10:
        rig.answer = op->value;
        break;
    case 11:
        rig.regs[0x30 / 4] |= op->value;
        break;
    case 12:
        rig.reset_stuck = op->size & 1;
        rig.select_stuck = op->size & 2;
        rig.address_stuck = op->size & 4;
        (void)rig_write(0x2c, 0x01000000);
        break;
    case 13:
        guard_reset(rig.domain.device[0].guard);
        rig.domain.device[0].dma_open = false;
        break;
    case 14: /* HVC_DMA_ENABLE */
        if (guard_may_open(rig.domain.device[0].guard) == OK) rig.domain.device[0].dma_open = true;
        break;
    default:
        rig_ready();
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    rig_fresh();
    for (size_t at = 0; at + sizeof(struct op) <= size_bytes; at += sizeof(struct op)) {
        struct op op;
        memcpy(&op, data + at, sizeof(op));
        act(&op);
        CHECK(rig.wild == 0);
        CHECK(rig.longest_poll <= 101);
    }
    return 0;
}
