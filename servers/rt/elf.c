/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ELF64 as of the System V gABI, the parts a static executable needs. */
#include "servers/rt/elf.h"

#include <string.h>

#include "abi/syscall.h"

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
STATIC_ASSERT(sizeof(struct elf_header) == 64, "ELF64 header");

struct elf_program_header {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
STATIC_ASSERT(sizeof(struct elf_program_header) == 56, "ELF64 program header");

#define ELF_TYPE_EXEC       2
#define ELF_MACHINE_AARCH64 183
#define ELF_PT_LOAD         1
#define ELF_PF_X            1
#define ELF_PF_W            2
#define ELF_PF_R            4
#define ELF_HEADERS_MAX     32

static const uint8_t elf_ident[7] = { 0x7f, 'E', 'L', 'F', 2 /* 64 */, 1 /* little-endian */, 1 };

static err_t elf_add_segment(struct elf_plan *plan, const struct elf_program_header *ph,
                             uint64_t elf_bytes)
{
    if (ph->memsz == 0) return OK;
    if (ph->filesz > ph->memsz || ph->offset > elf_bytes || ph->filesz > elf_bytes - ph->offset ||
        !range_is_inside(ph->vaddr, ph->memsz, ELF_ADDRESS_MIN, ELF_ADDRESS_END) ||
        plan->segment_count == ELF_SEGMENT_MAX || !(ph->flags & ELF_PF_R) ||
        ((ph->flags & ELF_PF_X) && (ph->flags & ELF_PF_W))) {
        return ERR_CORRUPT;
    }
    struct elf_segment *seg = &plan->segment[plan->segment_count];
    seg->address = ALIGN_DOWN(ph->vaddr, PAGE_SIZE);
    seg->lead_bytes = ph->vaddr - seg->address;
    seg->size_bytes = ALIGN_UP(ph->vaddr + ph->memsz, PAGE_SIZE) - seg->address;
    seg->file_offset = ph->offset;
    seg->file_bytes = ph->filesz;
    seg->prot = PROT_READ | ((ph->flags & ELF_PF_W) ? PROT_WRITE : 0U) |
                ((ph->flags & ELF_PF_X) ? PROT_EXEC : 0U);
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct elf_segment *other = &plan->segment[i];
        if (ranges_overlap(seg->address, seg->size_bytes, other->address, other->size_bytes)) {
            return ERR_CORRUPT;
        }
    }
    plan->segment_count++;
    return OK;
}

err_t elf_plan_make(const void *elf, uint64_t elf_bytes, struct elf_plan *plan)
{
    struct elf_header eh;
    *plan = (struct elf_plan){ 0 };
    if (elf_bytes < sizeof(eh)) return ERR_CORRUPT;
    memcpy(&eh, elf, sizeof(eh));
    if (memcmp(eh.ident, elf_ident, sizeof(elf_ident)) != 0 || eh.type != ELF_TYPE_EXEC ||
        eh.machine != ELF_MACHINE_AARCH64 || eh.phentsize != sizeof(struct elf_program_header) ||
        eh.phnum > ELF_HEADERS_MAX || eh.phoff > elf_bytes ||
        (uint64_t)eh.phnum * eh.phentsize > elf_bytes - eh.phoff) {
        return ERR_CORRUPT;
    }
    for (uint32_t i = 0; i < eh.phnum; i++) {
        struct elf_program_header ph;
        memcpy(&ph, (const uint8_t *)elf + eh.phoff + (uint64_t)i * sizeof(ph), sizeof(ph));
        if (ph.type != ELF_PT_LOAD) continue;
        err_t err = elf_add_segment(plan, &ph, elf_bytes);
        if (err != OK) return err;
    }
    plan->entry = eh.entry;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct elf_segment *seg = &plan->segment[i];
        if ((seg->prot & PROT_EXEC) && (eh.entry & 3) == 0 &&
            range_is_inside(eh.entry, 4, seg->address, seg->address + seg->size_bytes)) {
            return OK;
        }
    }
    return ERR_CORRUPT;
}
