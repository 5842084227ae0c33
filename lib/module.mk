# SPDX-License-Identifier: AGPL-3.0-or-later
# lib/: freestanding, stateless. Everything is linked into every program; --gc-sections drops what is not used.
lib_SRCS := $(wildcard lib/*.c lib/*/*.c) lib/aarch64/copy.S lib/aarch64/sha256_ce.S
# string.c must not have its loops turned into calls of itself.
lib/string.c_CFLAGS := -fno-tree-loop-distribute-patterns
