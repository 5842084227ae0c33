/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* System calls: the table that vectors.S calls through, and helpers of the handlers. */
#pragma once
#include "abi/syscall.h"
#include "kernel/process.h"

/* Returned by a handler that has set the registers of its thread itself, or has left it waiting. Not an err_t. */
#define SYSCALL_NO_RESULT ((err_t)0x80)
STATIC_ASSERT(ERR_COUNT < 0x80, "SYSCALL_NO_RESULT is no error code");

typedef err_t (*syscall_handler_t)(struct thread *t);
/* By enum syscall_number; every slot is filled. Handlers read arguments from t->frame.x and write results there from x1 on. */
extern const syscall_handler_t syscall_table[SYS_COUNT];

/**
 * The process that a call names: HANDLE_SELF is the caller, who may do all to itself.
 * Returns OK | ERR_HANDLE, ERR_TYPE, ERR_RIGHTS
 */
err_t syscall_process(struct thread *t, uint64_t h, uint32_t rights,
                      struct process **out) MUST_CHECK;
/** The endpoint, notification, … behind a handle, without its entry. Errors of handle_find. */
err_t syscall_object(struct thread *t, uint64_t h, enum object_type type, uint32_t rights,
                     struct object **out) MUST_CHECK;

err_t sys_handle_close(struct thread *t);
err_t sys_handle_dup(struct thread *t);
err_t sys_handle_list(struct thread *t);
