/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Both ends of a ring on shared memory that holds whatever the fuzzer likes: nothing may leave
 * its bounds. */
// LINK: lib/virtq/device.c lib/virtq/driver.c
#include <string.h>

#include "lib/virtq/device.h"
#include "lib/virtq/driver.h"

#define SIZE   16
#define BASE   0x80000000UL
#define WINDOW 0x100000UL
#define RO     0x2000UL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

_Noreturn void panic_at(const char *what, const char *file, int line)
{
    (void)what, (void)file, (void)line;
    __builtin_trap();
}

static struct {
    struct vring_desc desc[SIZE];
    struct {
        uint16_t flags, idx, ring[SIZE];
    } avail;
    struct {
        uint16_t flags, idx;
        struct vring_used_elem ring[SIZE];
    } used;
} mem;

static void must(bool holds)
{
    if (!holds) __builtin_trap();
}

static void device_end(void)
{
    struct virtq_device q = { .window = { BASE, WINDOW, RO } };
    must(virtq_device_start(&q, mem.desc, &mem.avail, &mem.used, SIZE, mem.used.idx) == OK);
    struct virtq_chain c;
    for (uint32_t n = 0; virtq_fetch(&q, &c) == OK; n++) {
        must(n < 2 * SIZE);
        must(c.head < SIZE && c.read_count + c.write_count >= 1);
        must(c.read_count + c.write_count <= SIZE);
        for (uint32_t i = 0; i < (uint32_t)c.read_count + c.write_count; i++) {
            must(c.piece[i].size_bytes != 0 && c.piece[i].offset < WINDOW);
            must(c.piece[i].size_bytes <= WINDOW - c.piece[i].offset);
            must(i < c.read_count || c.piece[i].offset >= RO);
        }
        if (n % 2 == 0) virtq_complete(&q, c.head, 1);
    }
}

static void driver_end(uint16_t used_idx, const struct vring_used_elem ring[SIZE], uint8_t posts)
{
    static struct virtq_driver q;
    must(virtq_driver_start(&q, mem.desc, &mem.avail, &mem.used, SIZE) == OK);
    const struct virtq_buffer b[2] = { { 0x1000, 16, false }, { 0x2000, 512, true } };
    bool posted[SIZE] = { false };
    uint16_t head;
    for (uint32_t i = 0; i < posts % 9U; i++) {
        must(virtq_post(&q, b, 2, &head) == OK);
        must(head < SIZE && !posted[head]);
        posted[head] = true;
    }
    memcpy(mem.used.ring, ring, sizeof(mem.used.ring));
    mem.used.idx = used_idx;
    struct virtq_done done;
    while (virtq_pop(&q, &done) == OK) {
        must(done.head < SIZE && posted[done.head] && done.written_bytes <= 512);
        posted[done.head] = false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    memset(&mem, 0, sizeof(mem));
    memcpy(&mem, data, size_bytes < sizeof(mem) ? size_bytes : sizeof(mem));
    struct vring_used_elem ring[SIZE];
    memcpy(ring, mem.used.ring, sizeof(ring));
    uint16_t used_idx = mem.used.idx;
    uint8_t posts = size_bytes != 0 ? data[0] : 0;
    /* Half the inputs get addresses near the window, or nearly none would pass the first check. */
    for (uint32_t i = 0; i < SIZE && posts % 2 == 0; i++) {
        mem.desc[i].addr = BASE + mem.desc[i].addr % (WINDOW + 64);
        mem.desc[i].len %= WINDOW;
        mem.desc[i].flags &= 3;
        mem.desc[i].next %= SIZE + 1;
    }
    device_end();
    driver_end(used_idx, ring, posts);
    return 0;
}
