# SPDX-License-Identifier: AGPL-3.0-or-later
# Compiler and flags of the third-party libraries that EL0 programs link; sourced by the build.sh of each.
# Debian's cross compiler targets Linux, which third-party code must not be told.
CC=aarch64-linux-gnu-gcc
AR=aarch64-linux-gnu-ar
GCC_INCLUDE=$($CC -print-file-name=include)
CFLAGS="-std=gnu11 -O2 -g -ffreestanding -fno-pie -fno-stack-protector -mno-outline-atomics -mcpu=cortex-a55
-ftls-model=local-exec -ffunction-sections -fdata-sections -D_GNU_SOURCE"
NOT_LINUX="-U__linux__ -U__linux -Ulinux -U__gnu_linux__ -U__unix__ -U__unix -Uunix"
JOBS=${JOBS:-$(nproc)}
