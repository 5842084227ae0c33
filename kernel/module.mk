# SPDX-License-Identifier: AGPL-3.0-or-later
# Images made of this folder; NAME_SRCS are the files of each. kernel-probe tries to break out of its domain before it boots.
KERNELS := kernel kernel-probe
kernel_all := $(sort $(wildcard kernel/*.c kernel/aarch64/*.c kernel/aarch64/*.S))
kernel_SRCS := $(filter-out kernel/probe.c,$(kernel_all))
kernel-probe_SRCS := $(filter-out kernel/probe_none.c,$(kernel_all))
