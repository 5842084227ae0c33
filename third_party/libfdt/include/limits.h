/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* For libfdt: gcc's own limits.h wants a C library's behind it. */
#pragma once
#define INT_MAX  __INT_MAX__
#define INT_MIN  (-__INT_MAX__ - 1)
#define UINT_MAX (__INT_MAX__ * 2U + 1U)
