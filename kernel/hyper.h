/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What goes on to EL2: domain control, its log and trace, power. */
#pragma once
#include "kernel/thread.h"

/** Switches the machine off, or starts it anew. */
_Noreturn void hyper_poweroff(void);
_Noreturn void hyper_reboot(void);

err_t sys_domain_call(struct thread *t);
err_t sys_log_read(struct thread *t);
err_t sys_log_write(struct thread *t);
err_t sys_trace_read(struct thread *t);
err_t sys_system(struct thread *t);
