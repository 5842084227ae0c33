/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The C entry of the kernel. */
#pragma once

/** Boots up to a runnable init; start.S then lets the scheduler run it. */
void kernel_main(void);
