/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Reading a static ELF64 program. The file is copied from field by field: it may lie at any alignment. */
#include "kernel/elf.h"

#include "kernel/aspace.h"
#include "lib/string.h"

/* System V ABI, "Object Files". */
struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
STATIC_ASSERT(sizeof(struct elf_header) == 64, "ELF64 header");

struct elf_phdr {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
STATIC_ASSERT(sizeof(struct elf_phdr) == 56, "ELF64 program header");

#define ET_EXEC    2
#define EM_AARCH64 183
#define PT_LOAD    1
#define PF_X       1U
#define PF_W       2U
#define PHDR_MAX   16

static bool is_program(const struct elf_header *h)
{
    static const uint8_t ident[7] = {
        0x7f, 'E', 'L', 'F', 2, 1, 1
    }; /* 64 bits, little-endian, version 1 */
    return memcmp(h->ident, ident, sizeof(ident)) == 0 && h->type == ET_EXEC &&
           h->machine == EM_AARCH64 && h->phentsize == sizeof(struct elf_phdr) && h->phnum >= 1 &&
           h->phnum <= PHDR_MAX;
}

err_t elf_entry(const void *file, uint64_t file_bytes, uint64_t *entry)
{
    struct elf_header h;
    if (file_bytes < sizeof(h)) return ERR_CORRUPT;
    memcpy(&h, file, sizeof(h));
    if (!is_program(&h)) return ERR_CORRUPT;
    if (!range_is_inside(h.phoff, h.phnum * sizeof(struct elf_phdr), 0, file_bytes)) {
        return ERR_CORRUPT;
    }
    *entry = h.entry;
    return OK;
}

static err_t segment_check(const struct elf_phdr *p, uint64_t file_bytes)
{
    if (p->filesz > p->memsz || !range_is_inside(p->vaddr, p->memsz, USER_VA_FIRST, USER_VA_ANY)) {
        return ERR_CORRUPT;
    }
    if (p->filesz != 0 && !range_is_inside(p->offset, p->filesz, 0, file_bytes)) return ERR_CORRUPT;
    return (p->flags & PF_W) && (p->flags & PF_X) ? ERR_CORRUPT : OK;
}

err_t elf_segment_get(const void *file, uint64_t file_bytes, uint32_t idx, struct elf_segment *out)
{
    struct elf_header h;
    memcpy(&h, file, sizeof(h));
    for (uint32_t i = 0; i < h.phnum; i++) {
        struct elf_phdr p;
        memcpy(&p, (const uint8_t *)file + h.phoff + i * sizeof(p), sizeof(p));
        if (p.type != PT_LOAD || p.memsz == 0) continue;
        if (idx-- > 0) continue;
        err_t e = segment_check(&p, file_bytes);
        if (e != OK) return e;
        uint64_t start = ALIGN_DOWN(p.vaddr, PAGE_SIZE);
        *out = (struct elf_segment){ .va = start,
                                     .mem_bytes = ALIGN_UP(p.vaddr + p.memsz, PAGE_SIZE) - start,
                                     .lead_bytes = p.vaddr - start,
                                     .data = (const uint8_t *)file + p.offset,
                                     .data_bytes = p.filesz,
                                     .is_writable = p.flags & PF_W,
                                     .is_executable = p.flags & PF_X };
        return OK;
    }
    return ERR_NO_ENTRY;
}
