/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ISO C's comparing and searching functions, bounded copies. Block copies are in aarch64/copy.S; host builds rename the ISO C names. */
#include "lib/string.h"

int memcmp(const void *a, const void *b, size_t size_bytes)
{
    const uint8_t *x = a, *y = b;
    for (size_t i = 0; i < size_bytes; i++) {
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    }
    return 0;
}

void *memchr(const void *s, int c, size_t size_bytes)
{
    const uint8_t *p = s;
    for (size_t i = 0; i < size_bytes; i++) {
        if (p[i] == (uint8_t)c) return (void *)(uintptr_t)(p + i);
    }
    return NULL;
}

size_t strnlen(const char *s, size_t max_bytes)
{
    size_t n = 0;
    while (n < max_bytes && s[n] != '\0') n++;
    return n;
}

size_t strlen(const char *s)
{
    const char *end = s;
    while (*end != '\0') end++;
    return (size_t)(end - s);
}

int strncmp(const char *a, const char *b, size_t max_bytes)
{
    for (size_t i = 0; i < max_bytes; i++) {
        uint8_t x = (uint8_t)a[i], y = (uint8_t)b[i];
        if (x != y) return x < y ? -1 : 1;
        if (x == 0) return 0;
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c) return (char *)(uintptr_t)s;
        if (*s == '\0') return NULL;
    }
}

char *strrchr(const char *s, int c)
{
    const char *found = NULL;
    for (;; s++) {
        if (*s == (char)c) found = s;
        if (*s == '\0') return (char *)(uintptr_t)found;
    }
}

bool str_copy(char *dst, size_t dst_bytes, const char *src)
{
    if (dst_bytes == 0) return false;
    size_t i = 0;
    for (; i < dst_bytes - 1 && src[i] != '\0'; i++) dst[i] = src[i];
    bool fits = src[i] == '\0';
    for (; i < dst_bytes; i++) dst[i] = '\0';
    return fits;
}
