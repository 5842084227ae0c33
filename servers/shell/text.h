/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Words for errors, sizes and durations, as the user reads them. Pure. */
#pragma once
#include "lib/base.h"

/** "no such file", "the disk is full": what an error means to somebody who typed a command. */
const char *text_error(err_t err);

/** "2.0 MiB", "512 B": three digits and a binary unit. */
void text_size(char *out, size_t out_bytes, uint64_t size_bytes);

/** "1.29 ms": three digits and a unit. */
void text_duration(char *out, size_t out_bytes, uint64_t ns);

/** Copies text with what could steer a terminal replaced by '?', cut to fit. */
void text_guarded(char *out, size_t out_bytes, const char *text);

/** The last part of a path; "/" of the root. */
const char *text_base(const char *path);
