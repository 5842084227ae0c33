/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Names of crash records: "000012-storage.txt". Pure. */
#pragma once
#include "lib/base.h"

#define CRASH_DIR        "/var/crash"
#define CRASH_FILES_MAX  16 /* kept: a newer one takes the place of the oldest */
#define CRASH_NUMBER_END 1000000U
#define CRASH_NAME_BYTES 64 /* of a path */

/** The path of record `number` of a domain: only letters, digits, - and _ of its name are kept. */
void crash_path(char out[CRASH_NAME_BYTES], uint32_t number, const char *domain);

/** True when a file's name is one of ours; other files in the folder are nobody's business. *number: its number. */
bool crash_number(const char *name, uint32_t *number);
