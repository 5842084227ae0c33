/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Memory objects and mappings. */
// LINK: tests/fake/kernel.c kernel/aspace.c kernel/cpu.c kernel/deadline.c kernel/endpoint.c kernel/fault.c kernel/handle.c kernel/hyper.c
// LINK: kernel/irq.c kernel/link.c kernel/log.c kernel/notify.c kernel/object.c kernel/page.c kernel/process.c
// LINK: kernel/process_calls.c kernel/sched.c kernel/slab.c kernel/syscall.c kernel/thread.c kernel/timer.c kernel/vmo.c
// LINK: kernel/work.c kernel/aarch64/pagetable.c lib/format.c lib/string.c
#include "tests/fake/kernel.h"

#include <string.h>

#include "kernel/page.h"
#include "kernel/vmo.h"
#include "lib/test.h"

static handle_t vmo_make(struct thread *t, uint64_t size_bytes)
{
    EXPECT_OK(fake_call(t, SYS_VMO_CREATE, size_bytes, 0, 0, 0, 0, 0));
    return (handle_t)t->frame.x[1];
}

static handle_t fixed_make(struct thread *t, enum vmo_kind kind, uint64_t pa, uint64_t size_bytes)
{
    struct vmo *v = vmo_create_fixed(kind, (pa_t){ pa }, size_bytes);
    EXPECT_OK(handle_reserve(&t->process->handles, 1));
    handle_t h = process_handle_add(t->process, &v->object);
    object_put(&v->object);
    return h;
}

static err_t map(struct thread *t, handle_t v, uint64_t offset, uint64_t size_bytes, uint64_t prot,
                 uint64_t va)
{
    return fake_call(t, SYS_VMO_MAP, HANDLE_SELF, v, offset, size_bytes, prot, va);
}

TEST(vmo, sizes_are_bounded)
{
    fake_start();
    struct thread *t = fake_process("a");
    static const uint64_t bad[] = { 0, VMO_BYTES_MAX + 1, UINT64_MAX, UINT64_C(1) << 63 };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(ERR_RANGE, fake_call(t, SYS_VMO_CREATE, bad[i], 0, 0, 0, 0, 0));
    }
    handle_t v = vmo_make(t, 1);
    EXPECT_OK(fake_call(t, SYS_VMO_INFO, v, 0, 0, 0, 0, 0));
    EXPECT_EQ(PAGE_SIZE, t->frame.x[1]);
    EXPECT_EQ(0, t->frame.x[2]);
    EXPECT_EQ(0, t->frame.x[3]);
}

TEST(vmo, never_writable_and_executable)
{
    fake_start();
    struct thread *t = fake_process("a");
    handle_t v = vmo_make(t, PAGE_SIZE);
    static const uint64_t bad[] = { PROT_READ | PROT_WRITE | PROT_EXEC,
                                    PROT_WRITE,
                                    PROT_EXEC,
                                    0,
                                    16,
                                    PROT_READ | PROT_DEVICE,
                                    UINT64_MAX };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(ERR_ARG, map(t, v, 0, PAGE_SIZE, bad[i], 0));
    }
    EXPECT_OK(map(t, v, 0, PAGE_SIZE, PROT_READ | PROT_EXEC, 0));
}

TEST(vmo, mapping_needs_the_rights)
{
    fake_start();
    struct thread *t = fake_process("a");
    handle_t v = vmo_make(t, PAGE_SIZE);
    EXPECT_OK(fake_call(t, SYS_HANDLE_DUP, v, RIGHT_READ, 0, 0, 0, 0));
    handle_t weak = (handle_t)t->frame.x[1];
    EXPECT_EQ(ERR_RIGHTS, map(t, weak, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, 0));
    EXPECT_EQ(ERR_RIGHTS, map(t, weak, 0, PAGE_SIZE, PROT_READ | PROT_EXEC, 0));
    EXPECT_OK(map(t, weak, 0, PAGE_SIZE, PROT_READ, 0));
}

TEST(vmo, hostile_ranges_are_refused)
{
    fake_start();
    struct thread *t = fake_process("a");
    handle_t v = vmo_make(t, 4 * PAGE_SIZE);
    static const struct {
        uint64_t offset, size_bytes, va;
        err_t want;
    } row[] = {
        { 1, PAGE_SIZE, 0, ERR_ALIGN },
        { 0, 1, 0, ERR_ALIGN },
        { 0, PAGE_SIZE, 0x1001, ERR_ALIGN },
        { 0, 0, 0, ERR_RANGE },
        { 0, 5 * PAGE_SIZE, 0, ERR_RANGE },
        { 4 * PAGE_SIZE, PAGE_SIZE, 0, ERR_RANGE },
        { UINT64_MAX - 4095, PAGE_SIZE, 0, ERR_RANGE },
        { PAGE_SIZE, UINT64_MAX - 4095, 0, ERR_RANGE },
        { 0, PAGE_SIZE, UINT64_C(1) << 39, ERR_RANGE },
        { 0, 2 * PAGE_SIZE, (UINT64_C(1) << 39) - PAGE_SIZE, ERR_RANGE },
        { 0, PAGE_SIZE, UINT64_MAX - 4095, ERR_RANGE },
        { 0, PAGE_SIZE, UINT64_C(0xffffff8000000000), ERR_RANGE },
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(row[i].want, map(t, v, row[i].offset, row[i].size_bytes, PROT_READ, row[i].va));
    }
    EXPECT_EQ(0, t->process->aspace.mapping_count);
}

TEST(vmo, mappings_never_overlap_and_unmap_is_exact)
{
    fake_start();
    struct thread *t = fake_process("a");
    handle_t v = vmo_make(t, 4 * PAGE_SIZE);
    EXPECT_OK(map(t, v, 0, 4 * PAGE_SIZE, PROT_READ, 0x10000));
    static const uint64_t clash[] = { 0x10000, 0xf000, 0x13000, 0x11000, 0xd000 };
    for (size_t i = 0; i < ARRAY_COUNT(clash); i++) {
        test_row((int64_t)i);
        EXPECT_EQ(ERR_EXISTS, map(t, v, 0, 4 * PAGE_SIZE, PROT_READ, clash[i]));
    }
    EXPECT_OK(map(t, v, 0, PAGE_SIZE, PROT_READ, 0xf000));
    EXPECT_OK(map(t, v, 0, PAGE_SIZE, PROT_READ, 0x14000));
    EXPECT_EQ(ERR_NO_ENTRY, fake_call(t, SYS_VMO_UNMAP, 0, 0x10000, PAGE_SIZE, 0, 0, 0));
    EXPECT_EQ(ERR_NO_ENTRY, fake_call(t, SYS_VMO_UNMAP, 0, 0x11000, 3 * PAGE_SIZE, 0, 0, 0));
    EXPECT_EQ(ERR_NO_ENTRY, fake_call(t, SYS_VMO_UNMAP, 0, 0, 0, 0, 0, 0));
    EXPECT_EQ(ERR_NO_ENTRY, fake_call(t, SYS_VMO_UNMAP, 0, UINT64_MAX - 4095, PAGE_SIZE, 0, 0, 0));
    EXPECT_OK(fake_call(t, SYS_VMO_UNMAP, 0, 0x10000, 4 * PAGE_SIZE, 0, 0, 0));
    EXPECT_EQ(2, t->process->aspace.mapping_count);
    EXPECT_NE(0, fake.page_flushes + fake.tlb_flushes);
}

TEST(vmo, any_address_finds_gaps_and_gives_up)
{
    fake_start();
    struct thread *t = fake_process("a");
    handle_t v = vmo_make(t, VMO_BYTES_MAX);
    uint64_t last_end = 0;
    uint32_t count = 0;
    while (map(t, v, 0, VMO_BYTES_MAX, PROT_READ, 0) == OK) {
        EXPECT_GE(last_end + PAGE_SIZE, t->frame.x[1]);
        last_end = t->frame.x[1] + VMO_BYTES_MAX;
        count++;
    }
    EXPECT_EQ(6, count); /* 512 GiB less the low 64, less the distances: six of 64 GiB */
    EXPECT_EQ(ERR_NO_MEMORY, t->frame.x[0]);
}

TEST(vmo, mapping_for_ever_does_not_eat_memory)
{
    fake_start();
    struct thread *t = fake_process("a");
    handle_t v = vmo_make(t, MIB(4)), w = vmo_make(t, MIB(2));
    EXPECT_OK(map(t, w, 0, MIB(2), PROT_READ | PROT_WRITE, 0));
    uint64_t held = 0;
    for (int i = 0; i < 2000; i++) {
        EXPECT_OK(map(t, v, 0, MIB(4), PROT_READ | PROT_WRITE, 0));
        uint64_t at = t->frame.x[1];
        for (uint64_t off = 0; off < MIB(4); off += MIB(2)) {
            EXPECT_OK(aspace_touch(&t->process->aspace, at + off, ACCESS_WRITE));
        }
        EXPECT_OK(fake_call(t, SYS_VMO_UNMAP, 0, at, MIB(4), 0, 0, 0));
        if (i == 0) held = page_free_count();
    }
    EXPECT_EQ(held, page_free_count());
}

TEST(vmo, pages_are_shared_zeroed_and_given_back)
{
    fake_start();
    struct thread *t = fake_process("a");
    handle_t v = vmo_make(t, MIB(8));
    EXPECT_OK(map(t, v, 0, MIB(8), PROT_READ | PROT_WRITE, 0x10000000));
    EXPECT_OK(map(t, v, MIB(2), MIB(2), PROT_READ, 0x20000000));
    struct aspace *as = &t->process->aspace;
    EXPECT_OK(aspace_touch(as, 0x10000000 + MIB(2) + 8, ACCESS_WRITE));
    EXPECT_EQ(ERR_RIGHTS, aspace_touch(as, 0x20000000, ACCESS_WRITE));
    EXPECT_OK(aspace_touch(as, 0x20000000, ACCESS_READ));
    EXPECT_EQ(ERR_NO_ENTRY, aspace_touch(as, 0x10000000 + MIB(8), ACCESS_READ));
    EXPECT_OK(fake_call(t, SYS_VMO_INFO, v, 0, 0, 0, 0, 0));
    EXPECT_EQ(PAGE_SIZE, t->frame.x[2]); /* one page, seen twice */
    EXPECT_OK(fake_call(t, SYS_VMO_UNMAP, 0, 0x20000000, MIB(2), 0, 0, 0));
    EXPECT_OK(fake_call(t, SYS_VMO_UNMAP, 0, 0x10000000, MIB(8), 0, 0, 0));
    uint64_t held = page_free_count();
    EXPECT_OK(fake_call(t, SYS_HANDLE_CLOSE, v, 0, 0, 0, 0, 0));
    EXPECT_EQ(held + 1 + 2, page_free_count()); /* the page and the two nodes that led to it */
}

TEST(vmo, memory_that_runs_out_is_an_error)
{
    fake_start();
    struct thread *t = fake_process("a");
    handle_t v = vmo_make(t, GIB(1));
    EXPECT_OK(map(t, v, 0, GIB(1), PROT_READ | PROT_WRITE, 0x40000000));
    struct aspace *as = &t->process->aspace;
    uint64_t at = 0;
    while (aspace_touch(as, 0x40000000 + at, ACCESS_WRITE) == OK) at += PAGE_SIZE;
    EXPECT_EQ(0, page_free_count());
    EXPECT_EQ(ERR_NO_MEMORY, aspace_touch(as, 0x40000000 + at, ACCESS_WRITE));
    EXPECT_EQ(ERR_NO_MEMORY, fake_call(t, SYS_PROCESS_CREATE, 0, 0, 0, 0, 0, 0));
    EXPECT_OK(fake_call(t, SYS_HANDLE_CLOSE, v, 0, 0, 0, 0, 0));
    EXPECT_OK(fake_call(t, SYS_VMO_UNMAP, 0, 0x40000000, GIB(1), 0, 0, 0));
    EXPECT_LE(page_total_count(), page_free_count());
    EXPECT_GE(FAKE_RAM_PAGES - 64, page_free_count());
}

TEST(vmo, device_pages_are_mapped_at_once_and_as_such)
{
    fake_start();
    struct thread *t = fake_process("a");
    handle_t v = fixed_make(t, VMO_DEVICE, 0x9000000, PAGE_SIZE);
    EXPECT_EQ(ERR_ARG, map(t, v, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, 0));
    EXPECT_EQ(ERR_ARG, map(t, v, 0, PAGE_SIZE, PROT_READ | PROT_EXEC | PROT_DEVICE, 0));
    EXPECT_OK(map(t, v, 0, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_DEVICE, 0x10000));
    EXPECT_OK(fake_call(t, SYS_VMO_INFO, v, 0, 0, 0, 0, 0));
    EXPECT_EQ(1, t->frame.x[3]);
    EXPECT_EQ(0x9000000, t->frame.x[4]);
    EXPECT_EQ(ERR_RIGHTS, aspace_touch(&t->process->aspace, 0x10000,
                                       ACCESS_READ)); /* a fault there is a real one */
}

TEST(vmo, windows_are_mapped_with_blocks)
{
    fake_start();
    struct thread *t = fake_process("a");
    handle_t v = fixed_make(t, VMO_MEMORY, 0x7f800000, MIB(4));
    uint64_t before = page_free_count();
    EXPECT_OK(map(t, v, 0, MIB(4), PROT_READ | PROT_WRITE, 0));
    EXPECT_EQ(0, t->frame.x[1] % MIB(2));
    EXPECT_GE(before - 2,
              page_free_count()); /* one table and a page of mappings at most: no level 3 */
    EXPECT_OK(fake_call(t, SYS_VMO_UNMAP, 0, t->frame.x[1], MIB(4), 0, 0, 0));
    EXPECT_OK(map(t, v, PAGE_SIZE, MIB(4) - PAGE_SIZE, PROT_READ, 0));
    EXPECT_EQ(PAGE_SIZE, t->frame.x[1] % MIB(2));
}
