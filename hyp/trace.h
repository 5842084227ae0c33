/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The trace ring. */
#pragma once
#include "abi/trace.h"
#include "lib/base.h"

/** Adds a record. Context: EL2, any; never waits. */
void trace(enum trace_event event, uint32_t domain, uint64_t arg0, uint64_t arg1);
/** Reads the record with this free-running sequence number, or the oldest still there. Returns the number after it; 0: none newer. */
uint64_t trace_read(uint64_t sequence, struct trace_rec *out);
