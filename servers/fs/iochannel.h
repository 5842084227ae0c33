/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* libext2fs's io_manager on the page cache. */
#pragma once
#include <sys/types.h>

#include <ext2fs/ext2fs.h>

#include "servers/fs/cache.h"

/** The manager for ext2fs_open; every channel it opens reads and writes cache. One cache a process. */
io_manager iochannel_manager(struct cache *cache);

/** The error behind the last failed transfer, OK when there was none since the last call. */
err_t iochannel_take_error(void);
