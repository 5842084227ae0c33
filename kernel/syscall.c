/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* System calls: the table, and those on handles themselves. */
#include "kernel/syscall.h"

#include "kernel/endpoint.h"
#include "kernel/hyper.h"
#include "kernel/irq.h"
#include "kernel/link.h"
#include "kernel/notify.h"
#include "kernel/timer.h"
#include "kernel/vmo.h"

err_t syscall_process(struct thread *t, uint64_t h, uint32_t rights, struct process **out)
{
    if (h == HANDLE_SELF) {
        *out = t->process;
        return OK;
    }
    struct object *o;
    err_t e = syscall_object(t, h, OBJECT_PROCESS, rights, &o);
    if (e == OK) *out = process_of(o);
    return e;
}

err_t syscall_object(struct thread *t, uint64_t h, enum object_type type, uint32_t rights,
                     struct object **out)
{
    struct handle_entry *entry;
    err_t e = handle_find(&t->process->handles, h, type, rights, &entry);
    if (e == OK) *out = entry->object;
    return e;
}

static err_t sys_null(struct thread *t)
{
    (void)t;
    return OK;
}

err_t sys_handle_close(struct thread *t)
{
    if (!handle_at(&t->process->handles, t->frame.x[0])) return ERR_HANDLE;
    handle_remove(&t->process->handles, (handle_t)t->frame.x[0], ERR_CANCELLED);
    return OK;
}

err_t sys_handle_dup(struct thread *t)
{
    struct handle_table *table = &t->process->handles;
    const struct handle_entry *h = handle_at(table, t->frame.x[0]);
    if (!h) return ERR_HANDLE;
    if (!(h->rights & RIGHT_DUP) || h->type == OBJECT_REPLY) return ERR_RIGHTS;
    struct handle_entry copy = *h;
    copy.rights &= (uint32_t)t->frame.x[1];
    err_t e = handle_reserve(table, 1);
    if (e != OK) return e;
    t->frame.x[1] = handle_insert(table, &copy);
    return OK;
}

err_t sys_handle_list(struct thread *t)
{
    struct process *p;
    err_t e = syscall_process(t, t->frame.x[0], RIGHT_READ, &p);
    if (e != OK) return e;
    uint64_t *x = t->frame.x;
    for (uint64_t h = x[1]; h < (uint64_t)p->handles.page_count << HANDLE_PAGE_SHIFT; h++) {
        const struct handle_entry *entry = handle_at(&p->handles, h);
        if (!entry) continue;
        x[1] = h;
        x[2] = entry->type;
        x[3] = entry->rights;
        x[4] = entry->object->id;
        x[5] = h + 1;
        return OK;
    }
    return ERR_NO_ENTRY;
}

const syscall_handler_t syscall_table[SYS_COUNT] = {
    [SYS_NULL] = sys_null,
    [SYS_HANDLE_CLOSE] = sys_handle_close,
    [SYS_HANDLE_DUP] = sys_handle_dup,
    [SYS_HANDLE_LIST] = sys_handle_list,
    [SYS_ENDPOINT_CREATE] = sys_endpoint_create,
    [SYS_ENDPOINT_MINT] = sys_endpoint_mint,
    [SYS_CALL] = sys_call,
    [SYS_REPLY_RECV] = sys_reply_recv,
    [SYS_NOTIFICATION_CREATE] = sys_notification_create,
    [SYS_NOTIFICATION_SIGNAL] = sys_notification_signal,
    [SYS_NOTIFICATION_WAIT] = sys_notification_wait,
    [SYS_NOTIFICATION_BIND] = sys_notification_bind,
    [SYS_VMO_CREATE] = sys_vmo_create,
    [SYS_VMO_INFO] = sys_vmo_info,
    [SYS_VMO_MAP] = sys_vmo_map,
    [SYS_VMO_UNMAP] = sys_vmo_unmap,
    [SYS_PROCESS_CREATE] = sys_process_create,
    [SYS_PROCESS_GRANT] = sys_process_grant,
    [SYS_PROCESS_START] = sys_process_start,
    [SYS_PROCESS_KILL] = sys_process_kill,
    [SYS_PROCESS_INFO] = sys_process_info,
    [SYS_PROCESS_WATCH] = sys_process_watch,
    [SYS_PROCESS_FAULTS] = sys_process_faults,
    [SYS_PROCESS_LIST] = sys_process_list,
    [SYS_THREAD_CREATE] = sys_thread_create,
    [SYS_THREAD_EXIT] = sys_thread_exit,
    [SYS_EXIT] = sys_exit,
    [SYS_YIELD] = sys_yield,
    [SYS_SLEEP] = sys_sleep,
    [SYS_IRQ_BIND] = sys_irq_bind,
    [SYS_IRQ_ACK] = sys_irq_ack,
    [SYS_TIMER_CREATE] = sys_timer_create,
    [SYS_TIMER_SET] = sys_timer_set,
    [SYS_LINK_INFO] = sys_link_info,
    [SYS_LINK_OPEN] = sys_link_open,
    [SYS_LINK_KICK] = sys_link_kick,
    [SYS_DOMAIN_CALL] = sys_domain_call,
    [SYS_LOG_READ] = sys_log_read,
    [SYS_LOG_WRITE] = sys_log_write,
    [SYS_TRACE_READ] = sys_trace_read,
    [SYS_SYSTEM] = sys_system,
};
