/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One good manifest, then each rule of docs/manifest.md broken alone. */
// LINK: hyp/manifest.c lib/format.c lib/string.c
#include "hyp/manifest.h"

#include <string.h>

#include "lib/test.h"

#define BRIDGE "/pcie@10000000"

static struct manifest m;
static struct manifest_facts facts;
static struct manifest_problem problem;
static uint32_t refused;

static void add_node(const char *path, uint64_t start, uint64_t bytes, uint32_t intid,
                     bool is_master, bool is_reserved)
{
    struct manifest_fact *f = &facts.device[facts.device_count++];
    strcpy(f->path, path);
    f->mmio_start = start;
    f->mmio_bytes = bytes;
    f->intid = intid;
    f->is_master = is_master;
    f->is_reserved = is_reserved;
}

static struct manifest_fact *add_pci(uint32_t slot, uint32_t class_code, uint32_t intid)
{
    struct manifest_fact *f = &facts.device[facts.device_count++];
    strcpy(f->path, BRIDGE);
    f->is_pci = true;
    f->slot = slot;
    f->class_code = class_code;
    f->intid = intid;
    f->is_master = true;
    f->has_stream = true;
    return f;
}

static void give_node(struct manifest_domain *d, const char *name, const char *path)
{
    struct manifest_device *dev = &d->device[d->device_count++];
    strcpy(dev->name, name);
    strcpy(dev->path, path);
}

static void give_pci(struct manifest_domain *d, const char *name, uint32_t slot,
                     uint32_t class_code)
{
    struct manifest_device *dev = &d->device[d->device_count++];
    strcpy(dev->name, name);
    strcpy(dev->path, BRIDGE);
    dev->is_pci = 1;
    dev->slot = slot;
    dev->class_code = class_code;
}

static struct manifest_domain *add_domain(const char *name, enum manifest_kind kind)
{
    struct manifest_domain *d = &m.domain[m.domain_count++];
    strcpy(d->name, name);
    d->kind = kind;
    if (kind != MANIFEST_CANARY) {
        strcpy(d->image.name, "storage.img");
        memset(d->image.hash, 7, sizeof(d->image.hash));
        d->vcpus = 1;
        d->priority = kind == MANIFEST_MAIN ? 1 : 8;
    }
    if (kind != MANIFEST_MAIN) d->memory_bytes = MIB(2);
    if (kind == MANIFEST_DRIVER) {
        d->budget_us = 8000;
        d->period_us = 10000;
        d->dma = MANIFEST_DMA_SMMU;
    }
    return d;
}

static struct manifest_link *add_link(const char *name, uint32_t server, uint32_t client)
{
    struct manifest_link *l = &m.link[m.link_count++];
    strcpy(l->name, name);
    l->device_id = 2;
    l->server = server;
    l->client = client;
    l->window_bytes = MIB(4);
    l->queue_count = 1;
    l->queue_size = 64;
    l->watch_mask = 1;
    l->deadline_ms = 2000;
    l->slow_ms = 30000;
    l->own_client = 1;
    return l;
}

/* Two disks, a canary and the devices of QEMU's virt that matter here. */
static void start(void)
{
    memset(&m, 0, sizeof(m));
    memset(&facts, 0, sizeof(facts));
    facts.ram_bytes = MIB(256);
    facts.core_count = 2;
    facts.has_smmu = true;
    add_node("/intc@8000000", 0x8000000, 0x10000, 0, true, true);
    add_node("/pl011@9000000", 0x9000000, 0x1000, 33, false, false);
    add_node("/pl031@9010000", 0x9010000, 0x1000, 34, false, false);
    add_node("/fw-cfg@9020000", 0x9020000, 0x18, 0, true, false);
    add_node("/virtio_mmio@a000000", 0xa000000, 0x200, 48, true, false);
    add_pci(1, 0x080501, 36);
    add_pci(2, 0x080501, 37);

    add_domain("main", MANIFEST_MAIN);
    give_node(&m.domain[0], "uart0", "/pl011@9000000");
    give_node(&m.domain[0], "rtc0", "/pl031@9010000");
    give_pci(add_domain("storage", MANIFEST_DRIVER), "disk", 1, 0x080501);
    give_pci(add_domain("storage2", MANIFEST_DRIVER), "disk", 2, 0x080501);
    add_domain("canary", MANIFEST_CANARY);
    add_link("disk0", 1, 0);
    add_link("disk1", 2, 0);
    struct manifest_service *s = &m.service[m.service_count++];
    strcpy(s->name, "init");
    strcpy(s->image.name, "init");
    memset(s->image.hash, 7, sizeof(s->image.hash));
}

/* A stock guest at index 4 with link 2 to its own storage domain, number 2. */
static struct manifest_domain *start_guest(void)
{
    start();
    struct manifest_domain *d = add_domain("linux", MANIFEST_GUEST);
    d->memory_bytes = MIB(64);
    d->priority = 1;
    m.link[1].client = 4;
    m.link[1].own_client = 0;
    return d;
}

static bool check(void)
{
    return manifest_check(&m, &facts, &refused, &problem);
}

#define EXPECT_REFUSED(verdict_, who_, what_) \
    do {                                      \
        EXPECT_FALSE(check());                \
        EXPECT_EQ(verdict_, problem.verdict); \
        EXPECT_STR(who_, problem.who);        \
        EXPECT_STR(what_, problem.what);      \
    } while (0)

TEST(manifest, a_good_one_is_accepted)
{
    start();
    EXPECT_TRUE(check());
    EXPECT_EQ(MANIFEST_OK, problem.verdict);
    EXPECT_EQ(0, refused);
}

TEST(manifest, every_verdict_has_a_sentence_of_its_own)
{
    for (uint32_t v = 0; v < MANIFEST_VERDICT_COUNT; v++) {
        test_row(v);
        EXPECT_TRUE(strlen(manifest_verdict_text((enum manifest_verdict)v)) > 15);
        for (uint32_t w = 0; w < v; w++) {
            EXPECT_TRUE(strcmp(manifest_verdict_text((enum manifest_verdict)v),
                               manifest_verdict_text((enum manifest_verdict)w)) != 0);
        }
    }
    EXPECT_STR("unknown verdict", manifest_verdict_text(MANIFEST_VERDICT_COUNT));
}

TEST(manifest, names_must_be_plain)
{
    static const char *const bad[] = { "", "a b", "a/b", "x\x1b", "a.b", "\xc3\xa4" };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        test_row((int64_t)i);
        start();
        strcpy(m.domain[1].name, bad[i]);
        EXPECT_REFUSED(MANIFEST_NAME, bad[i], "domain");
        start();
        strcpy(m.domain[1].device[0].name, bad[i]);
        EXPECT_REFUSED(MANIFEST_NAME, "storage", bad[i]);
        start();
        strcpy(m.link[0].name, bad[i]);
        EXPECT_REFUSED(MANIFEST_NAME, bad[i], "link");
        start();
        strcpy(m.service[0].name, bad[i]);
        EXPECT_REFUSED(MANIFEST_NAME, bad[i], "service");
    }
    start();
    memset(m.domain[1].name, 'a', sizeof(m.domain[1].name));
    EXPECT_FALSE(check());
    EXPECT_EQ(MANIFEST_NAME, problem.verdict);
}

TEST(manifest, image_names_are_file_names_without_a_path)
{
    static const char *const bad[] = { "", "../kernel", "a/b", ".hidden" };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        test_row((int64_t)i);
        start();
        strcpy(m.domain[1].image.name, bad[i]);
        EXPECT_REFUSED(MANIFEST_NAME, "storage", "image");
        start();
        strcpy(m.service[0].image.name, bad[i]);
        EXPECT_REFUSED(MANIFEST_NAME, "init", "image");
    }
}

TEST(manifest, names_must_not_repeat)
{
    start();
    strcpy(m.domain[2].name, "storage");
    EXPECT_REFUSED(MANIFEST_NAME, "storage", "domain");
    start();
    strcpy(m.domain[0].device[1].name, "uart0");
    EXPECT_REFUSED(MANIFEST_NAME, "main", "uart0");
    start();
    strcpy(m.link[1].name, "disk0");
    EXPECT_REFUSED(MANIFEST_NAME, "disk0", "link");
    start();
    m.service[1] = m.service[0];
    m.service_count = 2;
    EXPECT_REFUSED(MANIFEST_NAME, "init", "service");
}

TEST(manifest, exactly_one_main)
{
    start();
    m.domain_count = 0;
    m.link_count = 0;
    EXPECT_REFUSED(MANIFEST_NO_MAIN, "", "");
    start();
    m.domain[0].kind = MANIFEST_DRIVER;
    EXPECT_REFUSED(MANIFEST_NO_MAIN, "", "");
    start();
    m.domain[2].kind = MANIFEST_MAIN;
    EXPECT_REFUSED(MANIFEST_NO_MAIN, "storage2", "");
}

TEST(manifest, memory_is_in_2_mib_steps_and_fits)
{
    start();
    m.domain[1].memory_bytes = 0;
    EXPECT_REFUSED(MANIFEST_MEMORY, "storage", "memory = 0");
    start();
    m.domain[1].memory_bytes = MIB(2) + PAGE_SIZE;
    EXPECT_REFUSED(MANIFEST_MEMORY, "storage", "memory = 2101248");
    start();
    m.domain[0].memory_bytes = MIB(64);
    EXPECT_REFUSED(MANIFEST_MEMORY, "main", "memory = 67108864");
    start();
    m.domain[3].memory_bytes = 0;
    EXPECT_REFUSED(MANIFEST_MEMORY, "canary", "memory = 0");
    start();
    m.domain[2].memory_bytes = 0 - MIB(2);
    EXPECT_REFUSED(MANIFEST_MEMORY, "storage2", "memory = 18446744073707454464");
    start();
    facts.ram_bytes = MIB(8);
    EXPECT_REFUSED(MANIFEST_MEMORY, "main", "ram = 8388608");
}

TEST(manifest, memory_of_all_and_windows_leave_enough_for_main)
{
    /* Three times 2 MiB and two windows of 4 MiB: 14 MiB, and main's least. */
    start();
    facts.ram_bytes = MIB(14) + MANIFEST_MAIN_MIN;
    EXPECT_TRUE(check());
    facts.ram_bytes -= 1;
    EXPECT_REFUSED(MANIFEST_MEMORY, "disk1", "window = 4194304");
    facts.ram_bytes = MIB(5) + MANIFEST_MAIN_MIN;
    EXPECT_REFUSED(MANIFEST_MEMORY, "canary", "memory = 2097152");
}

TEST(manifest, vcpus_and_cores_exist)
{
    start();
    m.domain[1].vcpus = 0;
    EXPECT_REFUSED(MANIFEST_VCPU, "storage", "vcpus = 0");
    start();
    m.domain[1].vcpus = 2;
    EXPECT_REFUSED(MANIFEST_VCPU, "storage", "vcpus = 2");
    start_guest()->vcpus = VCPU_MAX;
    m.domain[0].vcpus = VCPU_MAX;
    EXPECT_TRUE(check());
    m.domain[0].vcpus = VCPU_MAX + 1;
    EXPECT_REFUSED(MANIFEST_VCPU, "main", "vcpus = 5");
    start_guest()->vcpus = VCPU_MAX + 1;
    EXPECT_REFUSED(MANIFEST_VCPU, "linux", "vcpus = 5");
    start();
    m.domain[1].core = 1;
    EXPECT_TRUE(check());
    m.domain[1].core = 2;
    EXPECT_REFUSED(MANIFEST_VCPU, "storage", "core = 2");
}

TEST(manifest, budgets_are_within_periods)
{
    static const struct {
        uint32_t budget, period;
        const char *what;
    } bad[] = {
        { 0, 0, "period-us = 0" },
        { 0, 10000, "budget-us = 0" },
        { 10001, 10000, "budget-us = 10001" },
        { 500, MANIFEST_PERIOD_US_MIN - 1, "period-us = 999" },
        { 500, MANIFEST_PERIOD_US_MAX + 1, "period-us = 1000001" },
        { 500, 0, "period-us = 0" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        test_row((int64_t)i);
        start();
        m.domain[1].budget_us = bad[i].budget;
        m.domain[1].period_us = bad[i].period;
        EXPECT_REFUSED(MANIFEST_BUDGET, "storage", bad[i].what);
    }
    start();
    m.domain[1].budget_us = m.domain[1].period_us;
    EXPECT_TRUE(check());
    m.domain[0].budget_us = 5;
    EXPECT_REFUSED(MANIFEST_BUDGET, "main", "period-us = 0");
}

TEST(manifest, drivers_stand_above_main)
{
    start();
    m.domain[1].priority = 1;
    EXPECT_REFUSED(MANIFEST_PRIORITY, "storage", "priority = 1");
    start();
    m.domain[1].priority = MANIFEST_PRIORITY_MAX;
    EXPECT_TRUE(check());
    m.domain[1].priority++;
    EXPECT_REFUSED(MANIFEST_PRIORITY, "storage", "priority = 32");
    start();
    m.domain[0].priority = 0;
    EXPECT_REFUSED(MANIFEST_PRIORITY, "main", "priority = 0");
}

TEST(manifest, a_guest_without_a_budget_stands_not_above_main)
{
    EXPECT_TRUE(start_guest() != NULL && check());
    m.domain[4].priority = 2;
    EXPECT_REFUSED(MANIFEST_PRIORITY, "linux", "priority = 2");
    m.domain[4].budget_us = 5000;
    m.domain[4].period_us = 10000;
    EXPECT_TRUE(check());
    m.domain[4].priority = MANIFEST_PRIORITY_MAX + 1;
    EXPECT_REFUSED(MANIFEST_PRIORITY, "linux", "priority = 32");
    m.domain[4].priority = 2;
    m.domain[4].budget_us = 10001;
    EXPECT_REFUSED(MANIFEST_BUDGET, "linux", "budget-us = 10001");
}

TEST(manifest, client_memory_is_a_guests_and_the_servers_only_link)
{
    struct manifest_domain *d = start_guest();
    struct manifest_link *l = &m.link[1];
    l->client_memory = 1;
    EXPECT_REFUSED(MANIFEST_LINK_WINDOW, "disk1", "window = 4194304");
    l->window_bytes = 0;
    EXPECT_TRUE(check());
    l->own_client = 1;
    EXPECT_REFUSED(MANIFEST_CLIENT_MEMORY, "disk1", "linux");
    l->own_client = 0;
    l->client = 0;
    EXPECT_REFUSED(MANIFEST_CLIENT_MEMORY, "disk1", "main");
    l->client = 4;
    l->server = 0;
    EXPECT_REFUSED(MANIFEST_CLIENT_MEMORY, "disk1", "main");
    l->server = 2;
    /* The server has another link, as a server or as a client. */
    m.link[0].server = 2;
    m.link[0].lba_count = 1000;
    l->lba_first = 1000;
    EXPECT_REFUSED(MANIFEST_CLIENT_MEMORY, "disk1", "disk0");
    m.link[0].server = 1;
    m.link[0].client = 2;
    EXPECT_REFUSED(MANIFEST_CLIENT_MEMORY, "disk1", "disk0");
    m.link[0].client = 0;
    facts.ram_bytes = GIB(16);
    d->memory_bytes = MANIFEST_CLIENT_RAM_MAX;
    EXPECT_TRUE(check());
    d->memory_bytes += MIB(2);
    EXPECT_REFUSED(MANIFEST_CLIENT_MEMORY, "disk1", "memory = 3760193536");
}

TEST(manifest, an_absent_function_refuses_only_its_domain)
{
    start();
    facts.device_count--;
    EXPECT_TRUE(check());
    EXPECT_EQ(BIT(2), refused);
    EXPECT_EQ(MANIFEST_DEVICE_UNKNOWN, problem.verdict);
    EXPECT_STR("storage2", problem.who);
    EXPECT_STR("/pcie@10000000 slot 2 class 080501", problem.what);
}

TEST(manifest, a_function_of_another_class_or_slot_is_absent)
{
    start();
    facts.device[5].class_code = 0x010802;
    EXPECT_TRUE(check());
    EXPECT_EQ(BIT(1), refused);
    start();
    facts.device[5].slot = 3;
    EXPECT_TRUE(check());
    EXPECT_EQ(BIT(1), refused);
    start();
    strcpy(m.domain[1].device[0].path, "/pcie@20000000");
    EXPECT_TRUE(check());
    EXPECT_EQ(BIT(1), refused);
}

TEST(manifest, an_absent_device_of_main_is_fatal)
{
    start();
    strcpy(m.domain[0].device[1].path, "/pl031@9990000");
    EXPECT_REFUSED(MANIFEST_DEVICE_UNKNOWN, "main", "/pl031@9990000");
}

TEST(manifest, a_device_has_one_owner)
{
    start();
    m.domain[2].device[0].slot = 1;
    EXPECT_REFUSED(MANIFEST_DEVICE_TWICE, "storage2", "/pcie@10000000 slot 1 class 080501");
    start();
    give_node(&m.domain[1], "uart", "/pl011@9000000");
    EXPECT_REFUSED(MANIFEST_DEVICE_TWICE, "storage", "/pl011@9000000");
    start();
    give_node(&m.domain[0], "uart1", "/pl011@9000000");
    EXPECT_REFUSED(MANIFEST_DEVICE_TWICE, "main", "/pl011@9000000");
    /* Also when the class is written differently. */
    start();
    m.domain[2].device[0].slot = 1;
    m.domain[2].device[0].class_code = 0x010802;
    EXPECT_REFUSED(MANIFEST_DEVICE_TWICE, "storage2", "/pcie@10000000 slot 1 class 010802");
}

TEST(manifest, what_is_the_hypervisors_stays_there)
{
    start();
    give_node(&m.domain[0], "gic", "/intc@8000000");
    EXPECT_REFUSED(MANIFEST_DEVICE_RESERVED, "main", "/intc@8000000");
    start();
    facts.device[5].is_reserved = true;
    EXPECT_REFUSED(MANIFEST_DEVICE_RESERVED, "storage", "/pcie@10000000 slot 1 class 080501");
}

TEST(manifest, a_page_has_one_owner)
{
    /* A neighbour in the page that nobody owns. */
    start();
    add_node("/other@9010800", 0x9010800, 0x100, 0, false, false);
    EXPECT_REFUSED(MANIFEST_DEVICE_OVERLAP, "main", "/pl031@9010000");
    /* Both with one owner. */
    give_node(&m.domain[0], "other", "/other@9010800");
    EXPECT_TRUE(check());
    /* The neighbour with another owner. */
    m.domain[0].device_count--;
    give_node(&m.domain[1], "other", "/other@9010800");
    EXPECT_REFUSED(MANIFEST_DEVICE_OVERLAP, "main", "/pl031@9010000");
    /* The next page is no neighbour, the last byte of this one is. */
    start();
    add_node("/other@9011000", 0x9011000, 0x100, 0, false, false);
    EXPECT_TRUE(check());
    facts.device[facts.device_count - 1].mmio_bytes = 2;
    facts.device[facts.device_count - 1].mmio_start = 0x900fffe;
    EXPECT_TRUE(check());
    facts.device[facts.device_count - 1].mmio_bytes = 3;
    EXPECT_REFUSED(MANIFEST_DEVICE_OVERLAP, "main", "/pl031@9010000");
}

TEST(manifest, an_interrupt_line_has_one_owner)
{
    start();
    facts.device[6].intid = 36;
    EXPECT_REFUSED(MANIFEST_LINE_SHARED, "storage", "/pcie@10000000 slot 1 class 080501");
    start();
    facts.device[6].intid = 33;
    EXPECT_REFUSED(MANIFEST_LINE_SHARED, "main", "/pl011@9000000");
    /* A line of the hypervisor's. */
    start();
    facts.device[0].intid = 36;
    EXPECT_REFUSED(MANIFEST_LINE_SHARED, "storage", "/pcie@10000000 slot 1 class 080501");
    /* A function that nobody owns is kept off: its line is silent. And 0 is no line. */
    start();
    add_pci(5, 0x020000, 36);
    EXPECT_TRUE(check());
    facts.device[5].intid = facts.device[6].intid = 0;
    EXPECT_TRUE(check());
    /* Two devices of one domain may share. */
    start();
    facts.device[2].intid = 33;
    EXPECT_TRUE(check());
}

TEST(manifest, no_master_outside_the_fence)
{
    start();
    give_node(&m.domain[0], "fw", "/fw-cfg@9020000");
    EXPECT_REFUSED(MANIFEST_MASTER_OUTSIDE, "main", "/fw-cfg@9020000");
    start();
    give_node(&m.domain[1], "vio", "/virtio_mmio@a000000");
    EXPECT_REFUSED(MANIFEST_MASTER_OUTSIDE, "storage", "/virtio_mmio@a000000");
    start();
    facts.device[5].has_stream = false;
    EXPECT_REFUSED(MANIFEST_MASTER_OUTSIDE, "storage", "/pcie@10000000 slot 1 class 080501");
    /* Without DMA it needs the fence all the same: a function can always turn master. */
    m.domain[1].dma = MANIFEST_DMA_NONE;
    EXPECT_REFUSED(MANIFEST_MASTER_OUTSIDE, "storage", "/pcie@10000000 slot 1 class 080501");
}

TEST(manifest, a_dma_fence_is_there_and_has_a_device)
{
    start();
    facts.has_smmu = false;
    EXPECT_REFUSED(MANIFEST_DMA, "storage", "smmu");
    start();
    m.domain[1].device_count = 0;
    EXPECT_REFUSED(MANIFEST_DMA, "storage", "smmu");
    start();
    m.domain[0].dma = MANIFEST_DMA_SMMU;
    EXPECT_REFUSED(MANIFEST_DMA, "main", "smmu");
    start();
    m.domain[1].dma = MANIFEST_DMA_GUARD;
    EXPECT_REFUSED(MANIFEST_DMA, "storage", "guard");
    /* The guard needs no SMMU, and no SMMU makes up for it. */
    facts.device[5].has_guard = true;
    facts.device[5].has_stream = false;
    m.domain[2].dma = MANIFEST_DMA_NONE;
    facts.has_smmu = false;
    EXPECT_TRUE(check());
    m.domain[1].dma = MANIFEST_DMA_NONE;
    EXPECT_REFUSED(MANIFEST_MASTER_OUTSIDE, "storage", "/pcie@10000000 slot 1 class 080501");
    m.domain[1].dma = MANIFEST_DMA_GUARD;
    m.domain[1].device_count = 0;
    EXPECT_REFUSED(MANIFEST_DMA, "storage", "guard");
    start();
    m.domain[1].dma = MANIFEST_DMA_NONE;
    EXPECT_TRUE(check());
}

TEST(manifest, links_join_two_running_domains)
{
    start();
    m.link[0].server = MANIFEST_NO_DOMAIN;
    EXPECT_REFUSED(MANIFEST_LINK_ENDS, "disk0", "server");
    start();
    m.link[0].client = 4;
    EXPECT_REFUSED(MANIFEST_LINK_ENDS, "disk0", "client");
    start();
    m.link[0].client = 1;
    EXPECT_REFUSED(MANIFEST_LINK_ENDS, "disk0", "client");
    start();
    m.link[0].server = 3;
    EXPECT_REFUSED(MANIFEST_LINK_ENDS, "disk0", "server");
    start();
    m.link[0].client = 3;
    EXPECT_REFUSED(MANIFEST_LINK_ENDS, "disk0", "client");
}

TEST(manifest, windows_hold_their_queues)
{
    static const uint64_t bad[] = { 0, MIB(4) + 8, 0x3000, DOMAIN_WINDOW_STEP + PAGE_SIZE };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        test_row((int64_t)i);
        start();
        m.link[0].window_bytes = bad[i];
        EXPECT_FALSE(check());
        EXPECT_EQ(MANIFEST_LINK_WINDOW, problem.verdict);
        EXPECT_STR("disk0", problem.who);
    }
    start();
    m.link[0].window_bytes = 0x4000;
    EXPECT_TRUE(check());
    m.link[0].queue_count = 2;
    EXPECT_REFUSED(MANIFEST_LINK_WINDOW, "disk0", "window = 16384");
    start();
    m.link[0].window_bytes = DOMAIN_WINDOW_STEP;
    EXPECT_TRUE(check());
}

TEST(manifest, queues_are_of_a_size_the_transport_has)
{
    static const struct {
        uint32_t count, size;
        const char *what;
    } bad[] = {
        { 0, 64, "queues = 0" },      { LINK_QUEUE_MAX + 1, 64, "queues = 5" },
        { 1, 0, "queue-size = 0" },   { 1, 1, "queue-size = 1" },
        { 1, 48, "queue-size = 48" }, { 1, 2 * LINK_RING_MAX, "queue-size = 256" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        test_row((int64_t)i);
        start();
        m.link[0].queue_count = bad[i].count;
        m.link[0].queue_size = bad[i].size;
        EXPECT_REFUSED(MANIFEST_LINK_QUEUES, "disk0", bad[i].what);
    }
    start();
    m.link[0].queue_count = LINK_QUEUE_MAX;
    m.link[0].queue_size = LINK_RING_MAX;
    EXPECT_TRUE(check());
}

TEST(manifest, watched_queues_exist_and_have_deadlines)
{
    start();
    m.link[0].watch_mask = 2;
    EXPECT_REFUSED(MANIFEST_LINK_WATCH, "disk0", "watch = 2");
    start();
    m.link[0].deadline_ms = 0;
    EXPECT_REFUSED(MANIFEST_LINK_WATCH, "disk0", "deadline-ms = 0");
    start();
    m.link[0].deadline_ms = m.link[0].slow_ms = MANIFEST_DEADLINE_MS_MAX + 1;
    EXPECT_REFUSED(MANIFEST_LINK_WATCH, "disk0", "slow-ms = 600001");
    start();
    m.link[0].slow_ms = 1999;
    EXPECT_REFUSED(MANIFEST_LINK_WATCH, "disk0", "deadline-ms = 2000");
    start();
    m.link[0].slow_ms = MANIFEST_DEADLINE_MS_MAX + 1;
    EXPECT_REFUSED(MANIFEST_LINK_WATCH, "disk0", "slow-ms = 600001");
    start();
    m.link[0].watch_mask = m.link[0].deadline_ms = m.link[0].slow_ms = 0;
    EXPECT_TRUE(check());
}

TEST(manifest, links_of_one_server_share_no_sector)
{
    start();
    m.link[1].server = 1;
    EXPECT_REFUSED(MANIFEST_LBA_OVERLAP, "disk1", "disk0");
    m.link[0].lba_count = 1000;
    EXPECT_REFUSED(MANIFEST_LBA_OVERLAP, "disk1", "disk0");
    m.link[1].lba_first = 999;
    EXPECT_REFUSED(MANIFEST_LBA_OVERLAP, "disk1", "disk0");
    m.link[1].lba_first = 1000;
    EXPECT_TRUE(check());
    m.link[0].lba_first = 2000;
    EXPECT_REFUSED(MANIFEST_LBA_OVERLAP, "disk1", "disk0");
    m.link[1].lba_count = 1000;
    EXPECT_TRUE(check());
    m.link[1].lba_count = 1001;
    EXPECT_REFUSED(MANIFEST_LBA_OVERLAP, "disk1", "disk0");
    /* Only disks have sectors. */
    m.link[1].device_id = 4;
    EXPECT_TRUE(check());
}

TEST(manifest, every_image_has_a_hash)
{
    start();
    memset(m.domain[1].image.hash, 0, sizeof(m.domain[1].image.hash));
    EXPECT_REFUSED(MANIFEST_HASH, "storage", "storage.img");
    start();
    memset(m.service[0].image.hash, 0, sizeof(m.service[0].image.hash));
    EXPECT_REFUSED(MANIFEST_HASH, "init", "init");
    start();
    memset(m.domain[0].image.hash, 0, sizeof(m.domain[0].image.hash));
    m.domain[0].image.hash[31] = 1;
    EXPECT_TRUE(check());
}
