# lib/: freestanding, stateless. lib_host builds on the host as it is; the rest is for the target.
lib_host   := lib/format.c lib/cpio.c lib/sha256.c
lib_target := lib/string.c lib/aarch64/copy.S lib/aarch64/sha256_ce.S
lib_all    := $(lib_host) $(lib_target)
# string.c must not have its loops turned into calls of themselves.
lib/string.c_CFLAGS := -fno-builtin -fno-tree-loop-distribute-patterns
