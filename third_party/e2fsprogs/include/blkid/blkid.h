/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The four calls of libblkid that journal.c makes to find an external journal; glue.c answers "none". */
#pragma once

typedef void *blkid_cache;
int blkid_get_cache(blkid_cache *cache, const char *file);
void blkid_put_cache(blkid_cache cache);
char *blkid_get_devname(blkid_cache cache, const char *token, const char *value);
char *blkid_devno_to_devname(unsigned long devno);
