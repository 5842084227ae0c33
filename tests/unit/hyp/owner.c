/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The ownership specification: sound tables pass, and each rule broken alone is found by its sentence. */
// LINK: hyp/owner.c hyp/stage2.c
#include "hyp/owner.h"

#include <stdlib.h>
#include <string.h>

#include "hyp/aarch64/mmu.h"
#include "hyp/console.h"
#include "hyp/dma/smmuv3.h"
#include "hyp/domain.h"
#include "hyp/link.h"
#include "hyp/pool.h"
#include "lib/test.h"

#define EL2_PA    0x40000000UL
#define RAM_PA    0x50000000UL
#define OTHER_PA  0x50200000UL
#define WINDOW_PA 0x50400000UL
#define DEV_PA    0x10000000UL
#define MAIN_PA   0x60000000UL
#define STREAM    8

enum { MAIN, SERVER, OTHER, DOMAINS };

static struct domain domain[DOMAINS];
static struct manifest_domain conf[DOMAINS];
static struct link a_link;
static struct manifest_link link_conf;
static uint64_t stream[256][8] __attribute__((aligned(4096)));
static uint64_t empty_root[512] __attribute__((aligned(4096)));
static uint8_t tables[64][4096] __attribute__((aligned(4096)));
static uint32_t tables_used;

void *pool_take_table(void)
{
    return tables_used < 64 ? tables[tables_used++] : NULL;
}

struct domain *domain_at(uint32_t index)
{
    return index < DOMAINS ? &domain[index] : NULL;
}

uint32_t domain_count(void)
{
    return DOMAINS;
}

struct domain *domain_of_stream(uint32_t id)
{
    return id == STREAM ? &domain[SERVER] : NULL;
}

struct link *link_at(uint32_t index)
{
    return index == 0 ? &a_link : NULL;
}

uint32_t link_count(void)
{
    return 1;
}

struct pa_range mmu_image(void)
{
    return (struct pa_range){ { EL2_PA }, MIB(2) };
}

struct pa_range smmu_stream_table(void)
{
    return (struct pa_range){ { (uintptr_t)stream }, sizeof stream };
}

void log_line(const char *fmt, ...)
{
    (void)fmt;
}

static void map(uint32_t d, uint64_t ipa, uint64_t pa, uint64_t bytes, enum s2_prot prot)
{
    CHECK(s2_map(&domain[d].s2, (ipa_t){ ipa }, (pa_t){ pa }, bytes, prot) == OK);
}

static void stream_set(uint64_t config, uint64_t vmid, const void *root)
{
    stream[STREAM][0] = config;
    stream[STREAM][2] = vmid;
    stream[STREAM][3] = (uintptr_t)root;
}

/* Main, a server with a device and a link to main, and another driver. The tables are as the loader makes them. */
static void rig(void)
{
    memset(domain, 0, sizeof domain);
    memset(conf, 0, sizeof conf);
    memset(&a_link, 0, sizeof a_link);
    memset(&link_conf, 0, sizeof link_conf);
    memset(stream, 0, sizeof stream);
    memset(tables, 0, sizeof tables);
    tables_used = 0;
    for (uint32_t i = 0; i < DOMAINS; i++) {
        domain[i].index = i;
        domain[i].vmid = (uint16_t)(i + 1);
        domain[i].conf = &conf[i];
        domain[i].state = DOMAIN_RUNNING;
        conf[i].kind = i == MAIN ? MANIFEST_MAIN : MANIFEST_DRIVER;
        CHECK(s2_create(&domain[i].s2) == OK);
    }
    domain[SERVER].ram = (struct pa_range){ { RAM_PA }, MIB(2) };
    domain[OTHER].ram = (struct pa_range){ { OTHER_PA }, MIB(2) };
    conf[SERVER].dma = MANIFEST_DMA_SMMU;
    domain[SERVER].device_count = 1;
    domain[SERVER].device[0].mmio = (struct pa_range){ { DEV_PA }, PAGE_SIZE };
    domain[SERVER].device[0].is_pci = true;
    domain[SERVER].device[0].stream_id = STREAM;
    domain[SERVER].device[0].dma_open = true;
    link_conf.own_client = 1;
    link_conf.queue_count = 1;
    a_link.conf = &link_conf;
    a_link.present = true;
    a_link.client = &domain[MAIN];
    a_link.server = &domain[SERVER];
    a_link.window = (struct pa_range){ { WINDOW_PA }, KIB(64) };
    map(MAIN, MAIN_PA, MAIN_PA, MIB(16), S2_MEM_RWX);
    map(MAIN, WINDOW_PA, WINDOW_PA, KIB(64), S2_MEM_RW);
    map(SERVER, DOMAIN_RAM_IPA, RAM_PA, PAGE_SIZE, S2_MEM_RX);
    map(SERVER, DOMAIN_RAM_IPA + PAGE_SIZE, RAM_PA + PAGE_SIZE, MIB(2) - PAGE_SIZE, S2_MEM_RW);
    map(SERVER, DOMAIN_WINDOW_IPA, WINDOW_PA, KIB(8), S2_MEM_RO);
    map(SERVER, DOMAIN_WINDOW_IPA + KIB(8), WINDOW_PA + KIB(8), KIB(56), S2_MEM_RW);
    map(SERVER, DOMAIN_MMIO_IPA, DEV_PA, PAGE_SIZE, S2_DEVICE_RW);
    map(OTHER, DOMAIN_RAM_IPA, OTHER_PA, MIB(2), S2_MEM_RW);
    stream_set(13, domain[SERVER].vmid, domain[SERVER].s2.root);
}

static const char *problem(void)
{
    uint64_t at;
    const char *why = owner_problem(&at);
    return why ? why : "none";
}

TEST(ownership, tables_as_the_loader_makes_them_pass)
{
    rig();
    EXPECT_STR("none", problem());
    stream_set(13, 0xff, empty_root); /* closed: faults are reported */
    EXPECT_STR("none", problem());
    stream_set(1, 0, NULL);
    EXPECT_STR("none", problem());
}

#define FREE_IPA 0x8000000UL

TEST(ownership, a_leaf_of_another_domain_is_found)
{
    rig();
    map(SERVER, FREE_IPA, OTHER_PA, PAGE_SIZE, S2_MEM_RO);
    EXPECT_STR("a domain reaches another one's memory", problem());
}

TEST(ownership, a_leaf_of_el2_is_found)
{
    rig();
    map(MAIN, EL2_PA, EL2_PA + PAGE_SIZE, PAGE_SIZE, S2_MEM_RO);
    EXPECT_STR("a domain reaches EL2's memory", problem());
}

TEST(ownership, a_pristine_image_is_nobodys)
{
    rig();
    domain[OTHER].pristine = (struct pa_range){ { MAIN_PA + MIB(4) }, KIB(64) };
    EXPECT_STR("a block reaches past its owner's memory", problem());
}

TEST(ownership, a_leaf_of_mains_memory_is_found)
{
    rig();
    map(SERVER, FREE_IPA, MAIN_PA + MIB(1), PAGE_SIZE, S2_MEM_RW);
    EXPECT_STR("a domain reaches main's memory", problem());
}

TEST(ownership, a_window_in_a_third_domain_is_found)
{
    rig();
    map(OTHER, FREE_IPA, WINDOW_PA + KIB(32), PAGE_SIZE, S2_MEM_RO);
    EXPECT_STR("a window is mapped in a third domain", problem());
}

TEST(ownership, an_executable_window_is_found)
{
    rig();
    map(SERVER, FREE_IPA, WINDOW_PA + KIB(32), PAGE_SIZE, S2_MEM_RX);
    EXPECT_STR("a window is executable", problem());
}

TEST(ownership, writable_rings_at_the_server_are_found)
{
    rig();
    map(SERVER, FREE_IPA, WINDOW_PA + KIB(4), PAGE_SIZE, S2_MEM_RW);
    EXPECT_STR("the server can write the client's rings", problem());
}

TEST(ownership, writable_code_of_a_driver_is_found)
{
    rig();
    map(SERVER, FREE_IPA, RAM_PA, PAGE_SIZE, S2_MEM_RWX);
    EXPECT_STR("a driver domain has pages that are writable and executable", problem());
}

TEST(ownership, foreign_and_guarded_registers_are_found)
{
    rig();
    map(OTHER, FREE_IPA, DEV_PA, PAGE_SIZE, S2_DEVICE_RW);
    EXPECT_STR("a domain reaches foreign registers", problem());
    rig();
    conf[SERVER].dma = MANIFEST_DMA_GUARD;
    EXPECT_STR("guarded registers are mapped", problem());
    rig();
    map(SERVER, FREE_IPA, DEV_PA, PAGE_SIZE, S2_MEM_RW);
    EXPECT_STR("registers are mapped as memory", problem());
}

TEST(ownership, two_owners_of_one_page_are_found)
{
    rig();
    domain[OTHER].ram.start.raw = RAM_PA + MIB(1);
    EXPECT_STR("a page has two owners", problem());
    rig();
    a_link.window.start.raw = EL2_PA;
    EXPECT_STR("a page has two owners", problem());
}

TEST(ownership, client_memory_reaches_its_one_server_and_no_code)
{
    rig();
    conf[OTHER].kind = MANIFEST_GUEST;
    link_conf.client_memory = 1;
    link_conf.own_client = 0;
    a_link.client = &domain[OTHER];
    memset(domain[MAIN].s2.root, 0, 4096); /* main has no window now */
    memset(domain[SERVER].s2.root, 0, 4096);
    map(SERVER, FREE_IPA, OTHER_PA, PAGE_SIZE, S2_MEM_RW);
    EXPECT_STR("none", problem());
    map(SERVER, FREE_IPA + PAGE_SIZE, OTHER_PA + PAGE_SIZE, PAGE_SIZE, S2_MEM_RWX);
    EXPECT_STR("lent memory is executable", problem());
}

TEST(ownership, streams_must_agree_with_the_domain_behind_them)
{
    rig();
    stream_set(9, 0, NULL);
    EXPECT_STR("a stream goes around translation", problem());
    stream_set(13, domain[OTHER].vmid, domain[OTHER].s2.root);
    EXPECT_STR("a stream goes through another domain's tables", problem());
    stream_set(13, domain[SERVER].vmid, domain[SERVER].s2.root);
    domain[SERVER].device[0].dma_open = false;
    EXPECT_STR("a stream is open for a device that is switched off", problem());
    domain[SERVER].state = DOMAIN_DEAD; /* until it is proven still */
    EXPECT_STR("none", problem());
    domain[SERVER].state = DOMAIN_QUIESCED;
    EXPECT_STR("a stream is open for a device that is switched off", problem());
    conf[SERVER].dma = MANIFEST_DMA_NONE;
    EXPECT_STR("a stream is open without the manifest's leave", problem());
}

TEST(ownership, a_stream_of_nobody_is_found)
{
    rig();
    stream[77][0] = 13;
    stream[77][3] = (uintptr_t)domain[SERVER].s2.root;
    EXPECT_STR("a stream is open without the manifest's leave", problem());
}
