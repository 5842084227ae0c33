/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Case 71: deaths at every step, and deaths that are hard to look at. */
#include "guests/hostile/hostile.h"

#include "domains/rt/hvc.h"
#include "domains/rt/sysreg.h"
#include "lib/mmio.h"

static bool dies(struct hostile *h)
{
    (void)h;
    hvc_panic("hostile: dead");
}

static bool dies_after_index(struct hostile *h)
{
    virtq_complete(h->q, h->head, h->written_bytes);
    hvc_panic("hostile: dead");
}

/* A dump of this has no stack to show, or one that ends at once. */
static bool dies_with_wild_stack(struct hostile *h)
{
    static const uint64_t places[] = { 0,
                                       1,
                                       DOMAIN_RAM_IPA - 8,
                                       DOMAIN_RAM_IPA + 0x1ffff8,
                                       DOMAIN_RAM_IPA + 0x200000,
                                       DOMAIN_WINDOW_IPA,
                                       0x40200000,
                                       UINT64_MAX - 7 };
    uint64_t sp = places[(h->round + hostile_random(h)) % ARRAY_COUNT(places)];
    __asm__ volatile("mov sp, %0\n\tmov x29, %0\n\tmov x30, %0\n\t"
                     "msr elr_el1, %0\n\tmsr spsr_el1, %0\n\tmov x9, #0\n\tstr x9, [x9]" ::"r"(sp)
                     : "x9");
    return true;
}

/* The name and the line that the supervisor shows are no place for control characters. */
static bool dies_with_escapes(struct hostile *h)
{
    (void)h;
    hvc_panic("\033[2J\033]0;owned\007\r\n\t\x9b"
              "31m\xff\xfe");
}

const struct attack life_attacks[] = {
    { 71, 'a', AT_START, 0, dies },
    { 71, 'b', AT_PUBLISH, 0, dies },
    { 71, 'c', AT_FIRST, 0, dies },
    { 71, 'd', AT_FETCH, 0, dies },
    { 71, 'e', AT_SUBMIT, 0, dies },
    { 71, 'f', AT_COMPLETE, 0, dies },
    { 71, 'g', AT_COMPLETE, 0, dies_after_index },
    { 71, 'h', AT_FETCH, 0, dies_with_wild_stack },
    { 71, 'i', AT_FETCH, 0, dies_with_escapes },
    { 0 },
};
