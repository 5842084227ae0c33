/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Memory and string basics for programs without a C library. Semantics of ISO C where the name is ISO C's. */
#pragma once
#include "lib/base.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t size_bytes);
void *memmove(void *dst, const void *src, size_t size_bytes);
void *memset(void *dst, int byte, size_t size_bytes);
int memcmp(const void *a, const void *b, size_t size_bytes);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max_bytes);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max_bytes);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
void *memchr(const void *s, int c, size_t size_bytes);

/**
 * Copies src into dst[dst_bytes], always NUL-terminated, the rest of dst zeroed.
 * Returns true when all of src fitted. Context: any.
 */
bool str_copy(char *dst, size_t dst_bytes, const char *src);
