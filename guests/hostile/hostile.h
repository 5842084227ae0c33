/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A storage domain that turns on its client: one image, the case by its generation. */
#pragma once
#include "abi/bootinfo.h"
#include "domains/rt/seam.h"

/*
 * Even generations are honest storage domains. Odd ones play attack number (generation / 2) of those with from <= case <= to, round
 * after round. Parameters, from the manifest:
 *   from=N to=N   the cases played; none: honest for ever
 *   rounds=N      how often the whole list is played (default 1), each round with other random numbers
 *   share=N       attacks that repeat do 1/N of their trials (default 100)
 *   seed=N        of the random numbers
 *   warm=N        requests served before an attack (default 66: its death does not count towards giving up)
 *   always=1      every incarnation dies at its start
 *   hold=MS       an honest incarnation lives that long at least (default 0)
 * What it does is told in EL2's log, a line each: `hostile: case 17a round 0 trials 100`, `hostile: endured 100`,
 * `hostile: done`, `hostile: LEAK what`.
 */
enum hostile_when {
    AT_START,    /* before anything of the domain runs */
    AT_PUBLISH,  /* features and configuration are ready: change them */
    AT_FIRST,    /* the first look into the ring, before any request */
    AT_FETCH,    /* a request was taken */
    AT_SUBMIT,   /* it goes to the disk */
    AT_COMPLETE, /* it is to be completed: the attack does it, or not, by itself */
};

struct hostile {
    const struct bootinfo *boot;
    const struct boot_link *link; /* the one it serves */
    uint8_t *regs;                /* of the link */
    uint8_t *window;
    uint8_t *disk; /* registers of its device */
    uint32_t round;
    uint64_t random_state;
    struct virtq_device *q;
    uint16_t head;
    uint32_t written_bytes;          /* true ones */
    const struct virtq_chain *chain; /* AT_FETCH */
    struct blk_request *request;     /* AT_SUBMIT */
    uint32_t *features;              /* AT_PUBLISH */
    uint8_t *config;                 /* AT_PUBLISH: struct virtio_blk_config */
};

struct attack {
    uint8_t number; /* of tests/hostile/cases.tsv */
    char variant;
    uint8_t when;
    uint32_t trials; /* 0: once in an incarnation; else so many times, divided by share */
    bool (*run)(struct hostile *h); /* false: not this time, wait for a better request */
};

extern const struct attack ring_attacks[], config_attacks[], dma_attacks[], cpu_attacks[],
        trap_attacks[], grant_attacks[], life_attacks[]; /* each ends with number 0 */

/** The next random number of this case and round. */
uint64_t hostile_random(struct hostile *h);
/** A secret or a right where there must be none: told in the last words of this incarnation, and the test fails. */
_Noreturn void hostile_leak(const char *what, uint64_t value);
/** Nobody punished the attack: the last words of this incarnation. */
_Noreturn void hostile_endured(uint64_t trials);
/** Never comes back: deaf to interrupts, asleep. */
_Noreturn void hostile_sleep(void);
