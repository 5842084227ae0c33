/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Arm SMMUv3, stage 2 only: one linear stream table for bus 0, the domain's own stage-2 tables as translation. */
#pragma once
#include "hyp/platform.h"

/** First act of EL2 on the SMMU: everything without a stream entry aborts (GBPA.ABORT). Bounded polls. */
err_t smmu_abort_all(const struct platform *p) MUST_CHECK;
/** Tables and queues in EL2 memory, every entry aborting, translation on, event interrupts on. ERR_TIMEOUT: a handshake never came. */
err_t smmu_start(const struct platform *p) MUST_CHECK;
/** Streams of stream_id go through the domain's stage 2. Context: EL2, any. ERR_TIMEOUT: SYNC did not complete; the entry aborts. */
err_t smmu_stream_open(uint32_t stream_id, uint16_t vmid, pa_t s2_root) MUST_CHECK;
/**
 * A stream of an owned device that is closed: valid stage-2 entry with an empty table, so that blocked accesses are reported.
 * CFGI + SYNC. ERR_TIMEOUT: no proof.
 */
err_t smmu_stream_close(uint32_t stream_id) MUST_CHECK;
/** A stream that nothing translates: only for a guarded device, whose transfers EL2 itself addresses. ERR_TIMEOUT: the entry aborts. */
err_t smmu_stream_bypass(uint32_t stream_id) MUST_CHECK;
/** TLBI for the VMID, then SYNC: when OK, no transaction of the old translation is in flight any more. */
err_t smmu_tlb_flush_vmid(uint16_t vmid) MUST_CHECK;
/**
 * Event or gerror interrupt: drains at most 32 events a call, coalesces, attributes; calls domain_kill(CAUSE_DMA) for the owner,
 * logs streams that nobody owns (rate-limited). Context: EL2 interrupt.
 */
void smmu_on_irq(uint32_t intid);
uint64_t smmu_event_count(void);
/** Where the stream table lies, for the boot log and the canaries. Size 0: no SMMU. */
struct pa_range smmu_stream_table(void);
