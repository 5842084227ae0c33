/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Routing, shared by the files of this folder. */
#pragma once
#include "servers/fsclient/fsclient.h"
#include "servers/rt/ipc.h"

/** The mount with the longest prefix of path, attached; *rest (may be NULL) is path as that service sees it. */
err_t fsclient_route(struct fsclient *c, const char *path, struct fsclient_mount **out,
                     const char **rest);

/** One call on an attached mount's session, transport error and w0 folded into one. */
err_t fsclient_call(struct fsclient_mount *m, struct ipc_msg *msg);
