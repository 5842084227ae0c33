/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A crash dump as text. */
#include "servers/supervisor/dump.h"

#include <stdarg.h>
#include <string.h>

#include "abi/trace.h"
#include "lib/format.h"
#include "servers/supervisor/backtrace.h"

#define STACK_LINE_BYTES 32

struct writer {
    char *out;
    size_t room_bytes, used;
};

static void __attribute__((format(printf, 2, 3))) add(struct writer *w, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    w->used += format_v(w->out + w->used, w->room_bytes - w->used, fmt, args);
    va_end(args);
}

static const char *cause_name(uint32_t cause)
{
    static const char *const name[CAUSE_COUNT] = {
        [CAUSE_NONE] = "none",     [CAUSE_PANIC] = "panic",
        [CAUSE_FAULT] = "fault",   [CAUSE_FORBIDDEN] = "forbidden",
        [CAUSE_DMA] = "dma",       [CAUSE_HANG] = "hang",
        [CAUSE_BUDGET] = "budget", [CAUSE_PROTOCOL] = "protocol",
        [CAUSE_KILLED] = "killed", [CAUSE_OFF] = "off",
    };
    return cause < CAUSE_COUNT ? name[cause] : "?";
}

static const char *event_name(uint16_t event)
{
    static const char *const name[TRACE_EVENT_COUNT] = {
        [TRACE_NONE] = "none",
        [TRACE_BOOT] = "boot",
        [TRACE_SWITCH] = "switch",
        [TRACE_TRAP] = "trap",
        [TRACE_IRQ] = "irq",
        [TRACE_DOORBELL] = "doorbell",
        [TRACE_DEATH] = "death",
        [TRACE_STEP] = "step",
        [TRACE_START] = "start",
        [TRACE_PUBLISH] = "publish",
        [TRACE_LINK_STATUS] = "link-status",
        [TRACE_DMA_EVENT] = "dma-event",
        [TRACE_DEADLINE] = "deadline",
        [TRACE_LIMIT] = "limit",
    };
    return event < TRACE_EVENT_COUNT && name[event] != NULL ? name[event] : "?";
}

static void add_registers(struct writer *w, const struct domain_dump *d)
{
    add(w, "pc   %016llx  sp   %016llx  lr  %016llx  pstate %08llx\n", (unsigned long long)d->pc,
        (unsigned long long)d->sp, (unsigned long long)d->lr, (unsigned long long)d->pstate);
    add(w, "esr  %016llx  far  %016llx\n", (unsigned long long)d->esr, (unsigned long long)d->far);
    for (size_t i = 0; i < ARRAY_COUNT(d->x); i++) {
        bool ends_line = i % 4 == 3 || i + 1 == ARRAY_COUNT(d->x);
        add(w, "x%-2zu  %016llx%s", i, (unsigned long long)d->x[i], ends_line ? "\n" : "  ");
    }
}

static void add_backtrace(struct writer *w, const struct domain_dump *d, const struct symbols *s)
{
    uint64_t frame[BACKTRACE_MAX];
    char text[SYMBOL_TEXT_BYTES];
    uint32_t count = backtrace_take(d, s, frame);
    add(w, "backtrace, innermost first\n");
    for (uint32_t i = 0; i < count; i++) {
        add(w, "#%-2u %08llx  %s\n", i, (unsigned long long)frame[i],
            i == 0 ? symbols_text(s, frame[i], text) : symbols_return_text(s, frame[i], text));
    }
}

static void add_queues(struct writer *w, const struct domain_dump *d)
{
    for (uint32_t i = 0; i < MIN(d->queue_count, ARRAY_COUNT(d->queue)); i++) {
        const struct dump_queue *q = &d->queue[i];
        add(w, "link %u queue %u: done %u, available %u\n", q->link, q->queue, q->done, q->avail);
    }
}

static void add_trace(struct writer *w, const struct domain_dump *d)
{
    add(w, "trace, newest first: ticks before the death, event, arguments\n");
    for (uint32_t i = 0; i < MIN(d->trace_count, ARRAY_COUNT(d->trace)); i++) {
        const struct trace_rec *r = &d->trace[i];
        add(w, "%12llu  %-11s  %llx %llx\n", (unsigned long long)(d->ticks - r->ticks),
            event_name(r->event), (unsigned long long)r->arg[0], (unsigned long long)r->arg[1]);
    }
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != 0) return false;
    }
    return true;
}

static void add_stack(struct writer *w, const struct domain_dump *d)
{
    uint64_t bytes = MIN(d->stack_bytes, sizeof(d->stack));
    add(w, "stack, %llu bytes; lines of zeros left out\n", (unsigned long long)bytes);
    for (uint64_t at = 0; at + STACK_LINE_BYTES <= bytes; at += STACK_LINE_BYTES) {
        uint64_t word[STACK_LINE_BYTES / 8];
        if (is_zero(d->stack + at, STACK_LINE_BYTES)) continue;
        unsigned long long address = d->stack_ipa + at;
        memcpy(word, d->stack + at, sizeof(word));
        add(w, "%08llx  %016llx %016llx %016llx %016llx\n", address, (unsigned long long)word[0],
            (unsigned long long)word[1], (unsigned long long)word[2], (unsigned long long)word[3]);
    }
}

size_t dump_text(const struct domain_dump *dump, size_t dump_bytes, const struct symbols *symbols,
                 char *out, size_t room_bytes)
{
    struct writer w = { .out = out, .room_bytes = room_bytes };
    char name[DOMAIN_NAME_MAX + 1] = { 0 };
    if (room_bytes == 0) return 0;
    out[0] = '\0';
    if (dump_bytes < sizeof(*dump) || dump->magic != DUMP_MAGIC) {
        if (dump_bytes > 0) {
            add(&w, "the dump is damaged\n");
        }
        return w.used;
    }
    memcpy(name, dump->name, DOMAIN_NAME_MAX);
    text_sanitize(name, strlen(name));
    add(&w, "%s, generation %u, death %u: %s, detail 0x%llx, info 0x%llx\n", name, dump->generation,
        dump->deaths, cause_name(dump->cause), (unsigned long long)dump->detail,
        (unsigned long long)dump->info);
    add_registers(&w, dump);
    add_backtrace(&w, dump, symbols);
    add_queues(&w, dump);
    add_trace(&w, dump);
    add_stack(&w, dump);
    return w.used;
}
