/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Runs with the MMU off at the address the image was loaded at: everything is reached relative to the program counter, nothing
 * may use a pointer that the linker filled in.
 */
#include "kernel/aarch64/early.h"

#include "kernel/aarch64/offsets.h"
#include "kernel/aarch64/pagetable.h"
#include "kernel/cpu.h"

#define ENTRY_COUNT 512

extern const char image_start[], image_text_end[], image_rodata_end[], image_end[];
extern const char stacks[], exception_stack_guard[];

/* Root of the kernel's half, and the two tables that lead to the image. */
uint64_t kernel_root[ENTRY_COUNT] __attribute__((aligned(4096)));
static uint64_t image_l2[ENTRY_COUNT] __attribute__((aligned(4096)));
static uint64_t image_l3[ENTRY_COUNT] __attribute__((aligned(4096)));
/* One block around the code that turns the MMU on, read-only. */
uint64_t early_idmap[ENTRY_COUNT] __attribute__((aligned(4096)));

static struct bootinfo boot_copy;
static uint64_t image_pa;
static uint64_t bootinfo_pa;

static uint64_t page_attributes(const char *page)
{
    if (page < image_text_end) return PT_NORMAL | PT_UXN | PT_READ_ONLY;
    if (page < image_rodata_end) return PT_NORMAL | PT_NO_EXEC | PT_READ_ONLY;
    return PT_NORMAL | PT_NO_EXEC;
}

static bool is_guard(const char *page)
{
    for (uint64_t i = 0; i < CPU_MAX; i++) {
        if (page == stacks + i * (PAGE_SIZE + KERNEL_STACK_BYTES)) return true;
    }
    return page == exception_stack_guard;
}

void early_start(uint64_t image_at, const struct bootinfo *boot)
{
    image_pa = image_at;
    bootinfo_pa = (uint64_t)(uintptr_t)boot;
    const volatile uint64_t *from = (const volatile uint64_t *)(const volatile void *)boot;
    uint64_t *to = (uint64_t *)(void *)&boot_copy;
    for (size_t i = 0; i < sizeof(boot_copy) / 8; i++) to[i] = from[i];

    kernel_root[(KERNEL_VA >> 30) % ENTRY_COUNT] =
            (uint64_t)(uintptr_t)image_l2 | PT_TABLE | PT_VALID;
    image_l2[(KERNEL_VA >> 21) % ENTRY_COUNT] = (uint64_t)(uintptr_t)image_l3 | PT_TABLE | PT_VALID;
    uint64_t i = 0;
    for (const char *page = image_start; page < image_end; page += PAGE_SIZE, i++) {
        if (is_guard(page)) continue;
        image_l3[i] =
                (uint64_t)(uintptr_t)page | page_attributes(page) | PT_AF | PT_TABLE | PT_VALID;
    }
    early_idmap[(image_at >> 30) % ENTRY_COUNT] =
            ALIGN_DOWN(image_at, GIB(1)) | PT_NORMAL | PT_UXN | PT_READ_ONLY | PT_AF | PT_VALID;
}

const struct bootinfo *early_bootinfo(void)
{
    return &boot_copy;
}

uint64_t early_bootinfo_pa(void)
{
    return bootinfo_pa;
}

uint64_t early_image_pa(void)
{
    return image_pa;
}
