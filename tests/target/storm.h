/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the stormer domain can be told to do for ever at full rate: main writes the number into the window, then starts it. */
#pragma once
#include "abi/link.h"

enum storm {
    STORM_NONE = 0, /* waits in WFI */
    STORM_SPIN,
    STORM_NULL_CALL,
    STORM_BAD_CALL, /* ids that nobody defined */
    STORM_YIELD,    /* to equals that are not there */
    STORM_LOG,      /* 40 bytes a call, a line each */
    STORM_TRAP,     /* reads and writes of the emulated GIC */
    STORM_WFI,      /* a wait that never waits: its timer fires and stays pending */
    STORM_SGI,      /* interrupts itself, acknowledges, ends */
    STORM_DOORBELL, /* rings main's interrupt of the link */
    STORM_LINE,     /* its device's level line stays up: each end brings it again */
    STORM_TIMER,    /* its own timer has always fired: each end brings it again */
    STORM_WAKE,     /* sleeps 2 us, wakes, sleeps: two switches for a few instructions */
    STORM_EVENTS,   /* the same with a doorbell to main at each turn */
    STORM_FP,       /* sleeps and wakes, and wants the FP registers each time; so does main */
    STORM_FAULT,    /* from here on it dies at once */
    STORM_FORBIDDEN,
    STORM_DMA,
    STORM_COUNT
};

struct storm_box {
    uint64_t command;
    uint64_t turns; /* of the storm, counted by the stormer */
};
#define STORM_BOX_OFF (LINK_DATA_OFF(1) + 0x1000)
