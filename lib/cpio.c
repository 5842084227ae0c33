/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Reader of cpio "newc" archives. */
#include "lib/cpio.h"

#include "lib/string.h"

/* The header: a magic and thirteen 8-digit hexadecimal fields, then the name, then the data. */
#define HEADER_BYTES   110
#define FIELD_AT(i)    (6 + 8 * (i))
#define FIELD_MODE     1
#define FIELD_SIZE     6
#define FIELD_NAME     11
#define NAME_MAX_BYTES 256

static bool read_hex(const char *digits, uint32_t *out)
{
    uint32_t value = 0;
    for (int i = 0; i < 8; i++) {
        char c = digits[i];
        uint32_t digit;
        if (c >= '0' && c <= '9') {
            digit = (uint32_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (uint32_t)(c - 'a') + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = (uint32_t)(c - 'A') + 10;
        } else {
            return false;
        }
        value = value << 4 | digit;
    }
    *out = value;
    return true;
}

/* A name, then nothing but NULs: more than one of them aligns the data. */
static bool ends_in_nuls(const char *name, uint32_t name_bytes)
{
    size_t at = strnlen(name, name_bytes);
    if (at == name_bytes) return false;
    while (at < name_bytes && name[at] == '\0') at++;
    return at == name_bytes;
}

err_t cpio_next(const void *pack, uint64_t pack_bytes, uint64_t *at, struct cpio_file *out)
{
    uint64_t header_at = *at;
    if (!range_is_inside(header_at, HEADER_BYTES, 0, pack_bytes)) return ERR_CORRUPT;
    const char *header = (const char *)pack + header_at;
    uint32_t mode, file_bytes, name_bytes;
    if (memcmp(header, "070701", 6) != 0 || !read_hex(header + FIELD_AT(FIELD_MODE), &mode) ||
        !read_hex(header + FIELD_AT(FIELD_SIZE), &file_bytes) ||
        !read_hex(header + FIELD_AT(FIELD_NAME), &name_bytes)) {
        return ERR_CORRUPT;
    }

    /* All fields have 32 bits, pack_bytes is the size of something in memory: the sums cannot wrap. */
    uint64_t name_at = header_at + HEADER_BYTES;
    if (name_bytes == 0 || name_bytes > NAME_MAX_BYTES) return ERR_CORRUPT;
    if (!range_is_inside(name_at, name_bytes, 0, pack_bytes)) return ERR_CORRUPT;
    const char *name = (const char *)pack + name_at;
    if (!ends_in_nuls(name, name_bytes)) return ERR_CORRUPT;
    if (strcmp(name, "TRAILER!!!") == 0) return ERR_NO_ENTRY;

    uint64_t data_at = ALIGN_UP(name_at + name_bytes, 4);
    if (data_at > pack_bytes || file_bytes > pack_bytes - data_at) return ERR_CORRUPT;
    *out = (struct cpio_file){
        .name = name, .data = (const char *)pack + data_at, .size_bytes = file_bytes, .mode = mode
    };
    *at = ALIGN_UP(data_at + file_bytes, 4);
    return OK;
}

err_t cpio_find(const void *pack, uint64_t pack_bytes, const char *name, const void **data,
                uint64_t *size_bytes)
{
    uint64_t at = 0;
    for (;;) {
        struct cpio_file file;
        err_t err = cpio_next(pack, pack_bytes, &at, &file);
        if (err != OK) return err;
        const char *found = strncmp(file.name, "./", 2) == 0 ? file.name + 2 : file.name;
        if (strcmp(found, name) == 0) {
            *data = file.data;
            *size_bytes = file.size_bytes;
            return OK;
        }
    }
}
