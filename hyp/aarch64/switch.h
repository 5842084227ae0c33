/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* World switch: EL1 system registers, FP, virtual interrupt interface. */
#pragma once
#include "hyp/vcpu.h"

#define PSTATE_A32 BIT(4) /* in struct vcpu_regs: EL0 in AArch32 */

/** EL2 control registers for guests: traps, stage 2, timers. Once per core at boot. */
void world_start(void);
/** Saves what is loaded for `from` (NULL: nobody's) and loads `to` (NULL: nobody's). General registers are the vectors' business. */
void world_switch(struct vcpu *from, struct vcpu *to);
/** The FP trap: gives the registers to v, saving the owner's. */
void world_fp_give(struct vcpu *v);
/** The vCPU's FP state is forgotten (death). */
void world_fp_drop(struct vcpu *v);
/** Reset values of EL1 registers. */
void world_reset(struct vcpu *v);
/** True when a timer of the loaded vCPU fires that it lets through. */
bool world_timer_fires(const struct vcpu *v);
/** True when the core has the SHA2 instructions (ID_AA64ISAR0_EL1.SHA2). */
bool world_has_sha2(void);
/** Enters the first vCPU. */
_Noreturn void enter_first(struct vcpu *v);
/** Waits for a physical interrupt with interrupts masked. */
void world_idle(void);
/** Makes EL1 of v, which is loaded, take an exception: UNDEF (ec 0) or a synchronous external abort. */
void world_inject(struct vcpu *v, bool undef, uint64_t esr, uint64_t far);
/** The instruction that trapped with this syndrome is done: on behind it. */
void world_skip(struct vcpu *v, uint64_t esr);
/** Reads of identification registers, and a guest's accesses to debug registers. False: neither. Arguments as world_sysreg. */
bool world_hidden(const struct vcpu *v, uint32_t iss, bool is_read, uint64_t *value);
struct world_syndrome {
    uint64_t esr, far, hpfar;
};
struct world_syndrome world_syndrome(void);
/** IPA of the stage-2 fault that brought us here, where HPFAR_EL2 is valid. */
uint64_t world_fault_ipa(void);
/** Trapped system registers: ISS of EC 0x18. Returns true when handled (value in or out). */
bool world_sysreg(struct vcpu *v, uint32_t iss, bool is_read, uint64_t *value);
