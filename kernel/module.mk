# SPDX-License-Identifier: AGPL-3.0-or-later
# Images made of this folder; NAME_SRCS are the files of each. kernel-probe tries to break out of its domain before it boots.
KERNELS := kernel kernel-probe
kernel_all := $(sort $(wildcard kernel/*.c kernel/aarch64/*.c kernel/aarch64/*.S))
kernel_SRCS := $(filter-out kernel/probe.c,$(kernel_all))
kernel-probe_SRCS := $(filter-out kernel/probe_none.c,$(kernel_all))
# Off every measured path: small rather than fast. No file is padded for speed that an in-order core does not have.
kernel_fast := $(addprefix kernel/,aspace.c endpoint.c fault.c handle.c irq.c notify.c page.c sched.c slab.c thread.c vmo.c aarch64/cpu.c \
    aarch64/pagetable.c)
kernel_tight := -falign-functions=4 -falign-jumps=1 -falign-loops=1
$(foreach file,$(filter %.c,$(kernel_all)),$(eval $(file)_CFLAGS := $(if $(filter $(file),$(kernel_fast)),,-Os) $(kernel_tight)))
