/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A death in one line. */
#include "servers/supervisor/describe.h"

#include <stdarg.h>
#include <string.h>

#include "abi/proto/supervisor.h"
#include "lib/format.h"
#include "servers/supervisor/backtrace.h"

/* ESR_EL2 of a stage-2 fault (Arm ARM DDI 0487, ESR_ELx). */
#define ESR_CLASS(esr)  ((esr) >> 26 & 0x3f)
#define ESR_CLASS_FETCH 0x20
#define ESR_WRITE       BIT(6)

struct line {
    char *out;
    size_t used;
};

static void __attribute__((format(printf, 2, 3))) add(struct line *l, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    l->used += format_v(l->out + l->used, DESCRIBE_BYTES - l->used, fmt, args);
    va_end(args);
}

const char *describe_link(const struct manifest *m, uint64_t link)
{
    return m != NULL && link < MIN(m->link_count, (uint32_t)LINK_MAX) ? m->link[link].name : "?";
}

static const char *violation_name(uint64_t violation)
{
    static const char *const name[] = {
        [SUP_USED_ID] = "used id",     [SUP_USED_LEN] = "used length",
        [SUP_USED_IDX] = "used index", [SUP_STATUS_BYTE] = "status byte",
        [SUP_TIMEOUT] = "no answer",   [SUP_CONFIG] = "configuration",
        [SUP_RESETS] = "resets",
    };
    if (violation >= ARRAY_COUNT(name) || name[violation] == NULL) return "transport";
    return name[violation];
}

/* The device behind a stream: a domain's only one, or the one whose slot the stream's number names (PCI requester id). */
static const char *device_name(const struct death *d, uint64_t stream)
{
    if (d->manifest == NULL || d->domain >= DOMAIN_MAX) return NULL;
    const struct manifest_domain *conf = &d->manifest->domain[d->domain];
    for (uint32_t i = 0; i < MIN(conf->device_count, (uint32_t)BOOT_DEVICE_MAX); i++) {
        if (conf->device_count == 1 || conf->device[i].slot == (stream >> 3 & 0x1f)) {
            return conf->device[i].name;
        }
    }
    return NULL;
}

static void add_place(struct line *l, const struct death *d)
{
    char text[SYMBOL_TEXT_BYTES];
    if (d->dump == NULL || d->symbols == NULL) return;
    add(l, " in %s", backtrace_blame(d->dump, d->symbols, text));
}

static void add_hang(struct line *l, const struct death *d)
{
    add(l, "hang: link %s", describe_link(d->manifest, d->detail));
    if (d->info == HANG_NO_PUBLISH) {
        add(l, " was not published");
    } else if (d->info == HANG_NO_ACK) {
        add(l, ", a reset was not acknowledged");
    } else {
        add(l, ", avail %llu", (unsigned long long)d->info);
    }
    add_place(l, d);
}

static void add_dma(struct line *l, const struct death *d)
{
    const char *device = device_name(d, d->info);
    add(l, "dma: address 0x%llx", (unsigned long long)d->detail);
    if (device != NULL) {
        add(l, ", device %s", device);
    } else {
        add(l, ", stream 0x%llx", (unsigned long long)d->info);
    }
}

static void add_cause(struct line *l, const struct death *d)
{
    unsigned long long detail = d->detail, info = d->info;
    switch (d->cause) {
    case CAUSE_PANIC:
        add(l, "panic");
        add_place(l, d);
        break;
    case CAUSE_FAULT:
        add(l, "fault: %s 0x%llx",
            ESR_CLASS(info) == ESR_CLASS_FETCH ? "fetch from"
            : (info & ESR_WRITE) != 0          ? "write to"
                                               : "read of",
            detail);
        add_place(l, d);
        break;
    case CAUSE_FORBIDDEN:
        add(l, "forbidden: ESR 0x%llx at 0x%llx", detail, info);
        add_place(l, d);
        break;
    case CAUSE_DMA:
        add_dma(l, d);
        break;
    case CAUSE_HANG:
        add_hang(l, d);
        break;
    case CAUSE_BUDGET:
        add(l, "budget abuse");
        add_place(l, d);
        break;
    case CAUSE_PROTOCOL:
        add(l, "protocol: link %s, %s", describe_link(d->manifest, d->detail),
            violation_name(d->info));
        break;
    case CAUSE_KILLED:
        add(l, "killed");
        break;
    case CAUSE_OFF:
        add(l, detail != 0 ? "asked for a reset" : "switched itself off");
        break;
    case CAUSE_NONE:
    case CAUSE_COUNT:
    default:
        add(l, "cause %u", (unsigned)d->cause);
        break;
    }
}

static uint32_t queue_count(const struct domain_dump *dump)
{
    return MIN(dump->queue_count, (uint32_t)ARRAY_COUNT(dump->queue));
}

/* The dump names queues of links that the domain uses, too: only those it serves were its own to answer. */
static bool is_served(const struct death *d, const struct dump_queue *q)
{
    if (d->manifest == NULL) return true;
    return q->link < d->manifest->link_count && q->link < LINK_MAX &&
           d->manifest->link[q->link].server == d->domain;
}

static void add_requests(struct line *l, const struct death *d)
{
    for (uint32_t i = 0; d->dump != NULL && i < queue_count(d->dump); i++) {
        const struct dump_queue *q = &d->dump->queue[i];
        uint16_t waiting = (uint16_t)(q->avail - q->done);
        if (waiting == 0 || !is_served(d, q)) continue;
        add(l, "; %s: request%s %u", describe_link(d->manifest, q->link), waiting == 1 ? "" : "s",
            (uint16_t)(q->done + 1));
        if (waiting > 1) add(l, " to %u", q->avail);
    }
}

void describe_death(const struct death *d, char out[DESCRIBE_BYTES])
{
    struct line l = { .out = out };
    add_cause(&l, d);
    if (d->cause != CAUSE_KILLED && d->cause != CAUSE_OFF) {
        add_requests(&l, d);
    }
    text_sanitize(out, strlen(out));
}

uint32_t describe_busy_links(const struct death *d)
{
    uint32_t mask = 0;
    if (d->dump == NULL) return UINT32_MAX;
    for (uint32_t i = 0; i < queue_count(d->dump); i++) {
        const struct dump_queue *q = &d->dump->queue[i];
        if (q->avail != q->done && q->link < LINK_MAX && is_served(d, q)) mask |= 1U << q->link;
    }
    return mask;
}
