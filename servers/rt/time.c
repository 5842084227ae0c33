/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Conversions of ticks, sleeping, the wall clock. */
#include "servers/rt/time.h"

#include "lib/mmio.h"
#include "servers/rt/startup.h"

#define NS_PER_S     UINT64_C(1000000000)
#define TIME_FIXED_S UINT64_C(1767225600) /* 2026-01-01, when there is no clock */
#define PL031_DR     0x000                /* PL031 TRM DDI 0224, RTCDR: seconds */

/* Written by the first call; every later one sees the same values. */
static struct {
    bool known;
    uint64_t base_s, base_ticks;
} wall;

uint64_t time_ticks_from_ns(uint64_t ns)
{
    uint64_t hz = time_freq_hz();
    return ns / NS_PER_S * hz + (ns % NS_PER_S * hz + NS_PER_S - 1) / NS_PER_S;
}

uint64_t time_ns_from_ticks(uint64_t ticks)
{
    uint64_t hz = time_freq_hz();
    return ticks / hz * NS_PER_S + ticks % hz * NS_PER_S / hz;
}

uint64_t time_deadline_ns(uint64_t ns)
{
    return MAX(time_now_ticks() + time_ticks_from_ns(ns), DEADLINE_NOW + 1);
}

void time_sleep_ns(uint64_t ns)
{
    (void)sys_sleep(time_deadline_ns(ns));
}

static uint64_t time_read_clock(void)
{
    handle_t vmo = startup_handle("rtc0");
    uint64_t at = 0;
    if (vmo == HANDLE_NONE) return TIME_FIXED_S;
    if (sys_vmo_map(HANDLE_SELF, vmo, 0, PAGE_SIZE, PROT_READ | PROT_DEVICE, 0, &at) != OK) {
        return TIME_FIXED_S;
    }
    uint64_t now_s = mmio_read32((const volatile void *)(at + PL031_DR));
    (void)sys_vmo_unmap(HANDLE_SELF, at, PAGE_SIZE);
    return now_s;
}

uint64_t time_wall_s(void)
{
    if (!wall.known) {
        wall.base_s = time_read_clock();
        wall.base_ticks = time_now_ticks();
        wall.known = true;
    }
    return wall.base_s + (time_now_ticks() - wall.base_ticks) / time_freq_hz();
}
