/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Which attack this incarnation plays, and when. */
#include "guests/hostile/hostile.h"

#include "domains/rt/hvc.h"
#include "domains/rt/rt.h"
#include "domains/rt/sysreg.h"
#include "lib/format.h"
#include "lib/mmio.h"

#define SETTLE_REQUESTS 24 /* served after an attack that nobody punished */
#define HONEST_REQUESTS 68 /* of an honest incarnation: enough to be healthy */
#define PROGRESS        4096

static const struct attack *const families[] = { ring_attacks, config_attacks, dma_attacks,
                                                 cpu_attacks,  trap_attacks,   grant_attacks,
                                                 life_attacks };

static struct {
    struct hostile h;
    const struct attack *attack; /* NULL: honest */
    bool ends;                   /* an honest incarnation that gives way to the next */
    bool looked, told;
    uint64_t trials, trials_done;
    uint64_t warm, completed, settle_from;
    uint64_t end_ticks; /* honest: not before */
} it;

uint64_t hostile_random(struct hostile *h)
{
    uint64_t z = h->random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

_Noreturn void hostile_leak(const char *what, uint64_t value)
{
    char line[100];
    format(line, sizeof(line), "\nhostile: LEAK %s %lx", what, (unsigned long)value);
    hvc_panic(line); /* its text is logged whatever the domain logged before */
}

_Noreturn void hostile_sleep(void)
{
    SYSREG_WRITE(ICC_PMR_EL1, 0);
    for (;;) __asm__ volatile("dsb sy\n\twfi" ::: "memory");
}

_Noreturn void hostile_endured(uint64_t trials)
{
    char line[60];
    format(line, sizeof(line), "\nhostile: endured %lu", (unsigned long)trials);
    hvc_panic(line);
}

static uint64_t now_ticks(void)
{
    isb();
    return SYSREG_READ(cntvct_el0);
}

/* Number idx of the attacks with from <= number <= to; *count of them all. */
static const struct attack *choose(uint64_t from, uint64_t to, uint64_t idx, uint64_t *count)
{
    const struct attack *found = NULL;
    *count = 0;
    for (size_t f = 0; f < ARRAY_COUNT(families); f++) {
        for (const struct attack *a = families[f]; a->number != 0; a++) {
            if (a->number < from || a->number > to) continue;
            if ((*count)++ == idx) found = a;
        }
    }
    return found;
}

static void tell(void)
{
    char line[100];
    format(line, sizeof(line), "hostile: case %u%c round %u trials %lu", it.attack->number,
           it.attack->variant, it.h.round, (unsigned long)it.trials);
    hvc_log(line);
}

/* Plays the attack once more, unless it is over. True: an attack at a completion did it by itself. */
static bool play(enum hostile_when when)
{
    if (it.attack == NULL || it.attack->when != when || it.settle_from != 0) return false;
    if (when >= AT_FETCH && it.completed < it.warm) return false;
    if (!it.told) tell();
    it.told = true;
    if (!it.attack->run(&it.h)) return false;
    if (++it.trials_done >= MAX(it.trials, 1U)) it.settle_from = it.completed + 1;
    if (it.trials_done % PROGRESS == 0) {
        char line[60];
        format(line, sizeof(line), "hostile: trial %lu", (unsigned long)it.trials_done);
        hvc_log(line);
    }
    return true;
}

/* The window is private to its two ends from the first moment on: nothing of anyone lies in it when the system starts. */
static void look_for_old_data(void)
{
    const volatile uint64_t *at = (const volatile uint64_t *)(uintptr_t)it.h.window;
    for (uint64_t i = 0; i < it.h.link->window_bytes / 8; i++) {
        if (at[i] != 0) {
            hostile_leak("old data in the window at", i * 8);
            return;
        }
    }
    hvc_log("hostile: window clean");
}

void seam_start(const struct bootinfo *boot)
{
    uint64_t from = rt_param("from", 0), count = 0, n = boot->generation / 2;
    it.h.boot = boot;
    it.h.link = &boot->link[0];
    it.h.regs = (uint8_t *)(uintptr_t)it.h.link->regs_ipa;
    it.h.window = (uint8_t *)(uintptr_t)it.h.link->window_ipa;
    it.h.disk = (uint8_t *)(uintptr_t)boot->device[0].mmio_ipa;
    it.warm = rt_param("warm", 66);
    if (boot->generation == 0) look_for_old_data();
    if (rt_param("always", 0) != 0) hvc_panic("\nhostile: dead on arrival");
    if (from == 0) return;
    (void)choose(from, rt_param("to", from), 0, &count);
    uint64_t plays = count * rt_param("rounds", 1);
    if (boot->generation % 2 == 0 || n >= plays) {
        it.ends = n < plays;
        it.end_ticks = now_ticks() + rt_param("hold", 0) * (SYSREG_READ(cntfrq_el0) / 1000);
        if (!it.ends) hvc_log("hostile: done");
        return;
    }
    it.attack = choose(from, rt_param("to", from), n % count, &count);
    it.h.round = (uint32_t)(n / count);
    it.h.random_state = rt_param("seed", 1) * 1000003 + n * 7919;
    it.trials = it.attack->trials == 0 ? 0 : MAX(it.attack->trials / rt_param("share", 100), 1U);
    (void)play(AT_START);
}

void seam_publish(uint32_t *features, void *config)
{
    it.h.features = features;
    it.h.config = config;
    (void)play(AT_PUBLISH);
}

err_t seam_fetch(struct virtq_device *q, struct virtq_chain *chain)
{
    it.h.q = q;
    if (!it.looked) {
        it.looked = true;
        (void)play(AT_FIRST);
    }
    err_t e = virtq_fetch(q, chain);
    if (e == OK) {
        it.h.chain = chain;
        (void)play(AT_FETCH);
    }
    return e;
}

void seam_submit(const struct blk_driver *driver, void *device, struct blk_request *request)
{
    it.h.request = request;
    (void)play(AT_SUBMIT);
    driver->submit(device, request);
}

/* Lives long enough for its client to get everything right again, then makes room for the next case. */
static void give_way(void)
{
    if (it.attack == NULL) {
        if (it.ends && it.completed >= HONEST_REQUESTS && now_ticks() >= it.end_ticks) {
            hvc_panic("\nhostile: next");
        }
        return;
    }
    if (it.settle_from == 0 || it.completed < it.settle_from + SETTLE_REQUESTS) return;
    hostile_endured(it.trials_done);
}

void seam_complete(struct virtq_device *q, uint16_t head, uint32_t written_bytes)
{
    it.h.q = q;
    it.h.head = head;
    it.h.written_bytes = written_bytes;
    if (!play(AT_COMPLETE)) virtq_complete(q, head, written_bytes);
    it.completed++;
    give_way();
}
