/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A stock client of the real storage domain, which dies one step later in each incarnation (domains/faults/points.c). It knows virtio
 * and nothing of ZerOS: no reset, no incarnation, one doorbell for each request, sleep until the interrupt. It must never notice.
 */
#include "lib/mmio.h"
#include "rt/blk.h"

#define DRIVER      1
#define SECOND      62500000UL
#define REQUESTS    3000
#define FLIGHT      12 /* requests in flight */
#define BLOCKS      64
#define BLOCK_BYTES 4096
#define FIRST_BLOCK 100

/* The queue lies where a stock driver may put it; three descriptors, a header and a buffer for each slot. */
#define DESC    0x30040
#define AVAIL   0x1002
#define USED    0x200ffc
#define ENTRIES 64
#define HEADER  0x40000
#define STATUS  0x41000
#define DATA    0x100000

enum { SLOT_FREE = 0, SLOT_WRITE, SLOT_READ };

static struct {
    uint64_t window;
    uint16_t avail_idx, used_seen;
    struct {
        uint32_t kind, block;
        uint64_t number;
    } slot[FLIGHT];
    uint32_t order[ENTRIES]; /* slot of the n-th posted request */
    uint64_t holds[BLOCKS];  /* number that each block must hold; 0: never written */
    bool busy[BLOCKS];
    uint64_t posted, done;
} c;

static volatile uint8_t *at(uint64_t offset)
{
    return (volatile uint8_t *)(c.window + offset);
}

static uint64_t item(uint32_t which, uint32_t reg)
{
    uint64_t x[7];
    EXPECT_OK(rt_call(HVC_DOMAIN_INFO, DRIVER, which, 0, x));
    return x[reg];
}

static void reg64(uint64_t off, uint64_t value)
{
    link_reg(off, (uint32_t)value);
    link_reg(off + 4, (uint32_t)(value >> 32));
}

/* From Status 0 to DRIVER_OK. */
static bool start(void)
{
    const struct boot_link *l = &rt_boot()->link[0];
    uint64_t end = rt_ticks() + 2 * SECOND;
    link_reg(R_STATUS, 1);
    link_reg(R_STATUS, 3);
    while (link_get(LINK_CLIENT_SERVER) != LINK_SERVER_PUBLISHED && rt_ticks() < end) {
    }
    link_reg(R_DRIVER_FEATURES_SEL, 0);
    link_reg(R_DRIVER_FEATURES, 1 << 9); /* VIRTIO_BLK_F_FLUSH */
    link_reg(R_DRIVER_FEATURES_SEL, 1);
    link_reg(R_DRIVER_FEATURES, 3);
    link_reg(R_STATUS, 0xb);
    link_reg(R_QUEUE_SEL, 0);
    link_reg(R_QUEUE_NUM, ENTRIES);
    reg64(R_QUEUE_DESC, l->client_window_ipa + DESC);
    reg64(R_QUEUE_AVAIL, l->client_window_ipa + AVAIL);
    reg64(R_QUEUE_USED, l->client_window_ipa + USED);
    link_reg(R_QUEUE_READY, 1);
    link_reg(R_STATUS, STATUS_READY);
    return link_get(R_STATUS) == STATUS_READY;
}

static void desc(uint32_t n, uint64_t offset, uint32_t bytes, uint32_t flags)
{
    volatile uint8_t *d = at(DESC + 16UL * n);
    mmio_write64(d, rt_boot()->link[0].client_window_ipa + offset);
    mmio_write32(d + 8, bytes);
    mmio_write16(d + 12, (uint16_t)flags);
    mmio_write16(d + 14, (uint16_t)(n + 1));
}

static void post(uint32_t s, uint32_t kind, uint32_t block)
{
    uint64_t data = DATA + (uint64_t)s * BLOCK_BYTES;
    c.slot[s].kind = kind;
    c.slot[s].block = block;
    c.slot[s].number = kind == SLOT_WRITE ? c.posted + 1 : c.holds[block];
    c.busy[block] = true;
    for (uint32_t i = 0; i < BLOCK_BYTES;
         i += 512) { /* a number in each sector: half a write would show */
        mmio_write64(at(data + i), kind == SLOT_WRITE ? c.slot[s].number : ~0UL);
    }
    mmio_write32(at(HEADER + 16UL * s), kind == SLOT_WRITE ? BLK_OUT : BLK_IN);
    mmio_write32(at(HEADER + 16UL * s + 4), 0);
    mmio_write64(at(HEADER + 16UL * s + 8), (FIRST_BLOCK + block) * (BLOCK_BYTES / 512UL));
    mmio_write8(at(STATUS + s), 0xff);
    desc(3 * s, HEADER + 16UL * s, 16, 1);
    desc(3 * s + 1, data, BLOCK_BYTES, kind == SLOT_WRITE ? 1 : 3);
    desc(3 * s + 2, STATUS + s, 1, 2);
    c.order[c.avail_idx % ENTRIES] = s;
    mmio_write16(at(AVAIL + 4 + 2UL * (c.avail_idx % ENTRIES)), (uint16_t)(3 * s));
    mmio_barrier();
    mmio_write16(at(AVAIL + 2), ++c.avail_idx);
    mmio_barrier();
    link_reg(R_QUEUE_NOTIFY, 0);
    c.posted++;
}

/* Writes twice as often as reads, each block in flight once; every other hundred one at a time: nothing follows that would wake us. */
static void post_all(void)
{
    static uint64_t seed = 1;
    uint32_t flight = c.posted / 100 % 2 ? 1 : FLIGHT;
    for (uint32_t s = 0; s < flight && c.posted < REQUESTS; s++) {
        if (c.slot[s].kind != SLOT_FREE) continue;
        uint32_t block;
        do {
            seed = seed * 6364136223846793005UL + 1442695040888963407UL;
            block = (uint32_t)(seed >> 33) % BLOCKS;
        } while (c.busy[block]);
        post(s, c.holds[block] && (seed >> 60) < 6 ? SLOT_READ : SLOT_WRITE, block);
    }
}

static void judge(uint32_t s)
{
    uint64_t data = DATA + (uint64_t)s * BLOCK_BYTES;
    EXPECT_EQ(0, mmio_read8(at(STATUS + s)));
    for (uint32_t i = 0; i < BLOCK_BYTES; i += 512) {
        EXPECT_EQ(c.slot[s].number, mmio_read64(at(data + i)));
    }
    c.holds[c.slot[s].block] = c.slot[s].number;
    c.busy[c.slot[s].block] = false;
    c.slot[s].kind = SLOT_FREE;
    c.done++;
}

/* Everything that was completed, once and in ring order. */
static bool reap(void)
{
    uint16_t idx = mmio_read16(at(USED + 2));
    mmio_barrier();
    if ((uint16_t)(idx - c.used_seen) > (uint16_t)(c.avail_idx - c.used_seen)) {
        test_fail(__FILE__, __LINE__, "used.idx is not between what was seen and avail.idx", idx,
                  c.avail_idx);
        return false;
    }
    for (; c.used_seen != idx; c.used_seen++) {
        uint32_t s = c.order[c.used_seen % ENTRIES];
        volatile uint8_t *e = at(USED + 4 + 8UL * (c.used_seen % ENTRIES));
        EXPECT_EQ(3 * s, mmio_read32(e));
        EXPECT_EQ(c.slot[s].kind == SLOT_WRITE ? 1 : BLOCK_BYTES + 1, mmio_read32(e + 4));
        judge(s);
    }
    return true;
}

/* What the supervisor does. */
static void revive(void)
{
    uint64_t x[7];
    while (item(DOMAIN_ITEM_STATE, 1) != DOMAIN_RUNNING) {
        if (rt_call(HVC_DOMAIN_STEP, DRIVER, 0, 0, x) != OK) return;
        if (x[2]) rt_wait_ticks(x[2] / 16 + 1);
    }
}

/* Sleeps until the link says that buffers were used. False: it never does, or the link is not what it was. */
static bool sleep_and_look(void)
{
    for (;;) {
        uint32_t intid = rt_gic_wait_until(5 * SECOND);
        if (intid == rt_boot()->event_intid) {
            revive(); /* the client hears nothing of it */
            continue;
        }
        if (intid != rt_boot()->link[0].intid) {
            test_fail(__FILE__, __LINE__, "no interrupt; done, and used.idx", c.done,
                      mmio_read16(at(USED + 2)));
            return false;
        }
        uint32_t causes = link_get(R_INTERRUPT_STATUS), status = link_get(R_STATUS);
        link_reg(R_INTERRUPT_ACK, causes);
        if (causes > 1 || status != STATUS_READY) {
            test_fail(__FILE__, __LINE__, "the driver was told of a change: cause, Status", causes,
                      status);
            return false;
        }
        if (causes == 1) return true; /* 0: two in a row were seen as one before */
    }
}

/* One request, to its end. */
static bool run_one(uint32_t kind, uint32_t block)
{
    uint64_t before = c.done;
    post(0, kind, block);
    while (c.done == before) {
        if (!sleep_and_look() || !reap()) return false;
    }
    return true;
}

/* Everything from the start: reset, empty rings, negotiation. */
static bool restart(void)
{
    uint64_t end = rt_ticks() + 2 * SECOND;
    c.window = rt_boot()->link[0].window_ipa;
    c.avail_idx = c.used_seen = 0;
    link_reg(R_STATUS, 0);
    while (link_get(R_STATUS) != 0 && rt_ticks() < end) {
    }
    mmio_write32(at(AVAIL), 0);
    mmio_write32(at(USED), 0);
    rt_gic_start();
    rt_gic_enable(rt_boot()->link[0].intid);
    rt_gic_enable(rt_boot()->event_intid);
    return start();
}

TEST(stock, its_disk_never_goes_away_while_the_server_dies_at_every_step)
{
    bool ok = restart();
    while (ok && c.done < REQUESTS) {
        post_all();
        ok = sleep_and_look() && reap();
    }
    EXPECT_EQ(REQUESTS, c.done);
    EXPECT_EQ(0, mmio_read16(at(USED))); /* no NO_NOTIFY of a dead one is left */
    uint64_t deaths = item(DOMAIN_ITEM_STATE, 2);
    rt_print("stock: %lu requests, %lu deaths", c.done, deaths);
    EXPECT_TRUE(deaths >= 200);
    for (uint32_t block = 0; ok && block < BLOCKS;
         block++) { /* what was completed is what the disk holds */
        test_row(block);
        ok = !c.holds[block] || run_one(SLOT_READ, block);
    }
    EXPECT_TRUE(ok);
}

TEST(stock, a_server_that_lied_about_used_idx_costs_a_reset_and_no_more)
{
    static const uint16_t beyond[] = { 1, 5, 64, 0x8000, 0xffff };
    uint64_t x[7];
    for (size_t i = 0; i < ARRAY_COUNT(beyond); i++) {
        test_row((int64_t)i);
        REQUIRE_TRUE(restart());
        REQUIRE_TRUE(run_one(SLOT_WRITE, 0));
        mmio_write16(at(USED + 2),
                     (uint16_t)(c.avail_idx + beyond[i])); /* as it would have: both may write it */
        EXPECT_OK(rt_call(HVC_DOMAIN_KILL, DRIVER, CAUSE_KILLED, 0, x));
        revive();
        EXPECT_EQ(STATUS_READY | STATUS_NEEDS_RESET, link_get(R_STATUS));
    }
    REQUIRE_TRUE(restart());
    EXPECT_TRUE(run_one(SLOT_READ, 0));
}

void image_main(const struct bootinfo *boot)
{
    (void)boot;
    uint64_t position = 0;
    rt_run_tests();
    rt_print("--- log of EL2 ---");
    rt_print_log(&position);
    rt_poweroff();
}
