/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Clean absolute paths. Pure. */
#include <string.h>

#include "servers/fsclient/fsclient.h"

/* Appends the components of path to out[0, *used), taking "." and ".." as what they mean. */
static err_t path_append(const char *path, char out[FSCLIENT_PATH_MAX], size_t *used)
{
    while (*path) {
        while (*path == '/') path++;
        size_t name_bytes = strcspn(path, "/");
        if (name_bytes == 0) break;
        if (name_bytes == 2 && memcmp(path, "..", 2) == 0) {
            while (*used > 0 && out[*used - 1] != '/') (*used)--;
            if (*used > 0) (*used)--;
        } else if (!(name_bytes == 1 && *path == '.')) {
            if (name_bytes > FSCLIENT_NAME_MAX) return ERR_NAME;
            if (name_bytes + 2 > FSCLIENT_PATH_MAX - *used) return ERR_NAME;
            out[(*used)++] = '/';
            memcpy(out + *used, path, name_bytes);
            *used += name_bytes;
        }
        path += name_bytes;
    }
    return OK;
}

err_t fsclient_path(const char *cwd, const char *path, char out[FSCLIENT_PATH_MAX])
{
    size_t used = 0;
    err_t err = path[0] == '/' ? OK : path_append(cwd, out, &used);
    if (err == OK) err = path_append(path, out, &used);
    if (err != OK) return err;
    if (used == 0) out[used++] = '/';
    out[used] = 0;
    return OK;
}
