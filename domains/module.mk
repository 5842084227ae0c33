# SPDX-License-Identifier: AGPL-3.0-or-later
# Driver domains: NAME_SRCS are a domain's own files and its drivers; domains/rt and lib are added to each.
domain_rt_SRCS := $(sort $(wildcard domains/rt/*.c domains/rt/*.S))
storage_common_SRCS := $(sort $(wildcard domains/storage/*.c drivers/sdhci/*.c drivers/nvme/*.c))
seams := $(addprefix domains/faults/plain_,fetch.c complete.c submit.c)

DOMAINS := storage
storage_SRCS := $(storage_common_SRCS) $(seams)

# Fault builds, for tests only: the storage domain with one seam (domains/rt/seam.h) replaced.
# $(call fault_build,NAME,SEAM): storage-NAME from domains/faults/NAME.c, with _ for -.
define fault_build
DOMAINS += storage-$1
storage-$1_SRCS := $(storage_common_SRCS) $(filter-out %_$2.c,$(seams)) domains/faults/fault.c \
    domains/faults/$(subst -,_,$1).c
endef
$(foreach name,crash hang wild-read wild-write never-eoi-timer no-notify-and-sleep,\
    $(eval $(call fault_build,$(name),fetch)))
$(foreach name,lie-used-id lie-used-len,$(eval $(call fault_build,$(name),complete)))
$(foreach name,wild-dma wild-guard,$(eval $(call fault_build,$(name),submit)))

# The entropy domain, and its fault builds: one lies (constant bytes), one has its device write elsewhere.
DOMAINS += rng rng-lie rng-wild
rng_SRCS := domains/rng/main.c
rng-lie_SRCS := domains/rng/main.c domains/faults/rng_lie.c
rng-lie_LINK := -Wl,--wrap=virtq_fetch,--wrap=virtq_complete
rng-wild_SRCS := domains/rng/main.c domains/faults/rng_wild.c
rng-wild_LINK := -Wl,--wrap=virtq_post

# Kill points: the storage domain that dies at a chosen step. The linker puts a step before and after each of these functions
# (ld --wrap), so that the product has no trace of it.
DOMAINS += storage-points
point_functions := virtq_fetch virtq_complete virtq_device_start serve_publish serve_blk_on_events hvc_link_wait serve_try_start \
    serve_ack_reset serve_interrupt serve_declare_slow serve_blk_done hvc_dma_enable \
    nvme_submit nvme_take nvme_taken nvme_prp_fill nvme_controller_start \
    host_reset host_command host_transfer host_take_interrupt card_init adma_fill
storage-points_SRCS := $(storage_common_SRCS) $(seams) domains/faults/points.c
storage-points_LINK := $(patsubst %,-Wl$(comma)--wrap=%,$(point_functions))
