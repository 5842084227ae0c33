/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What e2fsprogs' configure would find on picolibc. */
#pragma once
#define SIZEOF_INT               4
#define SIZEOF_LONG              8
#define SIZEOF_LONG_LONG         8
#define SIZEOF_OFF_T             8
#define SIZEOF_TIME_T            8
#define HAVE_ERRNO_H             1
#define HAVE_INTPTR_T            1
#define HAVE_INTTYPES_H          1
#define HAVE_SNPRINTF            1
#define HAVE_STDINT_H            1
#define HAVE_STDLIB_H            1
#define HAVE_STRDUP              1
#define HAVE_STRNLEN             1
#define HAVE_STRUCT_STAT_ST_ATIM 1
#define HAVE_SYS_STAT_H          1
#define HAVE_SYS_TIME_H          1
#define HAVE_SYS_TYPES_H         1
#define HAVE_TYPE_SSIZE_T        1
#define HAVE_UNISTD_H            1
#define ENABLE_HTREE             1
#define OMIT_COM_ERR             1
#define E2FS_NO_OS_FEATURES      1
#define _(text)                  (text)
#define N_(text)                 (text)
