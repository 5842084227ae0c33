# SPDX-License-Identifier: AGPL-3.0-or-later
# Images made of this folder; NAME_SRCS are the files of each.
KERNELS := kernel
kernel_SRCS := $(sort $(wildcard kernel/*.c kernel/*.S kernel/*/*.c kernel/*/*.S))
