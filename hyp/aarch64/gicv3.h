/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The physical GICv3: EL2 owns it. Registers: Arm IHI 0069. */
#pragma once
#include "hyp/platform.h"

/* BSA-recommended PPIs, the same on every board. */
#define PPI_MAINTENANCE 25
#define PPI_HYP_TIMER   26
#define PPI_VTIMER      27
#define PPI_PTIMER      30

#define SGI_KICK 8 /* EL2's own, between cores */

#define INTID_SPURIOUS 1020 /* and above */

/** Distributor, redistributor of this core, CPU interface: EOImode 1, everything disabled but EL2's own PPIs. ERR_TIMEOUT: RWP never cleared. */
err_t gic_start(const struct platform *p) MUST_CHECK;
/** This core's redistributor and CPU interface. ERR_NO_ENTRY: it has none, ERR_TIMEOUT: it does not wake. Context: each core once a power-on. */
err_t gic_core_start(void) MUST_CHECK;
void gic_core_stop(void);
/** Interrupts another core with SGI_KICK. mpidr: affinity fields. */
void gic_ipi(uint64_t mpidr);
/** Enables or disables one interrupt at the distributor (SPI) or redistributor (PPI). */
void gic_enable(uint32_t intid, bool on);
/** Sets trigger, priority 0x80 and the target of an SPI. Context: EL2 boot. */
void gic_spi_route(uint32_t intid, bool edge, uint32_t core);
/** Another core becomes the target of an SPI. */
void gic_spi_target(uint32_t intid, uint32_t core);
/** Pending at the GIC, enabled or not, and not acknowledged yet. */
bool gic_is_pending(uint32_t intid);
/** Takes back what is latched as pending. */
void gic_unpend(uint32_t intid);
/** Which of the guest-visible PPIs (27, 30) are on at this core: those that the loaded vCPU enabled. */
void gic_ppi_enable(uint32_t mask);
/** Disable, clear pending, deactivate: the line is dead. */
void gic_line_kill(uint32_t intid);
uint32_t gic_ack(void);
/** Priority drop. */
void gic_eoi(uint32_t intid);
void gic_deactivate(uint32_t intid);
/** Active state of the guest-visible PPIs (27, 30): read and clear at switch-out, set again at switch-in. */
uint32_t gic_ppi_active_take(void);
void gic_ppi_active_give(uint32_t mask);
