/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Faults of EL0: pages come in, everything else becomes a message or a report and an end. */
#include "kernel/fault.h"

#include "kernel/endpoint.h"
#include "kernel/log.h"
#include "kernel/process.h"
#include "kernel/sched.h"

/* Arm ARM DDI 0487, ESR_EL1. */
#define ESR_EC        BITS(31, 26)
#define ESR_DABT_WNR  BIT(6)
#define ESR_DABT_CM   BIT(8) /* cache maintenance: counts as a read */
#define ESR_FSC       BITS(5, 0)
#define EC_SVC        0x15
#define EC_IABT_LOWER 0x20
#define EC_DABT_LOWER 0x24

/* Fault status codes 0x04..0x07: translation fault, level 0..3. */
static bool is_translation_fault(uint64_t esr)
{
    return (esr & 0x3c) == 0x04;
}

static enum access access_of(uint64_t esr)
{
    if (FIELD_OF(ESR_EC, esr) == EC_IABT_LOWER) return ACCESS_EXEC;
    return (esr & ESR_DABT_WNR) && !(esr & ESR_DABT_CM) ? ACCESS_WRITE : ACCESS_READ;
}

static const char *class_name(uint64_t ec)
{
    switch (ec) {
    case 0x00:
        return "unknown or forbidden instruction";
    case 0x0e:
        return "illegal execution state";
    case EC_SVC:
        return "system call that does not exist";
    case 0x18:
        return "forbidden system register";
    case EC_IABT_LOWER:
        return "instruction abort";
    case 0x22:
        return "misaligned PC";
    case EC_DABT_LOWER:
        return "data abort";
    case 0x26:
        return "misaligned stack";
    case 0x2c:
        return "floating-point exception";
    case 0x3c:
        return "breakpoint instruction";
    default:
        return "exception";
    }
}

static const char *status_name(uint64_t esr)
{
    switch (esr & 0x3c) {
    case 0x00:
        return "address size";
    case 0x04:
        return "nothing mapped there";
    case 0x08:
        return "access flag";
    case 0x0c:
        return "no permission";
    case 0x10:
        return "external abort";
    case 0x20:
        return "misaligned address";
    default:
        return "other";
    }
}

static void report(const struct thread *t)
{
    static const char *const access_name[] = { "read", "write", "execute" };
    const struct frame *f = &t->frame;
    uint64_t esr = t->fault_words[2], far = t->fault_words[3];
    uint64_t ec = FIELD_OF(ESR_EC, esr);
    klog("fault: process \"%s\" (id %lu): %s\n", t->process->name, t->process->object.id,
         class_name(ec));
    if (ec == EC_IABT_LOWER || ec == EC_DABT_LOWER) {
        klog("  %s of 0x%lx: %s\n", access_name[access_of(esr)], far, status_name(esr));
    }
    klog("  pc 0x%lx  lr 0x%lx  sp 0x%lx  esr 0x%lx\n", f->elr, f->x[30], f->sp, esr);
    for (int i = 0; i < 28; i += 4) {
        klog("  x%-2d %016lx %016lx %016lx %016lx\n", i, f->x[i], f->x[i + 1], f->x[i + 2],
             f->x[i + 3]);
    }
    klog("  x28 %016lx %016lx\n", f->x[28], f->x[29]);
}

void fault_end(struct thread *t)
{
    t->is_fault = false;
    report(t);
    process_doom(t->process, PROCESS_FAULT, 0);
}

void fault_handle(struct thread *t, uint64_t esr, uint64_t far)
{
    uint64_t ec = FIELD_OF(ESR_EC, esr);
    if ((ec == EC_IABT_LOWER || ec == EC_DABT_LOWER) && is_translation_fault(esr)) {
        err_t e = aspace_touch(&t->process->aspace, far, access_of(esr));
        if (e == OK) return;
        if (e == ERR_NO_MEMORY) {
            klog("kernel: memory is out: process \"%s\" wants a page\n", t->process->name);
        }
    }
    const struct frame *f = &t->frame;
    const uint64_t words[1 + IPC_WORDS] = {
        TAG_FAULT, t->process->object.id, esr, far, f->elr, f->sp, f->x[30]
    };
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) t->fault_words[i] = words[i];
    struct object *ep = t->process->fault_endpoint;
    if (ep && ipc_fault_call(t, endpoint_of(ep), t->process->fault_badge) == OK) return;
    fault_end(t);
}
