/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who called whom: frame records of the AArch64 procedure call standard, in the dumped piece of stack. */
#include "servers/supervisor/backtrace.h"

#include <string.h>

#define FRAME_POINTER 29
#define RECORD_BYTES  16 /* x29 of the caller, return address */

/* Reads the record at address fp. False: it does not lie in the stack that was dumped. */
static bool record_at(const struct domain_dump *d, uint64_t fp, uint64_t record[2])
{
    uint64_t bytes = MIN(d->stack_bytes, (uint64_t)sizeof(d->stack));
    /* guards: T-820 */
    if (fp % 8 != 0 || fp < d->stack_ipa || bytes < RECORD_BYTES) return false;
    /* guards: T-821 */
    if (fp - d->stack_ipa > bytes - RECORD_BYTES) return false;
    memcpy(record, d->stack + (fp - d->stack_ipa), RECORD_BYTES);
    return true;
}

/* A leaf function has no record of its own: then the link register is the way back. */
static bool lr_is_a_caller(const struct domain_dump *d, const struct symbols *s, uint64_t first)
{
    uint64_t pc_offset, lr_offset;
    const char *pc_name = symbols_find(s, d->pc, &pc_offset);
    const char *lr_name = symbols_find(s, d->lr - 1, &lr_offset);
    return lr_name != NULL && lr_name != pc_name && d->lr != first;
}

uint32_t backtrace_take(const struct domain_dump *dump, const struct symbols *s,
                        uint64_t out[BACKTRACE_MAX])
{
    uint64_t record[2] = { 0 }, fp = dump->x[FRAME_POINTER];
    uint32_t count = 0;
    out[count++] = dump->pc;
    bool more = record_at(dump, fp, record);
    if (lr_is_a_caller(dump, s, more ? record[1] : 0)) {
        out[count++] = dump->lr;
    }
    while (more && count < BACKTRACE_MAX && record[1] != 0) {
        out[count++] = record[1];
        /* guards: T-822 */
        if (record[0] <= fp) break; /* the stack grows down: callers lie above */
        fp = record[0];
        more = record_at(dump, fp, record);
    }
    return count;
}

const char *backtrace_blame(const struct domain_dump *dump, const struct symbols *s,
                            char out[SYMBOL_TEXT_BYTES])
{
    static const char *const last_words[] = { "hvc",      "text_call",    "hvc_panic",
                                              "panic_at", "rt_exception", "fault_entry" };
    uint64_t frame[BACKTRACE_MAX], offset;
    uint32_t count = backtrace_take(dump, s, frame);
    for (uint32_t i = 0; i < count; i++) {
        const char *name = symbols_find(s, frame[i] - (i != 0), &offset);
        bool is_last_word = false;
        for (size_t n = 0; n < ARRAY_COUNT(last_words); n++) {
            is_last_word = is_last_word || (name != NULL && strcmp(name, last_words[n]) == 0);
        }
        if (is_last_word) continue;
        return i == 0 ? symbols_text(s, frame[i], out) : symbols_return_text(s, frame[i], out);
    }
    return symbols_text(s, dump->pc, out);
}
