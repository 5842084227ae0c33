# SPDX-License-Identifier: AGPL-3.0-or-later
# Driver domains: NAME_SRCS are a domain's own files and its drivers; domains/rt and lib are added to each.
domain_rt_SRCS := $(sort $(wildcard domains/rt/*.c domains/rt/*.S))
storage_common_SRCS := $(sort $(wildcard domains/storage/*.c drivers/sdhci/*.c drivers/nvme/*.c))

DOMAINS := storage
storage_SRCS := $(storage_common_SRCS) domains/faults/none.c
