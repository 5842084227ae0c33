/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Declarations only: picolibc's own dirent.h is an #error, and nothing of libext2fs that we link calls these. */
#pragma once
#include <sys/types.h>

typedef struct dir_stream DIR;
struct dirent {
    ino_t d_ino;
    unsigned char d_type;
    char d_name[256];
};
DIR *opendir(const char *path);
struct dirent *readdir(DIR *dir);
int closedir(DIR *dir);
