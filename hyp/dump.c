/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is kept of a death, for people: taken at once, read later in pieces of 32 bytes. */
#include "abi/trace.h"
#include "hyp/arch.h"
#include "hyp/life.h"
#include "hyp/link.h"
#include "hyp/trace.h"
#include "lib/string.h"

#define TRACE_LOOK_MAX 128 /* records looked at: the search is bounded whoever fills the ring */

/* One a domain: a second death overwrites the first. */
static struct domain_dump dumps[DOMAIN_MAX];

static void take_registers(const struct domain *d, struct domain_dump *dump)
{
    dump->magic = DUMP_MAGIC;
    dump->size_bytes = sizeof(*dump);
    memcpy(dump->name, d->name, sizeof(dump->name));
    dump->domain = d->index;
    dump->generation = d->generation;
    dump->cause = (uint32_t)d->death.cause;
    dump->deaths = d->deaths;
    dump->detail = d->death.detail;
    dump->info = d->death.info;
    dump->ticks = arch_ticks();
    memcpy(dump->x, d->vcpu[d->death.vcpu].regs.x, sizeof(dump->x));
    dump->pc = d->death.pc;
    dump->sp = d->death.sp;
    dump->pstate = d->death.pstate;
    dump->esr = d->death.esr;
    dump->far = d->death.far;
    dump->lr = d->death.lr;
}

static void take_queues(const struct domain *d, struct domain_dump *dump)
{
    for (uint32_t i = 0; i < link_count(); i++) {
        const struct link *l = link_at(i);
        if (l->server != d && l->client != d) continue;
        for (uint32_t q = 0; q < l->conf->queue_count; q++) {
            dump->queue[dump->queue_count++] =
                    (struct dump_queue){ .link = (uint16_t)i,
                                         .queue = (uint16_t)q,
                                         .done = l->queue[q].done,
                                         .avail = l->queue[q].avail_seen };
        }
    }
}

/* Sequence number of the newest record, 0 for none: the ring only says whether a number is past its end. */
static uint64_t newest_record(void)
{
    struct trace_rec rec;
    uint64_t known = trace_read(0, &rec), step = 1; /* the number after the oldest record */
    if (known-- == 0) return 0;
    while (trace_read(known + step, &rec) != 0) step *= 2;
    for (; step != 0; step /= 2) {
        if (trace_read(known + step, &rec) != 0) known += step;
    }
    return known;
}

static void take_trace(const struct domain *d, struct domain_dump *dump)
{
    struct trace_rec rec;
    uint64_t sequence = newest_record();
    for (uint32_t n = 0; n < TRACE_LOOK_MAX && sequence != 0 && dump->trace_count < DUMP_TRACE_MAX;
         n++, sequence--) {
        if (trace_read(sequence, &rec) != sequence + 1) return; /* older ones are gone */
        if (rec.domain == d->index) dump->trace[dump->trace_count++] = rec;
    }
}

/* From sp upwards, RAM only: one block at a fixed IPA, and our domains' stage 1 is the identity. A page at a time. */
static void take_stack(const struct domain *d, struct domain_dump *dump)
{
    uint64_t at = d->death.sp, ram_end = DOMAIN_RAM_IPA + d->ram.size_bytes;
    if (!range_is_inside(at, 1, DOMAIN_RAM_IPA, ram_end)) return;
    dump->stack_ipa = at;
    uint64_t stack_end = MIN(ram_end, at + DUMP_STACK_BYTES);
    while (at < stack_end) {
        uint64_t size_bytes = MIN(stack_end - at, PAGE_SIZE - at % PAGE_SIZE);
        arch_mem_copy_out(&dump->stack[dump->stack_bytes],
                          (pa_t){ d->ram.start.raw + (at - DOMAIN_RAM_IPA) }, size_bytes);
        dump->stack_bytes += size_bytes;
        at += size_bytes;
    }
}

void life_dump_take(struct domain *d)
{
    struct domain_dump *dump = &dumps[d->index];
    memset(dump, 0, sizeof(*dump));
    take_registers(d, dump);
    take_queues(d, dump);
    take_trace(d, dump);
    take_stack(d, dump);
}

void life_dump_kept(struct domain *d)
{
    memcpy(&dumps[d->index].x[19], &d->vcpu[d->death.vcpu].regs.x[19], 11 * sizeof(uint64_t));
}

uint32_t life_dump_read(const struct domain *d, uint64_t offset, uint8_t out[32], uint64_t *total)
{
    const struct domain_dump *dump = &dumps[d->index];
    *total = dump->size_bytes;
    if (offset >= dump->size_bytes) return 0;
    uint32_t count = (uint32_t)MIN(32U, dump->size_bytes - offset);
    memcpy(out, (const uint8_t *)dump + offset, count);
    return count;
}
