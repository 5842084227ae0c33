/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The rebirth sequence, pinned: a step that is moved or dropped fails here. */
// LINK: hyp/life.c hyp/owner_none.c hyp/dump.c hyp/trace.c tests/fake/hyp.c lib/string.c
#include <string.h>

#include "abi/image.h"
#include "hyp/life.h"
#include "hyp/link.h"
#include "hyp/trace.h"
#include "lib/test.h"
#include "tests/fake/hyp.h"

#define RAM_BYTES   MIB(2)
#define IMAGE_BYTES (KIB(100) + 24) /* not a multiple of anything */
#define TEXT_BYTES  KIB(36)

static uint8_t ram[RAM_BYTES] __attribute__((aligned(65536)));
static uint8_t image[IMAGE_BYTES] __attribute__((aligned(4096)));
static struct manifest_domain conf;
static struct manifest_link link_conf;
static struct link one_link;
static struct domain *d;

/* Neighbours: links are only told. */
void link_server_started(struct domain *server)
{
    fake_note("links started %u", server->index);
}
void link_server_quiesced(struct domain *server)
{
    fake_note("links quiesced %u state %d", server->index, server->state);
}
void link_server_reborn(struct domain *server)
{
    fake_note("links reborn %u", server->index);
}
void link_server_offer(struct domain *server, uint32_t held, uint32_t gone)
{
    fake_note("links offered %u %x %x", server->index, held, gone);
}
bool link_is_offered(const struct link *l, const struct domain *end)
{
    return l->server == end;
}
struct link *link_at(uint32_t index)
{
    return index == 0 ? &one_link : NULL;
}
static bool links_are_published = true;
bool link_client_is_ready(const struct domain *client)
{
    (void)client;
    return links_are_published;
}
void vuart_reset(struct domain *guest)
{
    fake_note("uart reset %u", guest->index);
}
uint32_t link_count(void)
{
    return 1;
}
void link_describe(const struct link *l, bool is_server, struct boot_link *out)
{
    memset(out, 0, sizeof(*out));
    out->is_server = is_server;
    out->queue_count = l->conf->queue_count;
}

static void rig_start(void)
{
    fake_start(2);
    d = &fake.domain[1];
    memset(ram, 0xaa, sizeof(ram));
    for (size_t i = 0; i < sizeof(image); i++) image[i] = (uint8_t)(i * 7 + 1);
    struct image_header header = { .magic = IMAGE_MAGIC,
                                   .text_bytes = TEXT_BYTES,
                                   .file_bytes = IMAGE_BYTES };
    memcpy(image, &header, sizeof(header));
    conf = (struct manifest_domain){
        .name = "storage", .dma = MANIFEST_DMA_SMMU, .pmu = 1, .params = "slow=1"
    };
    link_conf = (struct manifest_link){ .name = "disk0", .queue_count = 1 };
    one_link = (struct link){
        .conf = &link_conf, .server = d, .client = &fake.domain[0], .present = true
    };
    strcpy(d->name, "storage");
    d->conf = &conf;
    d->ram = (struct pa_range){ { (uintptr_t)ram }, RAM_BYTES };
    d->pristine = (struct pa_range){ { (uintptr_t)image }, IMAGE_BYTES };
    d->image_mem_bytes = KIB(128);
    d->code_bytes = TEXT_BYTES;
    d->s2.root_pa.raw = 1; /* tests/fake: domain 1 */
    d->device_count = 2;
    d->device[0] = (struct domain_device){ .name = "disk",
                                           .compatible = "pci,080501",
                                           .is_pci = true,
                                           .pci_slot = 3,
                                           .stream_id = 24,
                                           .mmio = { { 0x10000000 }, 0x1000 },
                                           .ipa = { DOMAIN_MMIO_IPA },
                                           .vintid = 35,
                                           .dma_open = true };
    d->device[1] = (struct domain_device){ .name = "led",
                                           .compatible = "gpio-leds",
                                           .ipa = { DOMAIN_MMIO_IPA + 0x1000 } };
    fake.is_logging = true;
}

static void die(void)
{
    domain_kill(d, CAUSE_KILLED, 0, 0);
    fake.log[0] = '\0';
}

static enum step_verdict run_to_end(uint32_t *calls)
{
    enum step_verdict v = STEP_AGAIN;
    uint64_t after_ns = 1;
    for (*calls = 0; v == STEP_AGAIN && *calls < 1000; ++*calls) v = life_step(d, &after_ns);
    EXPECT_EQ(0, after_ns);
    return v;
}

/* The device is behind a guard instead of an SMMU. */
static void guarded(void)
{
    conf.dma = MANIFEST_DMA_GUARD;
    d->device[0].guard = (struct guard *)(void *)image; /* only handed on */
}

/* The log with runs of equal lines made one. */
static const char *squeezed(void)
{
    static char out[FAKE_LOG_BYTES];
    char last[128] = "";
    out[0] = '\0';
    for (const char *at = fake.log; *at;) {
        size_t n = strcspn(at, "\n");
        if (strncmp(at, last, n) != 0 || last[n] != '\0') {
            strncat(out, at, n + 1);
            memcpy(last, at, n);
            last[n] = '\0';
        }
        at += n + 1;
    }
    return out;
}

TEST(life, rebirth_sequence_is_exactly_this)
{
    rig_start();
    d->vcpu[0].fp[0] = 42;
    die();
    uint32_t calls;
    EXPECT_EQ(STEP_DONE, run_to_end(&calls));
    EXPECT_STR("park 1\n"
               "lines 1\n"
               "bus master 3 0\n"
               "stream close 24\n"
               "smmu tlbi 2\n"
               "links quiesced 1 state 4\n" /* DOMAIN_QUIESCED */
               "zero\n"
               "copy code\n"
               "copy data\n"  /* and bootinfo */
               "tlbi 2 0x1\n" /* twice: below */
               "fp drop 1\n"
               "vgic reset 1\n"
               "uart reset 1\n"
               "links reborn 1\n"
               "core on 0\n"
               "start 1 fp 0\n"
               "links started 1\n",
               squeezed());
    EXPECT_TRUE(strstr(fake.log, "tlbi 2 0x1\ntlbi 2 0x1\nfp") != NULL); /* A55 #2441007 */
    EXPECT_EQ(DOMAIN_RUNNING, d->state);
    EXPECT_EQ(1, d->generation);
    EXPECT_EQ(0, d->rebirth.step);
    EXPECT_FALSE(d->device[0].dma_open);
    EXPECT_EQ(DOMAIN_RAM_IPA, d->vcpu[0].regs.pc);
    EXPECT_EQ(DOMAIN_RAM_IPA + RAM_BYTES - PAGE_SIZE, d->vcpu[0].regs.x[0]);
    EXPECT_EQ(0, fake.bad_chunks);
}

TEST(life, rebirth_sequence_behind_a_guard_is_exactly_this)
{
    rig_start();
    guarded();
    fake.smmu_close_result = fake.smmu_flush_result = ERR_TIMEOUT; /* nobody asks it */
    die();
    uint32_t calls;
    EXPECT_EQ(STEP_DONE, run_to_end(&calls));
    EXPECT_STR("park 1\n"
               "lines 1\n"
               "bus master 3 0\n"
               "guard reset\n"
               "guard still?\n"
               "links quiesced 1 state 4\n"
               "zero\n"
               "copy code\n"
               "copy data\n"
               "tlbi 2 0x1\n"
               "fp drop 1\n"
               "vgic reset 1\n"
               "uart reset 1\n"
               "links reborn 1\n"
               "core on 0\n"
               "start 1 fp 0\n"
               "links started 1\n",
               squeezed());
    EXPECT_FALSE(d->device[0].dma_open);
}

TEST(life, a_guarded_controller_has_time_to_come_to_rest_and_then_no_more)
{
    rig_start();
    guarded();
    fake.guard_moves = 100;
    die();
    uint64_t after_ns, waits = 0;
    enum step_verdict v;
    while ((v = life_step(d, &after_ns)) == STEP_AGAIN) {
        waits += after_ns == 1000000;
        if (after_ns != 0) EXPECT_TRUE(strstr(fake.log, "quiesced") == NULL);
    }
    EXPECT_EQ(STEP_DONE, v);
    EXPECT_EQ(99, waits);
}

TEST(life, a_guest_gets_its_bundle_and_nothing_else_and_starts_when_its_links_are_published)
{
    rig_start();
    conf.kind = MANIFEST_GUEST;
    d->code_bytes = IMAGE_BYTES;
    links_are_published = false;
    die();
    uint32_t calls;
    EXPECT_EQ(STEP_DONE, run_to_end(&calls));
    EXPECT_EQ(DOMAIN_LOADED, d->state);
    EXPECT_EQ(IMAGE_BYTES, fake.bytes_copied); /* no bootinfo */
    EXPECT_TRUE(strstr(fake.log, "copy data") == NULL);
    EXPECT_TRUE(strstr(fake.log, "start 1") == NULL);
    life_start_ready(d);
    EXPECT_EQ(DOMAIN_LOADED, d->state);
    links_are_published = true;
    life_start_ready(d);
    EXPECT_EQ(DOMAIN_RUNNING, d->state);
    EXPECT_TRUE(strstr(fake.log, "start 1") != NULL);
    EXPECT_EQ(GUEST_IMAGE_IPA, d->vcpu[0].regs.pc);
    EXPECT_EQ(DOMAIN_RAM_IPA, d->vcpu[0].regs.x[0]);
    d->state = DOMAIN_DEAD; /* a link of a dead guest is published again */
    d->vcpu[0].regs.pc = 0;
    life_start_ready(d);
    EXPECT_EQ(DOMAIN_DEAD, d->state);
    EXPECT_EQ(0, d->vcpu[0].regs.pc);
}

TEST(life, only_guests_wait_for_links)
{
    rig_start();
    d->state = DOMAIN_LOADED; /* a canary */
    conf.kind = MANIFEST_CANARY;
    life_start_ready(d);
    EXPECT_EQ(DOMAIN_LOADED, d->state);
}

TEST(life, memory_is_scrubbed_and_the_image_is_the_pristine_one)
{
    rig_start();
    die();
    uint32_t calls;
    EXPECT_EQ(STEP_DONE, run_to_end(&calls));
    EXPECT_BYTES(image, ram, IMAGE_BYTES);
    uint64_t leftovers = 0;
    for (size_t i = IMAGE_BYTES; i < RAM_BYTES - PAGE_SIZE; i++) leftovers += ram[i] != 0;
    EXPECT_EQ(0, leftovers);
    EXPECT_EQ(RAM_BYTES, fake.bytes_zeroed);
    EXPECT_EQ(IMAGE_BYTES + sizeof(struct bootinfo), fake.bytes_copied);
    for (size_t i = RAM_BYTES - PAGE_SIZE + sizeof(struct bootinfo); i < RAM_BYTES; i++)
        leftovers += ram[i] != 0;
    EXPECT_EQ(0, leftovers);
}

TEST(life, every_call_is_bounded_and_the_whole_is_cheap)
{
    rig_start();
    die();
    uint64_t after_ns, calls = 0, total = 0;
    for (enum step_verdict v = STEP_AGAIN; v == STEP_AGAIN; calls++) {
        fake.work = 0;
        v = life_step(d, &after_ns);
        EXPECT_LE(24000, fake.work);
        total += fake.work;
    }
    EXPECT_LE(300000, total);
    EXPECT_LE(16, calls);
}

TEST(life, no_proof_means_quarantine_for_ever)
{
    for (int which = 0; which < 3; which++) {
        test_row(which);
        rig_start();
        if (which == 0) fake.smmu_close_result = ERR_TIMEOUT;
        if (which == 1) fake.smmu_flush_result = ERR_TIMEOUT;
        if (which == 2) guarded();
        fake.guard_moves = 101; /* more often than it is asked */
        die();
        uint32_t calls;
        EXPECT_EQ(STEP_QUARANTINED, run_to_end(&calls));
        EXPECT_EQ(DOMAIN_QUARANTINED, d->state);
        EXPECT_TRUE(strstr(fake.log, "links offered 1 0 ffffffff") != NULL);
        EXPECT_TRUE(strstr(fake.log, "quiesced") == NULL);
        EXPECT_TRUE(strstr(fake.log, "zero") == NULL); /* a device may still write there */
        fake.smmu_close_result = fake.smmu_flush_result = OK;
        fake.guard_moves = 0;
        EXPECT_EQ(STEP_QUARANTINED, run_to_end(&calls));
        EXPECT_EQ(0, d->generation);
    }
}

TEST(life, only_the_dead_are_stepped)
{
    rig_start();
    uint64_t after_ns;
    static const enum domain_state idle[] = { DOMAIN_ABSENT, DOMAIN_LOADED, DOMAIN_RUNNING };
    for (size_t i = 0; i < ARRAY_COUNT(idle); i++) {
        d->state = idle[i];
        EXPECT_EQ(STEP_IDLE, life_step(d, &after_ns));
    }
    fake.domain[0].state = DOMAIN_DEAD;
    EXPECT_EQ(STEP_IDLE, life_step(&fake.domain[0], &after_ns));
    EXPECT_STR("", fake.log);
}

TEST(life, a_domain_without_dma_asks_no_smmu)
{
    rig_start();
    conf.dma = MANIFEST_DMA_NONE;
    fake.smmu_close_result = fake.smmu_flush_result = ERR_TIMEOUT;
    die();
    uint32_t calls;
    EXPECT_EQ(STEP_DONE, run_to_end(&calls));
    EXPECT_TRUE(strstr(fake.log, "smmu") == NULL);
    EXPECT_TRUE(strstr(fake.log, "stream") == NULL);
}

TEST(life, memory_that_is_not_64k_aligned_works)
{
    rig_start();
    d->ram.start.raw += PAGE_SIZE * 3;
    d->ram.size_bytes = MIB(1);
    die();
    uint32_t calls;
    EXPECT_EQ(STEP_DONE, run_to_end(&calls));
    EXPECT_EQ(0, fake.bad_chunks);
    EXPECT_BYTES(image, ram + PAGE_SIZE * 3, IMAGE_BYTES);
    EXPECT_EQ(0xaa, ram[PAGE_SIZE * 3 - 1]);
    EXPECT_EQ(0xaa, ram[PAGE_SIZE * 3 + MIB(1)]);
}

TEST(life, a_lying_header_cannot_lead_outside_of_memory)
{
    static const uint64_t text[] = { 0, 1, IMAGE_BYTES, UINT64_MAX };
    for (size_t i = 0; i < ARRAY_COUNT(text); i++) {
        test_row((int64_t)i);
        rig_start();
        memcpy(image + offsetof(struct image_header, text_bytes), &text[i], sizeof(text[i]));
        d->ram.size_bytes = KIB(64); /* smaller than the image */
        die();
        uint32_t calls;
        EXPECT_EQ(STEP_DONE, run_to_end(&calls));
        EXPECT_EQ(0, fake.bad_chunks);
        EXPECT_BYTES(image, ram, KIB(60));
        EXPECT_EQ(0xaa, ram[KIB(64)]);
    }
}

TEST(life, first_start_fills_and_starts_generation_0)
{
    rig_start();
    d->state = DOMAIN_LOADED;
    life_first_start(d);
    EXPECT_STR("bus master 3 0\nstream close 24\nsmmu tlbi 2\nzero\ncopy code\ncopy data\ntlbi 2 "
               "0x1\nfp drop 1\nvgic reset 1\nuart reset 1\ncore on 0\n"
               "start 1 fp 0\nlinks started 1\n",
               squeezed());
    EXPECT_EQ(DOMAIN_RUNNING, d->state);
    EXPECT_EQ(0, d->generation);
    EXPECT_BYTES(image, ram, IMAGE_BYTES);
    die(); /* the next one is a rebirth from its first step */
    uint32_t calls;
    EXPECT_EQ(STEP_DONE, run_to_end(&calls));
    EXPECT_EQ(0, strncmp(fake.log, "park 1\nlines 1\n", 15));
    EXPECT_EQ(1, d->generation);
}

TEST(life, smp_nothing_is_touched_while_another_core_has_its_registers)
{
    rig_start();
    die();
    fake.loaded[1] = true;
    uint64_t after_ns = 1;
    for (int i = 0; i < 3; i++) EXPECT_EQ(STEP_AGAIN, life_step(d, &after_ns));
    EXPECT_STR("park 1\n", squeezed());
    fake.loaded[1] = false;
    uint32_t calls;
    EXPECT_EQ(STEP_DONE, run_to_end(&calls));
}

TEST(life, smp_a_core_that_does_not_start_leaves_the_domain_down)
{
    rig_start();
    die();
    fake.core_on_result = ERR_IO;
    uint32_t calls;
    EXPECT_EQ(STEP_QUARANTINED, run_to_end(&calls));
    EXPECT_TRUE(strstr(fake.log, "start 1") == NULL);
}

TEST(life, first_start_without_proof_is_quarantine)
{
    rig_start();
    d->state = DOMAIN_LOADED;
    fake.smmu_flush_result = ERR_TIMEOUT;
    life_first_start(d);
    EXPECT_EQ(DOMAIN_QUARANTINED, d->state);
    EXPECT_TRUE(strstr(fake.log, "start 1") == NULL);
}

TEST(life, bootinfo_says_what_the_domain_has)
{
    rig_start();
    die();
    uint32_t calls;
    EXPECT_EQ(STEP_DONE, run_to_end(&calls));
    struct bootinfo info;
    memcpy(&info, ram + RAM_BYTES - PAGE_SIZE, sizeof(info));
    EXPECT_EQ(BOOTINFO_MAGIC, info.magic);
    EXPECT_EQ(BOOTINFO_VERSION, info.version);
    EXPECT_EQ(sizeof(info), info.size_bytes);
    EXPECT_STR("storage", info.name);
    EXPECT_STR("slow=1", info.params);
    EXPECT_EQ(1, info.generation);
    EXPECT_EQ(1, info.pmu);
    EXPECT_EQ(27, info.vtimer_intid);
    EXPECT_EQ(DOMAIN_GICD_IPA, info.gicd_ipa);
    EXPECT_EQ(DOMAIN_GICR_IPA, info.gicr_ipa);
    EXPECT_EQ(1, info.range_count);
    EXPECT_EQ(DOMAIN_RAM_IPA, info.range[0].ipa);
    EXPECT_EQ(RAM_BYTES, info.range[0].size_bytes);
    EXPECT_EQ(KIB(128), info.image_bytes);
    EXPECT_EQ(2, info.device_count);
    EXPECT_STR("disk", info.device[0].name);
    EXPECT_STR("pci,080501", info.device[0].compatible);
    EXPECT_EQ(DOMAIN_MMIO_IPA, info.device[0].mmio_ipa);
    EXPECT_EQ(35, info.device[0].intid);
    EXPECT_EQ(MANIFEST_DMA_SMMU, info.device[0].dma);
    EXPECT_EQ(MANIFEST_DMA_NONE, info.device[1].dma);
    EXPECT_EQ(1, info.link_count);
    EXPECT_EQ(1, info.link[0].is_server);
    EXPECT_EQ(0, info.domain_count);
    EXPECT_EQ(0, info.manifest_bytes);
    one_link.present = false; /* the other end was refused at boot */
    life_bootinfo(d, &info);
    EXPECT_EQ(0, info.link_count);
}

static void read_dump(struct domain_dump *out)
{
    uint8_t piece[32];
    uint64_t total = 0, at = 0;
    for (uint32_t n; (n = life_dump_read(d, at, piece, &total)) != 0; at += n)
        memcpy((uint8_t *)out + at, piece, n);
    EXPECT_EQ(sizeof(*out), total);
    EXPECT_EQ(sizeof(*out), at);
}

TEST(life, dump_holds_registers_queues_and_stack)
{
    rig_start();
    d->death.cause = CAUSE_FAULT;
    d->death.detail = 0x1234;
    d->death.pc = 0x10000040;
    d->death.sp = DOMAIN_RAM_IPA + KIB(200) - 1000; /* across a page */
    d->vcpu[0].regs.x[29] = 29;
    one_link.queue[0].done = 7;
    one_link.queue[0].avail_seen = 9;
    for (size_t i = 0; i < sizeof(ram); i++) ram[i] = (uint8_t)(i >> 3);
    life_dump_take(d);
    struct domain_dump dump;
    read_dump(&dump);
    EXPECT_EQ(DUMP_MAGIC, dump.magic);
    EXPECT_STR("storage", dump.name);
    EXPECT_EQ(CAUSE_FAULT, dump.cause);
    EXPECT_EQ(0x1234, dump.detail);
    EXPECT_EQ(0x10000040, dump.pc);
    EXPECT_EQ(29, dump.x[29]);
    EXPECT_EQ(1, dump.queue_count);
    EXPECT_EQ(7, dump.queue[0].done);
    EXPECT_EQ(9, dump.queue[0].avail);
    EXPECT_EQ(d->death.sp, dump.stack_ipa);
    EXPECT_EQ(DUMP_STACK_BYTES, dump.stack_bytes);
    EXPECT_BYTES(ram + KIB(200) - 1000, dump.stack, DUMP_STACK_BYTES);
}

TEST(life, dump_shows_ram_only_wherever_sp_points)
{
    static const struct {
        uint64_t sp, want_bytes;
    } row[] = {
        { 0, 0 },
        { DOMAIN_WINDOW_IPA, 0 },
        { DOMAIN_LINK_IPA, 0 },
        { DOMAIN_RAM_IPA - 8, 0 },
        { DOMAIN_RAM_IPA + RAM_BYTES, 0 },
        { DOMAIN_RAM_IPA + RAM_BYTES - 8, 8 },
        { DOMAIN_RAM_IPA + RAM_BYTES - 1, 1 },
        { UINT64_MAX, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        test_row((int64_t)i);
        rig_start();
        d->death.sp = row[i].sp;
        life_dump_take(d);
        struct domain_dump dump;
        read_dump(&dump);
        EXPECT_EQ(row[i].want_bytes, dump.stack_bytes);
    }
    EXPECT_EQ(0, fake.bad_chunks);
}

TEST(life, dump_keeps_the_last_records_of_this_domain)
{
    rig_start();
    struct domain_dump dump;
    for (uint64_t i = 0; i < 3000; i++)
        trace(TRACE_TRAP, i % 3 == 0 ? 1 : 0, i, 0); /* the ring has wrapped */
    life_dump_take(d);
    read_dump(&dump);
    EXPECT_EQ(DUMP_TRACE_MAX, dump.trace_count);
    for (uint64_t i = 0; i < DUMP_TRACE_MAX; i++) {
        EXPECT_EQ(1, dump.trace[i].domain);
        EXPECT_EQ(2997 - 3 * i, dump.trace[i].arg[0]);
    }
    for (uint64_t i = 0; i < 1000; i++)
        trace(TRACE_TRAP, 0, i, 0); /* somebody else's noise: the search is bounded */
    life_dump_take(d);
    read_dump(&dump);
    EXPECT_EQ(0, dump.trace_count);
}

TEST(life, dump_read_is_bounded)
{
    rig_start();
    life_dump_take(d);
    uint8_t piece[32];
    uint64_t total;
    EXPECT_EQ(0, life_dump_read(d, sizeof(struct domain_dump), piece, &total));
    EXPECT_EQ(0, life_dump_read(d, UINT64_MAX, piece, &total));
    EXPECT_EQ(3, life_dump_read(d, sizeof(struct domain_dump) - 3, piece, &total));
    EXPECT_EQ(0, life_dump_read(&fake.domain[0], 0, piece, &total)); /* main never died */
    EXPECT_EQ(0, total);
}

TEST(life, dump_leaves_out_links_of_others)
{
    rig_start();
    one_link.server = &fake.domain[0];
    life_dump_take(d);
    struct domain_dump dump;
    read_dump(&dump);
    EXPECT_EQ(0, dump.queue_count);
}
