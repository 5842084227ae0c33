/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The console service: the serial line. One reader at a time; writes of several clients interleave by call. */
#pragma once

#define CONSOLE_ATTACH \
    1 /* handle: VMO of the caller (a transfer buffer, any size >= 4 KiB) -> handle: session endpoint */
/* On a session: w0 = operation, answer w0 = err_t */
#define CONSOLE_WRITE 2 /* w1 buffer offset, w2 bytes */
#define CONSOLE_READ  3 /* w1 buffer offset, w2 at most -> w1 bytes; waits for at least one byte */
#define CONSOLE_DRAIN 4 /* returns when all written bytes have left the UART */
#define CONSOLE_SHORT 5 /* w1 = count <= 32, w2..w5 bytes: a write without buffer */
#define CONSOLE_POLL \
    6 /* as READ, but answers 0 bytes at once when there are none (used to see Ctrl-C) */
#define CONSOLE_WAIT \
    7 /* answers when there is at least one byte, takes none: the one call here that a deadline may end without loss */
#define CONSOLE_DETACH 8 /* end of this session */
#define CONSOLE_NOTIFY \
    9 /* handle: notification, w1 bits: signalled when bytes have come; one for each session */
