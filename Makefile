# SPDX-License-Identifier: AGPL-3.0-or-later
# One makefile for the whole tree. Each folder's module.mk is a list of files; `make help` names every target.
# What is missing on the machine is installed by scripts/setup, third-party libraries come from scripts/deps: both run by
# themselves before the first compile and leave a stamp.

BOARD ?= qemu-virt
DISK  ?= sdhci
DISKS ?= 1
DEFS  ?=
ARGS  ?=
BUILD ?= build
JOBS  ?= $(shell nproc)
V     ?= 0

SHELL         := /bin/bash
.SHELLFLAGS   := -ec
MAKEFLAGS     += --no-builtin-rules --no-builtin-variables
ifndef MAKE_RESTARTS
MAKEFLAGS     += -j$(JOBS)
endif
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

comma  := ,
Q      := $(if $(filter 1,$(V)),,@)
PYTHON := /usr/bin/python3
CROSS  := aarch64-linux-gnu-
CC     := $(CROSS)gcc
AR     := $(CROSS)ar
B      := $(BUILD)/$(BOARD)
O      := $(B)/obj
DEPS   := $(BUILD)/deps
FDT    := $(DEPS)/src/device-tree-compiler/libfdt

export ZEROS_CACHE BOARD BUILD

# ---- set-up: installs packages, builds libraries; make starts over by itself once these two files are up to date ----

goals := $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out help clean hooks setup,$(goals)),)
READY := 1
include $(BUILD)/setup.mk
include $(DEPS)/deps.mk
endif

$(BUILD)/setup.mk: scripts/setup scripts/packages.txt
	@mkdir -p $(@D)
	@scripts/setup
	@printf "GCC_INCLUDE := %s\nCLANG_INCLUDE := %s/include\n" "$$($(CC) -print-file-name=include)" "$$(clang-14 -print-resource-dir)" >$@

deps_inputs := scripts/deps scripts/deps-fetch $(shell find third_party -type f)
$(DEPS)/deps.mk: $(deps_inputs) $(BUILD)/setup.mk
	@mkdir -p $(@D)
	@scripts/deps $(DEPS)
	@echo "DEPS_KEY := $$(cat $(deps_inputs) | sha256sum | cut -c1-16)" >$@

# ---- file lists ----

include $(sort $(wildcard */module.mk))
lib_SRCS := $(sort $(lib_all) $(wildcard lib/*.c lib/*.S lib/*/*.c lib/*/*.S))

# ---- flags; a change of any of them rebuilds what was built with the old ones ----

WARN := -Wall -Wextra -Wconversion -Wshadow -Wswitch-enum -Wvla -Wstrict-prototypes -Wmissing-prototypes -Werror
BASE := -std=gnu17 -O2 -g -mcpu=cortex-a55 -mno-outline-atomics -ffreestanding -fno-common -fno-strict-aliasing \
        -ffunction-sections -fdata-sections -fno-stack-protector -fno-asynchronous-unwind-tables -ffile-prefix-map=$(CURDIR)/= \
        -nostdinc -I. -Iinclude
VIRTIO := -idirafter $(DEPS)/linux-include
NOFP := -mgeneral-regs-only -mstrict-align
LIBFDT := -isystem third_party/libfdt/include -isystem $(FDT)

hyp_CFLAGS    := $(BASE) $(NOFP) -fpie -fvisibility=hidden -isystem $(GCC_INCLUDE) $(LIBFDT) $(VIRTIO)
kernel_CFLAGS := $(BASE) $(NOFP) -fno-pie -isystem $(GCC_INCLUDE) $(LIBFDT) $(VIRTIO)
domain_CFLAGS := $(BASE) $(NOFP) -fno-omit-frame-pointer -fno-pie -isystem $(GCC_INCLUDE) $(VIRTIO)
guest_CFLAGS  := $(BASE) $(NOFP) -fpie -fvisibility=hidden -isystem $(GCC_INCLUDE) $(VIRTIO)
user_CFLAGS   := $(BASE) -fno-pie -ftls-model=local-exec -D_GNU_SOURCE -isystem $(DEPS)/picolibc/include \
                 -isystem $(DEPS)/ext2fs/include -isystem $(GCC_INCLUDE) $(VIRTIO) \
                 -U__linux__ -U__linux -Ulinux -U__gnu_linux__ -U__unix__ -U__unix -Uunix

LINK := -nostdlib -static -Wl,--build-id=none,--gc-sections,-z,max-page-size=4096,--no-warn-rwx-segments,--fatal-warnings
hyp_LDFLAGS    := $(LINK) $(hyp_LINK_LTO) -static-pie -Wl,--no-dynamic-linker,-z,text
kernel_LDFLAGS := $(LINK) -no-pie
domain_LDFLAGS := $(LINK) -no-pie
guest_LDFLAGS  := $(LINK) -static-pie -Wl,--no-dynamic-linker,-z,text
user_LDFLAGS   := $(LINK) -no-pie

include scripts/rules.mk
include scripts/targets.mk
