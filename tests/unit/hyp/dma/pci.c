/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The PCI code on a model of bus 0: configuration space with BARs and virtio's window capability. */
// LINK: hyp/dma/pci.c
#include "hyp/dma/pci.h"

#include <string.h>

#include "hyp/console.h"
#include "lib/mmio.h"
#include "lib/test.h"

#define ECAM 0x4010000000UL

/* One function; 32-bit registers are stored little-endian in bytes. */
struct model_function {
    uint8_t config[256];
    uint32_t bar_mask[6]; /* writable bits; 0: no such BAR */
    uint32_t bar_type[6]; /* read-only low bits */
    uint32_t feature_word_1;
    uint32_t feature_select;
    bool bar_stuck;
};

static struct {
    struct model_function function[32][8];
    uint32_t writes, strays;
    uint32_t log_lines;
} model;

void log_line(const char *fmt, ...)
{
    (void)fmt;
    model.log_lines++;
}

static struct model_function *at(const volatile void *reg, uint32_t *offset)
{
    uint64_t a = (uintptr_t)reg - ECAM;
    if (a >= MIB(1)) {
        model.strays++;
        a = 0;
    }
    *offset = (uint32_t)(a & 0xff);
    return &model.function[a >> 15][a >> 12 & 7];
}

static uint32_t get(const struct model_function *f, uint32_t offset, uint32_t bytes)
{
    uint32_t value = 0;
    memcpy(&value, f->config + offset, bytes);
    return value;
}

static void put(struct model_function *f, uint32_t offset, uint32_t bytes, uint32_t value)
{
    memcpy(f->config + offset, &value, bytes);
}

/* The virtio window at 0x50 shows the common structure, which lies at offset 0x100 of BAR 4. */
static uint32_t read_any(const volatile void *reg, uint32_t bytes)
{
    uint32_t offset;
    struct model_function *f = at(reg, &offset);
    if (get(f, 0, 2) == 0) return UINT32_MAX >> (32 - 8 * bytes);
    if (offset == 0x50 + 16 && get(f, 0x50, 1) == 9 && get(f, 0x54, 1) == 4 &&
        get(f, 0x50 + 8, 4) == 0x104) {
        return f->feature_select == 1 ? f->feature_word_1 : 0;
    }
    return get(f, offset, bytes);
}

static void write_any(volatile void *reg, uint32_t value, uint32_t bytes)
{
    uint32_t offset;
    struct model_function *f = at(reg, &offset);
    model.writes++;
    if (offset >= 0x10 && offset < 0x28) {
        uint32_t i = (offset - 0x10) / 4;
        if (f->bar_stuck && value != 0 && value != UINT32_MAX) return;
        put(f, offset, 4, (value & f->bar_mask[i]) | f->bar_type[i]);
        return;
    }
    if (offset == 0x50 + 16 && get(f, 0x54, 1) == 4 && get(f, 0x50 + 8, 4) == 0x100 &&
        get(f, 0x50 + 12, 4) == 4) {
        f->feature_select = value;
        return;
    }
    put(f, offset, bytes, value);
}

uint8_t mmio_read8(const volatile void *reg)
{
    return (uint8_t)read_any(reg, 1);
}
uint16_t mmio_read16(const volatile void *reg)
{
    return (uint16_t)read_any(reg, 2);
}
uint32_t mmio_read32(const volatile void *reg)
{
    return read_any(reg, 4);
}
void mmio_write8(volatile void *reg, uint8_t value)
{
    write_any(reg, value, 1);
}
void mmio_write16(volatile void *reg, uint16_t value)
{
    write_any(reg, value, 2);
}
void mmio_write32(volatile void *reg, uint32_t value)
{
    write_any(reg, value, 4);
}

static struct platform platform;

static struct model_function *plug(uint32_t slot, uint32_t function, uint16_t vendor,
                                   uint16_t device, uint32_t class_code)
{
    struct model_function *f = &model.function[slot][function];
    put(f, 0, 2, vendor);
    put(f, 2, 2, device);
    put(f, 4, 2, 7); /* firmware left it on */
    put(f, 8, 4, class_code << 8 | 3);
    put(f, 0x3d, 1, 1);
    return f;
}

/* A card reader with a BAR of 256 bytes in slot 1. */
static struct model_function *start(void)
{
    memset(&model, 0, sizeof(model));
    memset(&platform, 0, sizeof(platform));
    platform.pci.present = true;
    platform.pci.ecam = (struct pa_range){ { ECAM }, MIB(256) };
    platform.pci.mmio32 = (struct pa_range){ { 0x30000000 }, MIB(1) };
    platform.pci.mmio32_bus = 0x10000000;
    for (uint32_t slot = 0; slot < 32; slot++) {
        for (uint32_t pin = 0; pin < 4; pin++)
            platform.pci.intx_intid[slot][pin] = 35 + ((slot + pin) & 3);
    }
    struct model_function *f = plug(1, 0, 0x1b36, 7, 0x080501);
    f->bar_mask[0] = 0xffffff00;
    return f;
}

/* A virtio device with the two capabilities; says what its second feature word offers. */
static struct model_function *plug_virtio(uint32_t slot, uint16_t device, uint32_t feature_word_1)
{
    struct model_function *f = plug(slot, 0, 0x1af4, device, 0x020000);
    put(f, 6, 2, 0x10);
    put(f, 0x34, 1, 0x40);
    put(f, 0x40, 4, 0x01100000 | 0x5009); /* common, next at 0x50 */
    put(f, 0x44, 4, 4);
    put(f, 0x48, 4, 0x100);
    put(f, 0x50, 4, 0x05140000 | 0x0009); /* window, the last */
    f->feature_word_1 = feature_word_1;
    return f;
}

TEST(pci, without_a_bridge_there_is_nothing)
{
    start();
    platform.pci.present = false;
    EXPECT_EQ(ERR_NO_ENTRY, pci_start(&platform));
    EXPECT_EQ(0, pci_function_count());
    EXPECT_EQ(0, model.writes);
    pci_bus_master(1, true);
    EXPECT_EQ(0, model.writes);
}

TEST(pci, start_finds_functions_with_class_line_and_stream)
{
    struct model_function *f = start();
    put(f, 0x3d, 1, 2);
    plug(31, 0, 0x1b36, 0x10, 0x010802);
    EXPECT_OK(pci_start(&platform));
    EXPECT_EQ(2, pci_function_count());
    const struct pci_function *a = pci_function_at(0), *b = pci_function_at(1);
    EXPECT_EQ(1, a->slot);
    EXPECT_EQ(0x1b36, a->vendor);
    EXPECT_EQ(7, a->device);
    EXPECT_EQ(0x080501, a->class_code);
    EXPECT_EQ(37, a->intid); /* slot 1, pin B */
    EXPECT_EQ(8, a->stream_id);
    EXPECT_FALSE(a->bypasses_iommu);
    EXPECT_EQ(31, b->slot);
    EXPECT_EQ(248, b->stream_id);
    EXPECT_TRUE(pci_function_at(2) == NULL);
    EXPECT_EQ(0, model.strays);
}

TEST(pci, start_turns_everything_off_other_functions_too)
{
    struct model_function *f = start();
    put(f, 0x0e, 1, 0x80);
    struct model_function *second = plug(1, 3, 0x1234, 1, 0x030000);
    EXPECT_OK(pci_start(&platform));
    EXPECT_EQ(0x400, get(f, 4, 2));
    EXPECT_EQ(0x400, get(second, 4, 2));
    EXPECT_EQ(1, pci_function_count());
    EXPECT_EQ(1, model.log_lines);
}

TEST(pci, a_device_of_one_function_that_answers_as_eight_is_one)
{
    start();
    struct model_function *echo = plug(1, 3, 0x1b36, 7, 0x080501);
    EXPECT_OK(pci_start(&platform));
    EXPECT_EQ(7, get(echo, 4, 2));
    EXPECT_EQ(0, model.log_lines);
}

TEST(pci, a_pin_out_of_range_is_no_interrupt)
{
    struct model_function *f = start();
    put(f, 0x3d, 1, 0);
    EXPECT_OK(pci_start(&platform));
    EXPECT_EQ(0, pci_function_at(0)->intid);
    put(f, 0x3d, 1, 5);
    EXPECT_OK(pci_start(&platform));
    EXPECT_EQ(0, pci_function_at(0)->intid);
}

TEST(pci, virtio_without_access_platform_bypasses)
{
    start();
    plug_virtio(2, 0x1042, 0x103);
    plug_virtio(3, 0x1042, 0x101);
    plug_virtio(4, 0x1001, 0x103);                  /* transitional */
    put(plug_virtio(5, 0x1042, 0x103), 6, 2, 0);    /* no capabilities */
    put(plug_virtio(6, 0x1042, 0x103), 0x53, 1, 4); /* no window */
    put(plug_virtio(7, 0x1042, 0x103), 0x43, 1, 2); /* no common structure */
    struct model_function *circle = plug_virtio(8, 0x1042, 0x103);
    put(circle, 0x51, 1, 0x40); /* a list without an end, searched for what it has not */
    put(circle, 0x53, 1, 4);
    EXPECT_OK(pci_start(&platform));
    static const bool want[] = { false, false, true, true, true, true, true, true };
    for (uint32_t i = 0; i < ARRAY_COUNT(want); i++) {
        test_row(i);
        EXPECT_EQ(want[i], pci_function_at(i)->bypasses_iommu);
    }
}

TEST(pci, assign_gives_whole_pages_from_the_window_as_the_cpu_sees_it)
{
    struct model_function *f = start();
    struct model_function *nvme = plug(2, 0, 0x1b36, 0x10, 0x010802);
    nvme->bar_mask[0] = 0xffffc000;
    nvme->bar_type[0] = 4;
    nvme->bar_mask[1] = UINT32_MAX;
    struct pa_range bar0;
    EXPECT_OK(pci_start(&platform));
    EXPECT_OK(pci_assign(1, &bar0));
    EXPECT_EQ(0x30000000, bar0.start.raw);
    EXPECT_EQ(PAGE_SIZE, bar0.size_bytes);
    EXPECT_EQ(0x10000000, get(f, 0x10, 4));
    EXPECT_EQ(2, get(f, 4, 2)); /* memory, no mastering, INTx on */
    EXPECT_OK(pci_assign(2, &bar0));
    EXPECT_EQ(0x30004000, bar0.start.raw); /* aligned to its size */
    EXPECT_EQ(0x4000, bar0.size_bytes);
    EXPECT_EQ(0x10004004, get(nvme, 0x10, 4));
    EXPECT_EQ(0, get(nvme, 0x14, 4));
}

TEST(pci, a_virtio_device_gives_the_bar_of_its_common_structure)
{
    start();
    struct model_function *f = plug_virtio(2, 0x1044, 0x103); /* the model has it in BAR 4 */
    f->bar_mask[1] = 0xfffff000;
    f->bar_type[4] = 4 | 8; /* 64 bits, prefetchable */
    f->bar_mask[4] = 0xffffc000;
    f->bar_mask[5] = UINT32_MAX;
    struct pa_range regs = { { 1 }, 1 };
    EXPECT_OK(pci_start(&platform));
    EXPECT_OK(pci_assign(2, &regs));
    EXPECT_EQ(0x4000, regs.size_bytes);
    EXPECT_EQ(get(f, 0x20, 4) & ~0xfU, regs.start.raw - 0x20000000);
    put(f, 0x44, 1, 6); /* a BAR that there is not */
    EXPECT_EQ(ERR_NOT_SUPPORTED, pci_assign(2, &regs));
    EXPECT_EQ(0, regs.size_bytes);
    put(f, 0x44, 1, 0); /* one that is not implemented */
    EXPECT_EQ(ERR_NOT_SUPPORTED, pci_assign(2, &regs));
}

TEST(pci, assign_places_every_memory_bar_apart)
{
    struct model_function *f = start();
    f->bar_mask[2] = 0xfffff000;
    f->bar_mask[3] = 0xffffff80;
    f->bar_type[4] = 1; /* I/O */
    f->bar_mask[4] = 0xffffffc0;
    put(f, 0x30, 4, 1);
    struct pa_range bar0;
    EXPECT_OK(pci_start(&platform));
    EXPECT_OK(pci_assign(1, &bar0));
    EXPECT_EQ(0x10001000, get(f, 0x18, 4));
    EXPECT_EQ(0x10002000, get(f, 0x1c, 4));
    EXPECT_EQ(1, get(f, 0x20, 4));
    EXPECT_EQ(0, get(f, 0x30, 4));
}

TEST(pci, assign_refuses_what_cannot_be_placed)
{
    static const struct {
        uint32_t mask0, type0, mask1, header;
        bool stuck;
        err_t want;
    } row[] = {
        { 0xffe00000, 0, 0, 0, false, ERR_NO_MEMORY }, /* 2 MiB, the window has one */
        { 0xfff00000, 0, 0, 0, false, OK },
        { 0, 4, 0xfffffffe, 0, false, ERR_NO_MEMORY },     /* 8 GiB */
        { 0xfff0f000, 0, 0, 0, false, ERR_NOT_SUPPORTED }, /* a mask with a hole */
        { 0, 0, 0, 0, false, ERR_NOT_SUPPORTED },          /* no BAR 0 */
        { 0xfffffffc, 1, 0, 0, false, ERR_NOT_SUPPORTED }, /* an I/O BAR 0 */
        { 0xffffff00, 0, 0, 1, false, ERR_NOT_SUPPORTED }, /* a bridge */
        { 0xffffff00, 0, 0, 0, true, ERR_IO },             /* forgets its address */
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        test_row((int64_t)i);
        struct model_function *f = start();
        f->bar_mask[0] = row[i].mask0;
        f->bar_type[0] = row[i].type0;
        f->bar_mask[1] = row[i].mask1;
        f->bar_stuck = row[i].stuck;
        put(f, 0x0e, 1, row[i].header);
        struct pa_range bar0;
        EXPECT_OK(pci_start(&platform));
        EXPECT_EQ(row[i].want, pci_assign(1, &bar0));
        EXPECT_EQ(row[i].want == OK ? 2 : 0x400, get(f, 4, 2));
    }
    struct model_function *f = start();
    f->bar_mask[5] = 0xffffff00;
    f->bar_type[5] = 4; /* the high half of the last BAR would be something else */
    struct pa_range bar0;
    EXPECT_OK(pci_start(&platform));
    EXPECT_EQ(ERR_NOT_SUPPORTED, pci_assign(1, &bar0));
    EXPECT_EQ(ERR_NO_ENTRY, pci_assign(2, &bar0));
    EXPECT_EQ(ERR_NO_ENTRY, pci_assign(32, &bar0));
}

TEST(pci, bus_mastering_changes_one_bit)
{
    struct model_function *f = start();
    struct pa_range bar0;
    EXPECT_OK(pci_start(&platform));
    EXPECT_OK(pci_assign(1, &bar0));
    pci_bus_master(1, true);
    EXPECT_EQ(6, get(f, 4, 2));
    pci_bus_master(1, false);
    EXPECT_EQ(2, get(f, 4, 2));
    uint32_t before = model.writes;
    pci_bus_master(32, true);
    EXPECT_EQ(before, model.writes);
}
