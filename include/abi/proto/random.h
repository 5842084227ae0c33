/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The random service: bytes out of its pool. On its endpoint, without sessions. */
#pragma once

#define RANDOM_READ \
    1 /* w1 count, 1 to RANDOM_READ_MAX -> w0 err, w1..w4 bytes, the rest 0. ERR_STATE: no source has given anything yet */
#define RANDOM_SOURCES \
    2 /* -> w0 err, w1 1 = the firmware gave a seed, w2 bytes that a link has given so far */

#define RANDOM_READ_MAX 32
