/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Paths as text: absolute, without "." and "..". No system calls. */
#pragma once
#include "lib/base.h"

#define PATH_BYTES 256 /* longest path, NUL included */

/**
 * Makes `path`, seen from the directory `from` (absolute and clean), absolute and clean; ".." at the root stays there.
 * Returns OK | ERR_NAME: empty or too long, out is then "". Context: any.
 */
err_t MUST_CHECK path_resolve(const char *from, const char *path, char out[PATH_BYTES]);

/** The part after the last '/'; of "/" the whole. Context: any. */
const char *path_base(const char *path);

/**
 * Appends a name to a directory. Returns OK | ERR_NAME: too long, out is then "". Context: any.
 */
err_t MUST_CHECK path_join(const char *directory, const char *name, char out[PATH_BYTES]);

/** True when `path` is `prefix` or lies below it; both absolute and clean. Context: any. */
bool path_is_below(const char *path, const char *prefix);
