/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Names of crash records. */
#include "servers/fsclient/crash.h"

#include <string.h>

#include "lib/format.h"

#define DIGITS           6
#define DOMAIN_MAX_BYTES 31

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

void crash_path(char out[CRASH_NAME_BYTES], uint32_t number, const char *domain)
{
    char name[DOMAIN_MAX_BYTES + 1] = { 0 };
    size_t used = 0;
    for (size_t i = 0; i < DOMAIN_MAX_BYTES && domain[i] != '\0'; i++) {
        if (is_plain(domain[i])) name[used++] = domain[i];
    }
    (void)format(out, CRASH_NAME_BYTES, "%s/%06u-%s.txt", CRASH_DIR, number % CRASH_NUMBER_END,
                 name);
}

bool crash_number(const char *name, uint32_t *number)
{
    size_t bytes = strlen(name);
    uint32_t value = 0;
    if (bytes < DIGITS + 5 || name[DIGITS] != '-' || strcmp(name + bytes - 4, ".txt") != 0) {
        return false;
    }
    for (size_t i = 0; i < DIGITS; i++) {
        /* guards: T-830 */
        if (name[i] < '0' || name[i] > '9') return false;
        value = value * 10 + (uint32_t)(name[i] - '0');
    }
    for (size_t i = DIGITS + 1; i < bytes - 4; i++) {
        /* guards: T-831 */
        if (!is_plain(name[i])) return false;
    }
    *number = value;
    return true;
}
