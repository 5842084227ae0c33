/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any bytes as a system pack: every file that is found lies inside it. */
// LINK: lib/cpio.c
#include <stdlib.h>
#include <string.h>

#include "lib/cpio.h"

_Noreturn void panic_at(const char *what, const char *file, int line)
{
    (void)what, (void)file, (void)line;
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t at = 0, before = 0;
    struct cpio_file file;
    while (cpio_next(data, size, &at, &file) == OK) {
        const uint8_t *name = (const uint8_t *)file.name, *bytes = file.data;
        CHECK(at > before);
        CHECK(name >= data && name + strlen(file.name) < data + size);
        CHECK(bytes >= data && bytes <= data + size &&
              file.size_bytes <= (uint64_t)(data + size - bytes));
        volatile uint8_t sum = 0;
        for (uint64_t i = 0; i < file.size_bytes; i++) sum = (uint8_t)(sum + bytes[i]);
        before = at;
    }
    const void *found;
    uint64_t size_bytes;
    if (cpio_find(data, size, "init", &found, &size_bytes) == OK) {
        CHECK((const uint8_t *)found + size_bytes <= data + size);
    }
    return 0;
}
