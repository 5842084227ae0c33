# SPDX-License-Identifier: AGPL-3.0-or-later
# lib/: freestanding, stateless. Everything is linked into every program; --gc-sections drops what is not used.
lib_SRCS := $(wildcard lib/*.c lib/*/*.c) lib/aarch64/copy.S lib/aarch64/sha256_ce.S
# string.c must not have its loops turned into calls of itself.
$(foreach kind,hyp kernel domain user,$(eval $(O)/$(kind)/lib/string.o: $(kind)_CFLAGS += \
    -fno-tree-loop-distribute-patterns))
