# SPDX-License-Identifier: AGPL-3.0-or-later
# What can be asked of make. A line ending in `## text` is shown by `make help`.

DTS       := boards/$(BOARD)/system.dts
DISK_IMG  := $(BUILD)/disk.img
DISK2_IMG := $(BUILD)/disk2.img
DISK_SIZE ?= 256M
LINUX     ?= 0
SYSTEM    := $(B)/Image $(B)/system.pack $(B)/manifest
defines   := $(if $(filter nvme,$(DISK)),DISK_NVME) DISKS=$(DISKS) $(if $(DMA),DISK_DMA="$(DMA)") LINUX=$(LINUX) $(patsubst -D%,%,$(DEFS))
linux_guest := $(B)/guests/linux.img $(B)/guests/linux.initrd
programs  := $(hyps:%=$(B)/%.elf) $(kernels:%=$(B)/%.img) $(domains:%=$(B)/domains/%.img) $(guests:%=$(B)/guests/%.img) \
             $(linux_guest) $(servers:%=$(B)/servers/%.img)
image_dirs := $(B) $(B)/domains $(B)/guests $(B)/servers
compiler  := $(BUILD)/host/manifest
facts     := $(B)/facts.dtb

.PHONY: all hyp kernel domains guests servers system-image deps setup disk run gdb test check unit target system fuzz hostile soak mutate bench \
        help format format-check lint headers includes style hooks size stack clean variant manifest-check

# ---- building ----

all: $(programs) system-image ## everything: programs, system pack, Image (default)

hyp: $(hyps:%=$(B)/%.elf) ## the EL2 image only
kernel: $(kernels:%=$(B)/%.img) ## the main kernel only
domains: $(domains:%=$(B)/domains/%.img) ## the driver domains only
guests: $(guests:%=$(B)/guests/%.img) $(linux_guest) ## the stock guests only

$(DEPS)/guests/stamp: guests/linux/packages.manifest scripts/guest-fetch | $(BUILD)/setup.mk
	@scripts/guest-fetch $(@D) && touch $@
$(linux_guest) &: $(DEPS)/guests/stamp guests/linux/init scripts/mkinitramfs.py
	@echo "  PACK $(B)/guests/linux.initrd"
	@mkdir -p $(B)/guests
	$(Q)$(PYTHON) scripts/mkinitramfs.py $(DEPS)/guests guests/linux/init $(linux_guest)
servers: $(servers:%=$(B)/servers/%.img) ## the EL0 programs only

# The pack needs every program; while the tree is being written, what is there is built and this step is left out.
ready_for_pack := $(and $(hyps),$(kernels),$(domains),$(servers),$(wildcard $(DTS)))
ifdef READY
$(eval $(call stamp,system,$(defines)))
endif
system-image: $(if $(ready_for_pack),$(SYSTEM)) ## Image and system pack

# The compiler of manifests, with EL2's judge: a wrong one is refused before it is packed. facts.dtb is QEMU's own description.
compiler_srcs := scripts/manifest.c scripts/manifest_read.c hyp/manifest.c hyp/facts.c hyp/platform.c hyp/fdt_tree.c \
    lib/format.c lib/string.c $(patsubst %,$(FDT)/%.c,fdt fdt_ro fdt_check fdt_strerror)
$(compiler): $(compiler_srcs) $(wildcard scripts/*.h hyp/*.h hyp/dma/*.h lib/*.h include/abi/*.h)
	@echo "  HOSTCC $@"
	@mkdir -p $(@D)
	$(Q)gcc -std=gnu17 -O1 -fno-builtin -fno-tree-loop-distribute-patterns -I. -Iinclude -isystem $(FDT) $(compiler_srcs) -o $@
$(facts): boards/$(BOARD)/qemu.args $(BUILD)/setup.mk
	@mkdir -p $(@D)
	$(Q)qemu-system-aarch64 $$(sed 's/#.*//' $<) -machine dumpdtb=$@ -display none >/dev/null 2>&1
manifest-check: $(if $(ready_for_pack),$(SYSTEM)) ## judge the manifest against the board's device tree (each build does)

mkpack := $(PYTHON) scripts/mkpack.py --hyp $(B)/hyp.elf --dts $(DTS) $(foreach d,$(defines),--define '$d') --images $(image_dirs) \
    --manifest $(compiler) --facts $(facts)
$(SYSTEM) &: $(programs) $(DTS) scripts/mkpack.py scripts/mkguest.py $(B)/flags/system $(compiler) $(facts)
	@echo "  PACK $(B)/system.pack"
	$(Q)$(mkpack) --out $(B)

variant: all ## another system from the same objects: NAME=n DEFS="-DX=y ..." [AUTORUN=file], into build/<board>/variants/n
	@test -n "$(NAME)" || { echo 'usage: make variant NAME=crash DEFS="-DSTORAGE_IMAGE=\"storage-crash\""' >&2; exit 2; }
	$(Q)$(mkpack) --out $(B)/variants/$(NAME) $(if $(AUTORUN),--autorun $(AUTORUN))
	@echo "  PACK $(B)/variants/$(NAME)"

deps: $(DEPS)/deps.mk ## third-party libraries
setup: ## install missing packages and QEMU >= 10
	@scripts/setup

# ---- running ----

$(DISK_IMG) $(DISK2_IMG) $(BUILD)/linux1.img $(BUILD)/linux2.img: | $(BUILD)/setup.mk
	@echo "  DISK $@"
	$(Q)$(PYTHON) scripts/mkdisk.py $@ --size $(DISK_SIZE) $(if $(filter-out $(DISK_IMG),$@),--size 64M --no-big)

disks := $(DISK_IMG) $(if $(filter 2,$(DISKS)),$(DISK2_IMG))
linux_disks := $(if $(filter-out 0,$(LINUX)),$(wordlist 1,$(LINUX),$(BUILD)/linux1.img $(BUILD)/linux2.img))
disk: $(disks) $(linux_disks) ## the ext4 images that run uses; delete them to start afresh

qemu := $(PYTHON) scripts/qemu --board $(BOARD) --disk $(DISK) $(foreach d,$(disks),--file $d) \
    $(foreach d,$(linux_disks),--guest-file $d)
run: all $(disks) $(linux_disks) ## boot in QEMU to a prompt (leave with Ctrl-A X); DISK=nvme DISKS=2 DMA=guard LINUX=1 ARGS="-smp 4 -m 2G"
	@$(qemu) --kernel $(B)/Image --pack $(B)/system.pack -- $(ARGS)

gdb: all $(disks) $(linux_disks) ## the same, stopped, waiting for gdb-multiarch -x scripts/gdb/zeros.gdb
	@$(qemu) --kernel $(B)/Image --pack $(B)/system.pack --gdb $(BUILD)/gdb.sock -- $(ARGS)

# ---- testing ----

run_tests := $(PYTHON) tests/run.py
test: all ## all four tiers; writes build/report/tests.xml; last line: N passed, N failed
	@$(run_tests)
unit: all ## host unit tests under ASan and UBSan
	@$(run_tests) unit
target: all ## EL2 and EL1 test images in QEMU
	@$(run_tests) target
system: all ## whole boots driven over serial and QMP
	@$(run_tests) system
fuzz: all ## every fuzz target for a few seconds
	@$(run_tests) fuzz
hostile: all ## the hostile suite at a hundredth of its trials, SMMU, then the DMA cases behind the guard: CASE=47-60 SEED=1
	@$(PYTHON) tests/hostile/run.py --verbose --seed $(or $(SEED),1) --case $(or $(CASE),1-72)
	@$(PYTHON) tests/hostile/run.py --verbose --seed $(or $(SEED),1) --case $(or $(CASE),1-72) --dma guard
soak: all ## hours: all trials, kill points, every mutant: SEED=1 SHARD=i/n; reports into build/report
	@mkdir -p $(BUILD)/report
	@status=0; $(PYTHON) scripts/kill_points.py --shard $(or $(SHARD),1/1) --report $(BUILD)/report/kill_points.md || status=1; \
	$(PYTHON) tests/hostile/run.py --full --seed $(or $(SEED),1) --shard $(or $(SHARD),1/1) --report $(BUILD)/report/hostile.md || status=1; \
	$(PYTHON) tests/hostile/run.py --full --seed $(or $(SEED),1) --shard $(or $(SHARD),1/1) --dma guard --report $(BUILD)/report/hostile-guard.md || status=1; \
	scripts/mutate.sh --guards --shard $(or $(SHARD),1/1) --report $(BUILD)/report/mutation.md || status=1; exit $$status
mutate: all ## removes each check named in tests/guards.tsv and runs its test; COUNT=20 SEED=1 for a few
	@scripts/mutate.sh --guards $(if $(COUNT),--count $(COUNT)) --seed $(or $(SEED),1) --report $(BUILD)/report/mutation.md
check: includes style format-check headers ## style and host tests, for the commit hook
	@$(run_tests) unit
bench: all $(disks) ## measure; writes build/report/bench.json and prints it
	@$(PYTHON) scripts/bench.py

.PHONY: coverage
coverage: all ## which lines of EL2 ran in the system tests, from QEMU's log of translated code; TESTS=selection
	@$(PYTHON) scripts/coverage.py $(TESTS)

# ---- keeping the tree tidy ----

own_c = $(shell git ls-files -co --exclude-standard -- '*.c' '*.h' 2>/dev/null | while read -r f; do [ -e "$$f" ] && echo "$$f"; done)
format: ## clang-format all C files in place
	@clang-format-14 -i $(own_c)
format-check: ## fail when a C file is not formatted
	@clang-format-14 --dry-run -Werror $(own_c)
includes: ## who may include whom
	@$(PYTHON) scripts/check_includes.py
style: ## SPDX lines, function and file length
	@$(PYTHON) scripts/check_style.py

ifneq ($(filter headers check,$(goals)),)
target_headers := $(filter include/% lib/% hyp/% kernel/% domains/% drivers/% servers/%,$(filter %.h,$(own_c)))
kind_of = $(or $(if $(filter hyp/%,$1),hyp),$(if $(filter kernel/%,$1),kernel),$(if $(filter servers/%,$1),user),domain)
define header_rule
$(O)/headers/$1.ok: $1 $(B)/flags/$(call kind_of,$1)
	@mkdir -p $$(@D)
	$(Q)$(CC) $($(call kind_of,$1)_CFLAGS) $(WARN) -Wno-unused-function -MMD -MP -MF $$@.d -MT $$@ -fsyntax-only -x c -include $1 /dev/null
	@touch $$@
endef
$(foreach header,$(target_headers),$(eval $(call header_rule,$(header))))
-include $(wildcard $(target_headers:%=$(O)/headers/%.ok.d))
endif
headers: $(target_headers:%=$(O)/headers/%.ok) ## each header compiles by itself

lint_srcs = $(filter-out tests/% third_party/%,$(filter %.c,$(own_c)))
lint: compile_commands.json ## clang-tidy over everything that is built
	@printf '%s\n' $(lint_srcs) | xargs -P$(JOBS) -n4 clang-tidy-14 --quiet -p .

# Flags of single files that clang does not know.
gcc_only := -flto -fno-fat-lto-objects -fno-tree-loop-distribute-patterns -falign-%
# One line an object: what clangd and clang-tidy read.
source_of = $(firstword $(wildcard $(patsubst $(O)/$1/%.o,%,$2).c) $(patsubst $(O)/$1/%.o,%,$2).S)
commands = $(foreach kind,hyp kernel domain guest user,$(foreach object,$(filter-out $(O)/$(kind)/libfdt/%,$(filter $(O)/$(kind)/%,$(all_objects))),\
    $(call command,$(call source_of,$(kind),$(object)),$(kind))))
command = {"directory":"$(CURDIR)","file":"$1","command":"clang --target=aarch64-linux-gnu $(subst $(GCC_INCLUDE),$(CLANG_INCLUDE),$(filter-out -mno-outline-atomics,$($2_CFLAGS))) $(WARN) $(filter-out $(gcc_only),$($1_CFLAGS)) -c $1"}@
compile_commands.json: $(wildcard */module.mk) Makefile scripts/targets.mk $(BUILD)/setup.mk $(B)/flags/hyp $(B)/flags/user ## for clangd and clang-tidy
	$(file >$@.new,$(commands))
	@{ echo '['; tr '@' '\n' <$@.new | sed -n 's/^ *\({.*}\)/\1/p' | sed '$$!s/$$/,/'; echo ']'; } >$@; rm -f $@.new

hooks: ## install the git hooks
	@git config core.hooksPath scripts/hooks && echo "  HOOKS scripts/hooks"
size: all ## text, data and lines of every image
	@$(PYTHON) scripts/size.py $(B)
# Stack of each kind, less room for the trap frame that assembly saves.
fdt_used := $(patsubst %,$(FDT)/%.c,fdt fdt_ro fdt_addresses fdt_check fdt_strerror)
stack: $(BUILD)/setup.mk ## worst stack depth by entry; fails on recursion
	@$(PYTHON) scripts/stack.py --bounded fdt_path_offset_namelen --name hyp --limit 15360 --cflags '$(hyp_CFLAGS)' $(hyp_SRCS) $(lib_SRCS) $(fdt_used)
	@$(PYTHON) scripts/stack.py --bounded fdt_path_offset_namelen --name kernel --limit 15360 --cflags '$(kernel_CFLAGS)' $(kernel_SRCS) $(lib_SRCS) $(fdt_used)
	@$(PYTHON) scripts/stack.py --name storage --limit 15360 --cflags '$(domain_CFLAGS)' $(storage_SRCS) $(domain_rt_SRCS) $(lib_SRCS)

clean: ## remove what was built (libraries stay in the cache)
	@rm -rf $(BUILD) compile_commands.json
help: ## this list
	@sed -nE 's/^([a-z_.-]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | sort | expand -t 26
	@echo '  Variables: BOARD=$(BOARD) DISK=sdhci|nvme DISKS=1|2 LINUX=0|1|2 ARGS="QEMU arguments" DISK_SIZE=$(DISK_SIZE) DISK_IMG=$(DISK_IMG) DEFS="-DX=y" BUILD=$(BUILD) JOBS=$(JOBS) V=1'
