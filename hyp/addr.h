/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Ranges of physical memory. */
#pragma once
#include "lib/base.h"

struct pa_range {
    pa_t start;
    uint64_t size_bytes;
};
