/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* libfdt includes this by name; the files we compile call nothing of it. */
#pragma once
#include <stddef.h>
