/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The client side of a link to a driver domain: what bootinfo says of it, as kernel objects. */
#pragma once
#include "abi/bootinfo.h"
#include "kernel/thread.h"

struct vmo;
struct interrupt;

struct link {
    struct object object;
    struct boot_link info;
    struct vmo *regs, *window;   /* one use each */
    struct interrupt *interrupt; /* one use */
};

/** One use for the caller; links are never destroyed. NULL: no memory, or the entry is not page-aligned. Context: boot. */
struct link *link_create(const struct boot_link *info);

err_t sys_link_info(struct thread *t);
err_t sys_link_open(struct thread *t);
err_t sys_link_kick(struct thread *t);
