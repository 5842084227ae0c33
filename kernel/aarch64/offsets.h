/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Numbers that assembly and C share. cpu.c asserts each against the C structs. */
#pragma once

#define KERNEL_VA 0xffffffff80000000 /* where the image is linked and runs */
#define DIRECT_VA 0xffffff8000000000 /* main's RAM, one to one */
#define DEVICE_VA 0xffffffffc0000000 /* the kernel's own device pages */

#define FRAME_BYTES 272 /* struct frame */
#define FRAME_SP    248
#define FRAME_ELR   256

#define THREAD_TPIDR     272 /* struct thread; TTBR0 follows */
#define THREAD_RUN_TICKS 288
#define THREAD_SWITCHED  296

#define CPU_CURRENT  0 /* struct cpu; live follows */
#define CPU_LIVE     8
#define CPU_WORK     16
#define CPU_FP_OWNER 24
#define CPU_STACK    32
#define CPU_INSIDE   40 /* is_shared follows */
#define CPU_SHARED   44
#define CPU_EXPEL    48

#define KERNEL_STACK_BYTES 16384 /* of each core, above a page that is not mapped */

#define SYSCALL_COUNT  41
#define NO_RESULT      0x80
#define CPACR_FPEN     (3 << 20)
#define IMAGE_MAGIC_LE 0x474d495a
