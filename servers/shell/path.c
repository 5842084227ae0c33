/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Paths as text. */
#include "servers/shell/path.h"

#include "lib/string.h"

/* Appends one part to a clean path. */
static bool add_part(char out[PATH_BYTES], const char *part, size_t part_bytes)
{
    size_t at = strlen(out);
    if (part_bytes == 0 || (part_bytes == 1 && part[0] == '.')) return true;
    if (part_bytes == 2 && part[0] == '.' && part[1] == '.') {
        char *slash = strrchr(out, '/');
        if (slash != NULL) {
            slash[slash == out ? 1 : 0] = '\0';
        }
        return true;
    }
    size_t slash_bytes = at > 1 ? 1 : 0; /* the root ends in its slash already */
    if (at + slash_bytes + part_bytes >= PATH_BYTES) return false;
    if (slash_bytes != 0) {
        out[at] = '/';
    }
    memcpy(out + at + slash_bytes, part, part_bytes);
    out[at + slash_bytes + part_bytes] = '\0';
    return true;
}

static bool add_parts(char out[PATH_BYTES], const char *path)
{
    while (*path != '\0') {
        const char *end = strchr(path, '/');
        size_t part_bytes = end != NULL ? (size_t)(end - path) : strlen(path);
        if (!add_part(out, path, part_bytes)) return false;
        path += part_bytes + (end != NULL ? 1 : 0);
    }
    return true;
}

err_t path_resolve(const char *from, const char *path, char out[PATH_BYTES])
{
    bool fits = path[0] != '\0';
    (void)str_copy(out, PATH_BYTES, "/");
    if (path[0] != '/') {
        fits = fits && add_parts(out, from);
    }
    fits = fits && add_parts(out, path);
    if (fits) return OK;
    out[0] = '\0';
    return ERR_NAME;
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

err_t path_join(const char *directory, const char *name, char out[PATH_BYTES])
{
    (void)str_copy(out, PATH_BYTES, directory);
    if (name[0] != '\0' && strchr(name, '/') == NULL && add_part(out, name, strlen(name))) return OK;
    out[0] = '\0';
    return ERR_NAME;
}

bool path_is_below(const char *path, const char *prefix)
{
    size_t bytes = strlen(prefix);
    if (bytes == 1) return true;
    return strncmp(path, prefix, bytes) == 0 && (path[bytes] == '\0' || path[bytes] == '/');
}
