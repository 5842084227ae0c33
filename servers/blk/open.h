/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A block client on a link handle of this process. */
#pragma once
#include "abi/handle.h"
#include "servers/blk/blk.h"

struct blk_link {
    handle_t link;              /* borrowed */
    handle_t irq, notification; /* owned */
    bool is_masked;             /* the interrupt came and was not let in again */
    handle_t supervisor;        /* borrowed: endpoint to report lies to, or HANDLE_NONE */
    handle_t session; /* owned: ours at the supervisor, once there was something to report */
    uint64_t peer_domain;
    uint32_t link_index; /* for the report only */
};

/**
 * Opens link and starts b on it. Waits for the server.
 * Returns  as blk_start | ERR_HANDLE, ERR_TYPE, ERR_RIGHTS, ERR_NO_MEMORY
 */
err_t blk_open(struct blk_link *l, handle_t link, uint32_t link_index, handle_t supervisor,
               struct blk *b) MUST_CHECK;
