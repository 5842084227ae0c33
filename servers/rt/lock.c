/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* picolibc's locks: recursive, held for a few instructions, waiting by yielding. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/lock.h>

#include "servers/rt/sys.h"

/* owner: TPIDR_EL0 of the holder, 0 = free. Every thread has its own. */
struct __lock {
    _Atomic uint64_t owner;
    uint32_t depth; /* lock: owner */
};

struct __lock __lock___libc_recursive_mutex;

static uint64_t lock_self(void)
{
    uint64_t v;
    __asm__ volatile("mrs %0, tpidr_el0" : "=r"(v));
    return v;
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
    uint64_t self = lock_self();
    /* Only this thread writes its own value: relaxed is enough to know it. */
    if (atomic_load_explicit(&lock->owner, memory_order_relaxed) != self) {
        uint64_t none = 0;
        /* Acquire: pairs with the release in __retarget_lock_release_recursive. */
        while (!atomic_compare_exchange_weak_explicit(&lock->owner, &none, self,
                                                      memory_order_acquire, memory_order_relaxed)) {
            none = 0;
            sys_yield();
        }
    }
    lock->depth++;
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
    if (--lock->depth == 0) atomic_store_explicit(&lock->owner, 0, memory_order_release);
}

void __retarget_lock_acquire(_LOCK_T lock)
{
    __retarget_lock_acquire_recursive(lock);
}

void __retarget_lock_release(_LOCK_T lock)
{
    __retarget_lock_release_recursive(lock);
}

void __retarget_lock_init(_LOCK_T *lock)
{
    *lock = calloc(1, sizeof(struct __lock));
}

void __retarget_lock_init_recursive(_LOCK_T *lock)
{
    __retarget_lock_init(lock);
}

void __retarget_lock_close(_LOCK_T lock)
{
    free(lock);
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
    free(lock);
}
