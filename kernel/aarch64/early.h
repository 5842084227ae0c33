/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the code before the MMU leaves behind. */
#pragma once
#include "abi/bootinfo.h"
#include "lib/base.h"

/* Tables of early.c that start.S and cpu.c name. */
extern uint64_t kernel_root[], early_idmap[];

/** Fills the first tables and copies bootinfo. Context: start.S, MMU off. */
void early_start(uint64_t image_at, const struct bootinfo *boot);
/** The copy of bootinfo: nobody else can write it. */
const struct bootinfo *early_bootinfo(void);
/** Where bootinfo and the image lie in RAM. */
uint64_t early_bootinfo_pa(void);
uint64_t early_image_pa(void);
