/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What libext2fs wants from Unix and does not get on ZerOS: other devices, users, a message printer. */
#include <sys/types.h>

#include <blkid/blkid.h>
#include <ext2fs/ext2fs.h>
#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

/* The default manager is asked for external journals only. There are none: their image is refused. */
static errcode_t no_device_open(const char *name, int flags, io_channel *channel)
{
    (void)name;
    (void)flags;
    *channel = NULL;
    return EXT2_ET_UNSUPP_FEATURE;
}

static struct struct_io_manager no_device_manager = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "none",
    .open = no_device_open,
};
io_manager unix_io_manager = &no_device_manager;

int blkid_get_cache(blkid_cache *cache, const char *file)
{
    (void)file;
    *cache = NULL;
    return -1;
}

void blkid_put_cache(blkid_cache cache)
{
    (void)cache;
}

char *blkid_get_devname(blkid_cache cache, const char *token, const char *value)
{
    (void)cache;
    (void)token;
    (void)value;
    return NULL;
}

char *blkid_devno_to_devname(unsigned long devno)
{
    (void)devno;
    return NULL;
}

int uuid_is_null(const uuid_t uuid)
{
    static const uuid_t zero;
    return memcmp(uuid, zero, sizeof(zero)) == 0;
}

void uuid_unparse(const uuid_t uuid, char *text)
{
    (void)uuid;
    *text = '\0';
}

/* Only making a file system asks for one, and ZerOS does not make any. */
void uuid_generate(uuid_t uuid)
{
    memset(uuid, 0, sizeof(uuid_t));
}

void com_err(const char *who, errcode_t code, const char *format, ...)
{
    (void)who;
    (void)code;
    (void)format; /* every caller returns the code as well */
}

uid_t getuid(void)
{
    return 0;
}

uid_t geteuid(void)
{
    return 0;
}

gid_t getgid(void)
{
    return 0;
}

gid_t getegid(void)
{
    return 0;
}
