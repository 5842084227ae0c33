/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the violator domain can be told to do: main writes the number into the window, then starts the next incarnation. */
#pragma once
#include "abi/link.h"

enum violation {
    V_PANIC = 0,
    V_READ_EL2, /* EL2's image, a physical address that is no IPA of a driver */
    V_WRITE_EL2,
    V_READ_UART,
    V_READ_ECAM,
    V_READ_BEYOND_RAM,
    V_WRITE_OWN_CODE,
    V_WRITE_OWN_RODATA,
    V_EXEC_OWN_DATA,
    V_EXEC_WINDOW,
    V_EXEC_RODATA,
    V_WRITE_CLIENT_RINGS, /* descriptor page: read-only to the server */
    V_READ_BEYOND_WINDOW,
    V_PAIR_TO_GICD, /* no syndrome to emulate with */
    V_WRITEBACK_TO_GICD,
    V_WRITE_ACTLR,
    V_CACHE_BY_SET_WAY,
    V_READ_PMU,
    V_WRITE_DEBUG,
    V_LINK_64_BIT,
    V_LINK_8_BIT,
    V_LINK_UNALIGNED,
    V_LINK_PUBLISH_OTHER,
    V_POWER_OFF,
    V_SURVIVORS, /* from here on the domain is expected to live and to answer */
    V_CLEAN_FP,
    V_CLEAN_MEMORY,
    V_MAIN_ONLY_CALLS,
    V_FOREIGN_LINES,
    V_SPIN,
    V_TIMER_NEVER_ENDED,
    V_LOG_FLOOD,
    V_BOOTINFO,
    V_COUNT
};

/* In the window's data part: main writes command, the violator writes answer = ANSWER_DONE when it lived through it. */
struct violation_box {
    uint64_t command;
    uint64_t answer;
    uint64_t value[6];
};
#define ANSWER_DONE 0x600dUL
#define BOX_OFF     (LINK_DATA_OFF(1) + 0x1000)
#define FP_SECRET   0x5ec2e70000UL
#define MEM_SECRET  0x5ec2e7aabbccddeeUL
