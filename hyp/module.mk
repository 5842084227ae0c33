# SPDX-License-Identifier: AGPL-3.0-or-later
# Images made of this folder; NAME_SRCS are the files of each.
# hyp-owner checks who owns which page after every hypercall and step of a rebirth: for the tests, never for figures.
HYPS := hyp hyp-owner
hyp_all := $(sort $(wildcard hyp/*.c hyp/*.S hyp/*/*.c hyp/*/*.S))
hyp_SRCS := $(filter-out hyp/owner.c,$(hyp_all))
hyp-owner_SRCS := $(filter-out hyp/owner_none.c,$(hyp_all))

# The resident part is optimised as a whole: the seams between its files cost no calls. Boot-only files stay apart, because
# hyp.ld finds them by name. One partition: the same bytes each time.
hyp_RESIDENT := $(filter-out hyp/main.c hyp/boot_% hyp/platform.c hyp/fdt_tree.c hyp/manifest% hyp/facts.c hyp/dma/pci.c, \
    $(filter %.c,$(hyp_all)))
# No function or loop is padded for speed that an in-order core does not have.
hyp_TIGHT := -falign-functions=4 -falign-jumps=1 -falign-loops=1 -falign-labels=1
# Off every measured path: small rather than fast.
# format.c is for people.
lib/format.c_CFLAGS += -Os
hyp_FAST := $(addprefix hyp/,aarch64/switch.c trap.c)
$(foreach file,$(hyp_RESIDENT),$(eval $(file)_CFLAGS += -flto -fno-fat-lto-objects $(hyp_TIGHT) $(if $(filter $(file),$(hyp_FAST)),,-Os)))
hyp_LINK_LTO := -O2 $(hyp_TIGHT) -flto -flto-partition=one -fpie -fvisibility=hidden -fno-stack-protector -mgeneral-regs-only -mstrict-align
