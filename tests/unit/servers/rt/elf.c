/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The ELF judge: one good file, and one wrong field at a time. */
#include "servers/rt/elf.h"

#include <elf.h>
#include <string.h>

#include "abi/syscall.h"
#include "lib/test.h"

#define FILE_BYTES 0x3000U

static uint8_t file[FILE_BYTES];
static Elf64_Ehdr *const eh = (Elf64_Ehdr *)file;
static Elf64_Phdr *const ph = (Elf64_Phdr *)(file + sizeof(Elf64_Ehdr));

static void good_file(void)
{
    memset(file, 0, sizeof(file));
    memcpy(eh->e_ident, "\177ELF\2\1\1", 7);
    eh->e_type = ET_EXEC;
    eh->e_machine = EM_AARCH64;
    eh->e_entry = 0x400010;
    eh->e_phoff = sizeof(*eh);
    eh->e_phentsize = sizeof(*ph);
    eh->e_phnum = 3;
    ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
                          .p_flags = PF_R | PF_X,
                          .p_offset = 0x1000,
                          .p_vaddr = 0x400000,
                          .p_filesz = 0x800,
                          .p_memsz = 0x800 };
    ph[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
                          .p_flags = PF_R | PF_W,
                          .p_offset = 0x2000,
                          .p_vaddr = 0x401100,
                          .p_filesz = 0x100,
                          .p_memsz = 0x3000 };
    ph[2] = (Elf64_Phdr){ .p_type = PT_TLS, .p_flags = PF_R };
}

TEST(elf, a_good_file_becomes_page_aligned_segments)
{
    struct elf_plan plan;
    good_file();
    EXPECT_EQ(OK, elf_plan_make(file, FILE_BYTES, &plan));
    EXPECT_EQ(2, plan.segment_count);
    EXPECT_EQ(0x400010, plan.entry);
    EXPECT_EQ(PROT_READ | PROT_EXEC, plan.segment[0].prot);
    EXPECT_EQ(0x1000, plan.segment[0].size_bytes);
    EXPECT_EQ(0x401000, plan.segment[1].address);
    EXPECT_EQ(0x100, plan.segment[1].lead_bytes);
    EXPECT_EQ(0x4000, plan.segment[1].size_bytes);
    EXPECT_EQ(PROT_READ | PROT_WRITE, plan.segment[1].prot);
}

static void break_magic(void)
{
    file[1] = 'F';
}
static void break_class(void)
{
    file[4] = 1;
}
static void break_type(void)
{
    eh->e_type = ET_DYN;
}
static void break_machine(void)
{
    eh->e_machine = EM_X86_64;
}
static void break_phentsize(void)
{
    eh->e_phentsize = 32;
}
static void break_phoff(void)
{
    eh->e_phoff = FILE_BYTES - 8;
}
static void break_phoff_wrap(void)
{
    eh->e_phoff = UINT64_MAX - 8;
}
static void break_phnum(void)
{
    eh->e_phnum = 60000;
}
static void break_wx(void)
{
    ph[0].p_flags = PF_R | PF_W | PF_X;
}
static void break_unreadable(void)
{
    ph[0].p_flags = PF_X;
}
static void break_file_range(void)
{
    ph[1].p_offset = FILE_BYTES - 0x80;
}
static void break_file_wrap(void)
{
    ph[1].p_offset = UINT64_MAX - 0x10;
}
static void break_filesz(void)
{
    ph[1].p_filesz = 0x3001;
}
static void break_low(void)
{
    ph[1].p_vaddr = 0;
}
static void break_high(void)
{
    ph[1].p_vaddr = 0xffff000000000000;
}
static void break_wrap(void)
{
    ph[1].p_memsz = UINT64_MAX - 0x1000;
}
static void break_overlap(void)
{
    ph[1].p_vaddr = 0x400900;
}
static void break_entry(void)
{
    eh->e_entry = 0x401200;
}
static void break_entry_align(void)
{
    eh->e_entry = 0x400012;
}

TEST(elf, every_wrong_field_is_refused)
{
    static void (*const breaks[])(void) = {
        break_magic,      break_class,      break_type,   break_machine,     break_phentsize,
        break_phoff,      break_phoff_wrap, break_phnum,  break_wx,          break_unreadable,
        break_file_range, break_file_wrap,  break_filesz, break_low,         break_high,
        break_wrap,       break_overlap,    break_entry,  break_entry_align,
    };
    struct elf_plan plan;
    for (uint32_t i = 0; i < ARRAY_COUNT(breaks); i++) {
        test_row(i);
        good_file();
        breaks[i]();
        EXPECT_EQ(ERR_CORRUPT, elf_plan_make(file, FILE_BYTES, &plan));
    }
    test_row(-1);
    good_file();
    EXPECT_EQ(ERR_CORRUPT, elf_plan_make(file, 63, &plan));
}

TEST(elf, more_segments_than_places_are_refused)
{
    struct elf_plan plan;
    good_file();
    eh->e_phnum = ELF_SEGMENT_MAX + 1;
    for (uint32_t i = 0; i <= ELF_SEGMENT_MAX; i++) {
        ph[i] = (Elf64_Phdr){ .p_type = PT_LOAD,
                              .p_flags = PF_R | PF_X,
                              .p_vaddr = 0x400000 + i * 0x1000,
                              .p_memsz = 0x1000 };
    }
    EXPECT_EQ(ERR_CORRUPT, elf_plan_make(file, FILE_BYTES, &plan));
}
