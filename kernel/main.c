/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The kernel's boot list. There is one core and one kernel stack; the kernel runs with interrupts masked and never sleeps in a
 * call, so there are no locks: a thread that waits is a state, not a stack.
 */
#include "kernel/main.h"

#include "kernel/aarch64/cpu.h"
#include "kernel/aarch64/early.h"
#include "kernel/init.h"
#include "kernel/lastwords.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/page.h"
#include "kernel/probe.h"

void kernel_main(void)
{
    const struct bootinfo *boot = early_bootinfo();
    if (!memory_bootinfo_is_sane(boot)) panic_at("bootinfo of another version", __FILE__, __LINE__);
    memory_start(boot, early_bootinfo_pa());
    cpu_start(boot);
    lastwords_start(boot);
    gic_start(boot);
    klog("kernel: %lu MiB of memory, %u devices, %u links\n",
         page_total_count() >> (20 - PAGE_SHIFT), boot->device_count, boot->link_count);
    probe_run(boot);
    init_start(boot, early_bootinfo_pa());
}
