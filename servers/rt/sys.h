/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* System calls of the main kernel as inline functions; registers as in abi/syscall.h. */
#pragma once
#include <stdint.h>

#include "abi/err.h"
#include "abi/handle.h"
#include "abi/syscall.h"
#include "lib/base.h"

/* x0..x7 of a call: arguments in, x0 = err_t and results out. */
struct sys_regs {
    uint64_t x[8];
};

/** Makes system call number with r->x[0..7]; r holds x0..x7 afterwards. Context: EL0; may wait where the call does. */
#if !defined(__aarch64__) /* host tests: the test provides a kernel model */
err_t sys_raw(uint64_t number, struct sys_regs *r);
#else
static inline err_t sys_raw(uint64_t number, struct sys_regs *r)
{
    register uint64_t x0 __asm__("x0") = r->x[0];
    register uint64_t x1 __asm__("x1") = r->x[1];
    register uint64_t x2 __asm__("x2") = r->x[2];
    register uint64_t x3 __asm__("x3") = r->x[3];
    register uint64_t x4 __asm__("x4") = r->x[4];
    register uint64_t x5 __asm__("x5") = r->x[5];
    register uint64_t x6 __asm__("x6") = r->x[6];
    register uint64_t x7 __asm__("x7") = r->x[7];
    register uint64_t x8 __asm__("x8") = number;
    __asm__ volatile("svc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x6),
                       "+r"(x7)
                     : "r"(x8)
                     : "memory", "cc");
    *r = (struct sys_regs){ { x0, x1, x2, x3, x4, x5, x6, x7 } };
    return (err_t)x0;
}
#endif

/* A call with up to six arguments and at most one result that matters. */
static inline err_t sys_call1(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                              uint64_t *result)
{
    struct sys_regs r = { { a0, a1, a2, a3, 0, 0, 0, 0 } };
    err_t err = sys_raw(number, &r);
    if (result) *result = r.x[1];
    return err;
}

static inline err_t sys_handle_result(err_t err, uint64_t value, handle_t *out)
{
    *out = err == OK ? (handle_t)value : HANDLE_NONE;
    return err;
}

static inline err_t sys_null(void)
{
    return sys_call1(SYS_NULL, 0, 0, 0, 0, 0);
}
static inline err_t sys_handle_close(handle_t h)
{
    return sys_call1(SYS_HANDLE_CLOSE, h, 0, 0, 0, 0);
}
static inline err_t sys_handle_dup(handle_t h, uint32_t rights, handle_t *out)
{
    uint64_t value = 0;
    err_t err = sys_call1(SYS_HANDLE_DUP, h, rights, 0, 0, &value);
    return sys_handle_result(err, value, out);
}

struct sys_handle_info {
    handle_t handle;
    uint32_t type, rights;
    uint64_t object_id;
    uint64_t next; /* start of the next call */
};
static inline err_t sys_handle_list(handle_t process, uint64_t start, struct sys_handle_info *out)
{
    struct sys_regs r = { { process, start, 0, 0, 0, 0, 0, 0 } };
    err_t err = sys_raw(SYS_HANDLE_LIST, &r);
    if (err == OK) {
        *out = (struct sys_handle_info){ .handle = (handle_t)r.x[1],
                                         .type = (uint32_t)r.x[2],
                                         .rights = (uint32_t)r.x[3],
                                         .object_id = r.x[4],
                                         .next = r.x[5] };
    }
    return err;
}

static inline err_t sys_endpoint_create(handle_t *out)
{
    uint64_t value = 0;
    err_t err = sys_call1(SYS_ENDPOINT_CREATE, 0, 0, 0, 0, &value);
    return sys_handle_result(err, value, out);
}
static inline err_t sys_endpoint_mint(handle_t ep, uint64_t badge, uint32_t rights, handle_t *out)
{
    uint64_t value = 0;
    err_t err = sys_call1(SYS_ENDPOINT_MINT, ep, badge, rights, 0, &value);
    return sys_handle_result(err, value, out);
}

static inline err_t sys_notification_create(handle_t *out)
{
    uint64_t value = 0;
    err_t err = sys_call1(SYS_NOTIFICATION_CREATE, 0, 0, 0, 0, &value);
    return sys_handle_result(err, value, out);
}
static inline err_t sys_notification_signal(handle_t n, uint64_t bits)
{
    return sys_call1(SYS_NOTIFICATION_SIGNAL, n, bits, 0, 0, 0);
}
static inline err_t sys_notification_wait(handle_t n, uint64_t mask, uint64_t deadline,
                                          uint64_t *bits)
{
    return sys_call1(SYS_NOTIFICATION_WAIT, n, mask, deadline, 0, bits);
}
static inline err_t sys_notification_bind(handle_t n)
{
    return sys_call1(SYS_NOTIFICATION_BIND, n, 0, 0, 0, 0);
}

static inline err_t sys_vmo_create(uint64_t size_bytes, handle_t *out)
{
    uint64_t value = 0;
    err_t err = sys_call1(SYS_VMO_CREATE, size_bytes, 0, 0, 0, &value);
    return sys_handle_result(err, value, out);
}

struct sys_vmo_info {
    uint64_t size_bytes, held_bytes, is_device, base;
};
static inline err_t sys_vmo_info(handle_t vmo, struct sys_vmo_info *out)
{
    struct sys_regs r = { { vmo, 0, 0, 0, 0, 0, 0, 0 } };
    err_t err = sys_raw(SYS_VMO_INFO, &r);
    if (err == OK) *out = (struct sys_vmo_info){ r.x[1], r.x[2], r.x[3], r.x[4] };
    return err;
}

/** Maps vmo [offset, offset + size_bytes) into process (HANDLE_SELF: the caller) at address (0: any) -> *out. */
/* NOLINTNEXTLINE(readability-function-size): as many arguments as the call has */
static inline err_t sys_vmo_map(handle_t process, handle_t vmo, uint64_t offset,
                                uint64_t size_bytes, uint32_t prot, uint64_t address, uint64_t *out)
{
    struct sys_regs r = { { process, vmo, offset, size_bytes, prot, address, 0, 0 } };
    err_t err = sys_raw(SYS_VMO_MAP, &r);
    if (err == OK && out) *out = r.x[1];
    return err;
}
static inline err_t sys_vmo_unmap(handle_t process, uint64_t address, uint64_t size_bytes)
{
    return sys_call1(SYS_VMO_UNMAP, process, address, size_bytes, 0, 0);
}

/** name: 32 bytes, NUL-padded. */
static inline err_t sys_process_create(const char name[32], handle_t *out)
{
    struct sys_regs r = { { 0 } };
    for (unsigned i = 0; i < 32; i++) r.x[i / 8] |= (uint64_t)(uint8_t)name[i] << (8 * (i % 8));
    err_t err = sys_raw(SYS_PROCESS_CREATE, &r);
    return sys_handle_result(err, r.x[1], out);
}
static inline err_t sys_process_grant(handle_t process, handle_t h, uint32_t rights, handle_t *out)
{
    uint64_t value = 0;
    err_t err = sys_call1(SYS_PROCESS_GRANT, process, h, rights, 0, &value);
    return sys_handle_result(err, value, out);
}
static inline err_t sys_process_start(handle_t process, uint64_t entry, uint64_t sp, uint64_t x0)
{
    return sys_call1(SYS_PROCESS_START, process, entry, sp, x0, 0);
}
static inline err_t sys_process_kill(handle_t process, uint64_t exit_code)
{
    return sys_call1(SYS_PROCESS_KILL, process, exit_code, 0, 0, 0);
}

enum sys_process_state { SYS_PROCESS_NEW = 0, SYS_PROCESS_RUNS, SYS_PROCESS_ENDED };
enum sys_process_cause { SYS_PROCESS_EXITED = 0, SYS_PROCESS_KILLED, SYS_PROCESS_FAULTED };
struct sys_process_info {
    uint64_t state, exit_code, run_ticks, memory_bytes, object_id, cause;
};
static inline err_t sys_process_info(handle_t process, struct sys_process_info *out)
{
    struct sys_regs r = { { process, 0, 0, 0, 0, 0, 0, 0 } };
    err_t err = sys_raw(SYS_PROCESS_INFO, &r);
    if (err == OK) {
        *out = (struct sys_process_info){ r.x[1], r.x[2], r.x[3], r.x[4], r.x[5], r.x[6] };
    }
    return err;
}
static inline err_t sys_process_watch(handle_t process, handle_t n, uint64_t bits)
{
    return sys_call1(SYS_PROCESS_WATCH, process, n, bits, 0, 0);
}
static inline err_t sys_process_faults(handle_t process, handle_t ep)
{
    return sys_call1(SYS_PROCESS_FAULTS, process, ep, 0, 0, 0);
}

struct sys_process_row {
    uint64_t object_id, state, run_ticks, memory_bytes, threads, handles;
    char name[33]; /* NUL-terminated */
};
/** Process number index of the whole system. ERR_NO_ENTRY at the end. In rt/ipc.S: the name comes in x9..x12. */
err_t sys_process_list(handle_t system, uint64_t index, struct sys_process_row *out);

static inline err_t sys_thread_create(uint64_t entry, uint64_t sp, uint64_t x0, uint64_t tpidr,
                                      handle_t *out)
{
    uint64_t value = 0;
    err_t err = sys_call1(SYS_THREAD_CREATE, entry, sp, x0, tpidr, &value);
    return sys_handle_result(err, value, out);
}
_Noreturn static inline void sys_thread_exit(void)
{
    for (;;) (void)sys_call1(SYS_THREAD_EXIT, 0, 0, 0, 0, 0);
}
_Noreturn static inline void sys_exit(uint64_t exit_code)
{
    for (;;) (void)sys_call1(SYS_EXIT, exit_code, 0, 0, 0, 0);
}
static inline void sys_yield(void)
{
    (void)sys_call1(SYS_YIELD, 0, 0, 0, 0, 0);
}
static inline err_t sys_sleep(uint64_t deadline)
{
    return sys_call1(SYS_SLEEP, deadline, 0, 0, 0, 0);
}

static inline err_t sys_irq_bind(handle_t irq, handle_t n, uint64_t bits)
{
    return sys_call1(SYS_IRQ_BIND, irq, n, bits, 0, 0);
}
static inline err_t sys_irq_ack(handle_t irq)
{
    return sys_call1(SYS_IRQ_ACK, irq, 0, 0, 0, 0);
}
static inline err_t sys_timer_create(handle_t *out)
{
    uint64_t value = 0;
    err_t err = sys_call1(SYS_TIMER_CREATE, 0, 0, 0, 0, &value);
    return sys_handle_result(err, value, out);
}
static inline err_t sys_timer_set(handle_t timer, uint64_t deadline, handle_t n, uint64_t bits)
{
    return sys_call1(SYS_TIMER_SET, timer, deadline, n, bits, 0);
}

struct sys_link_info {
    uint64_t device_id, window_bytes, queue_count, queue_size, window_ipa, peer_domain;
};
static inline err_t sys_link_info(handle_t link, struct sys_link_info *out)
{
    struct sys_regs r = { { link, 0, 0, 0, 0, 0, 0, 0 } };
    err_t err = sys_raw(SYS_LINK_INFO, &r);
    if (err == OK) {
        *out = (struct sys_link_info){ r.x[1], r.x[2], r.x[3], r.x[4], r.x[5], r.x[6] };
    }
    return err;
}
static inline err_t sys_link_open(handle_t link, handle_t *regs, handle_t *window, handle_t *irq)
{
    struct sys_regs r = { { link, 0, 0, 0, 0, 0, 0, 0 } };
    err_t err = sys_raw(SYS_LINK_OPEN, &r);
    *regs = err == OK ? (handle_t)r.x[1] : HANDLE_NONE;
    *window = err == OK ? (handle_t)r.x[2] : HANDLE_NONE;
    *irq = err == OK ? (handle_t)r.x[3] : HANDLE_NONE;
    return err;
}

/** Rings and unmasks the link's interrupt; *status is InterruptStatus, the used-buffer bit of which this acknowledges. */
static inline err_t sys_link_kick(handle_t link, uint64_t queue, uint64_t *status)
{
    return sys_call1(SYS_LINK_KICK, link, queue, 0, 0, status);
}

/** function and arg[0..4] = x1..x6 of the call; result[0..5] = the hypercall's x1..x6. */
static inline err_t sys_domain_call(handle_t domains, uint64_t function, const uint64_t arg[5],
                                    uint64_t result[6])
{
    struct sys_regs r = { { domains, function, arg[0], arg[1], arg[2], arg[3], arg[4], 0 } };
    err_t err = sys_raw(SYS_DOMAIN_CALL, &r);
    for (unsigned i = 0; i < 6; i++) result[i] = r.x[1 + i];
    return err;
}

/** Reads from the EL2 log at *position into text (32 bytes at most) and moves *position on. */
static inline err_t sys_log_read(handle_t log, uint64_t *position, uint64_t words[4],
                                 uint64_t *count)
{
    struct sys_regs r = { { log, *position, 0, 0, 0, 0, 0, 0 } };
    err_t err = sys_raw(SYS_LOG_READ, &r);
    if (err != OK) return err;
    *position = r.x[1];
    *count = r.x[2];
    for (unsigned i = 0; i < 4; i++) words[i] = r.x[3 + i];
    return OK;
}
static inline err_t sys_log_write(handle_t log, const uint64_t words[5], uint64_t count)
{
    struct sys_regs r = { { log, count, words[0], words[1], words[2], words[3], words[4], 0 } };
    return sys_raw(SYS_LOG_WRITE, &r);
}
/** The first trace record at or after *sequence; words: a struct trace_rec. ERR_NO_ENTRY: none yet. */
static inline err_t sys_trace_read(handle_t log, uint64_t *sequence, uint64_t words[4])
{
    struct sys_regs r = { { log, *sequence, 0, 0, 0, 0, 0, 0 } };
    err_t err = sys_raw(SYS_TRACE_READ, &r);
    if (err != OK) return err;
    *sequence = r.x[1];
    for (unsigned i = 0; i < 4; i++) words[i] = r.x[3 + i];
    return OK;
}
static inline err_t sys_system(handle_t system, uint64_t what)
{
    return sys_call1(SYS_SYSTEM, system, what, 0, 0, 0);
}
