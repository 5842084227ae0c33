/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Load for the tests, in the place of the shell: threads that compute on all cores, and a process that ends while they do. */
#include "servers/rt/log.h"
#include "servers/rt/startup.h"
#include "servers/rt/sys.h"
#include "servers/rt/time.h"

#define THREADS     6 /* they report */
#define RUNNERS     2 /* they never end: the process takes them along */
#define ROUNDS      100
#define STEPS       20000
#define STACK_BYTES 8192

struct result {
    uint64_t integer;
    double real;
};

static struct {
    _Alignas(16) char stack[THREADS + RUNNERS][STACK_BYTES];
    struct result result[THREADS];
    handle_t done;
} burn;

/* The same for the same seed, wherever it runs. Both kinds of registers are in use all the time. */
static void compute(uint64_t seed, struct result *r)
{
    for (uint32_t i = 0; i < STEPS; i++) {
        seed = seed * 6364136223846793005UL + 1442695040888963407UL;
        r->integer ^= seed >> 7;
        r->real = r->real * 0.999 + (double)(seed >> 40) * 0.001;
    }
}

static void __attribute__((noreturn)) worker(uint64_t index)
{
    struct result r = { index, (double)index };
    for (uint64_t round = 0; round < ROUNDS; round++) {
        compute(index * 1000 + round, &r);
        if (round % 16 == index % 16) (void)sys_yield();
        if (round % 64 == index) time_sleep_ns(1000000);
    }
    burn.result[index] = r;
    (void)sys_notification_signal(burn.done, BIT(index));
    sys_thread_exit();
}

static void __attribute__((noreturn)) runner(uint64_t index)
{
    struct result r = { index, 0 };
    for (;;) compute(index, &r);
}

static bool start(uint32_t slot, void (*entry)(uint64_t))
{
    handle_t thread;
    uint64_t sp = (uint64_t)(uintptr_t)burn.stack[slot] + STACK_BYTES;
    return sys_thread_create((uint64_t)(uintptr_t)entry, sp, slot, 0, &thread) == OK;
}

int main(const struct startup *startup)
{
    (void)startup;
    uint64_t bits = 0, all = BIT(THREADS) - 1, begin = time_now_ticks();
    if (sys_notification_create(&burn.done) != OK) return 1;
    for (uint32_t i = 0; i < THREADS + RUNNERS; i++) {
        if (!start(i, i < THREADS ? worker : runner)) {
            log_printf("burn: thread %u does not start", i);
            return 1;
        }
    }
    while (bits != all) {
        uint64_t more = 0;
        if (sys_notification_wait(burn.done, all & ~bits, DEADLINE_NEVER, &more) != OK) return 1;
        bits |= more;
    }
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < THREADS; i++) {
        struct result r = { i, (double)i };
        for (uint64_t round = 0; round < ROUNDS; round++) compute(i * 1000UL + round, &r);
        wrong += r.integer != burn.result[i].integer || r.real != burn.result[i].real;
    }
    log_printf("burn: %u of %u threads computed right, %lu ms", THREADS - wrong, THREADS,
               (unsigned long)(time_ns_from_ticks(time_now_ticks() - begin) / 1000000));
    return 0;
}
