/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What goes on to EL2: domain control, its log and trace, power. Only listed functions pass. */
#include "kernel/hyper.h"

#include "abi/hypercall.h"
#include "kernel/arch.h"
#include "kernel/syscall.h"

#define PSCI_SYSTEM_OFF   0x84000008UL /* PSCI, DEN0022 */
#define PSCI_SYSTEM_RESET 0x84000009UL
#define LOG_BYTES_MAX     40

/* Calls EL2 with x1..x6 of the thread and gives it x1..x6 back. */
static err_t pass(struct thread *t, uint64_t function, uint32_t arg_first)
{
    struct hvc_regs regs = { .x = { function } };
    for (uint32_t i = arg_first; i < 7; i++) regs.x[1 + i - arg_first] = t->frame.x[i];
    arch_hvc(&regs);
    for (uint32_t i = 1; i < 7; i++) t->frame.x[i] = regs.x[i];
    return regs.x[0] < ERR_COUNT ? (err_t)regs.x[0] : ERR_NOT_SUPPORTED;
}

err_t sys_domain_call(struct thread *t)
{
    uint64_t function = t->frame.x[1];
    uint32_t need;
    switch (function) {
    case HVC_DOMAIN_INFO:
    case HVC_DOMAIN_DUMP:
    case HVC_STATS:
        need = RIGHT_READ;
        break;
    case HVC_DOMAIN_KILL:
    case HVC_DOMAIN_LINKS:
    case HVC_DOMAIN_STEP:
    case HVC_CONSOLE_READ:
    case HVC_CONSOLE_WRITE:
        need = RIGHT_MANAGE;
        break;
    default:
        return ERR_ARG;
    }
    struct object *o;
    err_t e = syscall_object(t, t->frame.x[0], OBJECT_DOMAIN, need, &o);
    if (e != OK) return e;
    return pass(t, function, 2);
}

err_t sys_log_read(struct thread *t)
{
    struct object *o;
    err_t e = syscall_object(t, t->frame.x[0], OBJECT_LOG, RIGHT_READ, &o);
    if (e != OK) return e;
    return pass(t, HVC_LOG_READ, 1);
}

err_t sys_log_write(struct thread *t)
{
    struct object *o;
    err_t e = syscall_object(t, t->frame.x[0], OBJECT_LOG, RIGHT_WRITE, &o);
    if (e != OK) return e;
    if (t->frame.x[1] > LOG_BYTES_MAX) return ERR_RANGE;
    struct hvc_regs regs = { .x = { HVC_LOG_WRITE } };
    for (uint32_t i = 1; i < 7; i++) regs.x[i] = t->frame.x[i];
    arch_hvc(&regs);
    return OK;
}

err_t sys_trace_read(struct thread *t)
{
    struct object *o;
    err_t e = syscall_object(t, t->frame.x[0], OBJECT_LOG, RIGHT_READ, &o);
    if (e != OK) return e;
    return pass(t, HVC_TRACE_READ, 1);
}

_Noreturn void hyper_poweroff(void)
{
    struct hvc_regs regs = { .x = { PSCI_SYSTEM_OFF } };
    arch_hvc(&regs);
    arch_halt();
}

_Noreturn void hyper_reboot(void)
{
    struct hvc_regs regs = { .x = { PSCI_SYSTEM_RESET } };
    arch_hvc(&regs);
    arch_halt();
}

err_t sys_system(struct thread *t)
{
    struct object *o;
    err_t e = syscall_object(t, t->frame.x[0], OBJECT_SYSTEM, RIGHT_MANAGE, &o);
    if (e != OK) return e;
    if (t->frame.x[1] == SYSTEM_POWEROFF) hyper_poweroff();
    if (t->frame.x[1] == SYSTEM_REBOOT) hyper_reboot();
    return ERR_ARG;
}
