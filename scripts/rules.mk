# SPDX-License-Identifier: AGPL-3.0-or-later
# How the kinds of program are compiled and linked: hyp (EL2), kernel, domain and guest (EL1), user (EL0).

# $(call stamp,NAME,TEXT): $(B)/flags/NAME holds TEXT; it gets a new time only when TEXT is another.
define stamp
ifneq ($$(strip $$(file <$(B)/flags/$1)),$$(strip $2))
$$(file >$(B)/flags/$1,$$(strip $2))
endif
endef

ifdef READY
$(shell mkdir -p $(B)/flags)
endif

# Written under another name first, so that a second make in the same folder never links half an object.
to_object = -MMD -MP -MF $(@:.o=.d) -MT $@ -c $< -o $@.$$$$ && mv $@.$$$$ $@

# $(call compile,KIND): rules for the objects of one kind, below $(O)/KIND.
define compile
$(if $(READY),$(eval $(call stamp,$1,$($1_CFLAGS) $(WARN) $(DEPS_KEY))))
$(O)/$1/%.o: %.c $(B)/flags/$1
	@echo "  CC $$<"
	@mkdir -p $$(@D)
	$(Q)$(CC) $($1_CFLAGS) $(WARN) $$($$<_CFLAGS) $$(to_object)
$(O)/$1/%.o: %.S $(B)/flags/$1
	@echo "  AS $$<"
	@mkdir -p $$(@D)
	$(Q)$(CC) $($1_CFLAGS) $$(to_object)
$(O)/$1/libfdt/%.o: $(FDT)/%.c $(B)/flags/$1
	@mkdir -p $$(@D)
	$(Q)$(CC) $($1_CFLAGS) -isystem $(FDT) -w -MMD -MP -c $$< -o $$@
endef
$(foreach kind,hyp kernel domain guest user,$(eval $(call compile,$(kind))))

# $(call objects,KIND,SOURCES)
objects = $(patsubst %,$(O)/$1/%.o,$(basename $2))
fdt_objects = $(patsubst %,$(O)/$1/libfdt/%.o,fdt fdt_ro fdt_addresses fdt_check fdt_strerror fdt_wip fdt_rw fdt_sw)

# $(call link,KIND,OUT,LINKER SCRIPT,OBJECTS,LIBRARIES): OUT.elf, and its map beside it.
define link
$(if $(READY),$(eval $(call stamp,$(subst /,_,$2),$($1_LDFLAGS) $4 $5)))
all_objects += $4
$2.elf: $4 $3 $(filter %.a,$5) $(B)/flags/$(subst /,_,$2)
	@echo "  LD $$@"
	@mkdir -p $$(@D)
	$(Q)$(CC) $($1_LDFLAGS) -T $3 -Wl,-Map=$2.map -o $$@.$$$$$$$$ $4 $5 && mv $$@.$$$$$$$$ $$@
endef

# $(call flat,OUT): OUT.img, the bytes of OUT.elf as they are loaded.
define flat
$1.img: $1.elf
	$(Q)$(CROSS)objcopy -O binary $$< $$@
endef

# $(call stripped,OUT): OUT.img, an ELF program without what only a debugger reads.
define stripped
$1.img: $1.elf
	$(Q)$(CROSS)strip -o $$@ $$<
endef

# A program is built when it has sources and a linker script: half a tree still builds the other half.
buildable = $(if $(wildcard $2),$(foreach name,$1,$(if $($(name)_SRCS),$(name))))

# ---- hyp: HYPS in hyp/module.mk, NAME_SRCS each ----
hyps := $(call buildable,$(HYPS),hyp/hyp.ld)
$(foreach name,$(hyps),$(eval $(call link,hyp,$(B)/$(name),hyp/hyp.ld,\
    $(call objects,hyp,$($(name)_SRCS) $(lib_SRCS)) $(call fdt_objects,hyp))))

# ---- kernel: KERNELS in kernel/module.mk ----
kernels := $(call buildable,$(KERNELS),kernel/kernel.ld)
$(foreach name,$(kernels),$(eval $(call link,kernel,$(B)/$(name),kernel/kernel.ld,\
    $(call objects,kernel,$($(name)_SRCS) $(lib_SRCS)) $(call fdt_objects,kernel)))\
    $(eval $(call flat,$(B)/$(name))))

# ---- domains: DOMAINS in domains/module.mk; each is its own files, domains/rt and lib; NAME_LINK: more for the linker ----
domains := $(call buildable,$(DOMAINS),domains/rt/domain.ld)
$(foreach name,$(domains),$(eval $(call link,domain,$(B)/domains/$(name),domains/rt/domain.ld,\
    $(call objects,domain,$($(name)_SRCS) $(domain_rt_SRCS) $(lib_SRCS)),$($(name)_LINK)))\
    $(eval $(call flat,$(B)/domains/$(name))))

# ---- guests: GUESTS in guests/module.mk; each is its own files and lib ----
guests := $(GUESTS)
$(foreach name,$(guests),$(eval $(call link,guest,$(B)/guests/$(name),guests/$(name)/$(name).ld,\
    $(call objects,guest,$($(name)_SRCS) $(lib_SRCS))))\
    $(eval $(call flat,$(B)/guests/$(name))))

# ---- servers: SERVERS in servers/module.mk; NAME_LIBS are folders of servers/ or ext2fs ----
user_lib  := $(B)/libzeros.a
pico_libs := -L$(DEPS)/picolibc/lib -Wl,--start-group -lc $(user_lib) -lgcc -Wl,--end-group
ext2fs_lib := $(DEPS)/ext2fs/libext2fs.a
folder_libs = $(filter-out ext2fs,$($1_LIBS))
# NAME_SRCS or servers_NAME_SRCS of a library, else all files of its folder.
library_SRCS = $(foreach lib,$(call folder_libs,$1),$(or $(servers_$(lib)_SRCS),$($(lib)_SRCS),$(wildcard servers/$(lib)/*.c servers/$(lib)/*.S)))
$(foreach name,$(SERVERS),$(eval $(name)_SRCS ?= $(wildcard servers/$(name)/*.c servers/$(name)/*.S)))
server_rt_SRCS := $(sort $(server_rt_SRCS) $(servers_rt_SRCS))
servers := $(call buildable,$(SERVERS),servers/rt/user.ld)
$(foreach name,$(servers),$(eval $(call link,user,$(B)/servers/$(name),servers/rt/user.ld,\
    $(call objects,user,$($(name)_SRCS) $(call library_SRCS,$(name)) $(server_rt_SRCS)),\
    $(if $(filter ext2fs,$($(name)_LIBS)),$(ext2fs_lib)) $(pico_libs)))\
    $(eval $(call stripped,$(B)/servers/$(name))))

# lib/ for EL0, its definitions weak: where libc has the same function (memcpy), libc's is the one. References stay strong:
# a weak one would not pull its object out of the archive.
user_lib_objects := $(call objects,user,$(lib_SRCS))
all_objects += $(user_lib_objects)
$(user_lib): $(user_lib_objects)
	@echo "  AR $@"
	$(Q)rm -rf $@ $(O)/weak && mkdir -p $(O)/weak
	$(Q)for object in $^; do weak=$(O)/weak/$${object##*/}; $(CROSS)nm -gj --defined-only $$object >$$weak.names; \
	    $(CROSS)objcopy --weaken-symbols=$$weak.names $$object $$weak; done
	$(Q)$(AR) rcsD $@ $(O)/weak/*.o

all_objects := $(sort $(all_objects))
-include $(wildcard $(all_objects:.o=.d))
