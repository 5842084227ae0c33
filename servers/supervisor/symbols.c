/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Function names of a domain's image. */
#include "servers/supervisor/symbols.h"

#include <string.h>

#include "lib/format.h"

#define FUNCTION_BYTES_MAX 0x10000 /* what is farther behind a name is not of that function */

err_t symbols_open(struct symbols *s, const void *file, uint64_t file_bytes,
                   const uint8_t image_hash[SYMBOLS_HASH_BYTES])
{
    struct symbols_header h;
    memset(s, 0, sizeof(*s));
    /* guards: T-810 */
    if (file_bytes < sizeof(h) || (uintptr_t)file % 4 != 0) return ERR_CORRUPT;
    memcpy(&h, file, sizeof(h));
    uint64_t rest_bytes = file_bytes - sizeof(h);
    uint64_t entries_bytes = (uint64_t)h.count * sizeof(struct symbols_entry);
    /* guards: T-811 */
    if (h.magic != SYMBOLS_MAGIC || h.count == 0) return ERR_CORRUPT;
    /* guards: T-812 */
    if (entries_bytes > rest_bytes || h.names_bytes == 0) return ERR_CORRUPT;
    /* guards: T-813 */
    if (h.names_bytes > rest_bytes - entries_bytes) return ERR_CORRUPT;
    /* guards: T-814 */
    if (memcmp(h.image_hash, image_hash, SYMBOLS_HASH_BYTES) != 0) return ERR_HASH;
    const void *entries = (const uint8_t *)file + sizeof(h);
    const struct symbols_entry *entry = entries;
    const char *names = (const char *)(entry + h.count);
    /* guards: T-815 */
    if (names[h.names_bytes - 1] != '\0') return ERR_CORRUPT;
    for (uint32_t i = 0; i < h.count; i++) {
        /* guards: T-816 */
        if (entry[i].name >= h.names_bytes) return ERR_CORRUPT;
        /* guards: T-817 */
        if (i != 0 && entry[i].address <= entry[i - 1].address) return ERR_CORRUPT;
    }
    *s = (struct symbols){ .entry = entry, .names = names, .count = h.count };
    return OK;
}

const char *symbols_find(const struct symbols *s, uint64_t address, uint64_t *offset)
{
    uint32_t low = 0, high = s->count; /* entries below `low` begin at or before address */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->entry[middle].address <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) return NULL;
    *offset = address - s->entry[low - 1].address;
    return *offset < FUNCTION_BYTES_MAX ? s->names + s->entry[low - 1].name : NULL;
}

/* The name around `in`, and how far address is from its start. */
static const char *text_of(const struct symbols *s, uint64_t in, uint64_t address,
                           char out[SYMBOL_TEXT_BYTES])
{
    uint64_t offset = 0;
    char name[SYMBOL_TEXT_BYTES - 20];
    const char *found = symbols_find(s, in, &offset);
    if (found == NULL) {
        (void)format(out, SYMBOL_TEXT_BYTES, "0x%llx", (unsigned long long)address);
        return out;
    }
    (void)format(name, sizeof(name), "%s", found);
    text_sanitize(name, strlen(name));
    (void)format(out, SYMBOL_TEXT_BYTES, "%s+0x%llx", name,
                 (unsigned long long)(offset + (address - in)));
    return out;
}

const char *symbols_text(const struct symbols *s, uint64_t address, char out[SYMBOL_TEXT_BYTES])
{
    return text_of(s, address, address, out);
}

const char *symbols_return_text(const struct symbols *s, uint64_t address,
                                char out[SYMBOL_TEXT_BYTES])
{
    return text_of(s, address - 1, address, out);
}
