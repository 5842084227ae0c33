/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Faults of EL0: pages come in, everything else becomes a message or a report and an end. */
#pragma once
#include "kernel/thread.h"

/** A synchronous exception of the running thread that is no system call. Context: from vectors.S. */
void fault_handle(struct thread *t, uint64_t esr, uint64_t far);
/** The process of a faulted thread ends, with a report: nobody answers for it. */
void fault_end(struct thread *t);
