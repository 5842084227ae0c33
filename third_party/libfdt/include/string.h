/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* For libfdt, which includes it by name: the functions are ours. Our own files include lib/string.h. */
#pragma once
#include "lib/string.h"
